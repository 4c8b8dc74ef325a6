import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { chromiumLaunch } from './test/chromium/executable.ts';
import { testPages } from './test/chromium/pages.ts';
import { Summary } from './test/summary.ts';

// Two projects, one after the other (groupOrder).
// node: forks, as the adapter ladder sets an environment variable that worker threads would only see a copy of; two at
// a time, as compiling and JavaScript, most of the work on a software adapter, take one core.
// chromium: the same sources and golden vectors in a headless browser out of the npm registry.
const everywhere = { isolate: true, testTimeout: 0, hookTimeout: 0 };

export default defineConfig({
  test: {
    reporters: ['default', new Summary()],
    projects: [
      {
        test: {
          ...everywhere,
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/chromium/**', 'test/packed/**'],
          pool: 'forks',
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        plugins: [testPages()],
        // Found later, a dependency would be bundled and the page loaded again in the middle of a test.
        optimizeDeps: { include: ['wav-decoder'] },
        test: {
          ...everywhere,
          name: 'browsers',
          fileParallelism: false,
          maxWorkers: 1,
          include: ['test/chromium/*.test.ts'],
          globalSetup: ['test/chromium/executable.ts'],
          sequence: { groupOrder: 2 },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            connectTimeout: 300_000,
            api: { host: '127.0.0.1' },
            provider: playwright({ launchOptions: chromiumLaunch }),
            instances: [{ browser: 'chromium', name: 'chromium' }],
          },
        },
      },
    ],
  },
});

import { defineConfig } from 'vitest/config';
import { Summary } from './test/summary.ts';

// Forks, one at a time: the software adapters use every core, and the adapter ladder sets an environment
// variable that worker threads would only see a copy of.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    maxWorkers: 1,
    isolate: true,
    testTimeout: 0,
    hookTimeout: 0,
    reporters: ['default', new Summary()],
  },
});

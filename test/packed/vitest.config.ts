// npm run test:packed: takes minutes and packages from npm's registry, so it is no part of `npm test`.

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/packed/*.test.ts'], testTimeout: 0, hookTimeout: 0, pool: 'forks' },
});

// The library for browsers in one file, where nothing stays outside: how the build makes it, and the test of it.
/** @type {import('esbuild').BuildOptions} */
export const browserBundle = {
  entryPoints: ['src/index.ts'],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  logLevel: 'warning',
};

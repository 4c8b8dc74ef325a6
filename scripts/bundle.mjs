// What browsers load, each in one file where nothing stays outside: how the build makes it, and the tests of it.
/** The library. @type {import('esbuild').BuildOptions} */
export const browserBundle = {
  entryPoints: ['src/index.ts'],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  logLevel: 'warning',
};

/** The benchmark as a page, with the files beside its script. @type {import('esbuild').BuildOptions} */
export const benchPage = { ...browserBundle, entryPoints: ['bench/page/page.ts'], minify: true };
export const benchFiles = ['index.html', 'page.css'];

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

/** The studio page's scripts: the page, its worker, and the player on the audio thread. @type {import('esbuild').BuildOptions} */
export const studioPage = {
  ...browserBundle,
  entryPoints: ['web/main.ts', 'web/worker/worker.ts', 'web/play/player.worklet.ts'],
  entryNames: '[name]',
  minify: true,
};
/** Its other files, by their place beside the scripts. */
export const studioFiles = {
  'index.html': 'web/index.html',
  'studio.css': 'web/studio.css',
  'digits.safetensors': 'web/model/digits.safetensors',
};

// What browsers load, each in one file where nothing stays outside: how the build makes it, and the tests of it.
/** The library in one file. @type {import('esbuild').BuildOptions} */
export const browserBundle = {
  entryPoints: ['src/index.ts'],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  logLevel: 'warning',
};

/** The package's entry points but for Node's: `formant` (index), `formant/engine`, ... */
export const libraryEntries = ['index', 'engine', 'audio', 'model'];

/** They, for browsers: what several need lies in chunks, so that a page may load any of them together. @type {import('esbuild').BuildOptions} */
export const browserEntries = {
  ...browserBundle,
  entryPoints: libraryEntries.map((name) => `src/${name}.ts`),
  splitting: true,
  chunkNames: 'chunks/[hash]',
};

/** The benchmark as a page, with the files beside its script. @type {import('esbuild').BuildOptions} */
export const benchPage = { ...browserBundle, entryPoints: ['bench/page/page.ts'], minify: true };
export const benchFiles = ['index.html', 'page.css'];

/** The studio page's scripts: the page, its worker, and the player on the audio thread. @type {import('esbuild').BuildOptions} */
export const studioPage = {
  ...browserBundle,
  entryPoints: [
    'web/main.ts',
    'web/worker/worker.ts',
    'web/play/player.worklet.ts',
    'web/teach/recorder.worklet.ts',
  ],
  entryNames: '[name]',
  // What only teaching or training needs is a file of its own, read when it is needed.
  splitting: true,
  chunkNames: '[name]-[hash]',
  minify: true,
};
/** Its other files, by their place beside the scripts. */
export const studioFiles = {
  'index.html': 'web/index.html',
  'studio.css': 'web/studio.css',
  'teach.css': 'web/teach/teach.css',
  'digits.safetensors': 'web/model/digits.safetensors',
  'digits.replay.safetensors': 'web/model/digits.replay.safetensors',
};

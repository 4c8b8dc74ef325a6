// Bundles with esbuild: the commands and the Node library (packages stay outside), and the library for browsers,
// where nothing stays outside. Types come from tsc afterwards (npm run build).
import { copyFileSync, rmSync } from 'node:fs';
import { build } from 'esbuild';
import {
  benchFiles,
  benchPage,
  browserBundle,
  browserEntries,
  libraryEntries,
  studioFiles,
  studioPage,
} from './bundle.mjs';

rmSync('dist', { recursive: true, force: true });
const common = { bundle: true, format: 'esm', target: 'es2022', sourcemap: true, logLevel: 'warning' };
const commands = [
  'cli',
  'train',
  'adapt',
  'preprocess',
  'generate',
  'reconstruct',
  'interpolate',
  'evaluate',
  'score',
  'plot',
  'report',
  'doctor',
  'studio',
  'start',
];
await build({
  ...common,
  entryPoints: [
    ...[...commands, ...libraryEntries, 'node'].map((name) => `src/${name}.ts`),
    'src/audio/decodeWorker.ts',
  ],
  outdir: 'dist',
  // The worker's script lies beside the commands.
  entryNames: '[name]',
  platform: 'node',
  packages: 'external',
  splitting: true,
  chunkNames: 'chunks/[hash]',
});
await build({
  ...common,
  entryPoints: [
    'bench',
    'nearest',
    'endurance',
    'anomalies',
    'leaveOneOut',
    'teachShow',
    'trainShow',
    'fewShot',
    'manyVoices',
    'sideBySide',
  ].map((name) => `bench/${name}.ts`),
  outdir: 'dist',
  platform: 'node',
  packages: 'external',
});
await build({
  ...common,
  entryPoints: ['scripts/studioModel.ts'],
  outdir: 'dist',
  platform: 'node',
  packages: 'external',
});
await build({
  ...common,
  entryPoints: ['examples/classifier/classifier.ts'],
  outdir: 'dist/examples',
  platform: 'node',
  packages: 'external',
});
await build({ ...browserEntries, sourcemap: true, outdir: 'dist/browser' });
await build({ ...benchPage, sourcemap: true, outfile: 'dist/bench/page.js' });
for (const file of benchFiles) copyFileSync(`bench/page/${file}`, `dist/bench/${file}`);
await build({ ...browserBundle, sourcemap: true, outfile: 'dist/formant.min.js', minify: true });
await build({ ...studioPage, sourcemap: true, outdir: 'dist/studio' });
for (const [name, file] of Object.entries(studioFiles)) copyFileSync(file, `dist/studio/${name}`);

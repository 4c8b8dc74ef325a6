// Sizes of the published entry points as a page would load them: bundled with all they import, minified, gzipped.

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { browserBundle } from '../scripts/bundle.mjs';
import type { Row } from './report.ts';

const root = join(import.meta.dirname, '..');

const entries = [
  ['formant: all that runs in a page', 'src/index.ts'],
  ['formant/engine: gradients, operations, optimisers', 'src/engine.ts'],
  ['formant/audio', 'src/audio.ts'],
  ['formant/model', 'src/model.ts'],
] as const;

/** A row an entry point, and for scale what the peers state of theirs. */
export async function sizes(): Promise<Row[]> {
  const section = 'size of entry points';
  const rows: Row[] = [];
  for (const [name, entry] of entries) {
    const { outputFiles } = await build({
      ...browserBundle,
      entryPoints: [join(root, entry)],
      minify: true,
      write: false,
    });
    const [{ contents }] = outputFiles as { contents: Uint8Array }[];
    const gzipped = gzipSync(contents, { level: 9 }).length;
    rows.push({ section, name, minified: contents.length, gzipped });
  }
  const stated = 'as stated in the README of jax-js';
  rows.push({ section, name: 'jax-js', gzipped: 80_000, note: stated });
  rows.push({ section, name: 'TensorFlow.js', gzipped: 269_000, note: stated });
  return rows;
}

// The tree's one rule: imports point one way, commands -> model -> audio -> shaders -> engine; only the engine and the
// operations touch GPU buffers; what runs in a browser imports nothing of Node.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';

const src = join(import.meta.dirname, '..', 'src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.ts') && !f.endsWith('.d.ts'))
  .map((f) => f.replaceAll('\\', '/'));
const layers = ['engine', 'shaders', 'audio', 'image', 'model'];
/** Whatever is in none of these folders is a command, or drawn for one. */
const layerOf = (file: string) =>
  layers.includes(file.split('/')[0]) ? layers.indexOf(file.split('/')[0]) : layers.length;
const importsOf = (file: string) =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1]);
const resolve = (file: string, target: string) =>
  relative(src, join(src, file, '..', target)).replaceAll('\\', '/');

test('imports point one way', () => {
  expect(files.length).toBeGreaterThan(30);
  const against = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith('.') && layerOf(resolve(file, target)) > layerOf(file))
      .map((target) => `${file} imports ${target}`),
  );
  expect(against).toEqual([]);
});

test('nothing in src imports examples, measurements or tests', () => {
  const leaving = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith('.') && resolve(file, target).startsWith('..'))
      .map((target) => `${file} imports ${target}`),
  );
  expect(leaving).toEqual([]);
});

test('audio and models never touch a GPUBuffer', () => {
  const touching = files.filter(
    (file) =>
      layerOf(file) >= layers.indexOf('audio') &&
      /GPUBuffer|\.buffer\.|device\.queue/.test(readFileSync(join(src, file), 'utf8')),
  );
  expect(touching).toEqual([]);
});

test('what a page loads imports nothing of Node and no package but the decoder', () => {
  const seen = new Set<string>();
  const stack = ['index.ts'];
  const outside = new Set<string>();
  while (stack.length) {
    const file = stack.pop() as string;
    if (seen.has(file)) continue;
    seen.add(file);
    for (const target of importsOf(file)) {
      if (target.startsWith('.')) stack.push(resolve(file, target));
      else outside.add(target);
    }
  }
  expect(seen.size).toBeGreaterThan(25);
  expect([...outside].filter((name) => name !== 'wav-decoder')).toEqual([]);
});

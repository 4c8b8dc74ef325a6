// The package as its name gives it: every export's files are there and packed, in Node and for browsers the entry points
// share one engine, types resolve for Node and for bundlers, and a bundle holds what it uses. Needs `npm run build`.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { browserEntries, libraryEntries } from '../../scripts/bundle.mjs';
import { root } from '../launch.ts';

const { exports, files, name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tsc = join(root, 'node_modules', '.bin', 'tsc');
const targets = (entry: unknown): string[] =>
  typeof entry === 'string' ? [entry] : Object.values(entry as object).flatMap(targets);

test('every file that an export names is there and goes into the package', () => {
  expect(Object.keys(exports)).toEqual(
    expect.arrayContaining(['.', './engine', './audio', './model', './node', './model/digits.safetensors']),
  );
  for (const target of targets(exports)) {
    expect(existsSync(join(root, target)), target).toBe(true);
    const packed =
      target === './package.json' ||
      files.some((f: string) => target === `./${f}` || target.startsWith(`./${f}/`));
    expect(packed, target).toBe(true);
  }
});

type Module = Record<string, unknown>;

test('in Node and for browsers the parts share one engine, and the whole is its parts', async () => {
  const part = (path: string): Promise<Module> => import(/* @vite-ignore */ path);
  const whole: Record<string, Module> = {};
  for (const where of ['dist', 'dist/browser']) {
    const [index, ...parts] = await Promise.all(
      libraryEntries.map((entry) => part(join(root, where, `${entry}.js`))),
    );
    for (const exported of parts) {
      expect(Object.keys(exported).length).toBeGreaterThan(15);
      for (const [key, value] of Object.entries(exported)) expect(value, key).toBe(index[key]);
    }
    expect(new Set(parts.flatMap(Object.keys))).toEqual(new Set(Object.keys(index)));
    whole[where] = index;
  }
  expect(Object.keys(whole['dist/browser'])).toEqual(Object.keys(whole.dist));
  const node = await part(join(root, 'dist', 'node.js'));
  for (const [key, value] of Object.entries(whole.dist)) expect(value, key).toBe(node[key]);
  expect(node.openEngine).toBeTypeOf('function');
});

test.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('types resolve with module %s, moduleResolution %s', async (module, resolution) => {
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node'];
  const lib = ['--lib', 'es2022,dom,dom.iterable'];
  const args = [...flags, ...lib, '--module', module, '--moduleResolution', resolution];
  // No configuration of the repository's: as a project that knows the package alone.
  const use = join(root, 'test', 'exports', 'use.ts');
  await promisify(execFile)(tsc, ['--ignoreConfig', ...args, use], { cwd: root }).catch(({ stdout }) =>
    expect(stdout).toBe(''),
  );
});

/** Bytes of what a page's bundler makes of a line against the package, minified and compressed. */
async function bundled(line: string): Promise<number> {
  const { outputFiles } = await build({
    ...browserEntries,
    ...{ entryPoints: undefined, splitting: false, minify: true, write: false },
    stdin: { contents: line, resolveDir: root },
    logLevel: 'error',
  });
  return gzipSync(outputFiles![0].contents).length;
}

test('a bundle holds what it uses', async () => {
  const uses = (what: string, from: string) => `import { ${what} } from '${from}'; console.log(${what});`;
  const trains = 'Engine, Parameters, conv1d, mse, mean, backward, Adam';
  const everything = await bundled(`export * from '${name}'`);
  expect(await bundled(uses('ShapeError', name))).toBeLessThan(4000);
  expect(await bundled(uses('decodeWav', `${name}/audio`))).toBeLessThan(10_000);
  expect(await bundled(uses(trains, `${name}/engine`))).toBeLessThan(everything / 3);
  expect(await bundled(uses(trains, name))).toBeLessThan(everything / 3);
  expect(await bundled(uses('Engine, loadModel', name))).toBeLessThan(0.55 * everything);
});

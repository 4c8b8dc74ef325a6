// Folders for results: made level by level, with words for what is in the way, and never tried for ever.

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeFolder, missingLevels, removeEmpty, writeWhole } from '../src/outFolder.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'formant-out-'));
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('nowhere', join(dir, 'dangling'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('makes what is missing, says so, and removes what stayed empty', async () => {
  const [a, b, c] = ['a', 'a/b', 'a/b/c'].map((path) => join(dir, path));
  expect(await missingLevels(c)).toEqual([a, b, c]);
  expect(await makeFolder(a)).toEqual([a]);
  expect(await makeFolder(`${c}/`)).toEqual([b, c]);
  expect(await makeFolder(c)).toEqual([]);
  mkdirSync(join(b, 'other'));
  await removeEmpty([a, b, c]);
  expect([existsSync(c), existsSync(b)]).toEqual([false, true]);
});

test.each([
  ['file', /file: this is a file; give a folder/],
  ['file/below', /below: .*file is a file; give a folder/],
  ['dangling', /dangling: a link that leads nowhere/],
  ['dangling/below', /below: .*dangling: a link that leads nowhere/],
  ['x'.repeat(300), /the name is too long/],
])('refuses %s', async (name, message) => {
  await expect(makeFolder(join(dir, name))).rejects.toThrow(message);
});

test('ends where a file system makes no folders', async () => {
  await expect(makeFolder('/proc/formant/deeper')).rejects.toThrow(
    /\/proc\/formant: (no folder can be made there|read-only|may not write)/,
  );
});

describe('a file is written whole or not at all', () => {
  test('in place of another, with nothing left beside it', async () => {
    const path = join(dir, 'whole');
    await writeWhole(path, 'first');
    await writeWhole(path, Uint8Array.of(1, 2, 3));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect(readdirSync(dir).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test.each([
    [join('none', 'x'), /no folder can be made there|ENOENT/],
    [join('file', 'x'), /file.x: ENOTDIR|file is a file/],
  ])('%s: says what is in the way', async (name, message) => {
    await expect(writeWhole(join(dir, name), 'x')).rejects.toThrow(message);
  });

  // A limit on the size of files stops a write in the middle, as a full disk does.
  test('a disk that ends in the middle leaves what was there', async () => {
    const path = join(dir, 'kept');
    writeFileSync(path, 'old');
    const entry = join(import.meta.dirname, '..', 'src', 'outFolder.ts');
    const outfile = join(dir, 'outFolder.mjs');
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm' });
    const script = `
      const { writeWhole } = await import(${JSON.stringify(outfile)});
      const content = new Uint8Array(1 << 20);
      await writeWhole(${JSON.stringify(path)}, content).catch((error) => console.log(error.name, error.message));`;
    const limited = `trap '' XFSZ; ulimit -f 16; exec "$0" "$@"`;
    const node = [process.execPath, '--input-type=module', '-e', script];
    const { stdout, stderr } = spawnSync('sh', ['-c', limited, ...node], { encoding: 'utf8' });
    expect(stdout, stderr).toMatch(/^DataError .*kept: files may not grow that large there/);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(dir).filter((name) => name.includes('partial'))).toEqual([]);
  });
});

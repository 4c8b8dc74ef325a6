// Folders for results: made level by level, with words for what is in the way, and never tried for ever.

import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder, missingLevels, removeEmpty } from '../src/outFolder.ts';

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

// Folders of MNIST's files: their names, what may be missing, and what does not fit together.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataError } from '../../src/engine/errors.ts';
import { holdsIdx, listMnist } from '../../src/image/mnist.ts';
import { idx } from './idxBytes.ts';

let root: string;
let made = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'formant-mnist-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function folder(files: Record<string, Uint8Array>): string {
  const dir = join(root, `${made++}`);
  mkdirSync(dir);
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(dir, name), bytes);
  return dir;
}

const pixels = (n: number) => Uint8Array.from({ length: n }, (_, i) => (7 * i) & 255);
const images = (n: number, rows = 2, cols = 3) => idx([n, rows, cols], pixels(n * rows * cols));
const labels = (...values: number[]) => idx([values.length], values);

test('reads all four files, gzipped', async () => {
  const dir = folder({
    'train-images-idx3-ubyte.gz': gzipSync(images(3)),
    'train-labels-idx1-ubyte.gz': gzipSync(labels(5, 0, 4)),
    't10k-images-idx3-ubyte.gz': gzipSync(images(2)),
    't10k-labels-idx1-ubyte.gz': gzipSync(labels(7, 2)),
  });
  expect(holdsIdx(dir)).toBe(true);
  expect(await listMnist(dir)).toEqual({
    train: { count: 3, images: pixels(18), labels: Uint8Array.of(5, 0, 4) },
    test: { count: 2, images: pixels(12), labels: Uint8Array.of(7, 2) },
    rows: 2,
    cols: 3,
  });
});

test('other spellings, no labels, no test split, a link; the unpacked file first', async () => {
  const other = folder({ images: images(4) });
  const dir = folder({
    'Train-Images.idx3-ubyte.GZ': gzipSync(images(1)),
    'README.md': new Uint8Array(),
  });
  expect(await listMnist(dir)).toMatchObject({ train: { count: 1, labels: null }, test: null });
  mkdirSync(join(dir, 'train-images-idx3-ubyte'));
  symlinkSync(join(other, 'images'), join(dir, 'train-images.idx3-ubyte'));
  symlinkSync('nowhere', join(dir, 't10k-images-idx3-ubyte'));
  expect(await listMnist(dir)).toMatchObject({ train: { count: 4, labels: null }, test: null });
});

test('knows a folder of IDX files by their names', () => {
  expect(holdsIdx(folder({ 't10k-labels-idx1-ubyte': labels(1) }))).toBe(true);
  expect(holdsIdx(folder({ '0_a_1.wav': new Uint8Array(), 'idx3-ubyte.txt': new Uint8Array() }))).toBe(false);
  expect(holdsIdx(join(root, 'nowhere'))).toBe(false);
});

const train = 'train-images-idx3-ubyte';
test.each<[string, Record<string, Uint8Array>, RegExp]>([
  ['an empty folder', {}, /holds no train-images-idx3-ubyte or train-images-idx3-ubyte\.gz; give/],
  ['no training images', { 't10k-images-idx3-ubyte': images(1) }, /holds no train-.*, but t10k-images-idx3/],
  [
    'too few labels',
    { [train]: images(3), 'train-labels-idx1-ubyte': labels(1, 2) },
    /3 images .* but 2 labels/,
  ],
  ['labels for images', { [train]: labels(1) }, /train-images-idx3-ubyte: holds labels where images belong/],
  ['no image', { [train]: images(0) }, /holds 0 x 2 x 3 pixels, so nothing/],
  ['images without pixels', { [train]: images(3, 0) }, /holds 3 x 0 x 3 pixels, so nothing/],
  [
    'sizes that differ',
    { [train]: images(1), 't10k-images-idx3-ubyte': images(1, 3, 2) },
    /t10k.*3 x 2 .* 2 x 3/,
  ],
  ['a torn gzip', { [`${train}.gz`]: gzipSync(images(9)).subarray(0, 30) }, /ubyte\.gz: the gzip is damaged/],
])('refuses %s', async (_, files, message) => {
  const error = await listMnist(folder(files)).catch((e) => e);
  expect(error).toBeInstanceOf(DataError);
  expect(error.message).toMatch(message);
  expect(error.message).not.toContain('\n');
});

test('refuses what is no folder', async () => {
  await expect(listMnist(join(root, 'nowhere'))).rejects.toThrow(/nowhere: does not exist/);
  const dir = folder({ file: new Uint8Array() });
  await expect(listMnist(join(dir, 'file'))).rejects.toThrow(/is not a folder; give the folder of MNIST/);
});

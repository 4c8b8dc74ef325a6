// A folder of MNIST's four files, by any of the names they go by (`train-images-idx3-ubyte`, `train-images.idx3-ubyte`,
// each with or without `.gz`; `t10k-` for the test split), or of data in the same form, such as Fashion-MNIST. Labels
// and the test split may be missing; what is there must fit together. An unpacked file goes before its gzip.

import { readdirSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareNames, fileFault, printable } from '../audio/names.ts';
import { DataError } from '../engine/errors.ts';
import { decodeIdx, type Idx, unpackIdx } from './idx.ts';

export interface MnistSplit {
  /** Number of images. */
  count: number;
  /** Pixels 0 to 255, (count, rows, cols). */
  images: Uint8Array;
  /** The class of each image, (count); null where the folder has no file of them. */
  labels: Uint8Array | null;
}

export interface Mnist {
  train: MnistSplit;
  /** null where the folder has no test images. */
  test: MnistSplit | null;
  rows: number;
  cols: number;
}

type Split = 'train' | 't10k';
type Kind = 'images' | 'labels';

const idxName = /[-._]idx\d[-._]ubyte(\.gz)?$/i;
const mnistName = /^(train|t10k)[-._](images|labels)[-._]idx\d[-._]ubyte(\.gz)?$/i;

/** Whether a folder holds IDX files, by their names; false where there is no folder. */
export function holdsIdx(dir: string): boolean {
  try {
    return readdirSync(dir).some((name) => idxName.test(name));
  } catch {
    return false;
  }
}

/** The names of the files in a folder, and of what links lead to. */
async function filesOf(dir: string): Promise<string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    const files: string[] = [];
    for (const entry of entries)
      if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(join(dir, entry.name)))))
        files.push(entry.name);
    return files.sort(compareNames);
  } catch (error) {
    const noFolder = (error as NodeJS.ErrnoException).code === 'ENOTDIR';
    const fault = noFolder ? 'is not a folder; give the folder of MNIST’s files' : fileFault(error, dir);
    throw new DataError(`${printable(dir)}: ${fault}`);
  }
}

const isFile = (path: string) =>
  stat(path).then(
    (s) => s.isFile(),
    () => false,
  );

/** The file of a part, the unpacked one first. */
function find(files: readonly string[], split: Split, kind: Kind): string | null {
  const fit = files.filter((name) => {
    const match = mnistName.exec(name);
    return match?.[1].toLowerCase() === split && match[2].toLowerCase() === kind;
  });
  return fit.find((name) => !/\.gz$/i.test(name)) ?? fit[0] ?? null;
}

async function readIdx(path: string, rank: number): Promise<Idx> {
  const bytes = await readFile(path).catch((error) => {
    throw new DataError(`${printable(path)}: ${fileFault(error, path)}`);
  });
  return decodeIdx(await unpackIdx(bytes, path, rank), path, rank);
}

async function readSplit(dir: string, files: readonly string[], split: Split) {
  const imageFile = find(files, split, 'images');
  if (imageFile === null) return null;
  const path = join(dir, imageFile);
  const { shape, data: images } = await readIdx(path, 3);
  const [count, rows, cols] = shape;
  if (images.length === 0)
    throw new DataError(`${printable(path)}: holds ${shape.join(' x ')} pixels, so nothing; give images`);
  const labelFile = find(files, split, 'labels');
  const labels = labelFile === null ? null : (await readIdx(join(dir, labelFile), 1)).data;
  if (labels && labels.length !== count)
    throw new DataError(
      `${printable(dir)}: ${count} images in ${printable(imageFile)}, but ${labels.length} labels in ${printable(labelFile as string)}; give files that belong together`,
    );
  return { split: { count, images, labels } as MnistSplit, rows, cols, path };
}

/**
 * Reads a folder of MNIST's files.
 * @returns pixels as they are stored; about as many bytes as the unpacked files have
 * @throws DataError where the folder cannot be read or has no training images, for a damaged file, where images and
 *   labels differ in number, and where test images have another size than training images.
 */
export async function listMnist(dir: string): Promise<Mnist> {
  const files = await filesOf(dir);
  const train = await readSplit(dir, files, 'train');
  if (!train) {
    const there = files.filter((name) => idxName.test(name)).slice(0, 4);
    const found = there.length > 0 ? `, but ${there.map(printable).join(', ')}` : '';
    throw new DataError(
      `${printable(dir)}: holds no train-images-idx3-ubyte or train-images-idx3-ubyte.gz${found}; give a folder that has the training images`,
    );
  }
  const test = await readSplit(dir, files, 't10k');
  const { rows, cols } = train;
  if (test && (test.rows !== rows || test.cols !== cols))
    throw new DataError(
      `${printable(test.path)}: images of ${test.rows} x ${test.cols} pixels, but those to train on have ${rows} x ${cols}; give files that belong together`,
    );
  return { train: train.split, test: test?.split ?? null, rows, cols };
}

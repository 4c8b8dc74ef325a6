// From grey images as MNIST stores them to training data: pixels from 0 to 255 become values in [0, 1], not binarised,
// and every tenth image of the training split is held out where a validation part is wanted.

import { DataError } from '../engine/errors.ts';
import { type Dataset, inMemory, type Split } from './dataset.ts';
import type { ImageSettings } from './inputs.ts';

/** Images of one split. */
export interface Images {
  count: number;
  /** (count, rows, cols), 0 to 255. */
  images: Uint8Array;
  /** Class of each, 0 to 255; null without labels. */
  labels: Uint8Array | null;
}

export interface ImageSplits {
  train: Images;
  test: Images | null;
  rows: number;
  cols: number;
}

/**
 * @param validation whether every tenth image of the training split is held out
 * @throws DataError if there is no image left to train on.
 */
export function imageDataset(
  { train, test, rows, cols }: ImageSplits,
  validation: boolean,
): { data: Dataset; features: ImageSettings } {
  const classes = new Set([train, test].flatMap((part) => [...(part?.labels ?? [])]));
  const known = [...classes].sort((a, b) => a - b);
  const index = new Map(known.map((label, i) => [label, i]));
  const size = rows * cols;
  const split = ({ images, labels }: Images, chosen: readonly number[], name: string): Split => {
    const x = new Float32Array(chosen.length * size);
    chosen.forEach((from, to) => {
      for (let i = 0; i < size; i++) x[to * size + i] = images[from * size + i] / 255;
    });
    const label = Int32Array.from(chosen, (i) => (labels ? (index.get(labels[i]) as number) : -1));
    const names = chosen.map((i) => `${name}/${i}`);
    return { count: chosen.length, read: inMemory(x, size), label, names };
  };
  const all = Array.from({ length: train.count }, (_, i) => i);
  const held = (i: number) => validation && i % 10 === 9;
  const rest = all.filter((i) => !held(i));
  if (rest.length === 0) throw new DataError('data: no image is left to train on; give more');
  const valid = all.filter(held);
  const data: Dataset = {
    shape: [rows, cols],
    dynamicRange: null,
    labels: known.map(String),
    train: split(train, rest, 'train'),
    valid: valid.length > 0 ? split(train, valid, 'train') : null,
    test: test
      ? split(
          test,
          Array.from({ length: test.count }, (_, i) => i),
          'test',
        )
      : null,
  };
  return { data, features: { height: rows, width: cols } };
}

// A dataset as the browser keeps it: plain arrays, without the functions that read them.

import { type Dataset, inMemory, type Split } from '../../src/model/dataset.ts';

interface PackedSplit extends Omit<Split, 'read'> {
  /** (count, rows, columns) */
  x: Float32Array;
}

export interface PackedDataset extends Omit<Dataset, 'train' | 'valid' | 'test'> {
  train: PackedSplit;
  valid: PackedSplit | null;
  test: PackedSplit | null;
}

export function packed(data: Dataset): PackedDataset {
  const size = data.shape[0] * data.shape[1];
  const pack = ({ read, ...rest }: Split): PackedSplit => {
    const x = new Float32Array(rest.count * size);
    for (let i = 0; i < rest.count; i++) read(i, x, i * size);
    return { ...rest, x };
  };
  const { train, valid, test } = data;
  return { ...data, train: pack(train), valid: valid && pack(valid), test: test && pack(test) };
}

export function unpacked(data: PackedDataset): Dataset {
  const size = data.shape[0] * data.shape[1];
  const unpack = ({ x, ...rest }: PackedSplit): Split => ({ ...rest, read: inMemory(x, size) });
  const { train, valid, test } = data;
  return { ...data, train: unpack(train), valid: valid && unpack(valid), test: test && unpack(test) };
}

// Splits as plain numbers, for tests that read or change them.

import { inMemory, type Split } from '../../src/model/dataset.ts';

/** All values of a split of examples of `size` values, one example after another. */
export function valuesOf(split: Split, size: number): Float32Array {
  const x = new Float32Array(split.count * size);
  for (let i = 0; i < split.count; i++) split.read(i, x, i * size);
  return x;
}

/** The same examples with other values. */
export function changed(split: Split, size: number, change: (value: number, at: number) => number): Split {
  return { ...split, read: inMemory(valuesOf(split, size).map(change), size) };
}

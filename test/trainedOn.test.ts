// The hash by which a run knows its recordings is that of one JSON text, as runs have it that were begun before it was
// taken in pieces.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { recordingsOf } from '../src/trainedOn.ts';

test.each([
  [1, 1, 1],
  [999, 1000, 1001],
  [2500, 0, 3],
])('%i, %i and %i clips', (...counts) => {
  const [train, valid, test] = counts.map((count, s) => ({
    count,
    read: () => undefined,
    names: Array.from({ length: count }, (_, i) => `ü"\n${s}_${i}.wav`),
    label: Int32Array.from({ length: count }, (_, i) => (i % 3) - 1),
  }));
  for (const parts of [
    { train, valid, test },
    { train, valid: null, test: null },
  ]) {
    const labels = ['a', 'b'];
    const splits = [parts.train, parts.valid, parts.test].map(
      (s) => s && { names: s.names, label: [...s.label] },
    );
    const hash = createHash('sha256')
      .update(JSON.stringify([labels, splits]))
      .digest('hex')
      .slice(0, 16);
    const data = { shape: [1, 1] as const, dynamicRange: 80, labels, ...parts };
    expect(recordingsOf(data)).toEqual({ train: train.count, test: parts.test?.count ?? 0, hash });
  }
});

// What tells one set of recordings from another, so that a run goes on with those it began with.

import { createHash } from 'node:crypto';
import type { Dataset, Split } from './model/dataset.ts';

/** Counts, and a hash of names, splits and labels. */
export interface TrainedOn {
  train: number;
  test: number;
  hash: string;
}

const atOnce = 1000;

/** The JSON of {names, label}, in pieces: that of millions of clips is longer than a string can be. */
function* jsonOf(split: Split | null): Generator<string> {
  if (!split) return yield 'null';
  const items = function* (all: { slice(from: number, to: number): ArrayLike<unknown> }, count: number) {
    for (let i = 0; i < count; i += atOnce)
      yield `${i ? ',' : ''}${JSON.stringify(Array.from(all.slice(i, i + atOnce))).slice(1, -1)}`;
  };
  yield '{"names":[';
  yield* items(split.names, split.names.length);
  yield '],"label":[';
  yield* items(split.label, split.label.length);
  yield ']}';
}

/** @returns the hash of the JSON of [labels, [train, valid, test]], 16 digits of it */
export function recordingsOf({ train, valid, test, labels }: Dataset): TrainedOn {
  const hash = createHash('sha256').update(`[${JSON.stringify(labels)},[`);
  for (const [at, split] of [train, valid, test].entries()) {
    if (at > 0) hash.update(',');
    for (const piece of jsonOf(split)) hash.update(piece);
  }
  hash.update(']]');
  return { train: train.count, test: test?.count ?? 0, hash: hash.digest('hex').slice(0, 16) };
}

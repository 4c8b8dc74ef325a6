// Training data: features of every clip, or images, scaled to [0, 1], in splits; and batches of them in an order that
// depends on the seed and the epoch alone. Where examples lie, in memory or on a disk, is the matter of a split's `read`.

import { printable } from '../audio/names.ts';
import { DataError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import type { HostArray } from '../engine/tensor.ts';

/**
 * Copies example `i`, (C, T) values in [0, 1] row-major, into an array from `at` on.
 * @throws DataError if it can no longer be read.
 */
export type ReadExample = (i: number, into: Float32Array, at: number) => void;

/** Examples of one split. */
export interface Split {
  readonly count: number;
  readonly read: ReadExample;
  /** Index into `labels` of each example; empty without labels. */
  readonly label: Int32Array;
  readonly names: readonly string[];
  /** Who speaks in each example, where that is known. */
  readonly speakers?: readonly (string | null)[];
}

export const splitNames = ['train', 'valid', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

/** Examples of one shape in splits. */
export interface Dataset {
  /** Shape of one example: (mel bands, frames), or (height, width). */
  readonly shape: readonly [number, number];
  /** Decibels that the range [0, 1] of x spans, null where values are no levels. */
  readonly dynamicRange: number | null;
  readonly labels: readonly string[];
  /** Names of speakers as a model that knows them counts them; those of `train` where the data is its own. */
  readonly speakers?: readonly string[];
  readonly train: Split;
  readonly valid: Split | null;
  readonly test: Split | null;
}

/** Inputs of one training step. */
export interface Batch {
  x: HostArray;
  /** (B, conditions); only for labelled data that is asked for with labels. */
  label?: HostArray;
  /** (B) of the examples' errors, 1 in the mean; all alike if not given. */
  weights?: HostArray;
}

/** Examples of `size` values each that lie in memory one after another. */
export const inMemory =
  (x: Float32Array, size: number): ReadExample =>
  (i, into, at) =>
    into.set(x.subarray(i * size, (i + 1) * size), at);

/** Example `i` of a split by itself, (C, T). */
export function exampleOf({ shape }: Pick<Dataset, 'shape'>, split: Split, i: number): Float32Array {
  const x = new Float32Array(shape[0] * shape[1]);
  split.read(i, x, 0);
  return x;
}

/** What a conditional model is told of an example: a label, and a speaker where it knows some. */
export interface Conditional {
  classes: number;
  speakers?: number;
}

/**
 * Gathers examples into a batch; into the arrays of `reuse`, a batch of the same size, if one is given.
 * @param model whose conditions come with them; classes 0: none
 */
export function gather(
  data: Dataset,
  split: Split,
  indices: ArrayLike<number>,
  model: Conditional,
  reuse?: Batch,
): Batch {
  const [C, T] = data.shape;
  const size = C * T;
  const B = indices.length;
  const x = reuse?.x.data ?? new Float32Array(B * size);
  for (let b = 0; b < B; b++) split.read(indices[b], x, b * size);
  const batch: Batch = reuse ?? { x: { data: x, shape: [B, C, T] } };
  if (model.classes > 0)
    batch.label = conditionsOf(
      model,
      Array.from(indices, (i) => split.label[i]),
      speakersOf(data, split, indices, model),
    );
  return batch;
}

/** The examples of a split at some places. */
export function examplesAt(split: Split, at: readonly number[]): Split {
  return {
    ...{ count: at.length, names: at.map((i) => split.names[i]) },
    read: (i, into, to) => split.read(at[i], into, to),
    label: Int32Array.from(at, (i) => split.label[i]),
    ...(split.speakers ? { speakers: at.map((i) => (split.speakers as (string | null)[])[i]) } : {}),
  };
}

/** One split after another. */
export function together(...splits: readonly Split[]): Split {
  const starts: number[] = [];
  let count = 0;
  for (const split of splits) {
    starts.push(count);
    count += split.count;
  }
  return {
    count,
    read: (i, into, at) => {
      const k = starts.findLastIndex((start) => start <= i);
      splits[k].read(i - starts[k], into, at);
    },
    label: Int32Array.from(
      splits.flatMap(({ label, names }) => (label.length > 0 ? [...label] : names.map(() => -1))),
    ),
    names: splits.flatMap(({ names }) => names),
    speakers: splits.flatMap(({ speakers, names }) => speakers ?? names.map(() => null)),
  };
}

/** The first examples of a split, at most `most`. */
export function firstExamples(split: Split, most: number): Split {
  return most >= split.count ? split : examplesAt(split, [...Array(most).keys()]);
}

/** At most `most` of `count` places, evenly apart from the first on. */
export function evenly(count: number, most: number): number[] {
  const n = Math.min(most, count);
  return Array.from({ length: n }, (_, i) => Math.floor((i * count) / n));
}

/** At most `most` examples of a split, evenly apart. */
export const spread = (split: Split, most: number): Split =>
  most >= split.count ? split : examplesAt(split, evenly(split.count, most));

/**
 * The same examples with labels and speakers counted as a model does; it may not know every speaker.
 * @throws DataError for a label that it does not know.
 */
export function relabelled(
  data: Dataset,
  { labels, speakers = [] }: { labels: readonly string[]; speakers?: readonly string[] },
): Dataset {
  const map = data.labels.map((label) => labels.indexOf(label));
  const unknown = data.labels.filter((_, i) => map[i] < 0);
  if (unknown.length > 0)
    throw new DataError(
      `data: label ${unknown.map(printable).join(', ')}: this model knows ${labels.map(printable).join(', ')}; ` +
        'give data with these labels only',
    );
  const split = <S extends Split | null>(part: S): S =>
    part && { ...part, label: part.label.map((label) => (label < 0 ? label : map[label])) };
  const { train, valid, test } = data;
  return { ...data, labels, speakers, train: split(train), valid: split(valid), test: split(test) };
}

/** Index of each example's speaker in the model's order, -1 where it is not known or not one of them. */
export function speakersOf(
  { speakers: known = [] }: Pick<Dataset, 'speakers'>,
  { speakers }: Split,
  indices: ArrayLike<number>,
  model: Conditional,
): number[] {
  const place = new Map(model.speakers ? known.map((name, i) => [name, i]) : []);
  return Array.from(indices, (i) => place.get(speakers?.[i] ?? '') ?? -1);
}

/**
 * What a conditional model is told: the label, one-hot, and weights of its speakers: 1 for the one, or for one that is not
 * known (-1, the default) the same for all of them.
 * @returns (B, classes + speakers)
 * @throws DataError for a label or a speaker that is none of the model's.
 */
export function conditionsOf(
  { classes, speakers = 0 }: Conditional,
  labels: ArrayLike<number>,
  who: ArrayLike<number> = new Int32Array(labels.length).fill(-1),
): HostArray {
  const width = classes + speakers;
  const data = new Float32Array(labels.length * width);
  for (let b = 0; b < labels.length; b++) {
    if (!(labels[b] >= 0 && labels[b] < classes))
      throw new DataError(`label ${labels[b]}: this model knows ${classes} classes`);
    data[b * width + labels[b]] = 1;
    if (speakers === 0) continue;
    if (!(who[b] >= -1 && who[b] < speakers))
      throw new DataError(`speaker ${who[b]}: this model knows ${speakers}`);
    if (who[b] >= 0) data[b * width + classes + who[b]] = 1;
    else data.fill(1 / speakers, b * width + classes, (b + 1) * width);
  }
  return { data, shape: [labels.length, width] };
}

/** Indices of every batch of an epoch; the last one may be smaller. */
export function epochBatches(count: number, batch: number, seed: number, epoch: number): Uint32Array[] {
  const order = new Random(seed, 'order').permutation(epoch, count);
  return Array.from({ length: Math.ceil(count / batch) }, (_, i) =>
    order.subarray(i * batch, (i + 1) * batch),
  );
}

// How unlike a model's training data an example is: its negative ELBO, the mean over some samples of z, without what is
// the same for all examples, and for sound divided by its length, as long recordings have more to get wrong:
//   score = (a error + KL) / frames      error the mean of SSE or cross-entropy over the samples, a as `natsOf` says,
//                                        frames those that sound (featureLevel.ts); 1 for images
// `optimal` has no variance of its own for one example; it takes the one that is best for the training data. A
// conditional model is given every label in turn, and the least score counts: an item that any label explains well is
// none of the strange ones, and nothing hangs on how it is named.

import { soundingFrames } from '../audio/featureLevel.ts';
import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { sum } from '../shaders/index.ts';
import { type Dataset, exampleOf, type Split } from './dataset.ts';
import { type Nats, natsOf, type ObjectiveConfig } from './objective.ts';
import { throughSamples } from './posterior.ts';
import type { Vae } from './vae.ts';

/** How scores are taken. */
export interface AnomalyOptions {
  /** Samples of z for each example. */
  samples: number;
  seed: number;
  signal?: AbortSignal;
}

/** Scores of examples, the stranger the higher. */
export interface AnomalyScores {
  /** (count) nats: of an image, or a frame of sound. */
  scores: Float64Array;
  /** (count) the label that explains each best; null for a model without labels. */
  labels: Int32Array | null;
}

/** Mean error and KL of each example, under its own label or a given one. */
async function meanErrors(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  { likelihood }: ObjectiveConfig,
  options: AnomalyOptions,
  label?: number,
): Promise<{ error: Float64Array; kl: Float64Array }> {
  const error = new Float64Array(split.count);
  const kl = new Float64Array(split.count);
  await throughSamples(
    engine,
    model,
    data,
    split,
    { likelihood, ...options, stream: 'score', label },
    (block) => [sum(block.error, [1]), sum(block.kl, [1])],
    ({ first, count }, _, [errors, kls]) => {
      for (let e = 0; e < count; e++) {
        error[first + e] += errors[e] / options.samples;
        kl[first + e] += kls[e] / options.samples;
      }
    },
  );
  return { error, kl };
}

/** What an error is in nats for a model, from examples it was trained on (for `optimal`; the others have it fixed). */
export async function trainingNats(
  engine: Engine,
  model: Vae,
  data: Dataset,
  train: Split,
  objective: ObjectiveConfig,
  options: AnomalyOptions,
): Promise<Nats> {
  const D = data.shape[0] * data.shape[1];
  if (objective.likelihood !== 'optimal') return natsOf(0, D, objective);
  const { error } = await meanErrors(engine, model, data, train, objective, options);
  return natsOf(error.reduce((a, b) => a + b, 0) / error.length, D, objective);
}

/**
 * Scores of examples, the higher the stranger.
 * @param nats as `trainingNats` gives
 * @throws ShapeError unless samples is a whole number from 1 to 100,000; the signal's reason.
 */
export async function anomalyScores(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  objective: ObjectiveConfig,
  nats: Nats,
  options: AnomalyOptions,
): Promise<AnomalyScores> {
  const { classes } = model.config;
  const scores = new Float64Array(split.count).fill(Number.POSITIVE_INFINITY);
  const lengths = scores.map((_, i) => lengthOf(data, split, i));
  const labels = classes > 0 ? new Int32Array(split.count) : null;
  for (const label of classes > 0 ? Array(classes).keys() : [undefined]) {
    const { error, kl } = await meanErrors(engine, model, data, split, objective, options, label);
    error.forEach((e, i) => {
      const score = (nats.factor * e + kl[i]) / lengths[i];
      if (score >= scores[i]) return;
      scores[i] = score;
      if (labels) labels[i] = label as number;
    });
  }
  return { scores, labels };
}

/** Frames of an example that sound, at least 1; 1 for values that are no levels. */
function lengthOf({ shape, dynamicRange }: Dataset, split: Split, example: number): number {
  if (dynamicRange === null) return 1;
  const db = exampleOf({ shape }, split, example).map((v) => v * dynamicRange);
  return Math.max(1, soundingFrames(db, shape[1], 0));
}

/** The value that a share q of some values lies below, between neighbours in proportion, as NumPy's default. */
export function quantile(values: ArrayLike<number>, q: number): number {
  if (values.length === 0 || !(q >= 0 && q <= 1))
    throw new ShapeError(`quantile: ${q} of ${values.length} values; give some, and a share from 0 to 1`);
  const sorted = Float64Array.from(values).sort();
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

/**
 * Area under the ROC curve: how often an anomalous item scores above a normal one, ties counting half (Mann and Whitney).
 * @throws ShapeError if one of them is empty.
 */
export function auroc(normal: ArrayLike<number>, anomalous: ArrayLike<number>): number {
  if (normal.length === 0 || anomalous.length === 0)
    throw new ShapeError(
      `auroc: ${normal.length} normal and ${anomalous.length} anomalous; give some of each`,
    );
  const sorted = Float64Array.from(normal).sort();
  /** How many lie below a value, or up to it. */
  const count = (value: number, alsoEqual: boolean) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < value || (alsoEqual && sorted[middle] === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  let wins = 0;
  for (const value of Array.from(anomalous)) wins += (count(value, false) + count(value, true)) / 2;
  return wins / (normal.length * anomalous.length);
}

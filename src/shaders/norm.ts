// Batch, group and layer normalisation. They differ in which elements share a mean and which share a weight: x is seen as
// (P, G, Q), and a group is all p and q of one g (norm/sums.ts, norm/normalise.ts).
//   batchNorm (B, C, ...)    P = B, G = C,        Q = T;            weights by channel
//   groupNorm (B, C, ...)    P = 1, G = B groups, Q = C T / groups; weights by channel
//   layerNorm (..., D)       P = 1, G = rows,     Q = D;            weights by place

import { ShapeError } from '../engine/errors.ts';
import { perItem } from '../engine/run.ts';
import { shapeText, sizeOf, type Tensor } from '../engine/tensor.ts';
import { normalise } from './norm/normalise.ts';
import { statistics } from './norm/statistics.ts';

function checkAffine(
  op: string,
  x: Tensor,
  n: number,
  what: string,
  w: Tensor | null,
  b: Tensor | null,
): void {
  for (const [name, t] of [
    ['w', w],
    ['b', b],
  ] as const)
    if (t && t.size !== n)
      throw new ShapeError(`${op}: ${name} ${t} for x ${x}; it needs ${n} values, ${what}`);
}

/** As torch.nn.functional.batch_norm. */
export interface BatchNormOptions {
  /** Normalise by the batch's statistics (and move the running ones); else by the running ones. Default true. */
  training?: boolean;
  /** Moved towards the batch's mean and unbiased variance by `momentum`. (C) each, no gradient. */
  running?: { mean: Tensor; variance: Tensor };
  /** Default 0.1. */
  momentum?: number;
  /** Default 1e-5. */
  eps?: number;
}

/**
 * Normalises every channel over batch and time, as torch.nn.functional.batch_norm. A batch whose statistics are not
 * finite leaves the running ones as they are.
 * @param x (B, C) or (B, C, ...)
 * @param w (C) or null: 1
 * @param b (C) or null: 0
 * @throws ShapeError if sizes do not fit, for one value a channel in training, and for evaluation without running statistics.
 */
export function batchNorm(
  x: Tensor,
  w: Tensor | null,
  b: Tensor | null,
  options: BatchNormOptions = {},
): Tensor {
  const { training = true, running, momentum = 0.1, eps = 1e-5 } = options;
  if (!(eps >= 0 && eps < 1e30) || !(momentum >= 0 && momentum <= 1))
    throw new ShapeError(
      `batchNorm: eps ${eps}, momentum ${momentum}; eps is 0 or more, momentum from 0 to 1`,
    );
  if (x.rank < 2) throw new ShapeError(`batchNorm: x ${x}; it must be (B, C, ...)`);
  const [B, C, ...rest] = x.shape;
  const T = sizeOf(rest);
  checkAffine('batchNorm', x, C, 'one a channel', w, b);
  if (
    running &&
    running.mean.storage === running.variance.storage &&
    running.mean.offset === running.variance.offset
  )
    throw new ShapeError('batchNorm: the running mean and variance are one tensor; give two');
  for (const t of running ? [running.mean, running.variance] : [])
    if (t.size !== C) throw new ShapeError(`batchNorm: running statistics ${t} for ${C} channels`);
  const m = { name: 'batchNorm', x, w, b, groups: { P: B, G: C, Q: T }, affine: { count: C, inner: T } };
  if (!training) {
    if (!running)
      throw new ShapeError('batchNorm: evaluation needs running statistics; pass them, or training: true');
    return normalise(m, runningStatistics(running.mean, running.variance, eps), false);
  }
  if (B * T === 1)
    throw new ShapeError(`batchNorm: x ${x} has one value a channel; training needs more than one`);
  const stats = statistics('batchNorm', x, m.groups, eps);
  if (running) moveRunning(stats, running.mean, running.variance, momentum, (B * T) / (B * T - 1));
  return normalise(m, stats, true);
}

function runningStatistics(mean: Tensor, variance: Tensor, eps: number): Tensor {
  const stats = mean.engine.empty([mean.size, 3]);
  perItem(mean.size, {
    name: 'batchNorm.running',
    reads: { mean, variance },
    writes: { stats },
    floats: { eps },
    body: `stats[3u * i] = mean[i];
stats[3u * i + 1u] = 1.0 / sqrt(variance[i] + u.eps);
stats[3u * i + 2u] = variance[i];`,
  });
  return stats;
}

function moveRunning(
  stats: Tensor,
  mean: Tensor,
  variance: Tensor,
  momentum: number,
  unbiased: number,
): void {
  perItem(mean.size, {
    name: 'batchNorm.move',
    reads: { stats },
    writes: { mean, variance },
    floats: { momentum, unbiased },
    declarations: 'fn finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }',
    body: `if (finite(stats[3u * i]) && finite(stats[3u * i + 2u])) {
  mean[i] += u.momentum * (stats[3u * i] - mean[i]);
  variance[i] += u.momentum * (stats[3u * i + 2u] * u.unbiased - variance[i]);
}`,
  });
}

/**
 * Normalises groups of neighbouring channels of every example, as torch.nn.functional.group_norm.
 * @param x (B, C, ...)
 * @param groups divides C
 * @param w (C) or null: 1
 * @param b (C) or null: 0
 * @throws ShapeError if sizes do not fit.
 */
export function groupNorm(x: Tensor, groups: number, w: Tensor | null, b: Tensor | null, eps = 1e-5): Tensor {
  const [B, C, ...rest] = x.shape;
  if (x.rank < 2 || !Number.isInteger(groups) || groups < 1 || C % groups !== 0)
    throw new ShapeError(`groupNorm: x ${x} in ${groups} groups; it must be (B, C, ...), groups dividing C`);
  checkAffine('groupNorm', x, C, 'one a channel', w, b);
  const T = sizeOf(rest);
  const grouping = { P: 1, G: B * groups, Q: (C / groups) * T };
  const m = { name: 'groupNorm', x, w, b, groups: grouping, affine: { count: C, inner: T } };
  return normalise(m, statistics(m.name, x, m.groups, eps), true);
}

/**
 * Normalises the last dimensions, as torch.nn.functional.layer_norm.
 * @param shape the dimensions normalised over, x's last ones
 * @param w of that shape, or null: 1
 * @param b of that shape, or null: 0
 * @throws ShapeError if `shape` is not how x's shape ends, or w or b have another size.
 */
export function layerNorm(
  x: Tensor,
  shape: readonly number[],
  w: Tensor | null,
  b: Tensor | null,
  eps = 1e-5,
): Tensor {
  const D = sizeOf(shape);
  const ends = shape.length >= 1 && shape.every((d, i) => d === x.shape[x.rank - shape.length + i]);
  if (!ends) throw new ShapeError(`layerNorm: x ${x} does not end in ${shapeText(shape)}`);
  checkAffine('layerNorm', x, D, 'one an element normalised together', w, b);
  const m = {
    name: 'layerNorm',
    x,
    w,
    b,
    groups: { P: 1, G: x.size / D, Q: D },
    affine: { count: D, inner: 1 },
  };
  return normalise(m, statistics(m.name, x, m.groups, eps), true);
}

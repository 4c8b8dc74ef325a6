// A mixture of Gaussians that share one covariance, fitted by expectation and maximisation (Dempster, Laird and Rubin
// 1977) to points that are themselves Gaussians, each with the same diagonal variance around it: the means of a VAE's
// posteriors and their mean variance. A point's shares of the components hold for all that it may be, so what rises with
// every round is a lower bound of the mean log density of draws; with one component, or without variance, it is that.
// Begins with k-means++ (Arthur and Vassilvitskii 2007). Float64 throughout.

import type { Random } from '../engine/random.ts';
import { place } from './prior.ts';

export interface Gaussians {
  /** (K), 1 in sum. */
  weights: Float64Array;
  /** (D) each. */
  means: Float64Array[];
  /** Of the covariance that all share: its lower Cholesky factor, (D, D). */
  scale: Float64Array;
}

/** A fit, and the bound that the one before it had: nats a point. */
export interface Round {
  fit: Gaussians;
  bound: number;
}

const mostRounds = 100;
/** Nats a point by which a round must gain, or it is the last. */
const worthwhile = 1e-5;
/** Added to the covariance's diagonal. */
const floor = 1e-6;

/** The last of `rounds`. */
export function fitMixture(...given: Parameters<typeof rounds>): Gaussians {
  let last: Round | null = null;
  for (const round of rounds(...given)) last = round;
  return (last as Round).fit;
}

/**
 * Fits, each better than the one before, until a round gains nothing.
 * @param points (n, D), one at least
 * @param variance (D) around each point
 * @param K components, at most n
 */
export function* rounds(
  points: ArrayLike<number>,
  variance: ArrayLike<number>,
  K: number,
  random: Random,
): Generator<Round> {
  const D = variance.length;
  const n = points.length / D;
  const rows = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: D }, (_, d) => points[i * D + d]),
  );
  const around = Float64Array.from(variance, (v) => v + floor);
  const second = products(rows, Array(n).fill(1 / n));
  for (let d = 0; d < D; d++) second[d * D + d] += around[d];
  let fit = maximised(rows, nearest(rows, seeds(rows, K, random)), second);
  for (let round = 0, before = Number.NEGATIVE_INFINITY; round < mostRounds; round++) {
    const { shares, mean } = expected(rows, fit);
    const bound = mean - spreadCost(around, fit.scale);
    fit = maximised(rows, shares, second);
    yield { fit, bound };
    if (bound - before < worthwhile) return;
    before = bound;
  }
}

/** What the variance around the points takes from their log density: tr(S^-1 V) / 2. */
function spreadCost(variance: Float64Array, scale: Float64Array): number {
  const D = variance.length;
  let sum = 0;
  for (let d = 0; d < D; d++) {
    const unit = new Float64Array(D);
    unit[d] = 1;
    sum += variance[d] * squared(whitened(unit, scale), new Float64Array(D));
  }
  return sum / 2;
}

/** Points to begin with: the first at random, each other with a chance that grows with its squared distance to the last ones. */
function seeds(rows: readonly Float64Array[], K: number, random: Random): Float64Array[] {
  const draws = random.uniform(0, K);
  const chosen = [rows[Math.min(rows.length - 1, Math.floor(draws[0] * rows.length))]];
  const far = rows.map((row) => squared(row, chosen[0]));
  for (let k = 1; k < K; k++) {
    const next = rows[place(far, draws[k])];
    chosen.push(next);
    rows.forEach((row, i) => {
      far[i] = Math.min(far[i], squared(row, next));
    });
  }
  return chosen;
}

function nearest(rows: readonly Float64Array[], centres: readonly Float64Array[]): Float64Array[] {
  return rows.map((row) => {
    const far = centres.map((centre) => squared(row, centre));
    const best = far.indexOf(Math.min(...far));
    return Float64Array.from(centres, (_, k) => Number(k === best));
  });
}

/** Each component's share of each point, (n) of (K), and the points' mean log density. */
function expected(rows: readonly Float64Array[], { weights, means, scale }: Gaussians) {
  const D = means[0].length;
  const centres = means.map((mean) => whitened(mean, scale));
  let constant = (D / 2) * Math.log(2 * Math.PI);
  for (let d = 0; d < D; d++) constant += Math.log(scale[d * D + d]);
  let total = 0;
  const shares = rows.map((row) => {
    const white = whitened(row, scale);
    const logs = centres.map((centre, k) => Math.log(weights[k]) - squared(white, centre) / 2);
    const top = Math.max(...logs);
    const share = Float64Array.from(logs, (log) => Math.exp(log - top));
    const sum = share.reduce((a, b) => a + b, 0);
    total += top + Math.log(sum) - constant;
    return share.map((s) => s / sum);
  });
  return { shares, mean: total / rows.length };
}

/** @param second mean of all points' x xT, their own variance in it: less the means', it is the shared covariance */
function maximised(
  rows: readonly Float64Array[],
  shares: readonly Float64Array[],
  second: Float64Array,
): Gaussians {
  const [n, D, K] = [rows.length, rows[0].length, shares[0].length];
  const weights = new Float64Array(K);
  const means = Array.from({ length: K }, () => new Float64Array(D));
  rows.forEach((row, i) => {
    for (let k = 0; k < K; k++) {
      weights[k] += shares[i][k] / n;
      for (let d = 0; d < D; d++) means[k][d] += (shares[i][k] * row[d]) / n;
    }
  });
  for (let k = 0; k < K; k++) if (weights[k] > 0) means[k] = means[k].map((sum) => sum / weights[k]);
  const between = products(means, weights);
  return { weights, means, scale: cholesky(second.map((value, at) => value - between[at])) };
}

/** The sum of weight x xT over rows, (D, D). */
function products(rows: readonly Float64Array[], weights: ArrayLike<number>): Float64Array {
  const D = rows[0].length;
  const sums = new Float64Array(D * D);
  rows.forEach((row, i) => {
    for (let a = 0; a < D; a++) for (let b = 0; b < D; b++) sums[a * D + b] += weights[i] * row[a] * row[b];
  });
  return sums;
}

/** Lower factor of a symmetric positive definite matrix; what rounding leaves below the floor counts as it. */
function cholesky(matrix: Float64Array): Float64Array {
  const D = Math.sqrt(matrix.length);
  const factor = new Float64Array(D * D);
  for (let i = 0; i < D; i++)
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * D + j];
      for (let k = 0; k < j; k++) rest -= factor[i * D + k] * factor[j * D + k];
      factor[i * D + j] = i === j ? Math.sqrt(Math.max(rest, floor)) : rest / factor[j * D + j];
    }
  return factor;
}

/** L^-1 x. */
function whitened(x: Float64Array, scale: Float64Array): Float64Array {
  const D = x.length;
  const out = new Float64Array(D);
  for (let i = 0; i < D; i++) {
    let rest = x[i];
    for (let k = 0; k < i; k++) rest -= scale[i * D + k] * out[k];
    out[i] = rest / scale[i * D + i];
  }
  return out;
}

function squared(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += (a[d] - b[d]) ** 2;
  return sum;
}

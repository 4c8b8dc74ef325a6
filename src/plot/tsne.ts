// t-SNE (van der Maaten and Hinton 2008), exact, in two dimensions. Neighbours' probabilities p come from Gaussians whose
// widths give the wanted perplexity; the map's own, q, from Student's t. p is exaggerated 12 times in the first 250 steps
// (momentum 0.5, then 0.8), gains per coordinate, learning rate n / 48 (Belkina et al. 2019), without scikit-learn's
// floor of 50, which at a few hundred points overshoots and turns the map. It starts from two principal components shrunk
// to 1e-4, which keeps the large-scale layout (Kobak and Berens 2019), or goes on from an earlier map. Each step visits
// every pair once: quadratic, hence the limit on n. The same input and seed give the same bits.
import { ShapeError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import { checkMatrix, pca } from './projection.ts';

export interface TsneOptions {
  /** Of the choice of points where there are too many, and of the jitter that parts equal ones; 0 if not given. */
  seed?: number;
  /** Neighbours that count, about; 30 if not given, at most (n - 1) / 3. */
  perplexity?: number;
  /** (n, 2): a map to go on from, for all points given, for example that of the epoch before: not exaggerated. */
  init?: ArrayLike<number>;
  /** Steps in all; 750 if not given. */
  steps?: number;
  /** Points mapped at most; of more a random choice is. 2,000 if not given. */
  most?: number;
}

export interface Tsne {
  /** (m, 2), centred; m is n or `most`. */
  points: Float32Array;
  /** (m): which points these are, rising. */
  indices: Uint32Array;
  /** Kullback-Leibler divergence of q from p, nats. */
  divergence: number;
}

const exaggeration = { factor: 12, steps: 250 };
const tiny = 1e-12;

/** Squared distances of all pairs, full. */
function squaredDistances(z: ArrayLike<number>, rows: Uint32Array, d: number): Float64Array {
  const n = rows.length;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += (z[rows[i] * d + k] - z[rows[j] * d + k]) ** 2;
      out[i * n + j] = sum;
      out[j * n + i] = sum;
    }
  }
  return out;
}

/** Fills a row with the probabilities of i's neighbours, by bisection on the Gaussian's precision. */
function conditional(row: Float64Array, i: number, entropy: number): void {
  let nearest = Number.POSITIVE_INFINITY;
  let mean = 0;
  for (let j = 0; j < row.length; j++) {
    if (j !== i) nearest = Math.min(nearest, row[j]);
    mean += row[j] / (row.length - 1);
  }
  const weights = new Float64Array(row.length);
  let [low, high, precision] = [0, Number.POSITIVE_INFINITY, 1 / (mean - nearest || 1)];
  for (let round = 0; round < 60; round++) {
    let sum = 0;
    let moment = 0;
    for (let j = 0; j < row.length; j++) {
      const away = row[j] - nearest;
      weights[j] = j === i ? 0 : Math.exp(-precision * away);
      sum += weights[j];
      moment += weights[j] * away;
    }
    const found = Math.log(sum) + (precision * moment) / sum;
    for (let j = 0; j < row.length; j++) weights[j] /= sum;
    if (Math.abs(found - entropy) < 1e-6) break;
    if (found > entropy) low = precision;
    else high = precision;
    precision = high === Number.POSITIVE_INFINITY ? 2 * low : (low + high) / 2;
  }
  row.set(weights);
}

/** Joint probabilities of pairs j < i: the lower triangle, row after row; they sum to 1/2. */
function jointProbabilities(squares: Float64Array, n: number, perplexity: number): Float64Array {
  for (let i = 0; i < n; i++) conditional(squares.subarray(i * n, (i + 1) * n), i, Math.log(perplexity));
  const joint = new Float64Array((n * (n - 1)) / 2);
  let at = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++)
      joint[at++] = Math.max(tiny, (squares[i * n + j] + squares[j * n + i]) / (2 * n));
  }
  return joint;
}

/**
 * The gradient of the divergence into `grad`: 4 sum_j (factor p - q) (y_i - y_j) / (1 + |y_i - y_j|^2). Attraction and
 * repulsion are summed apart, because q's normalisation is known only after the last pair.
 * @returns that normalisation: the sum of 1 / (1 + |y_i - y_j|^2) over ordered pairs
 */
function gradient(
  y: Float64Array,
  p: Float64Array,
  factor: number,
  grad: Float64Array,
  push: Float64Array,
): number {
  const n = y.length / 2;
  grad.fill(0);
  push.fill(0);
  let norm = 0;
  for (let i = 0, at = 0; i < n; i++) {
    const [xi, yi] = [y[2 * i], y[2 * i + 1]];
    let [pullX, pullY, pushX, pushY] = [0, 0, 0, 0];
    for (let j = 0; j < i; j++, at++) {
      const dx = xi - y[2 * j];
      const dy = yi - y[2 * j + 1];
      const q = 1 / (1 + dx * dx + dy * dy);
      norm += q;
      const attraction = p[at] * q;
      const repulsion = q * q;
      pullX += attraction * dx;
      pullY += attraction * dy;
      pushX += repulsion * dx;
      pushY += repulsion * dy;
      grad[2 * j] -= attraction * dx;
      grad[2 * j + 1] -= attraction * dy;
      push[2 * j] -= repulsion * dx;
      push[2 * j + 1] -= repulsion * dy;
    }
    grad[2 * i] += pullX;
    grad[2 * i + 1] += pullY;
    push[2 * i] += pushX;
    push[2 * i + 1] += pushY;
  }
  norm *= 2;
  for (let k = 0; k < grad.length; k++) grad[k] = 4 * (factor * grad[k] - push[k] / norm);
  return norm;
}

/** Descends from y, in place; its first steps are exaggerated. */
function descend(y: Float64Array, p: Float64Array, steps: number, exaggerated: number): void {
  const n = y.length / 2;
  const rate = n / exaggeration.factor / 4;
  const [grad, push, velocity] = [0, 0, 0].map(() => new Float64Array(2 * n));
  const gain = new Float64Array(2 * n).fill(1);
  for (let step = 0; step < steps; step++) {
    const early = step < exaggerated;
    gradient(y, p, early ? exaggeration.factor : 1, grad, push);
    for (let k = 0; k < y.length; k++) {
      gain[k] = Math.max(0.01, velocity[k] * grad[k] < 0 ? gain[k] + 0.2 : gain[k] * 0.8);
      velocity[k] = (early ? 0.5 : 0.8) * velocity[k] - rate * gain[k] * grad[k];
      y[k] += velocity[k];
    }
    for (const axis of [0, 1]) {
      let mean = 0;
      for (let i = axis; i < y.length; i += 2) mean += y[i] / n;
      for (let i = axis; i < y.length; i += 2) y[i] -= mean;
    }
  }
}

function divergenceOf(y: Float64Array, p: Float64Array): number {
  const [grad, push] = [0, 0].map(() => new Float64Array(y.length));
  const norm = gradient(y, p, 1, grad, push);
  let sum = 0;
  for (let i = 0, at = 0; i < y.length / 2; i++) {
    for (let j = 0; j < i; j++, at++) {
      const q = 1 / (1 + (y[2 * i] - y[2 * j]) ** 2 + (y[2 * i + 1] - y[2 * j + 1]) ** 2) / norm;
      sum += 2 * p[at] * Math.log(p[at] / Math.max(q, tiny));
    }
  }
  return sum;
}

/** The coordinates of some points, on request scaled to a deviation of 1e-4 along x, with a jitter that parts equal ones. */
function startFrom(
  points: ArrayLike<number>,
  rows: Uint32Array,
  random: Random,
  shrink: boolean,
): Float64Array {
  const n = rows.length;
  const y = new Float64Array(2 * n);
  rows.forEach((row, i) => {
    y.set([points[2 * row], points[2 * row + 1]], 2 * i);
  });
  const x = y.filter((_, k) => k % 2 === 0);
  const mean = x.reduce((sum, v) => sum + v / n, 0);
  const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2 / n, 0)) || 1;
  const scale = shrink ? 1e-4 / deviation : 1;
  const jitter = random.normal(1, 2 * n);
  return y.map((v, k) => scale * (v + 1e-3 * deviation * jitter[k]));
}

/**
 * A t-SNE map. Time grows with the square of the points: about 5 s for 1,000 and 9 s for 2,000 on one busy core.
 * @param z (n, d), row-major
 * @throws ShapeError for sizes that do not fit or fewer than 4 points, DataError for values that are not finite.
 */
export function tsne(z: ArrayLike<number>, n: number, d: number, options: TsneOptions = {}): Tsne {
  checkMatrix('tsne', z, n, d, 4);
  const { seed = 0, perplexity = 30, init, steps = 750, most = 2000 } = options;
  if (!(perplexity >= 1 && Number.isFinite(perplexity))) {
    throw new ShapeError(`tsne: perplexity is ${perplexity}; give a number of neighbours, for example 30`);
  }
  if (!Number.isSafeInteger(steps) || steps < 1 || !Number.isSafeInteger(most) || most < 4) {
    throw new ShapeError(
      `tsne: steps is ${steps} and most ${most}; give integers of at least 1 step and 4 points`,
    );
  }
  if (init) checkMatrix('tsne, init', init, n, 2, 4);
  const random = new Random(seed, 'tsne');
  const indices = (
    n > most ? random.permutation(0, n).slice(0, most) : Uint32Array.from({ length: n }, (_, i) => i)
  )
    .slice()
    .sort();
  const start = startFrom(init ?? pca(z, n, d).points, indices, random, !init);
  const m = indices.length;
  const p = jointProbabilities(squaredDistances(z, indices, d), m, Math.min(perplexity, (m - 1) / 3));
  descend(start, p, steps, init ? 0 : exaggeration.steps);
  return { points: Float32Array.from(start), indices, divergence: divergenceOf(start, p) };
}

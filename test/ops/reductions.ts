// Reductions, softmax, losses and normalisation.

import {
  batchNorm,
  bceWithLogits,
  crossEntropy,
  elbo,
  gaussianNll,
  groupNorm,
  layerNorm,
  logSoftmax,
  logSumExp,
  max,
  mean,
  min,
  mse,
  reparameterize,
  softmax,
  sum,
} from '../../src/node.ts';
import { type Arr, at, build, fold, sizeOf, sumUpTo, total, zip } from './array.ts';
import type { Case, OpRow } from './row.ts';

const reductionCases: Case[] = [
  { shapes: { x: [1] }, attrs: { axes: null, keepDims: false } },
  { shapes: { x: [7] }, attrs: { axes: [0], keepDims: true } },
  { shapes: { x: [2503] }, attrs: { axes: null, keepDims: false } },
  { shapes: { x: [3, 64, 5] }, attrs: { axes: [1], keepDims: false } },
  { shapes: { x: [3, 5, 64] }, attrs: { axes: [2], keepDims: true } },
  { shapes: { x: [37, 2, 16] }, attrs: { axes: [0, 2], keepDims: false } },
  { shapes: { x: [5, 3, 4, 2] }, attrs: { axes: [0, -1], keepDims: true } },
  { shapes: { x: [65, 33] }, attrs: { axes: [0], keepDims: false } },
  { shapes: { x: [2, 2048] }, attrs: { axes: [1], keepDims: false } },
];

const reduction = (about: string, run: typeof sum, f: (values: number[]) => number): OpRow => ({
  about,
  inputs: { x: 'normal' },
  run: ({ x }, { axes, keepDims }) => run(x, axes, keepDims),
  reference: ({ x }, { axes, keepDims }) => fold(x, axes, keepDims, f),
  cases: reductionCases,
});

const logOfSum = (values: number[]) => {
  const top = Math.max(...values);
  return top + Math.log(total(values.map((v) => Math.exp(v - top))));
};

const axisCases: Case[] = [
  { shapes: { x: [1] }, attrs: { axis: 0 } },
  { shapes: { x: [5, 10] }, attrs: { axis: -1 } },
  { shapes: { x: [3, 17, 4] }, attrs: { axis: 1 } },
  { shapes: { x: [65, 3] }, attrs: { axis: 0 } },
  { shapes: { x: [2, 257] }, attrs: { axis: 1 } },
];

const softRow = (about: string, run: typeof softmax, finish: (logp: number) => number): OpRow => ({
  about,
  inputs: { x: 'normal' },
  run: ({ x }, { axis }) => run(x, axis),
  reference: ({ x }, { axis }) => zip((v, all) => finish(v - all), x, fold(x, [axis], true, logOfSum)),
  cases: axisCases,
});

/** Sums everything but the first axis. */
const perExample = (a: Arr): Arr =>
  fold(
    a,
    a.shape.slice(1).map((_, d) => d + 1),
    false,
    total,
  );

const lossCases = (names: string[]): Case[] =>
  [
    [1, 1],
    [3, 5],
    [7, 4, 16],
    [2, 129],
    [2, 3, 1000],
  ].map((shape) => ({ shapes: Object.fromEntries(names.map((n) => [n, shape])) }));

export const reductionRows: Record<string, OpRow> = {
  sum: reduction('sum over axes', sum, total),
  mean: reduction('mean over axes', mean, (v) => total(v) / v.length),
  max: reduction('largest over axes', max, (v) => Math.max(...v)),
  min: reduction('smallest over axes', min, (v) => Math.min(...v)),
  logSumExp: reduction('log of the sum of eˣ over axes', logSumExp, logOfSum),
  softmax: softRow('eˣ over its sum along an axis', softmax, Math.exp),
  logSoftmax: softRow('log softmax', logSoftmax, (v) => v),
  mse: {
    about: 'squared error, summed per example',
    inputs: { x: 'normal', t: 'normal' },
    run: ({ x, t }) => mse(x, t),
    reference: ({ x, t }) => perExample(zip((p, q) => (p - q) ** 2, x, t)),
    cases: lossCases(['x', 't']),
  },
  bceWithLogits: {
    about: 'binary cross-entropy of logits, summed per example',
    inputs: { x: 'normal', t: 'unit' },
    run: ({ x, t }) => bceWithLogits(x, t),
    reference: ({ x, t }) =>
      perExample(zip((v, p) => p * Math.log1p(Math.exp(-v)) + (1 - p) * Math.log1p(Math.exp(v)), x, t)),
    cases: lossCases(['x', 't']),
  },
  gaussianNll: {
    about: 'Gaussian negative log-likelihood with its constant, summed per example',
    inputs: { x: 'normal', t: 'normal', logVar: 'normal' },
    run: ({ x, t, logVar }) => gaussianNll(x, t, logVar),
    reference: ({ x, t, logVar }) =>
      perExample(
        zip((m, v, l) => 0.5 * (Math.log(2 * Math.PI) + l + (m - v) ** 2 / Math.exp(l)), x, t, logVar),
      ),
    cases: lossCases(['x', 't', 'logVar']),
  },
  crossEntropy: {
    about: 'cross-entropy of logits with class indices or probabilities, summed per example',
    inputs: {
      x: 'normal',
      t: { indexBelow: ({ x }) => x[1] },
    },
    run: ({ x, t }) => crossEntropy(x, t),
    reference: ({ x, t }) => {
      const [B, C, ...rest] = x.shape;
      const T = sizeOf(rest);
      const logp = zip((v, all) => v - all, x, fold(x, [1], true, logOfSum));
      // Indices lie below C; where x and t have one shape, t's numbers are taken as probabilities.
      const same = t.shape.length === x.shape.length;
      return build([B], (b) =>
        sumUpTo(T, (i) =>
          same
            ? -sumUpTo(C, (c) => t.data[(b * C + c) * T + i] * logp.data[(b * C + c) * T + i])
            : -logp.data[(b * C + t.data[b * T + i]) * T + i],
        ),
      );
    },
    cases: [
      { shapes: { x: [1, 1], t: [1] } },
      { shapes: { x: [5, 10], t: [5] } },
      { shapes: { x: [3, 7, 11], t: [3, 11] } },
      { shapes: { x: [4, 6], t: [4, 6] } },
    ],
  },
  reparameterize: {
    about: 'z = mu + e^(logVar / 2) eps, and its KL divergence to N(0, 1)',
    inputs: { mu: 'normal', logVar: 'normal', eps: 'normal' },
    run: ({ mu, logVar, eps }) => reparameterize(mu, logVar, eps),
    reference: ({ mu, logVar, eps }) => ({
      z: zip((m, l, e) => m + Math.exp(l / 2) * e, mu, logVar, eps),
      kl: perExample(zip((m, l) => 0.5 * (m * m + Math.exp(l) - 1 - l), mu, logVar)),
    }),
    cases: [
      [1, 1],
      [3, 7],
      [64, 32],
      [9, 65],
    ].map((s) => ({ shapes: { mu: s, logVar: s, eps: s } })),
  },
  elbo: {
    about: 'the training objective from per-example error and KL',
    inputs: {
      error: 'positive',
      kl: 'positive',
      beta: { values: (random, n) => random.uniform(7, n), gradient: false },
    },
    run: ({ error, kl, beta }, attrs) => elbo(error, kl, beta, attrs).loss,
    reference: ({ error, kl, beta }, { kind, weight = 1, D, scale = 1 }) => {
      const mean = (a: Arr) => total(a.data) / a.data.length;
      const S = mean(error);
      const recon = kind === 'optimal' ? (D / 2) * Math.log(S / D) : weight * S;
      return { shape: [1], data: Float64Array.of(scale * (recon + beta.data[0] * mean(kl))) };
    },
    cases: [
      { shapes: { error: [1], kl: [1], beta: [1] }, attrs: { kind: 'weighted' } },
      { shapes: { error: [7], kl: [7], beta: [1] }, attrs: { kind: 'weighted', weight: 10 } },
      { shapes: { error: [64], kl: [64], beta: [1] }, attrs: { kind: 'optimal', D: 48, scale: 64 } },
    ],
  },
  batchNorm: {
    about: 'channels normalised over batch and time',
    inputs: { x: 'normal', w: 'normal', b: 'normal' },
    run: ({ x, w, b }) => batchNorm(x, w, b),
    reference: ({ x, w, b }) =>
      normalised(
        x,
        w,
        b,
        ([, c]) => c,
        ([, c]) => c,
      ),
    cases: [
      [5, 3],
      [7, 1, 1],
      [3, 7, 11],
      [2, 16, 64],
      [2, 3, 257],
    ].map((x) => ({ shapes: { x, w: [x[1]], b: [x[1]] } })),
  },
  groupNorm: {
    about: 'groups of channels normalised per example',
    inputs: { x: 'normal', w: 'normal', b: 'normal' },
    run: ({ x, w, b }, { groups }) => groupNorm(x, groups, w, b),
    reference: ({ x, w, b }, { groups }) =>
      normalised(
        x,
        w,
        b,
        ([i, c]) => i * groups + Math.floor((c * groups) / x.shape[1]),
        ([, c]) => c,
      ),
    cases: [
      { shapes: { x: [2, 10], w: [10], b: [10] }, attrs: { groups: 2 } },
      { shapes: { x: [3, 6, 11], w: [6], b: [6] }, attrs: { groups: 3 } },
      { shapes: { x: [2, 8, 65], w: [8], b: [8] }, attrs: { groups: 1 } },
      { shapes: { x: [1, 5, 64], w: [5], b: [5] }, attrs: { groups: 5 } },
    ],
  },
  layerNorm: {
    about: 'last dimensions normalised',
    inputs: { x: 'normal', w: 'normal', b: 'normal' },
    run: ({ x, w, b }) => layerNorm(x, w.shape, w, b),
    reference: ({ x, w, b }) => {
      const D = w.data.length;
      const flat = { shape: [x.data.length / D, D], data: x.data };
      const y = normalised(
        flat,
        w,
        b,
        ([r]) => r,
        ([, d]) => d,
      );
      return { shape: x.shape, data: y.data };
    },
    cases: [
      { shapes: { x: [1, 7], w: [7], b: [7] } },
      { shapes: { x: [5, 7, 13], w: [13], b: [13] } },
      { shapes: { x: [3, 16, 4], w: [16, 4], b: [16, 4] } },
      { shapes: { x: [17, 257], w: [257], b: [257] } },
    ],
  },
};

/** (x - mean) / sqrt(variance + 1e-5) w + b, over the elements of equal group; weights by `place`. */
function normalised(
  x: Arr,
  w: Arr,
  b: Arr,
  group: (index: number[]) => number,
  place: (index: number[]) => number,
): Arr {
  const members = new Map<number, number[]>();
  build(x.shape, (...index) => {
    const g = group(index);
    if (!members.has(g)) members.set(g, []);
    members.get(g)?.push(at(x, ...index));
    return 0;
  });
  const stats = new Map(
    [...members].map(([g, values]) => {
      const mean = total(values) / values.length;
      return [g, { mean, sd: Math.sqrt(total(values.map((v) => (v - mean) ** 2)) / values.length + 1e-5) }];
    }),
  );
  return build(x.shape, (...index) => {
    const { mean, sd } = stats.get(group(index)) as { mean: number; sd: number };
    return ((at(x, ...index) - mean) / sd) * w.data[place(index)] + b.data[place(index)];
  });
}

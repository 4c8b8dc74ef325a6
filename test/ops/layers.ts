// Products, convolutions, pooling.

import { avgPool1d, conv1d, convTranspose1d, linear, matmul, maxPool1d } from '../../src/node.ts';
import { type Arr, at, build, sumUpTo } from './array.ts';
import type { Attrs, Case, OpRow } from './row.ts';

const activations: Record<string, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => Math.max(x, 0),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

const products: [number, number, number][] = [
  [1, 1, 1],
  [3, 5, 7],
  [8, 32, 16],
  [9, 33, 17],
  [64, 31, 65],
];

interface ConvCase {
  B?: number;
  Cin?: number;
  Cout?: number;
  T?: number;
  K?: number;
  stride?: number;
  padding?: number;
  dilation?: number;
  groups?: number;
  outputPadding?: number;
  activation?: string;
}

/** Size 1, primes, exact tiles and one more, groups; long kernels, strides and unaligned windows (naive kernels). */
const convs: ConvCase[] = [
  { B: 1, Cin: 1, Cout: 1, T: 1, K: 1 },
  { B: 3, Cin: 7, Cout: 13, T: 17, K: 5, padding: 2, activation: 'relu' },
  { Cin: 16, Cout: 16, T: 64, K: 3, padding: 1 },
  { Cin: 17, Cout: 17, T: 65, K: 3, padding: 1 },
  { Cin: 8, Cout: 32, T: 16, K: 4, stride: 2, padding: 1, activation: 'tanh' },
  { Cin: 6, Cout: 9, T: 23, stride: 3, groups: 3, dilation: 2, padding: 4, outputPadding: 1 },
  { Cin: 4, Cout: 4, T: 31, K: 5, groups: 4, padding: 10, dilation: 5 },
  { T: 8, K: 7, padding: 6 },
  { T: 40, K: 33, padding: 16 },
  { T: 90, K: 40, stride: 7, padding: 3, outputPadding: 2 },
  { T: 50, K: 11, stride: 5, dilation: 3, padding: 2 },
  { Cin: 6, Cout: 4, T: 60, K: 35, groups: 2, stride: 4 },
];

const convCases = (transposed: boolean): Case[] =>
  convs.map(({ B = 2, Cin = 3, Cout = 5, T = 12, K = 3, groups = 1, outputPadding, ...rest }) => ({
    shapes: {
      x: [B, Cin, T],
      w: transposed ? [Cin, Cout / groups, K] : [Cout, Cin / groups, K],
      b: [Cout],
    },
    attrs: { groups, ...rest, ...(transposed && outputPadding ? { outputPadding } : {}) },
  }));

function convReference({ x, w, b }: Record<string, Arr>, a: Attrs): Arr {
  const { stride = 1, padding = 0, dilation = 1, groups = 1, activation = 'none' } = a;
  const [B, Cin, T] = x.shape;
  const [Cout, I, K] = w.shape;
  const O = Cout / groups;
  const Tout = Math.floor((T + 2 * padding - dilation * (K - 1) - 1) / stride) + 1;
  return build([B, Cout, Tout], (n, o, t) => {
    let sum = b.data[o];
    for (let i = 0; i < I; i++)
      for (let k = 0; k < K; k++) {
        const from = t * stride - padding + k * dilation;
        if (from < 0 || from >= T) continue;
        sum += x.data[(n * Cin + Math.floor(o / O) * I + i) * T + from] * w.data[(o * I + i) * K + k];
      }
    return activations[activation](sum);
  });
}

function convTransposeReference({ x, w, b }: Record<string, Arr>, a: Attrs): Arr {
  const { stride = 1, padding = 0, dilation = 1, groups = 1, outputPadding = 0, activation = 'none' } = a;
  const [B, Cin, T] = x.shape;
  const [, O, K] = w.shape;
  const I = Cin / groups;
  const Tout = (T - 1) * stride - 2 * padding + dilation * (K - 1) + 1 + outputPadding;
  return build([B, O * groups, Tout], (n, o, t) => {
    let sum = b.data[o];
    const g = Math.floor(o / O);
    for (let k = 0; k < K; k++) {
      const from = (t + padding - k * dilation) / stride;
      if (!Number.isInteger(from) || from < 0 || from >= T) continue;
      for (let i = g * I; i < (g + 1) * I; i++)
        sum += x.data[(n * Cin + i) * T + from] * w.data[(i * O + (o % O)) * K + k];
    }
    return activations[activation](sum);
  });
}

const pools: Case[] = [
  { shapes: { x: [1, 1, 1] }, attrs: { kernel: 1 } },
  { shapes: { x: [2, 3, 64] }, attrs: { kernel: 2 } },
  { shapes: { x: [2, 5, 17] }, attrs: { kernel: 3, stride: 2, padding: 1 } },
  { shapes: { x: [3, 2, 65] }, attrs: { kernel: 7, stride: 3, padding: 3 } },
];

/** f over the elements of every window. */
function windows(
  x: Arr,
  { kernel, stride = kernel, padding = 0 }: Attrs,
  f: (values: number[], counted: number) => number,
): Arr {
  const [B, C, T] = x.shape;
  return build([B, C, Math.floor((T + 2 * padding - kernel) / stride) + 1], (b, c, o) => {
    const first = o * stride - padding;
    const places = Array.from({ length: kernel }, (_, k) => first + k);
    const inside = places.filter((t) => t >= 0 && t < T).map((t) => at(x, b, c, t));
    return f(inside, places.filter((t) => t < T + padding).length);
  });
}

export const layerRows: Record<string, OpRow> = {
  matmul: {
    about: 'A B, batched, either operand transposed',
    inputs: { a: 'normal', b: 'normal' },
    run: ({ a, b }, attrs) => matmul(a, b, attrs),
    reference: ({ a, b }, { transposeA, transposeB }) => {
      const [P, m, k] = a.shape;
      const [M, K] = transposeA ? [k, m] : [m, k];
      const N = transposeB ? b.shape[1] : b.shape[2];
      return build([P, M, N], (p, i, j) =>
        sumUpTo(
          K,
          (l) =>
            (transposeA ? at(a, p, l, i) : at(a, p, i, l)) * (transposeB ? at(b, p, j, l) : at(b, p, l, j)),
        ),
      );
    },
    cases: products.flatMap(([M, N, K], i) =>
      [0, 1, 2, 3].map((bits) => {
        const [transposeA, transposeB] = [bits % 2 === 1, bits > 1];
        const P = (i % 2) + 1;
        return {
          shapes: { a: transposeA ? [P, K, M] : [P, M, K], b: transposeB ? [P, N, K] : [P, K, N] },
          attrs: { transposeA, transposeB },
        };
      }),
    ),
  },
  linear: {
    about: 'x wᵀ + b, then an activation',
    inputs: { x: 'normal', w: 'normal', b: 'normal' },
    run: ({ x, w, b }, { activation }) => linear(x, w, b, activation),
    reference: ({ x, w, b }, { activation }) =>
      build([...x.shape.slice(0, -1), w.shape[0]], (...index) => {
        const o = index[index.length - 1];
        return activations[activation](
          b.data[o] + sumUpTo(w.shape[1], (i) => at(x, ...index.slice(0, -1), i) * at(w, o, i)),
        );
      }),
    cases: products.map(([M, N, K], i) => ({
      shapes: { x: i % 2 ? [M, K] : [1, M, K], w: [N, K], b: [N] },
      attrs: { activation: Object.keys(activations)[i % 4] },
    })),
  },
  conv1d: {
    about: 'convolution with stride, padding, dilation, groups, then an activation',
    inputs: { x: 'normal', w: 'normal', b: 'normal' },
    run: ({ x, w, b }, attrs) => conv1d(x, w, b, attrs),
    reference: convReference,
    cases: convCases(false),
  },
  convTranspose1d: {
    about: 'transposed convolution',
    inputs: { x: 'normal', w: 'normal', b: 'normal' },
    run: ({ x, w, b }, attrs) => convTranspose1d(x, w, b, attrs),
    reference: convTransposeReference,
    cases: convCases(true),
  },
  maxPool1d: {
    about: 'largest in a window, then relu if asked for',
    inputs: { x: 'normal' },
    run: ({ x }, { kernel, ...options }) => maxPool1d(x, kernel, options),
    reference: ({ x }, a) =>
      windows(x, a, (v) => Math.max(...v, a.activation === 'relu' ? 0 : Number.NEGATIVE_INFINITY)),
    cases: [
      ...pools,
      { shapes: { x: [2, 3, 31] }, attrs: { kernel: 2, activation: 'relu' } },
      { shapes: { x: [2, 4, 24] }, attrs: { kernel: 3, activation: 'relu' } },
      { shapes: { x: [1, 2, 15] }, attrs: { kernel: 3 } },
    ],
  },
  avgPool1d: {
    about: 'mean of a window, padding counted or not',
    inputs: { x: 'normal' },
    run: ({ x }, { kernel, ...options }) => avgPool1d(x, kernel, options),
    reference: ({ x }, a) =>
      windows(
        x,
        a,
        (v, counted) => v.reduce((p, q) => p + q, 0) / (a.countIncludePad === false ? v.length : counted),
      ),
    cases: [
      ...pools,
      { shapes: { x: [2, 2, 13] }, attrs: { kernel: 5, stride: 2, padding: 2, countIncludePad: false } },
    ],
  },
};

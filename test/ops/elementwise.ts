// Elementwise operations.

import {
  abs,
  add,
  clamp,
  cos,
  div,
  dropout,
  equal,
  exp,
  gelu,
  greater,
  greaterEqual,
  leakyRelu,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  Random,
  reciprocal,
  relu,
  rsqrt,
  sigmoid,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  type Tensor,
  tanh,
  where,
} from '../../src/node.ts';
import { type Arr, map, zip } from './array.ts';
import type { Case, Fill, OpRow } from './row.ts';

const shapes = [[1], [3], [64], [257], [3, 5, 7], [2, 16, 16], [2, 3, 2, 11]];
const cases: Case[] = shapes.map((x) => ({ shapes: { x } }));

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** The normal distribution function, by Simpson's rule over its density. */
function normalCdf(x: number): number {
  const n = 400;
  const h = x / n;
  let area = 0;
  for (let i = 0; i <= n; i++)
    area += (i === 0 || i === n ? 1 : i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2) / 2);
  return 0.5 + (area * h) / 3 / Math.sqrt(2 * Math.PI);
}

const unary = (
  about: string,
  run: (x: Tensor) => Tensor,
  f: (x: number) => number,
  fill: Fill = 'normal',
): OpRow => ({ about, inputs: { x: fill }, run: ({ x }) => run(x), reference: ({ x }) => map(x, f), cases });

const wide: Fill = { values: (random, n) => random.uniform(0, n).map((x) => 200 * x - 100), gradient: true };

export const unaryRows: Record<string, OpRow> = {
  neg: unary('-x', neg, (x) => -x),
  abs: unary('|x|', abs, Math.abs),
  square: unary('x²', square, (x) => x * x),
  sqrt: unary('√x', sqrt, Math.sqrt, 'positive'),
  rsqrt: unary('1 / √x', rsqrt, (x) => 1 / Math.sqrt(x), 'positive'),
  reciprocal: unary('1 / x', reciprocal, (x) => 1 / x, 'positive'),
  exp: unary('eˣ', exp, Math.exp),
  log: unary('log x', log, Math.log, 'positive'),
  relu: unary('max(x, 0)', relu, (x) => Math.max(x, 0)),
  sigmoid: unary('1 / (1 + e⁻ˣ)', sigmoid, logistic),
  tanh: unary('tanh x', tanh, Math.tanh),
  softplus: unary('log(1 + eˣ)', softplus, (x) => Math.log1p(Math.exp(x))),
  silu: unary('x sigmoid(x)', silu, (x) => x * logistic(x)),
  gelu: unary('x Φ(x)', gelu, (x) => x * normalCdf(x)),
  sin: unary('sin x', sin, Math.sin, wide),
  cos: unary('cos x', cos, Math.cos, wide),
  leakyRelu: {
    ...unary('x above 0, else slope x', relu, Math.abs),
    run: ({ x }, { slope }) => leakyRelu(x, slope),
    reference: ({ x }, { slope }) => map(x, (v) => (v > 0 ? v : slope * v)),
    cases: cases.map((c, i) => ({ ...c, attrs: { slope: [0.01, 0.2][i % 2] } })),
  },
  clamp: {
    ...unary('x held between two bounds', relu, Math.abs),
    run: ({ x }, { low, high }) => clamp(x, low, high),
    reference: ({ x }, { low, high }) => map(x, (v) => Math.min(Math.max(v, low ?? -1e9), high ?? 1e9)),
    cases: cases.map((c, i) => ({
      ...c,
      attrs: [
        { low: -0.5, high: 1 },
        { low: null, high: 0.3 },
        { low: 0, high: null },
      ][i % 3],
    })),
  },
  pow: {
    ...unary('xᵖ', relu, Math.abs),
    inputs: { x: 'positive' },
    run: ({ x }, { p }) => pow(x, p),
    reference: ({ x }, { p }) => map(x, (v) => v ** p),
    cases: [2, 3, -1, 0.5, -1.7, 0, 11].map((p, i) => ({ shapes: { x: shapes[i] }, attrs: { p } })),
  },
  dropout: {
    ...unary('0 with probability p, else x / (1 - p)', relu, Math.abs),
    run: ({ x }, { p, step }) => dropout(x, p, new Random(5, 'drop'), step),
    reference: ({ x }, { p, step }) => {
      const drawn = new Random(5, 'drop').uniform(step, x.data.length);
      return { shape: x.shape, data: x.data.map((v, i) => (drawn[i] >= p ? v / (1 - p) : 0)) };
    },
    cases: cases.map((c, i) => ({ ...c, attrs: { p: [0.1, 0.5, 0, 1][i % 4], step: 1e10 + i } })),
  },
};

const pairs: [number[], number[]][] = [
  [[1], [1]],
  [[64], [64]],
  [
    [3, 5, 7],
    [3, 5, 7],
  ],
  [
    [3, 5, 7],
    [5, 1],
  ],
  [
    [3, 5, 8],
    [5, 1],
  ],
  [
    [2, 5, 8],
    [2, 1, 8],
  ],
  [
    [4, 1, 6],
    [1, 3, 1],
  ],
  [[2, 16], [1]],
  [[17], [2, 3, 17]],
];
const pairCases: Case[] = pairs.map(([a, b]) => ({ shapes: { a, b } }));

const binary = (
  about: string,
  run: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => number,
  fill: Fill = 'normal',
): OpRow => ({
  about,
  inputs: { a: 'normal', b: fill },
  run: ({ a, b }) => run(a, b),
  reference: ({ a, b }) => zip(f, a, b),
  cases: pairCases,
});

/** Few different values, so that equal ones meet. */
const coarse: Fill = { values: (random, n) => random.normal(9, n).map(Math.round), gradient: false };
const comparison = (
  about: string,
  run: (a: Tensor, b: Tensor) => Tensor,
  f: (a: number, b: number) => boolean,
): OpRow => ({
  ...binary(about, run, (a, b) => (f(a, b) ? 1 : 0)),
  inputs: { a: { ...coarse, values: (random, n) => random.normal(8, n).map(Math.round) }, b: coarse },
  noGradient: true,
});

export const binaryRows: Record<string, OpRow> = {
  add: binary('a + b', add, (a, b) => a + b),
  sub: binary('a - b', sub, (a, b) => a - b),
  mul: binary('a b', mul, (a, b) => a * b),
  div: binary('a / b', div, (a, b) => a / b, 'positive'),
  maximum: binary('the larger of a and b', maximum, Math.max),
  minimum: binary('the smaller of a and b', minimum, Math.min),
  greater: comparison('1 where a > b', greater, (a, b) => a > b),
  greaterEqual: comparison('1 where a >= b', greaterEqual, (a, b) => a >= b),
  less: comparison('1 where a < b', less, (a, b) => a < b),
  lessEqual: comparison('1 where a <= b', lessEqual, (a, b) => a <= b),
  equal: comparison('1 where a = b', equal, (a, b) => a === b),
  notEqual: comparison('1 where a ≠ b', notEqual, (a, b) => a !== b),
  where: {
    about: 'a where the condition is not 0, else b',
    inputs: { c: coarse, a: 'normal', b: 'normal' },
    run: ({ c, a, b }) => where(c, a, b),
    reference: ({ c, a, b }): Arr => zip((k, p, q) => (k !== 0 ? p : q), c, a, b),
    cases: [
      { shapes: { c: [1], a: [1], b: [1] } },
      { shapes: { c: [64], a: [64], b: [64] } },
      { shapes: { c: [3, 1], a: [3, 5], b: [5] } },
      { shapes: { c: [2, 3, 7], a: [1], b: [3, 7] } },
      { shapes: { c: [2, 3, 8], a: [3, 1], b: [2, 1, 8] } },
    ],
  },
};

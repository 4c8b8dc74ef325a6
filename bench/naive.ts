// The naive version of each kernel: one invocation an output, scalars, no sharing, one dispatch. What the kernels in
// src/shaders are checked against and timed beside. (The convolutions' naive versions are fallbacks and live in
// src/shaders/conv.)

import { perItem } from '../src/engine/run.ts';
import type { Engine, Shape, Tensor } from '../src/index.ts';

interface Naive {
  name: string;
  inputs: Record<string, Tensor>;
  outputs: Record<string, Shape>;
  sizes?: Record<string, number>;
  /** Invocations. */
  n: number;
  /** WGSL statements of invocation `i`. */
  body: string;
}

/** Runs it; gives the outputs in order. */
export function naive(engine: Engine, { name, inputs, outputs, sizes = {}, n, body }: Naive): Tensor[] {
  const made = Object.fromEntries(Object.entries(outputs).map(([k, shape]) => [k, engine.empty(shape)]));
  perItem(n, { name: `naive.${name}`, reads: inputs, writes: made, sizes, body });
  return Object.values(made);
}

/** C (M, N) = A (M, K) B (K, N); either operand may be stored transposed. */
export function naiveMatmul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor[] {
  const [M, K] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  const N = b.shape[transposeB ? 0 : 1];
  const at = transposeA ? 'k * u.M + m' : 'm * u.K + k';
  const bt = transposeB ? 'j * u.K + k' : 'k * u.N + j';
  return naive(a.engine, {
    name: 'matmul',
    inputs: { a, b },
    outputs: { c: [M, N] },
    sizes: { M, N, K },
    n: M * N,
    body: `let m = i / u.N;
let j = i % u.N;
var sum = 0.0;
for (var k = 0u; k < u.K; k++) { sum += a[${at}] * b[${bt}]; }
c[i] = sum;`,
  });
}

/** y = expression of the inputs' elements, by their names with an index: `x[i]`. */
export function naiveMap(name: string, inputs: Record<string, Tensor>, expression: string): Tensor[] {
  const [{ engine, shape, size }] = Object.values(inputs);
  return naive(engine, { name, inputs, outputs: { y: shape }, n: size, body: `y[i] = ${expression};` });
}

/** Sums of `expression` over each row of `length` elements; `e` is the element's index. */
export function naiveSum(
  name: string,
  inputs: Record<string, Tensor>,
  rows: number,
  expression: string,
): Tensor[] {
  const [{ engine, size }] = Object.values(inputs);
  return naive(engine, {
    name,
    inputs,
    outputs: { y: [rows] },
    sizes: { length: size / rows },
    n: rows,
    body: `var sum = 0.0;
for (var e = i * u.length; e < (i + 1u) * u.length; e++) { sum += ${expression}; }
y[i] = sum;`,
  });
}

/** Softmax of each row: its maximum, its sum, then the quotients. */
export function naiveSoftmax(x: Tensor): Tensor[] {
  const [rows, length] = x.shape;
  return naive(x.engine, {
    name: 'softmax',
    inputs: { x },
    outputs: { y: x.shape },
    sizes: { length },
    n: rows,
    body: `var most = x[i * u.length];
for (var e = i * u.length; e < (i + 1u) * u.length; e++) { most = max(most, x[e]); }
var sum = 0.0;
for (var e = i * u.length; e < (i + 1u) * u.length; e++) { sum += exp(x[e] - most); }
for (var e = i * u.length; e < (i + 1u) * u.length; e++) { y[e] = exp(x[e] - most) / sum; }`,
  });
}

/** relu(max) over pairs along the last axis. */
export function naivePool(x: Tensor): Tensor[] {
  const shape = [...x.shape.slice(0, -1), x.shape[x.rank - 1] / 2];
  return naive(x.engine, {
    name: 'maxPool',
    inputs: { x },
    outputs: { y: shape },
    n: x.size / 2,
    body: 'y[i] = max(0.0, max(x[2u * i], x[2u * i + 1u]));',
  });
}

/** Its gradient: to the first of the pair that is the maximum, unless relu cut it off. */
export function naivePoolGradient(x: Tensor, dy: Tensor): Tensor[] {
  return naive(x.engine, {
    name: 'maxPool.dx',
    inputs: { x, dy },
    outputs: { dx: x.shape },
    n: x.size,
    body: `let a = x[i / 2u * 2u];
let b = x[i / 2u * 2u + 1u];
dx[i] = select(0.0, dy[i / 2u], max(a, b) > 0.0 && ((i % 2u == 0u) == (a >= b)));`,
  });
}

/** z and the KL divergence in two dispatches, the elements and the sums. */
export function naiveReparameterize(mu: Tensor, logVar: Tensor, eps: Tensor): Tensor[] {
  return [
    ...naiveMap('sample', { mu, logVar, eps }, 'mu[i] + exp(0.5 * logVar[i]) * eps[i]'),
    ...naiveSum(
      'kl',
      { mu, logVar },
      mu.shape[0],
      '0.5 * (mu[e] * mu[e] + exp(logVar[e]) - 1.0 - logVar[e])',
    ),
  ];
}

/** One step of Adam from moments of zero: the new parameters, m and v. */
export function naiveAdam(p: Tensor, g: Tensor, m: Tensor, v: Tensor): Tensor[] {
  return naive(p.engine, {
    name: 'adam',
    inputs: { p, g, m, v },
    outputs: { p1: p.shape, m1: p.shape, v1: p.shape },
    n: p.size,
    body: `let a = 0.9 * m[i] + 0.1 * g[i];
let b = 0.999 * v[i] + 0.001 * g[i] * g[i];
m1[i] = a;
v1[i] = b;
p1[i] = p[i] - 0.001 * (a / (1.0 - 0.9)) / (sqrt(b / (1.0 - 0.999)) + 1e-8);`,
  });
}

/** Real transforms of the rows of x (R, n) by the definition, with a table of cosines and sines. (R, n/2 + 1, 2) */
export function naiveRfft(x: Tensor): Tensor[] {
  const [R, n] = x.shape;
  const table = x.engine.constant(`naive twiddles ${n}`, () => ({
    data: Float32Array.from({ length: 2 * n }, (_, i) => {
      const angle = (-2 * Math.PI * (i >> 1)) / n;
      return i % 2 ? Math.sin(angle) : Math.cos(angle);
    }),
    shape: [n, 2],
  }));
  const F = Math.floor(n / 2) + 1;
  return naive(x.engine, {
    name: 'rfft',
    inputs: { x, table },
    outputs: { y: [R, F, 2] },
    sizes: { F, length: n },
    n: R * F,
    body: `let row = i / u.F * u.length;
let k = i % u.F;
var re = 0.0;
var im = 0.0;
for (var t = 0u; t < u.length; t++) {
  let at = 2u * (k * t % u.length);
  re += x[row + t] * table[at];
  im += x[row + t] * table[at + 1u];
}
y[2u * i] = re;
y[2u * i + 1u] = im;`,
  });
}

// Every variant of a matrix product, on any adapter, against its definition in float64: long sums cut into slices, tiles
// with tails in all three dimensions and without, rows of whole vec4s and others, with every epilogue.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, openEngine, Random } from '../../src/node.ts';
import { type Product, product } from '../../src/shaders/matmul/product.ts';
import { closeTo } from '../close.ts';

type Case = Omit<Product, 'name' | 'bias' | 'rowSums'> & {
  withBias?: boolean;
  withSums?: boolean;
  variants: string[];
};

const cases: Case[] = [
  {
    ...{ M: 65, N: 67, K: 1030, transposeA: false, transposeB: true },
    ...{ withBias: true, activation: 'tanh', add: true, withSums: true },
    variants: ['split', 'tile64', 'tile32', 'rows'],
  },
  {
    ...{ M: 5, N: 9, K: 1025, batches: 2, transposeA: false, transposeB: false },
    variants: ['split', 'rows', 'tile32'],
  },
  {
    ...{ M: 33, N: 18, K: 1031, transposeA: true, transposeB: false, add: true, withSums: true },
    variants: ['split', 'tile32', 'rows'],
  },
  {
    ...{ M: 64, N: 64, K: 20, batches: 2, transposeA: true, transposeB: true, withBias: true },
    variants: ['tile64', 'tile32', 'rows'],
  },
];

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ variant: 'gpu' });
});
afterAll(() => engine.close());

test.each(cases)('$M x $N x $K', async ({ withBias, withSums, variants, ...p }) => {
  const { M, N, K, batches = 1 } = p;
  const random = new Random(3, 'product');
  const host = {
    a: random.normal(0, batches * M * K),
    b: random.normal(1, batches * K * N),
    bias: withBias ? random.normal(2, N) : null,
    c: random.normal(3, batches * M * N),
  };
  const want = expected(p, host);
  const A = engine.tensor(host.a);
  const B = engine.tensor(host.b);
  const extras = {
    ...(host.bias ? { bias: engine.tensor(host.bias) } : {}),
    ...(withSums ? { rowSums: engine.empty([M]) } : {}),
  };
  let offered: readonly string[] = [];
  for (let v = 0; v < variants.length; v++) {
    engine.plan.choose = (_, names) => {
      offered = names;
      return names[v];
    };
    const C = engine.tensor(host.c);
    product(engine, { name: 'product', ...p, ...extras }, A, B, C);
    closeTo(await C.read(), want.c, { relative: 1e-4, ofRms: 1e-5 }, offered[v]);
    if (extras.rowSums)
      closeTo(await extras.rowSums.read(), want.sums, { relative: 1e-4, ofRms: 1e-5 }, offered[v]);
  }
  expect(offered.map((name) => name.replace(/^(split|rows)\d+$/, '$1'))).toEqual(variants);
});

/** C and the sums of A's rows in float64. */
function expected(
  { M, N, K, batches = 1, transposeA, transposeB, activation, add }: Omit<Product, 'name'>,
  { a, b, bias, c }: { a: Float32Array; b: Float32Array; bias: Float32Array | null; c: Float32Array },
) {
  const aAt = (p: number, m: number, k: number) => a[p * M * K + (transposeA ? k * M + m : m * K + k)];
  const bAt = (p: number, k: number, n: number) => b[p * N * K + (transposeB ? n * K + k : k * N + n)];
  const upToK = (f: (k: number) => number) => {
    let sum = 0;
    for (let k = 0; k < K; k++) sum += f(k);
    return sum;
  };
  const made = Float64Array.from({ length: batches * M * N }, (_, i) => {
    const [p, m, n] = [Math.floor(i / (M * N)), Math.floor(i / N) % M, i % N];
    const x = upToK((k) => aAt(p, m, k) * bAt(p, k, n)) + (bias?.[n] ?? 0);
    return (activation === 'tanh' ? Math.tanh(x) : x) + (add ? c[i] : 0);
  });
  return { c: made, sums: Float64Array.from({ length: M }, (_, m) => upToK((k) => aAt(0, m, k))) };
}

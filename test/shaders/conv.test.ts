// conv1d and convTranspose1d against their definitions in float64, forward and all gradients, over shapes the golden
// vectors do not reach: size 1, primes, exact tiles and one more, groups, long kernels and strides (naive kernels).

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backwardFrom, conv1d, convTranspose1d, type Engine, openEngine, Random } from '../../src/node.ts';
import { closeTo } from '../close.ts';

interface Case {
  B: number;
  Cin: number;
  Cout: number;
  T: number;
  K: number;
  stride: number;
  padding: number;
  dilation: number;
  groups: number;
  outputPadding: number;
}

const base: Case = {
  B: 2,
  Cin: 3,
  Cout: 5,
  T: 12,
  K: 3,
  stride: 1,
  padding: 0,
  dilation: 1,
  groups: 1,
  outputPadding: 0,
};
const cases: Partial<Case>[] = [
  { B: 1, Cin: 1, Cout: 1, T: 1, K: 1 },
  { B: 3, Cin: 7, Cout: 13, T: 17, K: 5, padding: 2 },
  { Cin: 16, Cout: 16, T: 64, K: 3, padding: 1 },
  { Cin: 17, Cout: 17, T: 65, K: 3, padding: 1 },
  { Cin: 8, Cout: 32, T: 16, K: 4, stride: 2, padding: 1 },
  { Cin: 6, Cout: 9, T: 23, K: 3, stride: 3, groups: 3, dilation: 2, padding: 4, outputPadding: 1 },
  { Cin: 4, Cout: 4, T: 31, K: 5, groups: 4, padding: 10, dilation: 5 },
  { T: 8, K: 7, padding: 6 },
  { T: 40, K: 33, padding: 16 },
  { T: 90, K: 40, stride: 7, padding: 3, outputPadding: 2 },
  { T: 50, K: 11, stride: 5, dilation: 3, padding: 2, groups: 1 },
  { Cin: 6, Cout: 4, T: 60, K: 35, groups: 2, dilation: 1, stride: 4 },
];

/** For every product of the convolution: indices of x, w, y. The transposed one swaps the roles of x and y. */
function* products(c: Case, transposed: boolean, Tin: number, Tout: number) {
  const [I, O] = [c.Cin / c.groups, c.Cout / c.groups];
  for (let b = 0; b < c.B; b++)
    for (let g = 0; g < c.groups; g++)
      for (let i = 0; i < I; i++)
        for (let o = 0; o < O; o++)
          for (let k = 0; k < c.K; k++)
            for (let t = 0; t < (transposed ? Tin : Tout); t++) {
              const far = t * c.stride - c.padding + k * c.dilation;
              const [xt, yt] = transposed ? [t, far] : [far, t];
              if (far < 0 || far >= (transposed ? Tout : Tin)) continue;
              const [ci, co] = [g * I + i, g * O + o];
              const w = transposed ? (ci * O + o) * c.K + k : (co * I + i) * c.K + k;
              yield [(b * c.Cin + ci) * Tin + xt, w, (b * c.Cout + co) * Tout + yt] as const;
            }
}

describe.each(['auto', 'plain'] as const)('%s kernels', (variant) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ variant });
  });
  afterAll(() => engine.close());

  describe.each([false, true])('transposed: %s', (transposed) => {
    test.each(cases.map((c) => ({ ...base, ...c })))('%j', async (c) => {
      const random = new Random(7, JSON.stringify(c));
      const wShape = transposed ? [c.Cin, c.Cout / c.groups, c.K] : [c.Cout, c.Cin / c.groups, c.K];
      const host = {
        x: random.normal(0, c.B * c.Cin * c.T),
        w: random.normal(1, wShape[0] * wShape[1] * c.K),
        b: random.normal(2, c.Cout),
      };
      const x = engine.tensor(host.x, [c.B, c.Cin, c.T]);
      const w = engine.tensor(host.w, wShape);
      const b = engine.tensor(host.b, [c.Cout]);
      for (const t of [x, w, b]) t.requiresGrad = true;
      const { stride, padding, dilation, groups, outputPadding } = c;
      const y = transposed
        ? convTranspose1d(x, w, b, { stride, padding, dilation, groups, outputPadding })
        : conv1d(x, w, b, { stride, padding, dilation, groups });
      const Tout = y.shape[2];
      const span = dilation * (c.K - 1) + 1;
      expect(Tout).toBe(
        transposed
          ? (c.T - 1) * stride - 2 * padding + span + outputPadding
          : Math.floor((c.T + 2 * padding - span) / stride) + 1,
      );
      const dy = random.normal(3, y.size);
      const want = {
        y: Float64Array.from({ length: y.size }, (_, i) => host.b[Math.floor(i / Tout) % c.Cout]),
        x: new Float64Array(host.x.length),
        w: new Float64Array(host.w.length),
        b: new Float64Array(c.Cout),
      };
      dy.forEach((d, i) => {
        want.b[Math.floor(i / Tout) % c.Cout] += d;
      });
      for (const [ix, iw, iy] of products(c, transposed, c.T, Tout)) {
        want.y[iy] += host.x[ix] * host.w[iw];
        want.x[ix] += dy[iy] * host.w[iw];
        want.w[iw] += dy[iy] * host.x[ix];
      }
      closeTo(await y.read(), want.y, { relative: 1e-4, ofRms: 1e-5 }, 'y');
      const grads = backwardFrom([[y, engine.tensor(dy, y.shape)]], [x, w, b]);
      for (const [i, name] of (['x', 'w', 'b'] as const).entries())
        closeTo(await grads[i].read(), want[name], { relative: 1e-4, ofRms: 1e-5 }, `d${name}`);
    });
  });
});

test('impossible shapes are refused before any work, with the values', async () => {
  const engine = await openEngine();
  const t = (...shape: number[]) => engine.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
  expect(() => conv1d(t(1, 2, 8), t(4, 3, 3))).toThrow(/x \(1, 2, 8\), w \(4, 3, 3\), groups 1/);
  expect(() => conv1d(t(1, 3, 2), t(4, 3, 5))).toThrow(/5 taps .* longer than x of 2/);
  expect(() => conv1d(t(1, 3, 8), t(4, 3, 3), t(3))).toThrow(/b \(3\) for 4 output channels/);
  expect(() => conv1d(t(1, 3, 8), t(4, 3, 3), null, { stride: 0 })).toThrow(/stride 0/);
  expect(() => convTranspose1d(t(1, 3, 8), t(3, 4, 3), null, { outputPadding: 1 })).toThrow(
    /outputPadding 1/,
  );
  expect(() => convTranspose1d(t(1, 3, 1), t(3, 4, 1), null, { padding: 2 })).toThrow(/leaves -3 outputs/);
  engine.close();
});

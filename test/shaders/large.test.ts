// Work that is large enough for the larger tiles gives what its parts give by the smaller ones: a batch at once beside
// eighths of it, whose kernels are others. Sizes leave most tiles a rest.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  backwardFrom,
  conv1d,
  convTranspose1d,
  type Engine,
  linear,
  openEngine,
  Random,
  type Shape,
  type Tensor,
} from '../../src/node.ts';
import { isNarrow } from '../../src/shaders/tile.ts';
import { closeTo } from '../close.ts';

interface Case {
  name: string;
  x: Shape;
  w: Shape;
  outputs: number;
  /** Of forward and the two gradients, those with a larger tile on narrow and on wide subgroups. */
  larger: { narrow: number; wide: number };
  run: (x: Tensor, w: Tensor, b: Tensor) => Tensor;
}

const cases: Case[] = [
  {
    name: 'conv1d',
    ...{ x: [8, 43, 64], w: [77, 43, 5], outputs: 77 },
    larger: { narrow: 1, wide: 3 },
    run: (x, w, b) => conv1d(x, w, b, { padding: 2 }),
  },
  {
    name: 'conv1d, rows of no whole vec4s',
    ...{ x: [8, 48, 63], w: [77, 48, 5], outputs: 77 },
    larger: { narrow: 1, wide: 1 },
    run: (x, w, b) => conv1d(x, w, b, { padding: 2 }),
  },
  {
    name: 'convTranspose1d',
    ...{ x: [24, 45, 32], w: [45, 77, 4], outputs: 77 },
    larger: { narrow: 1, wide: 3 },
    run: (x, w, b) => convTranspose1d(x, w, b, { stride: 2, padding: 1 }),
  },
  {
    name: 'linear',
    ...{ x: [128, 300], w: [270, 300], outputs: 270 },
    larger: { narrow: 3, wide: 0 },
    run: (x, w, b) => linear(x, w, b),
  },
];

const parts = 8;
/** Sums over the batch are added up in another order. */
const tolerance = { relative: 1e-5, ofRms: 1e-5 };
let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

test.each(cases)('$name', async ({ name, x, w, outputs, larger, run }) => {
  const random = new Random(7, name);
  const tensor = (data: Float32Array, shape: Shape) => {
    const t = engine.tensor(data, shape);
    t.requiresGrad = true;
    return t;
  };
  const draw = (step: number, shape: Shape) =>
    random.normal(
      step,
      shape.reduce((a, b) => a * b),
    );
  const weights = [draw(0, w), draw(1, [outputs])];
  const input = draw(2, x);

  /** y, dx, dw, db of a run of batch elements. */
  const results = async (from: number, count: number) => {
    const each = input.length / x[0];
    const xs = tensor(input.slice(from * each, (from + count) * each), [count, ...x.slice(1)]);
    const [ws, bs] = [tensor(weights[0], w), tensor(weights[1], [outputs])];
    const y = run(xs, ws, bs);
    const whole = draw(3, [x[0], ...y.shape.slice(1)]);
    const dy = whole.slice((from * whole.length) / x[0], ((from + count) * whole.length) / x[0]);
    const gradients = backwardFrom([[y, engine.tensor(dy, y.shape)]], [xs, ws, bs]);
    return engine.read([y, ...gradients]);
  };

  const [y, dx, dw, db] = await results(0, x[0]);
  const compiled = engine.pipelines.count;
  const count = x[0] / parts;
  const pieces: Float32Array[][] = [];
  for (let p = 0; p < parts; p++) pieces.push(await results(p * count, count));
  const own = engine.gpu || engine.lanes === 0 ? 0 : larger[isNarrow(engine.lanes) ? 'narrow' : 'wide'];
  expect(engine.pipelines.count - compiled).toBe(own);
  const joined = (i: number) => pieces.flatMap((piece) => [...piece[i]]);
  const summed = (i: number) =>
    Array.from(pieces[0][i], (_, at) => pieces.reduce((sum, piece) => sum + piece[i][at], 0));
  closeTo(y, joined(0), tolerance, 'y');
  closeTo(dx, joined(1), tolerance, 'dx');
  closeTo(dw, summed(2), tolerance, 'dw');
  closeTo(db, summed(3), tolerance, 'db');
});

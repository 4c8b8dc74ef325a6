// Walks: closed forms of both modes, vectors without a direction and with opposite ones, planes, and what the decoder
// makes of points, against the model itself.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { conditionsOf, firstExamples } from '../../src/model/dataset.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { Trainer } from '../../src/model/trainer.ts';
import {
  atMean,
  type Engine,
  interpolate,
  klPerUnit,
  latentPlane,
  openEngine,
  walk,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';
import { data, frames, mels } from './small.ts';
import { valuesOf } from './splits.ts';

const rows = (values: Float32Array, n: number) =>
  Array.from({ length: values.length / n }, (_, i) => [...values.subarray(i * n, (i + 1) * n)]);
const length = (v: readonly number[]) => Math.hypot(...v);
const near = (got: readonly number[], want: readonly number[], digits = 6) => {
  expect(got).toHaveLength(want.length);
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(want[i], digits);
  });
};

describe('interpolate', () => {
  test('linear: even steps, ends to the bit', () => {
    expect(rows(interpolate([0, 1], [4, -1], 5), 2)).toEqual([
      [0, 1],
      [1, 0.5],
      [2, 0],
      [3, -0.5],
      [4, -1],
    ]);
    const [a, b] = [Float32Array.of(0.1, 1e-30), Float32Array.of(-3.7, 1e30)];
    for (const mode of ['linear', 'spherical'] as const) {
      const way = interpolate(a, b, 3, mode);
      expect([way.slice(0, 2), way.slice(4)]).toEqual([a, b]);
    }
  });

  test('spherical: even angles, lengths in between', () => {
    const way = rows(interpolate([1, 0, 0], [0, 3, 0], 4, 'spherical'), 3);
    way.forEach((v, i) => {
      const [t, angle] = [i / 3, (i * Math.PI) / 6];
      near(v, [(1 + 2 * t) * Math.cos(angle), (1 + 2 * t) * Math.sin(angle), 0]);
    });
    // An angle of 120 degrees: the middle has the full length where a straight way has half of it.
    const to = [-0.5, Math.sqrt(0.75)];
    near(rows(interpolate([1, 0], to, 3, 'spherical'), 2)[1], [0.5, Math.sqrt(0.75)]);
    expect(length(rows(interpolate([1, 0], to, 3), 2)[1])).toBeCloseTo(0.5, 6);
  });

  test('spherical: one direction, and nearly one, is straight', () => {
    near([...interpolate([1, 2], [3, 6], 3, 'spherical')], [1, 2, 2, 4, 3, 6]);
    near([...interpolate([1, 0], [1, 1e-12], 3, 'spherical')], [1, 0, 1, 5e-13, 1, 1e-12]);
    const way = rows(interpolate([1, 0], [1, 1e-4], 3, 'spherical'), 2);
    near(way[1], [1, 5e-5], 8);
  });

  test('spherical: opposite directions go round zero, of an even length', () => {
    for (const z of [
      [2, 0, 0],
      [1, -1, 3],
      [0.3, 0.3, 0.3],
    ]) {
      const way = rows(
        interpolate(
          z,
          z.map((v) => -v),
          9,
          'spherical',
        ),
        3,
      );
      for (const v of way) expect(length(v)).toBeCloseTo(length(z), 5);
      for (let i = 1; i < 9; i++) {
        const cosine = way[i].reduce((sum, v, k) => sum + v * way[i - 1][k], 0) / length(z) ** 2;
        expect(Math.acos(cosine)).toBeCloseTo(Math.PI / 8, 4);
      }
    }
    near([...interpolate([2], [-2], 3, 'spherical')], [2, 0, -2]);
  });

  test('spherical: a zero vector takes the direction of the other', () => {
    near([...interpolate([0, 0], [3, 4], 3, 'spherical')], [0, 0, 1.5, 2, 3, 4]);
    near([...interpolate([3, 4], [0, 0], 3, 'spherical')], [3, 4, 1.5, 2, 0, 0]);
    near([...interpolate([0, 0], [0, 0], 2, 'spherical')], [0, 0, 0, 0]);
  });

  test.each([
    [[1, 2], [1], 2, 'linear', /z0 of 2 numbers, z1 of 1/],
    [[], [], 2, 'linear', /z0 of 0 numbers/],
    [[1], [2], 1, 'linear', /steps 1; give a whole number of at least 2/],
    [[1], [2], 2.5, 'linear', /steps 2.5/],
    [[1], [Number.NaN], 2, 'linear', /holds NaN/],
    [[1], [2], 2, 'cubic', /mode cubic; choose one of linear, spherical/],
  ])('refuses %j to %j in %d steps, %s', (a, b, steps, mode, message) => {
    expect(() => interpolate(a, b, steps, mode as 'linear')).toThrow(message);
  });
});

test('a plane: one dimension across, the other down, the rest from the centre', () => {
  expect(rows(latentPlane([7, 8, 9], [2, 0], [-1, 1], 3), 3)).toEqual(
    [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((across) => [down, 8, across])),
  );
  expect(() => latentPlane([1, 2], [0, 2], [-1, 1], 2)).toThrow(/dimensions 0, 2; .* from 0 to 1/);
  expect(() => latentPlane([1, 2], [1, 1], [-1, 1], 2)).toThrow(/two different/);
  expect(() => latentPlane([1, 2], [0, 1], [1, 1], 2)).toThrow(/range 1 to 1/);
  expect(() => latentPlane([1, 2], [0, 1], [-1, 1], 1)).toThrow(/steps 1/);
});

describe('through a model', () => {
  let engine: Engine;
  let trainer: Trainer;
  beforeAll(async () => {
    engine = await openEngine();
    const tiny = { widths: [24], latent: 3, batch: 20, epochs: 60, lr: 5e-3 };
    trainer = new Trainer(engine, { ...presetConfig('mnist-ref', 'cvae'), ...tiny }, data);
    for await (const _ of trainer.train());
  });
  afterAll(() => engine.close());

  test('the KL of the latents adds up to that of the evaluation', async () => {
    if (!data.test) throw new Error('no test split');
    const units = await klPerUnit(engine, trainer.model, data, data.test);
    const { kl } = await trainer.evaluate('test');
    expect(units).toHaveLength(3);
    expect(units.reduce((a, b) => a + b)).toBeCloseTo(kl, 4);
  });

  test('ends are the reconstructions at mu, the way from one to the other is monotone, in chunks as at once', async () => {
    const { model } = trainer;
    const size = mels * frames;
    const ends = valuesOf(firstExamples(data.train, 2), size);
    const hot = conditionsOf({ classes: 2 }, [0, 1]);
    const mu = engine.scope(
      () => model.encode(engine.tensor(ends, [2, mels, frames]), engine.tensor(hot.data, hot.shape)).mu,
    );
    const codes = await mu.read();
    const points = {
      z: interpolate(codes.subarray(0, 3), codes.subarray(3), 11),
      label: interpolate(hot.data.subarray(0, 2), hot.data.subarray(2), 11),
    };
    const read = async (atOnce: number) => {
      const examples: Float32Array[] = [];
      for (const tensor of walk(engine, model, points, atOnce)) {
        const values = await tensor.read();
        for (let i = 0; i < tensor.shape[0]; i++) examples.push(values.slice(i * size, (i + 1) * size));
        tensor.dispose();
      }
      return examples;
    };
    const way = await read(64);
    const tolerance = { relative: 1e-5, ofRms: 1e-5 };
    expect(way).toHaveLength(11);
    (await read(4)).forEach((x, i) => {
      closeTo(x, way[i], tolerance, `step ${i}`);
    });
    for (const [label, step] of [
      [0, 0],
      [1, 10],
    ]) {
      const x = engine.tensor(ends.slice(label * size, (label + 1) * size), [1, mels, frames]);
      const y = engine.scope(() => atMean(engine, model, label)(x));
      closeTo(way[step], await y.read(), tolerance, `end ${label}`);
    }
    const from = way.map((x) => Math.hypot(...x.map((v, i) => v - way[0][i])));
    expect(from[10]).toBeGreaterThan(4);
    for (let i = 1; i < 11; i++) expect(from[i]).toBeGreaterThan(from[i - 1]);
  });

  test('points of another model are refused', () => {
    const { model } = trainer;
    const first = (z: number, label: number | null) => () =>
      walk(engine, model, {
        z: new Float32Array(z),
        label: label === null ? null : new Float32Array(label),
      }).next();
    expect(first(4, 2)).toThrow(
      /walk: 4 numbers of z and 2 of labels; this model takes \(N, 3\) and \(N, 2\)/,
    );
    expect(first(3, null)).toThrow(/3 numbers of z and 0 of labels/);
    expect(first(0, 0)).toThrow(/0 numbers of z/);
  });
});

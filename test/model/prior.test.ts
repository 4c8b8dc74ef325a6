// The prior that samples are drawn from: the mixture's fit against what is known of the points, draws against the mixture,
// and that a model's file, a run and an adaptation carry it.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { referenceFeatures } from '../../src/audio/features.ts';
import { fitMixture, rounds } from '../../src/model/mixture.ts';
import { place } from '../../src/model/prior.ts';
import {
  Adaptation,
  buildModel,
  CheckpointError,
  type Dataset,
  decodeModel,
  type Engine,
  encodeModel,
  fitPrior,
  type Mixture,
  type ModelFile,
  noiseOf,
  openEngine,
  priorMean,
  priorPoint,
  Random,
  samplePrior,
  Trainer,
} from '../../src/node.ts';
import { RunFolder } from '../../src/runFolder.ts';
import { trainRun } from '../../src/trainRun.ts';
import { closeTo } from '../close.ts';
import { data, small } from './small.ts';

/** Three clusters in the plane, far apart: 50, 30 and 20 points. */
const centres = [
  [-20, 0],
  [20, 5],
  [0, 30],
];
const sizes = [50, 30, 20];
const owners = sizes.flatMap((n, k) => Array<number>(n).fill(k));
const noise = new Random(3, 'mixture test').normal(0, 200);
const points = Float32Array.from({ length: 200 }, (_, i) => {
  const [row, d] = [Math.floor(i / 2), i % 2];
  // The second coordinate goes with the first.
  return centres[owners[row]][d] + (d === 0 ? noise[i] : 0.5 * noise[i] + noise[i - 1]);
});
const variance = [0.25, 0.5];

describe('mixture', () => {
  test('one component: the mean, and the covariance with the variance of each point', () => {
    const { weights, means, scale } = fitMixture(points, variance, 1, new Random(1, 'k'));
    const n = owners.length;
    const mean = [0, 1].map((d) => owners.reduce((sum, _, i) => sum + points[2 * i + d], 0) / n);
    const cov = [0, 1].map((a) =>
      [0, 1].map((b) => {
        const sum = owners.reduce(
          (s, _, i) => s + (points[2 * i + a] - mean[a]) * (points[2 * i + b] - mean[b]),
          0,
        );
        return sum / n + (a === b ? variance[a] : 0);
      }),
    );
    expect(weights[0]).toBeCloseTo(1, 9);
    for (const d of [0, 1]) expect(means[0][d]).toBeCloseTo(mean[d], 9);
    for (const a of [0, 1])
      for (const b of [0, 1]) {
        const product = scale[2 * a] * scale[2 * b] + scale[2 * a + 1] * scale[2 * b + 1];
        expect(product).toBeCloseTo(cov[a][b], 4);
      }
  });

  test('clusters that lie apart are found, with their shares and what spread they have in common', () => {
    const { weights, means, scale } = fitMixture(points, variance, 3, new Random(1, 'k'));
    const cov = [0, 0, 0];
    for (const [k, size] of sizes.entries()) {
      const rows = owners.flatMap((owner, i) => (owner === k ? [i] : []));
      const mean = [0, 1].map((d) => rows.reduce((sum, i) => sum + points[2 * i + d], 0) / size);
      const at = means.findIndex((m) => Math.hypot(m[0] - mean[0], m[1] - mean[1]) < 1e-6);
      expect(at, `cluster ${k}`).toBeGreaterThanOrEqual(0);
      expect(weights[at]).toBeCloseTo(size / 100, 9);
      for (const i of rows) {
        const [a, b] = [points[2 * i] - mean[0], points[2 * i + 1] - mean[1]];
        for (const [j, product] of [a * a, a * b, b * b].entries()) cov[j] += product / 100;
      }
    }
    expect(scale[0] ** 2).toBeCloseTo(cov[0] + variance[0], 4);
    expect(scale[0] * scale[2]).toBeCloseTo(cov[1], 4);
    expect(scale[2] ** 2 + scale[3] ** 2).toBeCloseTo(cov[2] + variance[1], 4);
  });

  test('every round is better by the bound, which is the density by its formula', () => {
    const sharp = fitMixture(points, [0, 0], 3, new Random(1, 'k'));
    const { weights, means, scale } = sharp;
    const [l, , m, r] = scale;
    const [sxx, sxy, syy] = [l * l, l * m, m * m + r * r];
    const det = sxx * syy - sxy * sxy;
    const density = (x: number, y: number) =>
      means.reduce((sum, [mx, my], k) => {
        const [p, q] = [x - mx, y - my];
        const far = (syy * p * p - 2 * sxy * p * q + sxx * q * q) / det;
        return sum + (weights[k] * Math.exp(-far / 2)) / (2 * Math.PI * Math.sqrt(det));
      }, 0);
    const byHand = owners.reduce((sum, _, i) => sum + Math.log(density(points[2 * i], points[2 * i + 1])), 0);
    const bounds = [...rounds(points, [0, 0], 3, new Random(1, 'k'))].map(({ bound }) => bound);
    expect(bounds[bounds.length - 1]).toBeCloseTo(byHand / owners.length, 3);
    // One cloud for many components, and a variance that matters: here the density at the points falls at first.
    const cloud = new Random(2, 'cloud').normal(0, 250 * 16);
    const rising = [...rounds(cloud, Array(16).fill(0.3), 16, new Random(1, 'k'))].map(({ bound }) => bound);
    expect(rising.length).toBeGreaterThan(5);
    for (let i = 1; i < rising.length; i++) expect(rising[i]).toBeGreaterThan(rising[i - 1] - 1e-9);
  });

  test('points that are all the same, and as many components as points', () => {
    const same = fitMixture(new Float32Array(12).fill(2), [0, 0, 0], 2, new Random(1, 'k'));
    for (const list of [...same.means, same.weights, same.scale])
      expect([...list].every(Number.isFinite)).toBe(true);
    expect(Math.max(...same.means[0])).toBeCloseTo(2, 6);
    const each = fitMixture([0, 10, 20], [0.01], 3, new Random(1, 'k'));
    expect(each.means.map(([m]) => Math.round(m)).sort((a, b) => a - b)).toEqual([0, 10, 20]);
  });

  test('a place among weights', () => {
    const chosen = [0, 0.19, 0.21, 0.59, 0.61, 0.9999999].map((draw) => place([0.2, 0, 0.4, 0.4, 0], draw));
    expect(chosen).toEqual([0, 0, 2, 2, 3, 3]);
    expect(place([2, 2], 0.75)).toBe(1);
  });
});

/** Two labels in the plane: the first of two components, the second of one. */
const prior: Mixture = {
  weight: { data: Float32Array.of(0.25, 0.75, 1, 0), shape: [2, 2] },
  mean: { data: Float32Array.of(-4, 0, 4, 2, 7, 7, 0, 0), shape: [2, 2, 2] },
  scale: { data: Float32Array.of(0.5, 0, 0.3, 0.4, 1, 0, 0, 2), shape: [2, 2, 2] },
};

describe('draws', () => {
  test('shares, means and covariance are the mixture’s', () => {
    const drawn = Array.from({ length: 4000 }, (_, i) => priorPoint(prior, 0, noiseOf(1, 0, i, 2)));
    const left = drawn.filter(([x]) => x < 0);
    expect(left.length / 4000).toBeCloseTo(0.25, 1);
    const right = drawn.filter(([x]) => x > 0);
    const mean = [0, 1].map((d) => right.reduce((sum, z) => sum + z[d], 0) / right.length);
    expect(Math.abs(mean[0] - 4)).toBeLessThan(0.05);
    expect(Math.abs(mean[1] - 2)).toBeLessThan(0.05);
    const cov = (a: number, b: number) =>
      right.reduce((sum, z) => sum + (z[a] - mean[a]) * (z[b] - mean[b]), 0) / right.length;
    expect(Math.abs(cov(0, 0) - 0.25)).toBeLessThan(0.03);
    expect(Math.abs(cov(0, 1) - 0.15)).toBeLessThan(0.03);
    expect(Math.abs(cov(1, 1) - 0.25)).toBeLessThan(0.03);
  });

  test('a label has its own; temperature 0 gives a component’s mean; none is the standard normal', () => {
    const clip = noiseOf(5, 1, 3, 2);
    expect([...priorPoint(prior, 1, clip, 0)]).toEqual([7, 7]);
    const z = priorPoint(prior, 1, clip, 2);
    expect(z[0]).toBeCloseTo(7 + 2 * clip.eps[0], 5);
    expect(z[1]).toBeCloseTo(7 + 4 * clip.eps[1], 5);
    expect([...priorPoint(null, 1, clip, 2)]).toEqual([...clip.eps].map((v) => Math.fround(2 * v)));
    expect([...priorMean(prior, 0, 2)]).toEqual([2, 1.5]);
    expect([...priorMean(null, 0, 2)]).toEqual([0, 0]);
  });
});

describe('of a model', () => {
  let engine: Engine;
  let dir: string;
  let file: ModelFile;
  const config = { ...small, epochs: 4, mixture: 2 };
  const features = { ...referenceFeatures, nMels: data.shape[0], length: 2048, maxDb: 0 };
  const info = { config, features, labels: ['even', 'odd'] };
  beforeAll(async () => {
    engine = await openEngine();
    dir = mkdtempSync(join(tmpdir(), 'formant-prior-'));
    const trainer = new Trainer(engine, config, { ...data, valid: null, test: null });
    for await (const _ of trainer.train());
    const { params } = await trainer.state();
    const fitted = await fitPrior(engine, trainer.model, data, data.train, 2);
    file = { ...info, params, prior: fitted };
    trainer.dispose();
  });
  afterAll(() => {
    engine.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test('fitted: a component for ten examples, and for each label its own', async () => {
    const { weight, mean, scale } = file.prior as Mixture;
    expect([weight.shape, mean.shape, scale.shape]).toEqual([
      [2, 2],
      [2, 2, 3],
      [2, 3, 3],
    ]);
    // Ten examples of each label: one component, the other weighs nothing.
    expect([...weight.data]).toEqual([1, 0, 1, 0]);
    expect([...mean.data.subarray(0, 3)]).not.toEqual([...mean.data.subarray(6, 9)]);
  });

  test('a label without examples has the standard normal', async () => {
    const model = buildModel(engine, file, 'test');
    const evenOnly = { ...data.train, label: data.train.label.map(() => 0) };
    const of: Dataset = { ...data, train: evenOnly };
    const { weight, mean, scale } = await fitPrior(engine, model, of, evenOnly, 2);
    model.params.dispose();
    expect([...weight.data]).toEqual([expect.any(Number), expect.any(Number), 1, 0]);
    expect(weight.data[0] + weight.data[1]).toBeCloseTo(1, 6);
    expect(weight.data[1]).toBeGreaterThan(0);
    expect([...mean.data.subarray(6)]).toEqual(Array(6).fill(0));
    expect([...scale.data.subarray(9)]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  test('its file keeps it, and samples come from it', async () => {
    const back = decodeModel(encodeModel(file), 'model');
    expect(back.prior).toEqual(file.prior);
    expect(Object.keys(back.params).sort()).toEqual(Object.keys(file.params).sort());
    const sampled = async (of: ModelFile) => {
      const model = buildModel(engine, of, 'test');
      const made = samplePrior(engine, model, { label: 1, indices: [0, 1], temperature: 1, seed: 2 });
      const z = [0, 1].flatMap((i) => [...priorPoint(of.prior ?? null, 1, noiseOf(2, 1, i, 3))]);
      const expected = engine.scope(() =>
        engine.noGrad(() =>
          model.decode(engine.tensor(z, [2, 3]), engine.tensor(Float32Array.of(0, 1, 0, 1), [2, 2])),
        ),
      );
      const [values, want] = await engine.read([made, expected]);
      for (const t of [made, expected]) t.dispose();
      model.params.dispose();
      expect([...values]).toEqual([...want]);
      return values;
    };
    const own = await sampled(back);
    const { prior: _, ...without } = file;
    expect([...own]).not.toEqual([...(await sampled(without))]);
    const half = await sampled(decodeModel(encodeModel(file, 'F16'), 'half'));
    closeTo(half, own, { relative: 0.05, ofRms: 0.02 }, 'half the bytes');
  });

  test('a damaged one is refused by name', () => {
    const p = file.prior as Mixture;
    const refused = (over: Partial<Mixture>) => () =>
      decodeModel(encodeModel({ ...file, prior: { ...p, ...over } }), 'model');
    const filled = (t: Mixture['weight'], value: number) => ({ ...t, data: t.data.map(() => value) });
    expect(refused({ weight: filled(p.weight, 1) })).toThrow(/prior.weight with a sum of 2/);
    expect(refused({ mean: filled(p.mean, Number.NaN) })).toThrow(/prior.mean with values that are not/);
    expect(refused({ scale: { data: new Float32Array(2), shape: [2] } })).toThrow(
      /prior.scale of \(2\) where \(2, 3, 3\) is needed/,
    );
    expect(refused({ weight: { data: new Float32Array(0), shape: [0, 2] } })).toThrow(CheckpointError);
    const { mean, scale } = p;
    expect(() => decodeModel(encodeModel({ ...file, prior: { mean, scale } as Mixture }), 'model')).toThrow(
      /prior.weight of \(\)/,
    );
  });

  test('a run fits it at its end, or where it is stopped; adapting puts the takes into it', async () => {
    const run = async (name: string, over: Partial<typeof config>, signal = new AbortController().signal) => {
      const folder = await RunFolder.create(join(dir, name));
      const reopen = () => openEngine();
      const given = { ...info, config: { ...config, ...over } };
      const result = await trainRun({
        ...{ engine, reopen, folder, info: given, data: { ...data, valid: null } },
        ...{ from: null, checkpointEvery: 1, signal },
      });
      return { result, model: decodeModel(readFileSync(folder.path('model.safetensors')), name) };
    };
    const { model } = await run('whole', {});
    expect(model.prior?.weight.shape).toEqual([2, 2]);
    expect((await run('plain', { mixture: 0 })).model.prior).toBeUndefined();
    const stop = AbortSignal.abort();
    const stopped = await run('stopped', {}, stop);
    expect(stopped.result.finished).toBe(false);
    expect(stopped.model.prior?.weight.shape).toEqual([2, 2]);
    const adaptation = new Adaptation(engine, model, data.train, { steps: 2, batch: 4 });
    adaptation.add({ x: new Float32Array(data.shape[0] * data.shape[1]).fill(0.5), label: 1 });
    await adaptation.takeSteps(2);
    const adapted = await adaptation.file();
    adaptation.dispose();
    // The label of the take is drawn from it half of the time; the other is as it was.
    const { weight, mean, scale } = adapted.prior as Mixture;
    const before = model.prior as Mixture;
    expect(weight.shape).toEqual([2, 3]);
    expect([...weight.data]).toEqual([1, 0, 0, 0.5, 0, 0.5]);
    expect(mean.data.subarray(0, 6)).toEqual(before.mean.data.subarray(0, 6));
    expect(scale).toEqual(before.scale);
    const vae = buildModel(engine, adapted, 'adapted');
    const x = engine.tensor(new Float32Array(data.shape[0] * data.shape[1]).fill(0.5), [1, ...data.shape]);
    const { mu } = engine.noGrad(() => vae.encode(x, engine.tensor(Float32Array.of(0, 1), [1, 2])));
    closeTo(
      mean.data.subarray(15, 18),
      await mu.read(),
      { relative: 1e-5, ofRms: 1e-5 },
      'place of the take',
    );
    vae.params.dispose();
  });
});

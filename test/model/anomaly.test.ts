// Anomaly scores against float64, quantiles and AUROC counted by hand, and levels that do not matter.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fitLength, logMel, referenceFeatures } from '../../src/audio/features.ts';
import { exampleOf } from '../../src/model/dataset.ts';
import {
  anomalyScores,
  atLevel,
  auroc,
  type Engine,
  featureLevel,
  natsOf,
  openEngine,
  quantile,
  Random,
  ShapeError,
  trainingNats,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';
import { classes, D, encode, errorOf, hotOf, latent, noisy, tinyVae, type Weights } from './mlpReference.ts';
import { changed } from './splits.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

test.each([
  ['apart', [1, 2, 3], [4, 5], 1],
  ['the wrong way round', [4, 5], [1, 2, 3], 0],
  ['all equal', [1, 1], [1, 1, 1], 0.5],
  // Pairs won: 2 beats 1 (1); 3 beats 1, 2 and ties with 3 (2.5); of 6.
  ['with ties', [1, 3, 2], [2, 3], (1 + 0.5 + 2.5) / 6],
  ['one of each, tied', [7], [7], 0.5],
  ['negative, unsorted', [-3, -1, -2, -2], [-2, 0], (1 + 0.5 + 0.5 + 4) / 8],
])('AUROC: %s', (_, normal, anomalous, want) => {
  expect(auroc(normal, anomalous)).toBeCloseTo(want, 12);
});

test('quantiles lie between neighbours in proportion', () => {
  const values = [4, 1, 3, 2];
  expect([0, 0.5, 0.9, 1].map((q) => quantile(values, q))).toEqual([1, 2.5, 3.7, 4]);
  expect(quantile([5], 0.99)).toBe(5);
});

test('nothing to compare is refused', () => {
  expect(() => auroc([], [1])).toThrow(ShapeError);
  expect(() => auroc([1], [])).toThrow('auroc: 1 normal and 0 anomalous; give some of each');
  expect(() => quantile([], 0.5)).toThrow(ShapeError);
  expect(() => quantile([1], 1.5)).toThrow('quantile: 1.5 of 1 values; give some, and a share from 0 to 1');
});

const data = noisy(30);
const how = { samples: 5, seed: 2 };

describe.each(['bernoulli', 'optimal'] as const)('scores, %s likelihood', (likelihood) => {
  const objective = { likelihood, weight: 1 };

  /** Mean error over the samples, and KL. */
  function measured(weights: Weights, example: number, label: number | null) {
    const x = exampleOf(data, data.test, example);
    const { mu, logVar } = encode(weights, x, hotOf(label));
    const eps = new Random(how.seed, 'score').normal(example, how.samples * latent);
    let error = 0;
    for (let k = 0; k < how.samples; k++) {
      const z = mu.map((m, i) => m + Math.exp(logVar[i] / 2) * eps[k * latent + i]);
      error += errorOf(weights, z, x, hotOf(label), likelihood) / how.samples;
    }
    const kl = mu.reduce((sum, m, u) => sum + 0.5 * (m * m + Math.exp(logVar[u]) - 1 - logVar[u]), 0);
    return { error, kl };
  }

  test.each([false, true])(
    'as in float64, conditional %s: the label that explains best',
    async (conditional) => {
      const vae = await tinyVae(engine, conditional);
      const weights = await vae.params.state();
      const own = Array.from(data.test.label, (label, i) => measured(weights, i, conditional ? label : null));
      const wanted = natsOf(own.reduce((sum, { error }) => sum + error, 0) / own.length, D, objective);
      const nats = await trainingNats(engine, vae, data, data.train, objective, how);
      expect(nats.factor / wanted.factor).toBeCloseTo(1, 5);
      const { scores, labels } = await anomalyScores(engine, vae, data, data.test, objective, nats, how);
      const each = Array.from({ length: 30 }, (_, i) =>
        (conditional ? [...Array(classes).keys()] : [null]).map((label) => {
          const { error, kl } = measured(weights, i, label);
          return wanted.factor * error + kl;
        }),
      );
      closeTo(
        scores,
        each.map((list) => Math.min(...list)),
        { relative: 1e-5, ofRms: 2e-5 },
        'scores',
      );
      const best = each.map((list) => list.indexOf(Math.min(...list)));
      if (conditional) {
        expect([...(labels ?? [])]).toEqual(best);
        expect(new Set(best).size).toBeGreaterThan(1);
      } else expect(labels).toBeNull();
    },
  );
});

test('sound is scored by the frame, and padding is none', async () => {
  const vae = await tinyVae(engine, false);
  // 0.6 to 1 of 80 dB is a range of 32 dB, so these frames all sound; example i has i % 6 + 1 of them.
  const split = changed(data.test, D, (v, at) => (at % 6 <= Math.floor(at / D) % 6 ? 0.6 + 0.4 * v : 0));
  const objective = { likelihood: 'fixed', weight: 3 } as const;
  const scored = (dynamicRange: number | null) =>
    anomalyScores(engine, vae, { ...data, dynamicRange }, split, objective, natsOf(0, D, objective), how);
  const [sound, image] = [await scored(80), await scored(null)];
  sound.scores.forEach((score, i) => {
    expect(score * ((i % 6) + 1)).toBeCloseTo(image.scores[i], 9);
  });
});

test('a recording has the same features at any level once it is brought to one', async () => {
  const { length, nMels } = referenceFeatures;
  const noise = new Random(1, 'clip').normal(0, 4000);
  const loud = noise.map((v, i) => 0.1 * v * Math.sin(i / 300) ** 4 + 0.2 * Math.sin(i / 3));
  const gains = [1, 0.01, 3];
  const waves = new Float32Array(gains.length * length);
  gains.forEach((gain, i) => {
    waves.set(
      fitLength(
        loud.map((v) => v * gain),
        length,
      ),
      i * length,
    );
  });
  const all = await engine
    .scope(() => logMel(engine, engine.tensor(waves, [gains.length, length]), referenceFeatures))
    .read();
  const size = all.length / gains.length;
  const frames = size / nMels;
  const [first, ...others] = gains.map((_, i) => all.slice(i * size, (i + 1) * size));
  const level = featureLevel(first, frames);
  others.forEach((db, i) => {
    expect(featureLevel(db, frames) - level).toBeCloseTo(20 * Math.log10(gains[i + 1]), 2);
    expect(featureLevel(atLevel(db, frames, -7), frames)).toBeCloseTo(-7, 3);
    const same = atLevel(db, frames, level);
    // Far below the top, the transform's own rounding is heard.
    first.forEach((v, at) => {
      if (v > level - 80) expect(Math.abs(same[at] - v)).toBeLessThan(0.05);
    });
  });
  // The end of the clip is padding: silence, which no gain makes loud.
  expect(first[frames - 1]).toBeLessThan(-99.9);
  expect(atLevel(first, frames, level + 50)[frames - 1]).toBe(first[frames - 1]);
});

test('silence has no level and stays silence', () => {
  const silent = new Float32Array(64).fill(-100);
  expect(featureLevel(silent, 8)).toBe(Number.NEGATIVE_INFINITY);
  expect(atLevel(silent, 8, -10)).toEqual(silent);
});

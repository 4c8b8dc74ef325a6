// Figures of a split against float64 and against closed forms: the IWAE bound, and what evaluate sums up.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exampleOf, type ReadExample } from '../../src/model/dataset.ts';
import {
  assess,
  type Engine,
  evaluate,
  iwaeBound,
  type Likelihood,
  natsOf,
  openEngine,
  Random,
  ShapeError,
  type Vae,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';
import { D, encode, errorOf, hotOf, latent, noisy, someOf, tinyVae, type Weights } from './mlpReference.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const data = noisy(30);
const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const gauss = (x: number, mu: number, logVar: number) =>
  -0.5 * (Math.log(2 * Math.PI) + logVar + (x - mu) ** 2 * Math.exp(-logVar));

/** -log 1/K sum p(x, z) / q(z | x), both densities written out. */
function reference(
  weights: Weights,
  example: number,
  label: number | null,
  samples: number,
  likelihood: Likelihood,
  nats: { factor: number; offset: number },
): number {
  const x = exampleOf(data, data.test, example);
  const { mu, logVar } = encode(weights, x, hotOf(label));
  const eps = new Random(8, 'iwae').normal(example, samples * latent);
  const logs = Array.from({ length: samples }, (_, k) => {
    const z = mu.map((m, i) => m + Math.exp(logVar[i] / 2) * eps[k * latent + i]);
    const error = errorOf(weights, z, x, hotOf(label), likelihood);
    const ratio = z.reduce((sum, v, i) => sum + gauss(v, 0, 0) - gauss(v, mu[i], logVar[i]), 0);
    return ratio - nats.factor * error - nats.offset;
  });
  const top = logs.reduce((a, b) => Math.max(a, b));
  return Math.log(samples) - top - Math.log(logs.reduce((sum, w) => sum + Math.exp(w - top), 0));
}

// 2^20 decoded values are 43,690 samples: one block of many examples, groups of two with a smaller last one, and one
// example in two blocks.
test.each([
  ['bernoulli', false, 1, 30],
  ['bernoulli', true, 7, 30],
  ['fixed', true, 7, 30],
  ['optimal', false, 7, 30],
  ['bernoulli', true, 20000, 3],
  ['optimal', false, 50001, 2],
] as const)(
  'IWAE, %s likelihood, conditional %s: %i samples of %i examples as in float64',
  async (likelihood, conditional, samples, count) => {
    const nats = natsOf(2.2, D, { likelihood, weight: 40 });
    const vae = await tinyVae(engine, conditional);
    const weights = await vae.params.state();
    const split = someOf(data, count);
    const options = { likelihood, nats, samples, seed: 8 };
    const got = await iwaeBound(engine, vae, data, split, options);
    const want = Array.from({ length: count }, (_, i) =>
      reference(weights, i, conditional ? data.test.label[i] : null, samples, likelihood, nats),
    );
    closeTo(got, want, { relative: 2e-6, ofRms: 2e-5 }, `${samples} samples`);
  },
);

const bernoulli = { likelihood: 'bernoulli', weight: 1 } as const;
const boundOf = (vae: Vae, samples: number, split = data.test) =>
  iwaeBound(engine, vae, data, split, { ...bernoulli, nats: natsOf(0, D, bernoulli), samples, seed: 1 });

/** With some tensors set to zero. */
async function without(names: RegExp): Promise<Vae> {
  const vae = await tinyVae(engine, false);
  const state = await vae.params.state();
  for (const [name, t] of Object.entries(state)) if (names.test(name)) t.data.fill(0);
  vae.params.load(state, 'cut');
  return vae;
}

describe('where the decoder ignores z, log p(x) is known: minus the cross-entropy', () => {
  const exact = async (vae: Vae) => {
    const weights = await vae.params.state();
    return Array.from({ length: 30 }, (_, i) =>
      errorOf(weights, [0, 0], exampleOf(data, data.test, i), [], 'bernoulli'),
    );
  };

  test('any number of samples gives it where the posterior is the prior', async () => {
    const vae = await without(/decoder\.0\.weight|mu|logvar/);
    for (const samples of [1, 64])
      closeTo(await boundOf(vae, samples), await exact(vae), { relative: 1e-6, ofRms: 1e-6 }, `${samples}`);
    const { kl, activeUnits, bce, recon } = await assess(engine, vae, data, data.test, bernoulli, {
      seed: 1,
    });
    expect(kl).toBe(0);
    expect(activeUnits).toBe(0);
    expect(bce).toBeCloseTo(mean(await exact(vae)), 4);
    expect(recon).toBeCloseTo(bce as number, 4);
  });

  test('many samples come to it from another posterior, one sample stays the KL above it', async () => {
    const vae = await without(/decoder\.0\.weight/);
    const want = mean(await exact(vae));
    const weights = await vae.params.state();
    const kls = Array.from({ length: 30 }, (_, i) => {
      const { mu, logVar } = encode(weights, exampleOf(data, data.test, i), []);
      return mu.reduce((sum, m, u) => sum + 0.5 * (m * m + Math.exp(logVar[u]) - 1 - logVar[u]), 0);
    });
    const { kl } = await evaluate(engine, vae, data, data.test, bernoulli, 1);
    expect(kl).toBeCloseTo(mean(kls), 4);
    expect(kl).toBeGreaterThan(0.3);
    // The mean over 400 draws of each example, so one sample's KL is known to some per cent.
    const many = {
      ...data.test,
      count: 12000,
      read: ((i, into, at) => data.test.read(i % data.test.count, into, at)) as ReadExample,
      label: new Int32Array(12000),
    };
    const one = mean(await boundOf(vae, 1, many));
    expect(Math.abs(one - want - kl)).toBeLessThan(0.1 * kl);
    expect(Math.abs(mean(await boundOf(vae, 20000)) - want)).toBeLessThan(0.03 * kl);
  });
});

test('the bound falls with the number of samples, and is the same each time', async () => {
  const vae = await tinyVae(engine, false);
  const at = async (samples: number) => mean(await boundOf(vae, samples));
  const bounds = [await at(1), await at(10), await at(1000)];
  expect(bounds[1]).toBeLessThan(bounds[0]);
  expect(bounds[2]).toBeLessThan(bounds[1]);
  expect(await at(10)).toBe(bounds[1]);
});

test.each([0, 100_001, 1.5])('%d samples are refused', async (samples) => {
  const vae = await tinyVae(engine, false);
  const asked = assess(engine, vae, data, data.test, bernoulli, { seed: 1, iwae: samples });
  await expect(asked).rejects.toThrow(ShapeError);
  await expect(asked).rejects.toThrow(/iwae: .* samples; give a whole number from 1 to 100000/);
});

describe.each(['bernoulli', 'fixed', 'optimal'] as const)('assess, %s likelihood', (likelihood) => {
  const objective = { likelihood, weight: 20 };

  test('says what evaluate says, and its parts add up', async () => {
    const vae = await tinyVae(engine, true);
    const figures = await assess(engine, vae, data, data.test, objective, { seed: 5, iwae: 3 });
    expect(figures).toMatchObject(await evaluate(engine, vae, data, data.test, objective, 5));
    expect(figures.unitKl).toHaveLength(latent);
    expect(figures.unitKl.reduce((a, b) => a + b)).toBeCloseTo(figures.kl, 4);
    expect(figures.labels.map(({ label, count }) => [label, count])).toEqual([
      ['a', 10],
      ['b', 10],
      ['c', 10],
    ]);
    for (const key of ['negElbo', 'recon', 'kl', 'mse', 'bce', 'iwae'] as const) {
      const parts = figures.labels.map((part) => part[key] as number);
      expect(mean(parts), key).toBeCloseTo(figures[key] as number, 6);
      expect(new Set(parts).size, key).toBe(3);
    }
  });

  test('the constant makes nats of a density', async () => {
    const [error, weight] = [2.2, 20];
    const { factor, offset, constant } = natsOf(error, D, { likelihood, weight });
    const variance = { bernoulli: 0, fixed: 1 / (2 * weight), optimal: error / D }[likelihood];
    const density = (e: number) => e / (2 * variance) + (D / 2) * Math.log(2 * Math.PI * variance);
    const want = (e: number) => (likelihood === 'bernoulli' ? e : density(e));
    for (const e of [0.5, 2.2, 7]) expect(factor * e + offset + constant).toBeCloseTo(want(e), 9);
  });
});

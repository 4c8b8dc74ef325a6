// The kernels meant for real GPUs, on whatever adapter there is, against references in float64.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  backwardFrom,
  type Engine,
  elbo,
  fft,
  irfft,
  istft,
  layerNorm,
  max,
  mul,
  openEngine,
  Random,
  referenceFeatures,
  reparameterize,
  rfft,
  softmax,
  stft,
  sum,
  type Tensor,
  wavesToFeatures,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ variant: 'gpu' });
});
afterAll(() => engine.close());

const noise = (n: number, seed: number) => new Random(seed, 'gpu').uniform(0, n).map((v) => 2 * v - 1);
const close = { relative: 1e-5, ofRms: 3e-6 };
const total = (x: ArrayLike<number>) => Array.from(x).reduce((a, b) => a + b, 0);
const rowsOf = (x: Float32Array, R: number) =>
  Array.from({ length: x.length / R }, (_, o) => x.subarray(o * R, (o + 1) * R));

const ofGpus = ['groups', 'together', 'group'];

/** What `body` makes with the variants for GPUs must be what it makes with a software adapter's. */
async function agrees(body: () => Tensor[], tolerance = close): Promise<void> {
  const questions = [...engine.plan.listen(() => engine.rehearse(body))];
  expect(questions.length).toBeGreaterThan(0);
  const results = async (gpu: boolean) => {
    const pick = (variants: readonly string[]) => variants.find((v) => ofGpus.includes(v) === gpu) as string;
    engine.plan.choices = Object.fromEntries(questions.map(([key, { variants }]) => [key, pick(variants)]));
    return engine.read(body());
  };
  const [got, want] = [await results(true), await results(false)];
  engine.plan.choices = {};
  got.forEach((values, i) => {
    closeTo(values, want[i], tolerance, `result ${i}`);
  });
}

test('an engine says whether it takes them, and asks its plan', () => {
  expect(engine.gpu).toBe(true);
  const asked = engine.plan.listen(() => engine.rehearse(() => sum(engine.empty([4096]))));
  expect([...asked.values()][0].variants).toEqual(['groups', 'threads']);
});

test.each([1, 255, 256, 257, 4096, 100_003])('sum and maximum of %i', async (n) => {
  const x = noise(n, 1).map((v) => v + 1);
  const t = engine.tensor(x);
  closeTo(await sum(t).read(), [total(x)], close, 'sum');
  closeTo(await max(t).read(), [x.reduce((a, b) => Math.max(a, b))], close, 'max');
});

test('a maximum starts below every number and keeps a NaN, wherever it is', async () => {
  const x = new Float32Array(4096).fill(Number.NEGATIVE_INFINITY);
  expect(await max(engine.tensor(x)).read()).toEqual(Float32Array.of(Number.NEGATIVE_INFINITY));
  for (const place of [0, 1033, 4095]) {
    const broken = noise(4096, 1);
    broken[place] = Number.NaN;
    expect(await max(engine.tensor(broken)).read(), `NaN at ${place}`).toEqual(Float32Array.of(Number.NaN));
  }
});

// Columns that fill a workgroup's width, or not; rows in one chunk, or several.
test.each([
  [3, 257, 1],
  [1, 37, 3],
  [2, 1031, 65],
  [1, 4096, 64],
])('sums over the middle of (%i, %i, %i)', async (O, R, I) => {
  const x = noise(O * R * I, 2);
  const want = new Float64Array(O * I);
  x.forEach((v, i) => {
    want[Math.floor(i / (R * I)) * I + (i % I)] += v;
  });
  const tolerance = { relative: 1e-5, ofRms: 1e-5 };
  closeTo(await sum(engine.tensor(x, [O, R, I]), [1]).read(), want, tolerance, 'sum');
});

test.each([257, 1031])('softmax of rows of %i, and its gradient', async (R) => {
  const x = noise(3 * R, 3).map((v) => 20 * v);
  const dy = noise(3 * R, 4);
  const want: number[] = [];
  const dx: number[] = [];
  rowsOf(x, R).forEach((row, o) => {
    const top = Math.max(...row);
    const e = Array.from(row, (v) => Math.exp(v - top));
    const y = e.map((v) => v / total(e));
    const inner = total(y.map((v, i) => v * dy[o * R + i]));
    want.push(...y);
    dx.push(...y.map((v, i) => v * (dy[o * R + i] - inner)));
  });
  const t = engine.tensor(x, [3, R]);
  t.requiresGrad = true;
  const y = softmax(t);
  const [gradient] = backwardFrom([[y, engine.tensor(dy, [3, R])]], [t]);
  closeTo(await y.read(), want, close, 'y');
  closeTo(await gradient.read(), dx, close, 'dx');
});

test('normalisation, the sample, its divergence and the objective are those of the other kernels', async () => {
  const leaf = (shape: number[], seed: number) => {
    const t = engine.tensor(noise(total(shape.slice(0, 1)) * (shape[1] ?? 1), seed), shape);
    t.requiresGrad = true;
    return t;
  };
  const [x, w, b] = [leaf([3, 1031], 5), leaf([1031], 6), leaf([1031], 7)];
  const dy = engine.tensor(noise(3 * 1031, 8), [3, 1031]);
  await agrees(
    () => {
      const y = layerNorm(x, [1031], w, b);
      return [y, ...backwardFrom([[y, dy]], [x])];
    },
    { relative: 1e-5, ofRms: 1e-5 },
  );
  const [mu, logVar] = [leaf([67, 131], 9), leaf([67, 131], 10)];
  const error = leaf([67], 11);
  const eps = engine.tensor(noise(67 * 131, 12), [67, 131]);
  const beta = engine.tensor([0.5]);
  await agrees(() => {
    const { z, kl } = reparameterize(mu, logVar, eps);
    const { loss, metrics } = elbo(mul(error, error), kl, beta, { kind: 'optimal', D: 131 });
    return [z, kl, metrics, ...backwardFrom([[loss, engine.tensor([1])]], [mu, logVar, error])];
  });
});

// 64 by frames, 32 columns a workgroup; 128 and 2048 by rows, sixteen and one; numbers that no workgroup divides.
test('transforms of frames', async () => {
  const wave = engine.tensor(noise(3 * 256, 14), [3, 256]);
  await agrees(() => {
    const X = stft(wave, { nFft: 64 });
    return [X, istft(X, { nFft: 64 })];
  });
});

test('features of sound', async () => {
  const settings = { ...referenceFeatures, length: 1984, pad: 96, nFft: 256, nMels: 16, maxDb: 40 };
  const waves = engine.tensor(noise(2 * 1984, 16), [2, 1984]);
  await agrees(() => [wavesToFeatures(engine, waves, settings)], { relative: 1e-4, ofRms: 1e-4 });
});

test('transforms of rows: 128 back, 2048', async () => {
  const bins = engine.tensor(noise(35 * 130, 13), [35, 65, 2]);
  await agrees(() => [irfft(bins)]);
  const long = engine.tensor(noise(3 * 2048, 13), [3, 2048]);
  await agrees(() => [rfft(long)]);
});

test('complex transforms of rows', async () => {
  const x = engine.tensor(noise(35 * 64, 15), [35, 32, 2]);
  await agrees(() => [fft(x)]);
});

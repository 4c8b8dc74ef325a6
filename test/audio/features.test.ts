// Transforms, features and their inversion against float64 references written to be read: a plain DFT, no FFT.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  backwardFrom,
  type Engine,
  type FeatureSettings,
  featuresToWaves,
  fitLength,
  frameCount,
  griffinLim,
  irfft,
  istft,
  logMel,
  melFilterbank,
  normalise,
  openEngine,
  Random,
  referenceFeatures,
  rfft,
  stft,
  type Tensor,
  toDb,
  toPower,
  wavesToFeatures,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const noise = (n: number, seed = 1) => new Random(seed, 'test').uniform(0, n).map((v) => 2 * v - 1);

/** sum of x[t] e^(-2 pi i k t / n) for k = 0 .. bins - 1, as pairs. */
function dft(x: ArrayLike<number>, bins: number): Float64Array {
  const n = x.length;
  const X = new Float64Array(2 * bins);
  for (let k = 0; k < bins; k++)
    for (let t = 0; t < n; t++) {
      const angle = (2 * Math.PI * ((k * t) % n)) / n;
      X[2 * k] += x[t] * Math.cos(angle);
      X[2 * k + 1] -= x[t] * Math.sin(angle);
    }
  return X;
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a, (v, i) => v * b[i]).reduce((s, v) => s + v);
const tight = { relative: 1e-5, ofRms: 2e-6 };

describe('transforms', () => {
  // One pass, two, three and four; 5 rows leave half a column empty.
  test.each([1, 2, 4, 32, 64, 512, 1024, 16384])('rfft and irfft of %i', async (n) => {
    const rows = n > 2000 ? 1 : 5;
    const bins = Math.floor(n / 2) + 1;
    const checked = n > 2000 ? 20 : bins;
    const x = noise(rows * n);
    const X = rfft(engine.tensor(x, [rows, n]));
    const got = await X.read();
    for (let r = 0; r < rows; r++)
      closeTo(
        got.subarray(2 * r * bins, 2 * (r * bins + checked)),
        dft(x.subarray(r * n, (r + 1) * n), checked),
        tight,
        `rfft row ${r}`,
      );
    closeTo(await irfft(X, n).read(), x, tight, 'irfft');
  });

  test.each([
    { T: 1000, winLength: 64, center: true },
    { T: 1001, winLength: 50, center: true },
    { T: 999, winLength: 64, center: true, normalized: true },
    { T: 1024, winLength: 64, center: false, window: 'ones' },
  ] as const)('istft gives the signal back: %j', async ({ T, ...rest }) => {
    const x = noise(2 * T);
    const options = { nFft: 64, hopLength: 16, ...rest };
    const y = istft(stft(engine.tensor(x, [2, T]), options), { ...options, length: T });
    closeTo(await y.read(), x, { relative: 0, ofRms: 1e-5 }, 'istft(stft(x))');
  });

  test('an uncovered sample is an error when centred', () => {
    const X = engine.tensor(noise(2 * 33 * 4), [1, 33, 4, 2]);
    expect(() => istft(X, { nFft: 64, hopLength: 64 })).toThrow('use a smaller hopLength than 64');
  });

  test.each([true, false])('gradients are adjoints, center %s', async (center) => {
    const options = { nFft: 32, hopLength: 12, winLength: 30, center, padMode: 'constant' } as const;
    const check = async (f: (x: Tensor) => Tensor, shape: number[]) => {
      const x = engine.tensor(noise(shape.reduce((a, b) => a * b)), shape);
      x.requiresGrad = true;
      const y = f(x);
      const dy = noise(y.size, 2);
      const [dx] = backwardFrom([[y, engine.tensor(dy, y.shape)]], [x]);
      closeTo(
        [dot(await dx.read(), await x.read())],
        [dot(await y.read(), dy)],
        { relative: 1e-3, ofRms: 0 },
        '<x, dx>',
      );
    };
    await check((x) => stft(x, options), [2, 131]);
    if (center) await check((x) => istft(x, { ...options, length: 100 }), [2, 17, 9, 2]);
  });
});

/** A vowel: harmonics of a gliding pitch under three formants. */
function vowel(length: number, rate: number): Float32Array {
  let phase = 0;
  return Float32Array.from({ length }, (_, t) => {
    const pitch = 120 + (30 * t) / length;
    phase += (2 * Math.PI * pitch) / rate;
    let y = 0;
    for (let h = 1; h * pitch < rate / 2; h++) {
      const gain = [700, 1200, 2600].reduce((sum, f) => sum + 1 / (1 + ((h * pitch - f) / 100) ** 2), 0.01);
      y += gain * Math.sin(h * phase);
    }
    return 0.1 * y * Math.sin((Math.PI * (t + 0.5)) / length);
  });
}

/** 17 frames: the last column is half empty. */
const small: FeatureSettings = {
  ...referenceFeatures,
  length: 704,
  pad: 20,
  nFft: 128,
  hopLength: 38,
  nMels: 13,
  maxDb: 10,
};

/** Log-mel power in dB of one clip, (nMels, frames), in float64. */
function referenceLogMel(x: Float32Array, s: FeatureSettings): Float64Array {
  const frames = frameCount(s);
  const { data: bank, shape } = melFilterbank(s);
  const F = shape[1];
  const db = new Float64Array(s.nMels * frames);
  for (let f = 0; f < frames; f++) {
    const frame = Float64Array.from({ length: s.nFft }, (_, i) => {
      const t = f * s.hopLength + i - s.pad;
      return Math.sin((Math.PI * i) / s.nFft) ** 2 * (x[t] ?? 0);
    });
    const X = dft(frame, F);
    for (let m = 0; m < s.nMels; m++) {
      let power = 0;
      for (let k = 0; k < F; k++) power += bank[m * F + k] * (X[2 * k] ** 2 + X[2 * k + 1] ** 2);
      db[m * frames + f] = 10 * Math.log10(Math.max(power, 1e-10));
    }
  }
  return db;
}

describe('features', () => {
  const clips = () => [vowel(small.length, 8000), noise(small.length), new Float32Array(small.length)];
  const batch = (list: Float32Array[]) =>
    engine.tensor(Float32Array.from(list.flatMap((x) => [...x])), [list.length, list[0].length]);

  test('log-mel in dB', async () => {
    const db = logMel(engine, batch(clips()), small);
    expect(db.shape).toEqual([3, 13, 17]);
    const want = clips().flatMap((x) => [...referenceLogMel(x, small)]);
    closeTo(await db.read(), want, { relative: 0, ofRms: 1e-5 }, 'logMel');
  });

  test('scaled to [0, 1] and back', async () => {
    const db = logMel(engine, batch(clips()), small);
    const want = (await db.read()).map((v) => Math.min(1, Math.max(0, (v - 10) / 80 + 1)));
    const close = { relative: 0, ofRms: 1e-6 };
    const features = normalise(db, small);
    closeTo(await features.read(), want, close, 'normalise');
    closeTo(await wavesToFeatures(engine, batch(clips()), small).read(), want, close, 'wavesToFeatures');
    const back = Float64Array.from(want, (v) => 80 * v - 70);
    closeTo(await toDb(features, small).read(), back, close, 'toDb');
    closeTo(
      await toPower(features, small).read(),
      back.map((v) => 10 ** (v / 10)),
      { relative: 2e-5, ofRms: 1e-6 },
      'toPower',
    );
  });

  test('the reference features are 64 bands of 64 frames', () => {
    const waves = batch([fitLength(noise(9000), 8192), fitLength(noise(100), 8192)]);
    expect(logMel(engine, waves, referenceFeatures).shape).toEqual([2, 64, 64]);
    expect(() => logMel(engine, batch([noise(9000)]), referenceFeatures)).toThrow('see fitLength');
    expect(() => normalise(waves, referenceFeatures)).toThrow('maxDb is null');
  });
});

describe('inversion', () => {
  const s: FeatureSettings = { ...referenceFeatures, length: 2048, maxDb: 20 };

  test('a vowel from its features', async () => {
    const waves = engine.tensor(vowel(s.length, s.sampleRate), [1, s.length]);
    const features = wavesToFeatures(engine, waves, s);
    const sound = featuresToWaves(engine, features, s);
    expect(sound.shape).toEqual([1, s.length]);
    const [want, got] = await engine.read([features, wavesToFeatures(engine, sound, s)]);
    const rmse =
      s.dynamicRange * Math.sqrt(want.reduce((sum, v, i) => sum + (v - got[i]) ** 2, 0) / want.length);
    // 2.65 measured: the valleys between such clean harmonics are deeper than those of recorded speech (1.1 dB).
    expect(rmse).toBeLessThan(3);
  });

  test('silence stays silent', async () => {
    const features = engine.tensor(new Float32Array(64 * 16), [1, 64, 16]);
    const sound = await featuresToWaves(engine, features, s).read();
    // -60 dB of power in every band is an amplitude of about 1e-4.
    expect(Math.max(...sound.map(Math.abs))).toBeLessThan(1e-2);
  });

  test('Griffin-Lim comes near the magnitudes', async () => {
    const x = engine.tensor(vowel(s.length, s.sampleRate), [1, s.length]);
    const options = { nFft: 256, hopLength: 64 };
    const magnitudes = async (y: Tensor) => {
      const X = await stft(y, options).read();
      return Float32Array.from({ length: X.length / 2 }, (_, i) => Math.hypot(X[2 * i], X[2 * i + 1]));
    };
    const S = await magnitudes(x);
    const given = engine.tensor(S, [1, 129, 33]);
    const R = await magnitudes(griffinLim(given, { ...options, length: s.length }));
    const convergence = Math.sqrt(
      dot(
        R.map((v, i) => v - S[i]),
        R.map((v, i) => v - S[i]),
      ) / dot(S, S),
    );
    expect(convergence).toBeLessThan(0.1);
    expect(() => griffinLim(given, { ...options, length: 1000 })).toThrow('leave length out or change it');
  });
});

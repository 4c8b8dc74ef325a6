// Recordings longer than a block or a model's window: the same as in one piece, and without seams.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FeatureSettings, frameCount } from '../../src/audio/features.ts';
import { featuresToWave, framesOf, waveToFeatures } from '../../src/audio/long.ts';
import { reconstructWave, throughWindows, windowCount } from '../../src/model/reconstruct.ts';
import {
  decodeWav,
  type Engine,
  featuresToWaves,
  measureLevel,
  mul,
  openEngine,
  Random,
  referenceFeatures,
  wavesToFeatures,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const settings: FeatureSettings = {
  ...referenceFeatures,
  nFft: 128,
  hopLength: 32,
  pad: 48,
  nMels: 16,
  maxDb: 20,
};
const samplesOf = (frames: number) => (frames - 1) * 32 + 128 - 96;
const noise = (n: number) => new Random(2, 'long').normal(0, n).map((v) => 0.1 * v);

test('frames and windows of a length', () => {
  expect([1, 8191, 8192].map((T) => framesOf(T, referenceFeatures))).toEqual([1, 64, 64]);
  expect(framesOf(8193, referenceFeatures)).toBe(65);
  expect([1, 64, 65, 96, 97, 128].map((n) => windowCount(n, 64))).toEqual([1, 1, 2, 2, 3, 3]);
  expect(windowCount(7, 5)).toBe(2);
});

describe('blocks', () => {
  test.each([40, 41, 120])('features of %i frames, in blocks of 40', async (frames) => {
    const length = samplesOf(frames);
    const wave = noise(length);
    const whole = await engine
      .scope(() => wavesToFeatures(engine, engine.tensor(wave, [1, length]), { ...settings, length }))
      .read();
    expect(frameCount({ ...settings, length })).toBe(frames);
    closeTo(
      await waveToFeatures(engine, wave, frames, settings, 40),
      whole,
      { relative: 0, ofRms: 1e-6 },
      'features',
    );
    // A wave that ends earlier is followed by silence.
    const short = await waveToFeatures(engine, wave.subarray(0, 100), frames, settings, 40);
    expect(short[frames - 1]).toBe(0);
  });

  test('sound of 300 frames in blocks of 40 is that of one search for phases', async () => {
    const frames = 300;
    const length = samplesOf(frames);
    const features = await waveToFeatures(engine, noise(length), frames, settings);
    const whole = await engine
      .scope(() => featuresToWaves(engine, engine.tensor(features, [1, 16, frames]), { ...settings, length }))
      .read();
    const blocks = await featuresToWave(engine, features, length, settings, { atOnce: 40 });
    // Equal up to rounding, which phases near zero magnitude feed on.
    closeTo(blocks, whole, { relative: 1e-3, ofRms: 1e-3 }, 'sound');
    expect(await featuresToWave(engine, features, 1000, settings, { atOnce: 40 })).toEqual(
      blocks.slice(0, 1000),
    );
  });
});

describe('windows', () => {
  const rows = 16;
  const same = (t: Parameters<typeof mul>[0]) => mul(t, engine.tensor([1]));
  test.each([
    [64, 64],
    [64, 64 + 32 * 70],
    [5, 5 + 3 * 4],
    [1, 9],
  ])('a model of %i frames that changes nothing gives %i frames back exactly', async (window, frames) => {
    const x = new Random(2, 'windows').uniform(1, rows * frames);
    const y = await throughWindows(engine, (t) => mul(t, engine.tensor([1])), x, rows, window);
    expect(y).toEqual(x);
  });

  test('windows that disagree are faded into each other', async () => {
    // The model gives window k the value k + 1: the steps between them are spread over half a window.
    const levels = (n: number) =>
      Float32Array.from({ length: n * rows * 64 }, (_, i) => 1 + Math.floor(i / (rows * 64)));
    const frames = 64 + 32 * 2;
    const y = await throughWindows(
      engine,
      (t) => engine.tensor(levels(t.shape[0]), t.shape),
      new Float32Array(rows * frames),
      rows,
      64,
    );
    const row = y.subarray(5 * frames, 6 * frames);
    const want = Float64Array.from(row, (_, f) => {
      const rise = (from: number) =>
        f < from ? 0 : f >= from + 32 ? 1 : Math.sin((Math.PI * (f - from + 0.5)) / 64) ** 2;
      return 1 + rise(32) + rise(64);
    });
    closeTo(row, want, { relative: 1e-6, ofRms: 0 }, 'fade');
  });

  test('a steady tone keeps its level within 1 dB through the seams, and its length', async () => {
    const length = 8000 * 4 + 17;
    const tone = Float32Array.from({ length }, (_, i) => 0.3 * Math.sin((2 * Math.PI * 440 * i) / 8000));
    const own = { ...referenceFeatures, maxDb: 40 };
    const { wave, windows, dbRmse } = await reconstructWave(engine, same, tone, 64, own);
    expect([wave.length, windows, dbRmse]).toEqual([length, 7, 0]);
    const levels: number[] = [];
    for (let at = 2000; at + 400 < length - 2000; at += 400) {
      const part = wave.subarray(at, at + 400);
      levels.push(10 * Math.log10(part.reduce((sum, v) => sum + v * v, 0) / 400));
    }
    const mean = levels.reduce((a, b) => a + b) / levels.length;
    expect(Math.abs(mean - 10 * Math.log10(0.045))).toBeLessThan(1);
    for (const level of levels) expect(Math.abs(level - mean)).toBeLessThan(1);
  });

  test('speech keeps its level where the model changes nothing', async () => {
    const digits = join(import.meta.dirname, '..', '..', 'data', 'digits');
    const names = readdirSync(digits).filter((name) => name.endsWith('.wav'));
    for (const name of names.filter((_, i) => i % 100 === 0)) {
      const before = decodeWav(readFileSync(join(digits, name)), name).channels[0];
      const { wave } = await reconstructWave(engine, same, before, 64, { ...referenceFeatures, maxDb: 20 });
      const change = measureLevel(wave).rms - measureLevel(before).rms;
      expect(Math.abs(change), name).toBeLessThan(0.5);
    }
  });
});

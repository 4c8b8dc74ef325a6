// The anomalies that scores are judged by: as long and as loud as the recording they are made of.

import { expect, test } from 'vitest';
import { anomalyKinds } from '../../bench/anomalyKinds.ts';
import { Random } from '../../src/node.ts';

const clip = new Random(2, 'clip').normal(0, 3001).map((v, i) => 0.05 * v * (i / 3001));
const rms = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);

test.each(Object.entries(anomalyKinds))('%s: the clip’s length and level, the same each time', (_, make) => {
  const made = make(clip, 8000, 7);
  expect(made).toHaveLength(3001);
  expect(rms(made) / rms(clip)).toBeCloseTo(1, 4);
  expect(make(clip, 8000, 7)).toEqual(made);
});

test('noise is white, and other noise for another clip', () => {
  const made = anomalyKinds.noise(clip, 8000, 0);
  const along = made.slice(1).reduce((sum, v, i) => sum + v * made[i], 0) / 3000 / rms(made) ** 2;
  expect(Math.abs(along)).toBeLessThan(0.06);
  expect(anomalyKinds.noise(clip, 8000, 1)).not.toEqual(made);
});

test('a tone is one sine between 200 Hz and 3.5 kHz', () => {
  const tones = Array.from({ length: 20 }, (_, number) => {
    const x = anomalyKinds.tones(clip, 8000, number);
    // x[i + 1] + x[i - 1] = 2 cos(w) x[i]
    const i = x.findIndex((v, at) => at > 0 && Math.abs(v) > 0.9 * rms(x));
    const cos = (x[i + 1] + x[i - 1]) / (2 * x[i]);
    for (let k = 1; k < 3000; k++) expect(x[k + 1] + x[k - 1]).toBeCloseTo(2 * cos * x[k], 4);
    return (Math.acos(cos) * 8000) / (2 * Math.PI);
  });
  expect(Math.min(...tones)).toBeGreaterThan(199);
  expect(Math.max(...tones)).toBeLessThan(3501);
  expect(Math.max(...tones) / Math.min(...tones)).toBeGreaterThan(4);
});

test('reversed speech begins with the end', () => {
  const made = anomalyKinds.reversed(clip, 8000, 0);
  expect(made[0]).toBe(clip[3000]);
  expect(made[3000]).toBe(clip[0]);
  expect(clip[0]).not.toBe(clip[3000]);
});

// Levels of signals whose level is known, and loudness against the figures of ITU-R BS.1770 and EBU Tech 3341.

import { describe, expect, test } from 'vitest';
import { loudness, measureLevel, mixDown } from '../../src/audio/level.ts';

const sine = (amplitude: number, hz: number, seconds: number, rate: number) =>
  Float32Array.from(
    { length: Math.round(seconds * rate) },
    (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / rate),
  );

describe('measureLevel', () => {
  test('a sine of half scale, with an offset', () => {
    const level = measureLevel(sine(0.5, 100, 1, 8000).map((v) => v + 0.25));
    expect(level.peak).toBeCloseTo(20 * Math.log10(0.75), 3);
    expect(level.rms).toBeCloseTo(10 * Math.log10(0.125 + 0.0625), 3);
    expect(level.dcOffset).toBeCloseTo(0.25, 6);
    expect([level.clipped, level.constant, level.silent]).toEqual([0, false, false]);
  });

  test('silence, the last bit, a constant, nothing at all', () => {
    const faults = (x: Float32Array) => {
      const { constant, silent, clipped } = measureLevel(x);
      return [constant, silent, clipped];
    };
    expect(faults(new Float32Array(100))).toEqual([true, true, 0]);
    expect(faults(Float32Array.from({ length: 100 }, (_, i) => ((i % 3) - 1) / 32768))).toEqual([
      true,
      true,
      0,
    ]);
    expect(faults(Float32Array.from({ length: 100 }, (_, i) => (2 * (i % 3)) / 32768))).toEqual([
      false,
      false,
      0,
    ]);
    expect(faults(new Float32Array(100).fill(0.5))).toEqual([true, false, 0]);
    expect(faults(new Float32Array(100).fill(1))).toEqual([true, false, 0]);
    expect(faults(new Float32Array(0))).toEqual([true, true, 0]);
    expect(measureLevel(new Float32Array(3)).peak).toBe(Number.NEGATIVE_INFINITY);
  });

  test('flat tops: a sine cut at full scale, both ends of 16 bits', () => {
    const cut = sine(2, 100, 1, 8000).map((v) => Math.min(32767 / 32768, Math.max(-1, v)));
    // |2 sin| > 1 for two thirds of a period.
    expect(measureLevel(cut).clipped).toBeCloseTo(2 / 3, 1);
    expect(measureLevel(sine(0.999, 100, 1, 8000)).clipped).toBeLessThan(0.05);
    expect(measureLevel(sine(1, 997, 1, 48000)).clipped).toBe(0);
    expect(measureLevel(cut.map((v) => v / 2)).clipped, 'scaled down it may be a square').toBe(0);
  });
});

describe('mixDown', () => {
  const [a, b] = [Float32Array.of(1, 0, -1), Float32Array.of(0, 0.5, -1)];
  test('the mean, or one channel', () => {
    expect([...mixDown([a, b])]).toEqual([0.5, 0.25, -1]);
    expect(mixDown([a, b], 1)).toBe(b);
    expect(mixDown([a])).toBe(a);
  });
  test('what it refuses', () => {
    expect(() => mixDown([a, b], 2)).toThrow(/channel 2 of 2; count from 0/);
    expect(() => mixDown([])).toThrow(/of no samples/);
    expect(() => mixDown([a, new Float32Array(2)])).toThrow(/of 3, 2 samples/);
  });
});

describe('loudness', () => {
  test.each([48000, 44100, 16000, 8000])(
    '997 Hz at 0 dBFS in one channel is -3.01 LKFS, at %i Hz',
    (rate) => {
      // The filters' shape is warped where Nyquist is near: a tenth of a dB at 8 kHz.
      expect(loudness([sine(1, 997, 5, rate)], rate)).toBeCloseTo(-3.01, rate > 20000 ? 1 : 0);
    },
  );

  test('EBU Tech 3341, case 1: 1 kHz at -23 dBFS in both channels is -23 LUFS', () => {
    const x = sine(10 ** (-23 / 20), 1000, 20, 48000);
    expect(loudness([x, x], 48000)).toBeCloseTo(-23, 1);
  });

  test('EBU Tech 3341, case 3: the gate passes over the quiet parts', () => {
    const rate = 48000;
    const parts = [-36, -23, -36].map((db, i) => sine(10 ** (db / 20), 1000, i === 1 ? 60 : 10, rate));
    const x = new Float32Array(80 * rate);
    parts.forEach((part, i) => {
      x.set(part, [0, 10, 70][i] * rate);
    });
    expect(loudness([x, x], rate)).toBeCloseTo(-23, 1);
  });

  test('low frequencies weigh less; silence and less than 400 ms have none', () => {
    expect(loudness([sine(1, 30, 5, 48000)], 48000)).toBeLessThan(-8);
    expect(loudness([new Float32Array(48000)], 48000)).toBe(Number.NEGATIVE_INFINITY);
    expect(loudness([sine(1, 997, 0.39, 48000)], 48000)).toBe(Number.NEGATIVE_INFINITY);
    expect(() => loudness([sine(1, 100, 1, 2000)], 2000)).toThrow(/rate 2000 Hz/);
  });
});

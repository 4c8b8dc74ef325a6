// Clips joined: what is cut, where they begin, that no join clicks.

import { expect, test } from 'vitest';
import { joinClips } from '../../src/audio/join.ts';

const rate = 8000;

/** A tone from `from` to `to` seconds in a clip of one second of faint noise. */
const tone = (from: number, to: number, amplitude = 0.5) =>
  Float32Array.from({ length: rate }, (_, i) => {
    const sounding = i >= from * rate && i < to * rate;
    return (i % 2 ? 1e-4 : -1e-4) + (sounding ? amplitude * Math.cos((2 * Math.PI * 440 * i) / rate) : 0);
  });

test('silence at both ends is cut, pauses are equal, levels stay', () => {
  const clips = [tone(0.2, 0.5), tone(0, 0.3), tone(0.7, 1, 0.1)];
  const { wave, starts } = joinClips(clips, rate, 0.1);
  // A fade of 20 ms on either side, as far as there is clip.
  const lengths = [0.34, 0.32, 0.32];
  const want = [0, lengths[0] + 0.1, lengths[0] + lengths[1] + 0.2];
  starts.forEach((at, i) => {
    expect(at).toBeCloseTo(want[i], 9);
  });
  expect(wave.length / rate).toBeCloseTo(want[2] + lengths[2], 9);
  const part = (from: number, to: number) => wave.slice(Math.round(from * rate), Math.round(to * rate));
  expect(part(0.05, 0.25)).toEqual(clips[0].slice(0.23 * rate, 0.43 * rate));
  expect(part(0.34, 0.44).every((v) => v === 0)).toBe(true);
  expect(Math.max(...part(want[2] + 0.1, want[2] + 0.2))).toBeCloseTo(0.1, 3);
});

test('a clip that begins or ends in full sound is faded: no step is larger than within the tone', () => {
  const { wave } = joinClips([tone(0, 1), tone(0, 1)], rate);
  let largest = 0;
  for (let i = 1; i < wave.length; i++) largest = Math.max(largest, Math.abs(wave[i] - wave[i - 1]));
  expect(largest).toBeLessThan(0.5 * 2 * Math.sin((Math.PI * 440) / rate) + 3e-4);
  expect(Math.abs(wave[0])).toBeLessThan(1e-4);
});

test('a silent clip among others stays whole; so do clips that are all silent', () => {
  const silent = new Float32Array(100);
  expect(joinClips([silent, tone(0, 1), silent], rate, 0).starts).toEqual([0, 100 / rate, 8100 / rate]);
  expect(joinClips([silent, silent], rate, 0).wave).toHaveLength(200);
});

test('no clip, and a gap below 0, are refused', () => {
  expect(() => joinClips([], rate)).toThrow(/no clip; give at least one/);
  expect(() => joinClips([tone(0, 1)], rate, -1)).toThrow(/gap -1 s/);
});

// Utterances cut out of a stream: words of noise over a background, in blocks of the audio thread's size.

import { expect, test } from 'vitest';
import { Random } from '../../src/engine/random.ts';
import { type Heard, Utterances } from '../../web/teach/utterances.ts';

const rate = 16_000;
const block = 128;

/** A stream of noise at dBFS: each part lasts some seconds. */
function stream(parts: [seconds: number, db: number][]): Float32Array {
  const out = new Float32Array(Math.round(parts.reduce((sum, [seconds]) => sum + seconds, 0) * rate));
  let at = 0;
  for (const [i, [seconds, db]] of parts.entries()) {
    const n = Math.round(seconds * rate);
    const amplitude = 10 ** (db / 20);
    out.set(
      new Random(1, 'noise').normal(i, n).map((v) => v * amplitude),
      at,
    );
    at += n;
  }
  return out;
}

function cut(samples: Float32Array): { heard: Heard[]; utterances: Utterances } {
  const utterances = new Utterances(rate);
  const heard: Heard[] = [];
  for (let at = 0; at < samples.length; at += block)
    heard.push(...utterances.push(samples.subarray(at, at + block)));
  return { heard, utterances };
}

const words = (heard: Heard[]) => heard.filter((h) => typeof h !== 'string');
const secondsOf = (wave: Float32Array) => wave.length / rate;

test.each([-90, -60, -45])('three words over a background of %i dBFS', (background) => {
  const pause: [number, number] = [0.7, background];
  // However silent the room, a whisper below -58 dBFS is no word.
  const level = Math.max(background + 25, -50);
  const { heard } = cut(stream([pause, [0.4, level], pause, [0.5, level], pause, [0.2, level], pause]));
  expect(heard.filter((h) => h === 'begun')).toHaveLength(3);
  expect(words(heard)).toHaveLength(3);
  words(heard).forEach((wave, i) => {
    // A fifth of a second before, some of the silence behind.
    const word = [0.4, 0.5, 0.2][i];
    expect(secondsOf(wave)).toBeGreaterThan(word + 0.15);
    expect(secondsOf(wave)).toBeLessThan(word + 0.4);
  });
});

test('what came just before the word is there, sample by sample', () => {
  const samples = stream([
    [0.6, -80],
    [0.4, -20],
    [0.6, -80],
  ]);
  const [wave] = words(cut(samples).heard);
  const begin = samples.findIndex((_, i) => wave.subarray(0, 64).every((v, k) => v === samples[i + k]));
  expect(begin).toBeGreaterThan(0.35 * rate);
  expect(begin).toBeLessThan(0.5 * rate);
  expect([...wave]).toEqual([...samples.subarray(begin, begin + wave.length)]);
});

test('a gap inside a word does not end it; a click is no word; a shout without end is cut', () => {
  const quiet: [number, number] = [0.6, -80];
  const gap = cut(stream([quiet, [0.2, -25], [0.2, -80], [0.2, -25], quiet])).heard;
  expect(words(gap)).toHaveLength(1);
  expect(cut(stream([quiet, [0.025, -20], quiet])).heard).toEqual(['begun', 'dropped']);
  const shout = cut(stream([quiet, [4, -20], quiet])).heard;
  expect(secondsOf(words(shout)[0])).toBeCloseTo(3, 1);
});

test('silence gives nothing; what is under way ends when asked, and is a word if it has ended by itself', () => {
  expect(cut(new Float32Array(rate)).heard).toEqual([]);
  for (const [after, word] of [
    [0.1, true],
    [0.02, false],
  ] as const) {
    const parts: [number, number][] = [
      [0.6, -80],
      [0.3, -20],
      [after, -80],
    ];
    const { heard, utterances } = cut(stream(parts));
    expect(heard).toEqual(['begun']);
    expect(utterances.speaking).toBe(true);
    const rest = utterances.end();
    if (word) expect(secondsOf(rest as Float32Array)).toBeGreaterThan(0.5);
    else expect(rest).toBe('dropped');
    expect(utterances.end()).toBeNull();
  }
});

test('a louder room is learnt within seconds', () => {
  const { heard } = cut(
    stream([
      [1, -80],
      [6, -45],
      [0.4, -15],
      [0.6, -45],
    ]),
  );
  // The room itself is taken for a word once, until it is known.
  expect(words(heard).length).toBeGreaterThanOrEqual(1);
  expect(words(heard).length).toBeLessThanOrEqual(3);
  expect(secondsOf(words(heard).at(-1) as Float32Array)).toBeLessThan(0.9);
});

// Trimming against librosa.effects.trim written out in float64 (its rms of centred frames, its dB), and windows against
// what they promise, over random clips of sound and pauses.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutWindows, soundSpan, trimSilence } from '../../src/audio/trim.ts';

/** librosa.effects.trim(y, top_db, frame_length, hop_length), its index, without its floor of -100 dB; frames that sound. */
function librosa(y: Float32Array, topDb: number, frame: number, hop: number) {
  const padded = [...Array(frame / 2).fill(0), ...y, ...Array(frame / 2).fill(0)];
  const db: number[] = [];
  for (let at = 0; at + frame <= padded.length; at += hop) {
    let sum = 0;
    for (let i = at; i < at + frame; i++) sum += padded[i] * padded[i];
    db.push(10 * Math.log10(sum / frame));
  }
  const top = Math.max(...db);
  const loud = db.map((x) => x - top > -topDb);
  return {
    start: loud.indexOf(true) * hop,
    end: Math.min(y.length, (loud.lastIndexOf(true) + 1) * hop),
    loud,
  };
}

/** Runs of noise of some level, in dB, or of silence. */
const clip = fc
  .array(fc.tuple(fc.constantFrom(-200, -70, -35, -10, 0), fc.integer({ min: 1, max: 900 })), {
    minLength: 1,
    maxLength: 8,
  })
  .map((runs) => {
    let state = 1;
    const noise = () => {
      state = (state * 48271) % 2147483647;
      return state / 1073741824 - 1;
    };
    return Float32Array.from(
      runs.flatMap(([db, n]) =>
        Array.from({ length: n }, () => (db === -200 ? 0 : noise() * 10 ** (db / 20))),
      ),
    );
  });
const sizes = fc.constantFrom([512, 128], [64, 16], [50, 7], [40, 20]);

test('spans are those of librosa.effects.trim', () => {
  const property = fc.property(
    clip,
    sizes,
    fc.constantFrom(20, 40, 60),
    (y, [frameLength, hopLength], topDb) => {
      const got = soundSpan(y, { topDb, frameLength, hopLength, reference: 'loudest' });
      // Of silence librosa keeps all, this nothing.
      const want = y.every((x) => x === 0) ? { start: 0, end: 0 } : librosa(y, topDb, frameLength, hopLength);
      expect(got).toEqual({ start: want.start, end: want.end });
      expect(trimSilence(y, { topDb, frameLength, hopLength, reference: 'loudest' })).toEqual(
        y.subarray(got.start, got.end),
      );
    },
  );
  fc.assert(property, { seed: 1, numRuns: 300 });
});

test('a click does not make silence of a quiet voice', () => {
  const y = Float32Array.from({ length: 16000 }, (_, i) => (i > 4000 && i < 12000 ? 0.004 * Math.sin(i) : 0));
  y.fill(1, 200, 260);
  expect(soundSpan(y, { reference: 'loudest' }).end).toBeLessThan(1000);
  expect(soundSpan(y).end).toBeGreaterThan(11900);
  expect(soundSpan(y.fill(0, 0, 300))).toEqual(soundSpan(y, { reference: 'loudest' }));
});

test('windows cover all sound, each holds new sound, and only a short clip is padded', () => {
  const o = { topDb: 40, frameLength: 64, hopLength: 16, reference: 'loudest' } as const;
  const property = fc.property(
    clip,
    fc.constantFrom(7, 100, 512, 1000),
    fc.constantFrom(0, 0.25, 0.5, 0.9),
    (y, length, overlap) => {
      const windows = cutWindows(y, length, { ...o, overlap, least: 0 });
      const { loud } = librosa(y, o.topDb, o.frameLength, o.hopLength);
      const silent = y.every((x) => x === 0);
      const covered = new Uint8Array(y.length);
      const sounds = (i: number) => !silent && loud[Math.floor(i / o.hopLength)];
      windows.forEach(({ start, filled, samples }, w) => {
        let isNew = 0;
        for (let i = start; i < start + filled; i++) {
          if (sounds(i) && !covered[i]) isNew++;
          covered[i] = 1;
        }
        expect(isNew).toBeGreaterThan(0);
        expect(samples.length).toBe(length);
        expect(samples.subarray(0, filled).every((x, i) => x === y[start + i])).toBe(true);
        expect(samples.subarray(filled).every((x) => x === 0)).toBe(true);
        if (y.length >= length) expect(filled).toBe(length);
        if (w > 0) expect(start).toBeGreaterThan(windows[w - 1].start);
      });
      expect(covered.findIndex((is, i) => sounds(i) && !is)).toBe(-1);
      if (y.length < length) expect(windows.length).toBeLessThanOrEqual(1);
    },
  );
  fc.assert(property, { seed: 2, numRuns: 100 });
});

test('starts of windows, and what is no speech', () => {
  const sine = (n: number) => Float32Array.from({ length: n }, (_, i) => 0.3 * Math.sin(i));
  const starts = (y: Float32Array, overlap: number) => cutWindows(y, 8192, { overlap }).map((w) => w.start);
  expect(starts(sine(20000), 0)).toEqual([0, 8192, 20000 - 8192]);
  expect(starts(sine(20000), 0.5)).toEqual([0, 4096, 8192, 20000 - 8192]);
  expect(starts(sine(8192), 0.5)).toEqual([0]);
  // A pause longer than a window is passed over.
  expect(starts(sine(60000).fill(0, 7000, 50000), 0)).toEqual([0, 49792, 60000 - 8192]);
  const short = sine(800);
  expect(cutWindows(short, 8192)).toEqual([]);
  expect(cutWindows(short, 8192, { least: 0.1 })[0]).toMatchObject({ start: 0, filled: 800 });
  expect(cutWindows(new Float32Array(9000), 8192)).toEqual([]);
  expect(cutWindows(new Float32Array(0), 8192)).toEqual([]);
});

test.each([
  [{ topDb: 0 }, 'trim: topDb 0'],
  [{ hopLength: 0.5 }, 'trim: hopLength 0.5'],
  [{ hopLength: 600 }, 'trim: hopLength 600 is more than half of frameLength 512'],
  [{ frameLength: 301 }, 'trim: frameLength 301; give an even number'],
  [{ overlap: 1 }, 'cutWindows: overlap 1'],
  [{ least: 2 }, 'cutWindows: least 2'],
])('%o is refused', (options, message) => {
  expect(() => cutWindows(new Float32Array(10), 4, options)).toThrow(message);
});

// Resampling against its definition in float64, the figures it is chosen by, its gradient, and blocks against the whole.
// test/golden holds torchaudio's own results.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bestQuality, inputsFor, resampleBatch, resampleSource } from '../../src/audio/resample.ts';
import {
  backwardFrom,
  type Engine,
  openEngine,
  Random,
  type ResampleOptions,
  resample,
} from '../../src/node.ts';
import { resamplePlan } from '../../src/shaders/resample.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const noise = (n: number, stream = 0) => new Random(3, 'resample').normal(stream, n);
const forward = { relative: 1e-4, ofRms: 1e-5 };

/** torchaudio's definition: every output against every input. */
function reference(x: ArrayLike<number>, from: number, to: number, o: ResampleOptions): Float64Array {
  const {
    lowpassFilterWidth: width = 6,
    rolloff = 0.99,
    method = 'sinc_interp_hann',
    beta = 14.769656459379492,
  } = o;
  const base = Math.min(from, to) * rolloff;
  const bessel = (v: number) => {
    let [sum, term] = [1, 1];
    for (let k = 1; k < 200; k++) {
      term *= (v / 2 / k) ** 2;
      sum += term;
    }
    return sum;
  };
  return Float64Array.from({ length: Math.ceil((to * x.length) / from) }, (_, n) => {
    let sum = 0;
    for (let m = 0; m < x.length; m++) {
      const t = (m / from - n / to) * base;
      if (Math.abs(t) >= width) continue;
      const window =
        method === 'sinc_interp_hann'
          ? Math.cos((t * Math.PI) / width / 2) ** 2
          : bessel(beta * Math.sqrt(1 - (t / width) ** 2)) / bessel(beta);
      sum += x[m] * (t === 0 ? 1 : Math.sin(t * Math.PI) / (t * Math.PI)) * window * (base / from);
    }
    return sum;
  });
}

describe('resample', () => {
  const cases: [number, number, number, ResampleOptions][] = [
    [1, 3, 2, {}],
    [7, 1, 5, {}],
    [97, 44100, 8000, {}],
    [131, 8000, 44100, { lowpassFilterWidth: 3 }],
    [600, 48000, 8000, bestQuality],
    [257, 101, 103, { lowpassFilterWidth: 16, rolloff: 0.8 }],
    [333, 16, 7, { method: 'sinc_interp_kaiser' }],
    [333, 7, 16, { method: 'sinc_interp_kaiser', beta: 6, lowpassFilterWidth: 8 }],
  ];
  test.each(cases)('%i samples, %i to %i Hz, %o', async (T, from, to, options) => {
    const x = noise(2 * T);
    const y = await resample(engine.tensor(x, [2, T]), from, to, options).read();
    const want = [0, 1].flatMap((b) => [...reference(x.subarray(b * T, (b + 1) * T), from, to, options)]);
    closeTo(y, want, forward, 'y');
  });

  test('one dimension, equal rates', async () => {
    const x = engine.tensor(noise(50));
    expect(resample(x, 44100, 44100)).toBe(x);
    const y = resample(x, 2, 1);
    expect(y.shape).toEqual([25]);
    closeTo(await y.read(), reference(noise(50), 2, 1, {}), forward, 'y');
  });

  test.each([
    [6, 1],
    [3, 7],
    [80, 441],
  ])('the gradient is the transposed of the map, %i to %i', async (from, to) => {
    const x = engine.tensor(noise(2 * 150), [2, 150]);
    x.requiresGrad = true;
    const y = resample(x, from, to);
    const dy = noise(y.size, 1);
    const [dx] = backwardFrom([[y, engine.tensor(dy, y.shape)]], [x]);
    const N = y.size / 2;
    // Column m of the map is the response to an impulse at m.
    const want = Float64Array.from({ length: 300 }, (_, i) => {
      const impulse = new Float64Array(150);
      impulse[i % 150] = 1;
      const column = reference(impulse, from, to, {});
      return column.reduce((sum, v, n) => sum + v * dy[Math.floor(i / 150) * N + n], 0);
    });
    closeTo(await dx.read(), want, { relative: 1e-3, ofRms: 1e-4 }, 'dx');
  });

  test('what it refuses', () => {
    const x = engine.tensor(noise(10), [1, 10]);
    expect(() => resample(x, 0, 8000)).toThrow(/origFreq 0; it must be a whole number/);
    expect(() => resample(x, 8000, 8000.5)).toThrow(/newFreq 8000.5/);
    expect(() => resample(x, 2 ** 31 + 1, 8000)).toThrow(/2\^31/);
    expect(() => resample(x, 2 ** 31 - 1, 8000)).toThrow(
      /filter has \d+ weights.*smaller lowpassFilterWidth/,
    );
    expect(() => resample(x, 2, 1, { lowpassFilterWidth: 0 })).toThrow(/lowpassFilterWidth 0/);
    expect(() => resample(x, 2, 1, { rolloff: 1.1 })).toThrow(/rolloff 1.1/);
    expect(() => resample(x, 2, 1, { beta: -1 })).toThrow(/beta -1/);
    expect(() => resample(x, 2, 1, { method: 'linear' as 'sinc_interp_hann' })).toThrow(/method linear/);
    expect(() => resample(engine.tensor(noise(8), [2, 2, 2]), 2, 1)).toThrow(/\(B, T\) or \(T\)/);
    for (const from of [11025, 22050, 22254, 44100, 44101, 48000, 96000, 99991, 192000])
      expect(() => resamplePlan(from, 8000, bestQuality), `${from}`).not.toThrow();
  });
});

describe('quality', () => {
  const rate = 48000;
  const tone = (hz: number) =>
    Float32Array.from({ length: rate }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));

  test('a 997 Hz tone, 48 to 8 to 48 kHz: its level within 0.1 dB, all else 80 dB below', async () => {
    const down = resample(engine.tensor(tone(997), [1, rate]), rate, 8000, bestQuality);
    const y = await resample(down, 8000, rate, bestQuality).read();
    // Within, where no edge reaches; amplitudes by least squares, as the span holds no whole number of periods.
    const [first, n] = [12000, 24000];
    let [ss, sc, cc, ys, yc] = [0, 0, 0, 0, 0];
    const angle = (i: number) => (2 * Math.PI * 997 * i) / rate;
    for (let i = first; i < first + n; i++) {
      const [s, c] = [Math.sin(angle(i)), Math.cos(angle(i))];
      ss += s * s;
      sc += s * c;
      cc += c * c;
      ys += y[i] * s;
      yc += y[i] * c;
    }
    const a = (ys * cc - yc * sc) / (ss * cc - sc * sc);
    const b = (yc * ss - ys * sc) / (ss * cc - sc * sc);
    let rest = 0;
    for (let i = first; i < first + n; i++)
      rest += (y[i] - a * Math.sin(angle(i)) - b * Math.cos(angle(i))) ** 2;
    const power = (a * a + b * b) / 2;
    expect(Math.abs(10 * Math.log10(power / 0.125))).toBeLessThan(0.001);
    expect(10 * Math.log10(rest / n / power)).toBeLessThan(-110);
  });

  test.each([
    [4400, {}, -10, -20],
    [4400, bestQuality, -75, -90],
    [3800, bestQuality, 0.01, -0.01],
  ])('%i Hz into 8 kHz with %o', async (hz, options, most, least) => {
    const y = await resample(engine.tensor(tone(hz), [1, rate]), rate, 8000, options).read();
    let squares = 0;
    for (let i = 2000; i < 6000; i++) squares += y[i] * y[i];
    const dB = 10 * Math.log10(squares / 4000 / 0.125);
    expect(dB).toBeLessThan(most);
    expect(dB).toBeGreaterThan(least);
  });
});

describe('recordings', () => {
  const source = (x: Float32Array, sampleRate: number) => ({
    sampleRate,
    length: x.length,
    read: async (start: number, end: number) => {
      expect([start >= 0, end <= x.length, end > start]).toEqual([true, true, true]);
      return x.subarray(start, end);
    },
  });

  test.each([
    [44100, 8000],
    [8000, 44100],
    [44101, 8000],
  ])('blocks are the whole, bit for bit: %i to %i', async (from, to) => {
    const x = noise(from === 8000 ? 500_000 : 4_300_000);
    const options = { lowpassFilterWidth: 16 };
    const whole = await engine
      .scope(() => resample(engine.tensor(x, [1, x.length]), from, to, options))
      .read();
    const blocks = await resampleSource(engine, source(x, from), to, { quality: options });
    expect(
      Buffer.from(blocks.buffer).equals(Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength)),
    ).toBe(true);
    const head = await resampleSource(engine, source(x, from), to, { most: 1000, quality: options });
    expect(head).toEqual(whole.slice(0, 1000));
    const needed = inputsFor(resamplePlan(from, to, options), 1000);
    const cut = await resampleSource(engine, source(x.subarray(0, needed), from), to, {
      most: 1000,
      quality: options,
    });
    expect(cut).toEqual(head);
  });

  test('a batch: each wave with its own length, as alone', async () => {
    const waves = [1, 100, 37].map((n, i) => noise(n, i));
    const batch = await resampleBatch(engine, waves, 3, 2);
    for (const [i, wave] of waves.entries()) {
      expect(batch[i].length).toBe(Math.ceil((2 * wave.length) / 3));
      closeTo(batch[i], reference(wave, 3, 2, bestQuality), forward, `wave ${i}`);
    }
    expect((await resampleBatch(engine, waves, 5, 5))[1]).toBe(waves[1]);
    // Where a binding holds few of them, they go in several batches.
    const held = { maxBinding: engine.maxBinding };
    const many = Array.from({ length: 7 }, (_, i) => noise(i === 4 ? 4500 : 2000 + i, i));
    const atOnce = await resampleBatch(engine, many, 3, 2);
    for (const [i, wave] of many.entries())
      expect((await resampleBatch(engine, [wave], 3, 2))[0]).toEqual(atOnce[i]);
    Object.assign(engine, { maxBinding: 20_000 });
    try {
      expect(await resampleBatch(engine, many, 3, 2)).toEqual(atOnce);
    } finally {
      Object.assign(engine, held);
    }
    expect(await resampleSource(engine, source(waves[1], 5), 5)).toEqual(waves[1]);
  });
});

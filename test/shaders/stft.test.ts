// stft, istft and the multi-resolution loss against float64 references that follow the definitions, gradients against
// those references' values for unit vectors (both transforms are linear) or finite differences.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  backwardFrom,
  type Engine,
  griffinLim,
  istft,
  multiResolutionStftLoss,
  openEngine,
  Random,
  type StftOptions,
  stft,
  type Tensor,
  type Window,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

type Numbers = ArrayLike<number>;

const noise = (n: number, seed = 1) => new Random(seed, 'stft').uniform(0, n).map((v) => 2 * v - 1);
const close = { relative: 1e-5, ofRms: 3e-6 };
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** I0 as a mean over the circle, for the kaiser window. */
const bessel = (x: number) =>
  Array.from({ length: 200 }, (_, i) => Math.exp(x * Math.cos((Math.PI * (i + 0.5)) / 200))).reduce(
    (a, b) => a + b,
  ) / 200;

/** Periodic windows as the documentation of torch gives them: symmetric over N + 1 points, the last left out. */
function window64(window: Window, N: number): Float64Array {
  const cos = (n: number, times: number) => Math.cos((2 * Math.PI * times * n) / N);
  const formulas: Record<string, (n: number) => number> = {
    hann: (n) => 0.5 * (1 - cos(n, 1)),
    hamming: (n) => 0.54 - 0.46 * cos(n, 1),
    blackman: (n) => 0.42 - 0.5 * cos(n, 1) + 0.08 * cos(n, 2),
    bartlett: (n) => (n <= N / 2 ? (2 * n) / N : 2 - (2 * n) / N),
    ones: () => 1,
    rectangular: () => 1,
  };
  if (typeof window === 'string') return Float64Array.from({ length: N }, (_, n) => formulas[window](n));
  if (!('kaiser' in window)) return Float64Array.from(window);
  const { kaiser } = window;
  return Float64Array.from(
    { length: N },
    (_, n) => bessel(kaiser * Math.sqrt(1 - ((n - N / 2) / (N / 2)) ** 2)) / bessel(kaiser),
  );
}

/** Options with their defaults, and the window in the middle of nFft values. */
function settings(o: StftOptions) {
  const { nFft, winLength = nFft, center = true, padMode = 'reflect', onesided = true } = o;
  const hop = o.hopLength ?? Math.floor(nFft / 4);
  const w = new Float64Array(nFft);
  w.set(window64(o.window ?? 'hann', winLength), Math.floor((nFft - winLength) / 2));
  const pad = center ? Math.floor(nFft / 2) : 0;
  const scale = o.normalized ? 1 / Math.sqrt(nFft) : 1;
  return { nFft, hop, w, pad, padMode, scale, F: onesided ? Math.floor(nFft / 2) + 1 : nFft };
}

/** Sample p of a wave that goes on beyond its ends as padMode says. */
function padded(x: Numbers, p: number, padMode: string): number {
  const T = x.length;
  if (p >= 0 && p < T) return x[p];
  if (padMode === 'constant') return 0;
  if (padMode === 'reflect') return x[p < 0 ? -p : 2 * (T - 1) - p];
  if (padMode === 'replicate' || padMode === 'edge') return x[p < 0 ? 0 : T - 1];
  return x[(p + T) % T];
}

/** (F, frames, 2). */
function stft64(x: Numbers, o: StftOptions): Float64Array {
  const { nFft, hop, w, pad, padMode, scale, F } = settings(o);
  const frames = 1 + Math.floor((x.length + 2 * pad - nFft) / hop);
  const X = new Float64Array(F * frames * 2);
  for (let f = 0; f < frames; f++)
    for (let i = 0; i < nFft; i++) {
      const v = scale * w[i] * padded(x, f * hop + i - pad, padMode);
      for (let k = 0; k < F && v !== 0; k++) {
        const angle = (2 * Math.PI * ((k * i) % nFft)) / nFft;
        X[2 * (k * frames + f)] += v * Math.cos(angle);
        X[2 * (k * frames + f) + 1] -= v * Math.sin(angle);
      }
    }
  return X;
}

/** Sums of squared windows over `length` samples from the first one on. */
function covered(o: StftOptions, frames: number, length: number): Float64Array {
  const { nFft, hop, w, pad } = settings(o);
  const sums = new Float64Array(length);
  for (let f = 0; f < frames; f++)
    for (let i = 0; i < nFft; i++) {
      const t = f * hop + i - pad;
      if (t >= 0 && t < length) sums[t] += w[i] ** 2;
    }
  return sums;
}

/** The wave (length) of one spectrum (F, frames, 2): bins above the middle count as mirrors of those below. */
function istft64(X: Numbers, o: StftOptions, length: number): Float64Array {
  const { nFft, hop, w, pad, scale, F } = settings(o);
  const frames = X.length / 2 / F;
  const y = new Float64Array(length);
  const sums = covered(o, frames, length);
  for (let f = 0; f < frames; f++)
    for (let i = 0; i < nFft; i++) {
      const t = f * hop + i - pad;
      if (t < 0 || t >= length) continue;
      let v = 0;
      for (let k = 0; 2 * k <= nFft; k++) {
        const share = k === 0 || 2 * k === nFft ? 1 : 2;
        const angle = (2 * Math.PI * ((k * i) % nFft)) / nFft;
        const at = 2 * (k * frames + f);
        v += share * (X[at] * Math.cos(angle) - X[at + 1] * Math.sin(angle));
      }
      y[t] += (w[i] * v) / (nFft * scale);
    }
  return y.map((v, t) => (sums[t] > 0 ? v / Math.max(sums[t], 1e-10) : 0));
}

const dot = (a: Numbers, b: Numbers) => Array.from(a, (v, i) => v * b[i]).reduce((s, v) => s + v, 0);
/** <g, f(e_i)> for every unit vector e_i: the gradient of a linear f. */
const adjoint = (f: (x: Float64Array) => Float64Array, n: number, g: Numbers) =>
  Float64Array.from({ length: n }, (_, i) => dot(g, f(new Float64Array(n).fill(1, i, i + 1))));

/** Forward and gradient of one linear operation on two examples. */
async function check(
  what: string,
  f: (x: Tensor) => Tensor,
  f64: (x: Numbers) => Float64Array,
  shape: number[],
): Promise<void> {
  const x = engine.tensor(noise(2 * size(shape)), [2, ...shape]);
  x.requiresGrad = true;
  const y = f(x);
  const dy = engine.tensor(noise(y.size, 2), y.shape);
  const [dx] = backwardFrom([[y, dy]], [x]);
  const [xs, ys, dys, dxs] = await engine.read([x, y, dy, dx]);
  for (const b of [0, 1]) {
    const row = (a: Float32Array) => a.subarray((b * a.length) / 2, ((b + 1) * a.length) / 2);
    closeTo(row(ys), f64(row(xs)), close, `${what}, example ${b}`);
    closeTo(row(dxs), adjoint(f64, size(shape), row(dys)), close, `${what}.dx, example ${b}`);
  }
}

const values = Float32Array.from({ length: 11 }, (_, i) => 1 + (i % 3));

/** [options, samples]: every option away from its default at least once, odd and even sizes. */
const optionCases: [StftOptions, number][] = [
  [{ nFft: 16 }, 50],
  [{ nFft: 15, hopLength: 4 }, 41],
  [{ nFft: 15, hopLength: 5, winLength: 10, window: 'hamming', onesided: false }, 33],
  [{ nFft: 16, hopLength: 5, winLength: 11, window: values, onesided: false, normalized: true }, 40],
  [{ nFft: 16, hopLength: 3, window: 'blackman', padMode: 'constant' }, 20],
  [{ nFft: 12, hopLength: 4, window: 'bartlett', padMode: 'replicate', normalized: true }, 25],
  [{ nFft: 12, hopLength: 4, winLength: 9, window: { kaiser: 12 }, padMode: 'edge' }, 14],
  [{ nFft: 15, hopLength: 4, window: 'ones', padMode: 'circular' }, 7],
  [{ nFft: 16, hopLength: 4, window: 'rectangular', padMode: 'wrap' }, 22],
  [{ nFft: 16, hopLength: 4, window: 'hamming', center: false }, 43],
  [{ nFft: 1, hopLength: 1 }, 5],
];

describe('every option', () => {
  test.each(optionCases)('stft %j of %i samples', (o, T) =>
    check(
      'stft',
      (x) => stft(x, o),
      (x) => stft64(x, { ...o, window: o.nFft === 1 ? 'ones' : o.window }),
      [T],
    ),
  );

  test.each(optionCases.filter(([o]) => o.nFft > 1))('istft %j to %i samples', (o, T) => {
    const { F, pad, nFft, hop } = settings(o);
    const frames = 1 + Math.floor((T + 2 * pad - nFft) / hop);
    const { padMode, ...rest } = o;
    const back = (X: Tensor) => istft(X, { ...rest, length: T });
    return check('istft', back, (X) => istft64(X, o, T), [F, frames, 2]);
  });

  test('leading axes', async () => {
    const o = { nFft: 16, hopLength: 4 };
    const x = engine.tensor(noise(120), [2, 3, 20]);
    const one = engine.tensor(noise(120).subarray(0, 20));
    const [X, X1] = [stft(x, o), stft(one, o)];
    expect([X.shape, X1.shape]).toEqual([
      [2, 3, 9, 6, 2],
      [9, 6, 2],
    ]);
    const [y, y1] = [istft(X, o), istft(X1, o)];
    expect([y.shape, y1.shape]).toEqual([[2, 3, 20], [20]]);
    closeTo(await X1.read(), (await X.read()).subarray(0, X1.size), close, 'one wave');
    closeTo(await y.read(), await x.read(), close, 'six waves');
  });

  test('refused', () => {
    const x = engine.tensor(noise(20), [1, 20]);
    const X = engine.tensor(noise(2 * 9 * 4), [1, 9, 4, 2]);
    const refused = (o: object, message: string) =>
      expect(() => stft(x, { nFft: 16, ...o } as StftOptions)).toThrow(message);
    refused({ nFft: 0 }, 'stft: nFft 0; it must be a whole number');
    refused({ nFft: 40 }, 'too few for reflect padding by nFft / 2 = 20');
    refused({ nFft: 42, padMode: 'circular' }, 'too few for circular padding');
    refused({ nFft: 21, center: false }, '20 samples are fewer than nFft 21');
    refused({ winLength: 17 }, 'winLength 17; it must be a whole number from 1 to nFft 16');
    refused({ hopLength: 0 }, 'hopLength 0');
    refused({ window: 'cosine' }, 'window cosine; it must be hann, ');
    refused({ window: { kaiser: -1 } }, 'a kaiser window of beta -1');
    refused({ window: new Float32Array(5) }, 'a window of 5 values for winLength 16');
    refused({ padMode: 'mirror' }, 'padMode mirror; it must be constant, ');
    expect(() => istft(X, { nFft: 16, hopLength: 16 })).toThrow('use a smaller hopLength than 16');
    expect(() => istft(X, { nFft: 16, hopLength: 8, winLength: 7 })).toThrow('hopLength 8 leaves gaps');
    expect(() => istft(X, { nFft: 16, onesided: false })).toThrow('needs (..., 16, frames, 2)');
    expect(() => istft(X, { nFft: 16, length: 0 })).toThrow('istft: length 0');
  });
});

describe('round trip', () => {
  /** [nFft, winLength, hop, window, samples], odd and even. */
  const cases: [number, number, number, Window, number][] = [
    [15, 15, 4, 'hann', 100],
    [15, 12, 5, 'hamming', 101],
    [16, 16, 4, 'hann', 97],
    [16, 13, 5, 'hann', 98],
    [100, 100, 25, 'hann', 1001],
    [100, 80, 16, 'blackman', 1000],
    [100, 75, 33, 'ones', 999],
    [127, 127, 31, 'hann', 1000],
    [127, 100, 37, 'bartlett', 1001],
    [128, 128, 32, 'hann', 1001],
    [128, 101, 27, { kaiser: 8 }, 1000],
    [128, 128, 64, 'hamming', 777],
  ];
  test.each(cases)(
    'nFft %i, winLength %i, hop %i, %j, %i samples',
    async (nFft, winLength, hopLength, window, T) => {
      const x = noise(2 * T);
      const wave = engine.tensor(x, [2, T]);
      for (const center of [true, false]) {
        const o = { nFft, winLength, hopLength, window, center };
        const X = stft(wave, o);
        const y = await istft(X, { ...o, length: T }).read();
        // Uncentred, samples at the ends are covered by little or nothing; the others must come back.
        const sums = covered(o, X.shape[2], T);
        const inside = Array.from(y.keys()).filter((i) => sums[i % T] > 0.05);
        expect(inside.length).toBeGreaterThan(center ? 2 * T - 1 : 1.5 * T);
        const some = (a: Float32Array) => inside.map((i) => a[i]);
        closeTo(some(y), some(x), { relative: 0, ofRms: 1e-5 }, `center ${center}`);
      }
    },
  );
});

describe('multi-resolution loss', () => {
  const resolutions = [
    { nFft: 16, hopLength: 5, winLength: 12 },
    { nFft: 12, hopLength: 4, winLength: 12 },
  ];

  function loss64(x: Numbers, y: Numbers): number {
    const each = resolutions.map((r) => {
      const [X, Y] = [x, y].map((wave) => {
        const spectrum = stft64(wave, r);
        return Float64Array.from({ length: spectrum.length / 2 }, (_, i) =>
          Math.sqrt(Math.max(spectrum[2 * i] ** 2 + spectrum[2 * i + 1] ** 2, 1e-7)),
        );
      });
      const difference = Y.map((v, i) => v - X[i]);
      const logs = Y.map((v, i) => Math.abs(Math.log(v) - Math.log(X[i])));
      return Math.sqrt(dot(difference, difference) / dot(Y, Y)) + logs.reduce((a, b) => a + b) / X.length;
    });
    return each.reduce((a, b) => a + b) / each.length;
  }

  test('value and gradients', async () => {
    const T = 31;
    const [x, y] = [3, 4].map((seed) => engine.tensor(noise(2 * T, seed), [2, T]));
    x.requiresGrad = true;
    y.requiresGrad = true;
    const loss = multiResolutionStftLoss(x, y, { resolutions });
    const up = engine.tensor([1, -0.5]);
    const grads = backwardFrom([[loss, up]], [x, y]);
    const [xs, ys, got, dx, dy] = await engine.read([x, y, loss, ...grads]);
    for (const b of [0, 1]) {
      const row = (a: Float32Array) => Float64Array.from(a.subarray(b * T, (b + 1) * T));
      const [a, c] = [row(xs), row(ys)];
      closeTo([got[b]], [loss64(a, c)], { relative: 1e-5, ofRms: 0 }, `loss ${b}`);
      const step = 1e-6;
      const slope = (f: (d: Float64Array) => number) =>
        Float64Array.from({ length: T }, (_, i) => {
          const d = new Float64Array(T).fill(step, i, i + 1);
          return ((b ? -0.5 : 1) * (f(d) - f(d.map((v) => -v)))) / (2 * step);
        });
      const plus = (p: Float64Array, d: Float64Array) => p.map((v, i) => v + d[i]);
      const wanted = { relative: 1e-4, ofRms: 2e-4 };
      closeTo(
        row(dx),
        slope((d) => loss64(plus(a, d), c)),
        wanted,
        `dx ${b}`,
      );
      closeTo(
        row(dy),
        slope((d) => loss64(a, plus(c, d))),
        wanted,
        `dy ${b}`,
      );
    }
  });

  test('silence and equal waves have gradients of zero', async () => {
    const x = engine.tensor(Float32Array.of(...noise(40), ...new Float32Array(40)), [2, 40]);
    x.requiresGrad = true;
    const y = engine.tensor(noise(80), [2, 40]);
    const loss = multiResolutionStftLoss(x, y, { resolutions });
    const [dx] = backwardFrom([[loss, engine.tensor([1, 1])]], [x]);
    const [value, gradient] = await engine.read([loss, dx]);
    expect(value[0]).toBe(0);
    expect(value[1]).toBeGreaterThan(1);
    expect(gradient.map(Math.abs)).toEqual(new Float32Array(80));
  });

  test('refused', () => {
    const x = engine.tensor(noise(40), [2, 20]);
    expect(() => multiResolutionStftLoss(x, engine.tensor(noise(40)))).toThrow('x and y have shapes');
    expect(() => multiResolutionStftLoss(x, x, { resolutions: [] })).toThrow('at 0 resolutions');
    expect(() => multiResolutionStftLoss(x, x)).toThrow('too few for reflect padding');
  });
});

describe('Griffin-Lim', () => {
  test('each start comes from where it says', async () => {
    const magnitude = engine.tensor(new Float32Array(9).fill(1), [1, 9, 1]);
    const o = { nFft: 16, hopLength: 4, window: 'ones', center: false, iterations: 0 } as const;
    const impulse = (at: number) => Array.from({ length: 16 }, (_, i) => (i === at ? 1 : 0));
    const [mid, start] = await engine.read([
      griffinLim(magnitude, o),
      griffinLim(magnitude, { ...o, init: 'zeroPhase' }),
    ]);
    closeTo(mid, impulse(8), { relative: 0, ofRms: 1e-5 }, 'centerPhase');
    closeTo(start, impulse(0), { relative: 0, ofRms: 1e-5 }, 'zeroPhase');
  });

  test('random phases come from the seed, any nFft and window', async () => {
    const options = { nFft: 15, hopLength: 5, winLength: 13, window: 'hamming', iterations: 8 } as const;
    const x = engine.tensor(noise(60), [1, 60]);
    const X = await stft(x, options).read();
    const S = Float32Array.from({ length: X.length / 2 }, (_, i) => Math.hypot(X[2 * i], X[2 * i + 1]));
    const magnitude = engine.tensor(S, [1, 8, S.length / 8]);
    const search = (seed?: number) =>
      griffinLim(magnitude, { ...options, ...(seed === undefined ? {} : { init: 'random', seed }) });
    const [zero, one, again, two] = await engine.read([search(), search(5), search(5), search(6)]);
    expect(one).toEqual(again);
    expect(one).not.toEqual(two);
    for (const y of [zero, one, two]) {
      const Y = stft64(y, options);
      const error = S.map((v, i) => v - Math.hypot(Y[2 * i], Y[2 * i + 1]));
      expect(Math.sqrt(dot(error, error) / dot(S, S))).toBeLessThan(0.35);
    }
    expect(() => griffinLim(magnitude, { ...options, init: 'both' as 'random' })).toThrow('init both');
  });
});

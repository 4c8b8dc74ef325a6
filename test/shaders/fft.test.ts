// Fourier transforms of any length and their gradients against the defining sum in float64.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  backwardFrom,
  type Engine,
  type FftNorm,
  fft,
  ifft,
  irfft,
  openEngine,
  Random,
  rfft,
  type Tensor,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

type Numbers = ArrayLike<number>;

const noise = (n: number, seed = 1) => new Random(seed, 'fft').uniform(0, n).map((v) => 2 * v - 1);
const close = { relative: 1e-5, ofRms: 3e-6 };

/** sum over t < n of z[t] e^(sign 2 pi i k t / n) for k < count; complex interleaved, z is zero beyond its end. */
function dft(z: Numbers, n: number, sign: number, count: number): Float64Array {
  const cos = Float64Array.from({ length: n }, (_, i) => Math.cos((2 * Math.PI * i) / n));
  const sin = Float64Array.from({ length: n }, (_, i) => sign * Math.sin((2 * Math.PI * i) / n));
  const Z = new Float64Array(2 * count);
  for (let k = 0; k < count; k++)
    for (let t = 0; t < Math.min(n, z.length / 2); t++) {
      const i = (k * t) % n;
      Z[2 * k] += z[2 * t] * cos[i] - z[2 * t + 1] * sin[i];
      Z[2 * k + 1] += z[2 * t] * sin[i] + z[2 * t + 1] * cos[i];
    }
  return Z;
}

const complexOf = (x: Numbers) =>
  Float64Array.from({ length: 2 * x.length }, (_, i) => (i % 2 ? 0 : x[i / 2]));
const realOf = (z: Numbers) => Float64Array.from({ length: z.length / 2 }, (_, i) => z[2 * i]);
/** `length` values: cut, or zeros after them. */
const sized = (x: Numbers, length: number) =>
  Float64Array.from({ length }, (_, i) => (i < x.length ? x[i] : 0));
const bins = (n: number) => Math.floor(n / 2) + 1;
/** Bins times 1 at the edges, whose imaginary part is dropped, and 2 between: their sums' share in a real signal. */
const doubled = (X: Numbers, n: number) =>
  Float64Array.from(X, (v, i) => {
    const k = i >> 1;
    if (k === 0 || 2 * k === n) return i % 2 ? 0 : v;
    return 2 * v;
  });

interface Reference {
  /** Numbers of a row of x that a transform of n takes by itself. */
  size: (n: number) => number;
  forward: (x: Numbers, n: number) => Float64Array;
  /** Gradient by all the elements of x that a transform of n uses, not scaled. */
  gradient: (dy: Numbers, n: number) => Float64Array;
  inverse: boolean;
}

const references: Record<'fft' | 'ifft' | 'rfft' | 'irfft', Reference> = {
  fft: {
    size: (n) => 2 * n,
    forward: (x, n) => dft(x, n, -1, n),
    gradient: (dy, n) => dft(dy, n, 1, n),
    inverse: false,
  },
  ifft: {
    size: (n) => 2 * n,
    forward: (x, n) => dft(x, n, 1, n),
    gradient: (dy, n) => dft(dy, n, -1, n),
    inverse: true,
  },
  rfft: {
    size: (n) => n,
    forward: (x, n) => dft(complexOf(x), n, -1, bins(n)),
    gradient: (dy, n) => realOf(dft(dy, n, 1, n)),
    inverse: false,
  },
  irfft: {
    size: (n) => 2 * bins(n),
    forward: (X, n) => realOf(dft(doubled(sized(X, 2 * bins(n)), n), n, 1, n)),
    gradient: (dy, n) => doubled(dft(complexOf(dy), n, -1, bins(n)), n),
    inverse: true,
  },
};
const ops = { fft, ifft, rfft, irfft };
type Name = keyof typeof ops;

/** Forward and gradient of `rows` rows of `size` numbers each. */
async function check(name: Name, n: number, rows: number, size?: number, norm?: FftNorm) {
  const reference = references[name];
  const length = size ?? reference.size(n);
  const complex = name !== 'rfft';
  const x = engine.tensor(noise(rows * length), complex ? [rows, length / 2, 2] : [rows, length]);
  x.requiresGrad = true;
  const y: Tensor = ops[name](x, n, norm);
  const per = y.size / rows;
  const dy = engine.tensor(noise(y.size, 2), y.shape);
  // What the gradient leaves unwritten shows: its buffer has been used before.
  engine.scope(() => {
    engine.tensor(noise(x.size, 3), x.shape);
  });
  const [dx] = backwardFrom([[y, dy]], [x]);
  const [xs, ys, dys, dxs] = await engine.read([x, y, dy, dx]);
  const whole = reference.inverse ? 1 / n : 1;
  const scale = { backward: whole, ortho: 1 / Math.sqrt(n), forward: 1 / n / whole }[norm ?? 'backward'];
  for (let r = 0; r < rows; r++) {
    const row = (a: Float32Array, width: number) => a.subarray(r * width, (r + 1) * width);
    const want = reference.forward(row(xs, length), n).map((v) => scale * v);
    closeTo(row(ys, per), want, close, `${name} of ${n}, row ${r}`);
    const grad = sized(reference.gradient(row(dys, per), n), length).map((v) => scale * v);
    closeTo(row(dxs, length), grad, close, `${name}.dx of ${n}, row ${r}`);
  }
}

describe('any length', () => {
  // Three rows leave half of the second column empty.
  test.each([1, 2, 3, 5, 8, 12, 31, 100, 512])('fft and ifft of %i', async (n) => {
    await check('fft', n, 3);
    await check('ifft', n, 3);
  });

  test.each([1, 2, 3, 7, 8, 15, 127, 128, 129, 1000])('rfft and irfft of %i', async (n) => {
    await check('rfft', n, 3);
    await check('irfft', n, 3);
  });

  test.each([4096, 4099])('rfft and back of %i', async (n) => {
    const x = noise(n);
    const X = rfft(engine.tensor(x));
    expect(X.shape).toEqual([bins(n), 2]);
    const [got, back] = await engine.read([X, irfft(X, n)]);
    closeTo(got, dft(complexOf(x), n, -1, bins(n)), close, 'rfft');
    closeTo(back, x, close, 'irfft');
  });

  test('the highest bin of an odd length is complex, that of an even one real', async () => {
    const [odd, even] = await engine.read([rfft(engine.tensor(noise(7))), rfft(engine.tensor(noise(12)))]);
    expect(Math.abs(odd[7])).toBeGreaterThan(1e-3);
    expect([odd[1], even[1], even[13]].map(Math.abs)).toEqual([0, 0, 0]);
  });
});

describe('cut, padded and scaled', () => {
  test.each([
    ['fft', 8, 6],
    ['fft', 12, 40],
    ['ifft', 12, 14],
    ['rfft', 8, 5],
    ['rfft', 15, 20],
    ['irfft', 8, 6],
    ['irfft', 15, 20],
  ] as const)('%s to %i points from %i numbers', (name, n, size) => check(name, n, 3, size));

  test.each(['forward', 'ortho'] as const)('norm %s', async (norm) => {
    for (const name of ['fft', 'ifft', 'rfft', 'irfft'] as const) await check(name, 12, 1, undefined, norm);
    await check('rfft', 8, 1, undefined, norm);
  });

  test('irfft makes an even length unless told otherwise', () => {
    expect(irfft(engine.tensor(noise(12), [6, 2])).shape).toEqual([10]);
    expect(irfft(engine.tensor(noise(12), [6, 2]), 11).shape).toEqual([11]);
  });

  test('refused', () => {
    const x = engine.tensor(noise(12), [6, 2]);
    expect(() => fft(engine.tensor(noise(12), [4, 3]))).toThrow('fft: x (4, 3); it must be (..., n, 2)');
    expect(() => fft(x, 0)).toThrow('fft: n 0; it must be a whole number from 1 to 16777216');
    expect(() => rfft(x, 2.5)).toThrow('rfft: n 2.5');
    expect(() => irfft(engine.tensor([1, 0], [1, 2]))).toThrow('irfft: n 0');
    expect(() => ifft(x, 6, 'both' as FftNorm)).toThrow(
      'ifft: norm both; it must be backward, ortho or forward',
    );
  });
});

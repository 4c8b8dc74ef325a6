// Fourier transforms and resampling by their sums; more lengths, options and round trips are in test/shaders/{fft,stft}.test.ts.

import { fft, ifft, irfft, istft, multiResolutionStftLoss, resample, rfft, stft } from '../../src/node.ts';
import { type Arr, at, build, sumUpTo, total } from './array.ts';
import type { Attrs, Case, OpRow } from './row.ts';

/** Sum over t of x[b, t] e^(sign 2 pi i k t / n), part 0 or 1; `x` gives real and imaginary part. */
function bin(x: (t: number) => [number, number], n: number, k: number, sign: number, part: number): number {
  return sumUpTo(n, (t) => {
    const [re, im] = x(t);
    const angle = (sign * 2 * Math.PI * ((k * t) % n)) / n;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return part === 0 ? re * c - im * s : re * s + im * c;
  });
}

const lengths = [1, 2, 8, 12, 17, 64];

const complexRow = (about: string, run: typeof fft, sign: 1 | -1): OpRow => ({
  about,
  inputs: { x: 'normal' },
  run: ({ x }) => run(x),
  reference: ({ x }) =>
    build(x.shape, (b, k, part) => {
      const n = x.shape[1];
      const X = bin((t) => [at(x, b, t, 0), at(x, b, t, 1)], n, k, sign, part);
      return sign > 0 ? X / n : X;
    }),
  cases: lengths.map((n, i) => ({ shapes: { x: [(i % 3) + 1, n, 2] } })),
});

const pads = (options: Attrs): number => (options.center === false ? 0 : Math.floor(options.nFft / 2));
const hann = (n: number, N: number) => Math.sin((Math.PI * n) / N) ** 2;

/** (B, F, frames, 2) of waves (B, T) mirrored at their ends. */
function stftReference(x: Arr, o: Attrs): Arr {
  const { nFft, hopLength, winLength = nFft } = o;
  const [B, T] = x.shape;
  const pad = pads(o);
  const left = Math.floor((nFft - winLength) / 2);
  const frames = 1 + Math.floor((T + 2 * pad - nFft) / hopLength);
  const sample = (b: number, f: number, e: number): number => {
    const p = f * hopLength + e - pad;
    const inside = p < 0 ? -p : p >= T ? 2 * (T - 1) - p : p;
    const w = e >= left && e < left + winLength ? hann(e - left, winLength) : 0;
    return w * at(x, b, inside);
  };
  return build([B, Math.floor(nFft / 2) + 1, frames, 2], (b, k, f, part) =>
    bin((e) => [sample(b, f, e), 0], nFft, k, -1, part),
  );
}

/** Waves (B, length) from spectra (B, F, frames, 2), Hann windows. */
function istftReference(X: Arr, o: Attrs): Arr {
  const { nFft, hopLength } = o;
  const [B, F, frames] = X.shape;
  const pad = pads(o);
  const frame = (b: number, f: number, e: number): number =>
    sumUpTo(F, (k) => {
      const twice = k === 0 || 2 * k === nFft ? 1 : 2;
      const angle = (2 * Math.PI * ((k * e) % nFft)) / nFft;
      const im = twice === 1 ? 0 : at(X, b, k, f, 1);
      return (twice * (at(X, b, k, f, 0) * Math.cos(angle) - im * Math.sin(angle))) / nFft;
    });
  return build([B, hopLength * (frames - 1) + nFft - 2 * pad], (b, t) => {
    const p = t + pad;
    const covering = Array.from({ length: frames }, (_, f) => f).filter(
      (f) => p >= f * hopLength && p < f * hopLength + nFft,
    );
    const window = (f: number) => hann(p - f * hopLength, nFft);
    return (
      total(covering.map((f) => window(f) * frame(b, f, p - f * hopLength))) /
      total(covering.map((f) => window(f) ** 2))
    );
  });
}

const waves: Case[] = [
  { shapes: { x: [1, 40] }, attrs: { nFft: 16, hopLength: 4 } },
  { shapes: { x: [3, 37] }, attrs: { nFft: 15, hopLength: 5, winLength: 11 } },
  { shapes: { x: [2, 64] }, attrs: { nFft: 16, hopLength: 8, center: false } },
];

export const transformRows: Record<string, OpRow> = {
  fft: complexRow('discrete Fourier transform, any length', fft, -1),
  ifft: complexRow('its inverse', ifft, 1),
  rfft: {
    about: 'of real numbers: bins 0 to n/2',
    inputs: { x: 'normal' },
    run: ({ x }) => rfft(x),
    reference: ({ x }) => {
      const [B, n] = x.shape;
      return build([B, Math.floor(n / 2) + 1, 2], (b, k, part) =>
        bin((t) => [at(x, b, t), 0], n, k, -1, part),
      );
    },
    cases: lengths.map((n, i) => ({ shapes: { x: [(i % 3) + 1, n] } })),
  },
  irfft: {
    about: 'its inverse',
    inputs: { X: 'normal' },
    run: ({ X }, { n }) => irfft(X, n),
    reference: ({ X }, { n }) =>
      build([X.shape[0], n], (b, t) =>
        sumUpTo(X.shape[1], (k) => {
          const alone = k === 0 || 2 * k === n;
          const angle = (2 * Math.PI * ((k * t) % n)) / n;
          const im = alone ? 0 : at(X, b, k, 1);
          return ((alone ? 1 : 2) * (at(X, b, k, 0) * Math.cos(angle) - im * Math.sin(angle))) / n;
        }),
      ),
    cases: lengths.map((n, i) => ({ shapes: { X: [(i % 3) + 1, Math.floor(n / 2) + 1, 2] }, attrs: { n } })),
  },
  stft: {
    about: 'short-time Fourier transform: windows, paddings, hops of torch and librosa',
    inputs: { x: 'normal' },
    run: ({ x }, attrs) => stft(x, attrs),
    reference: ({ x }, attrs) => stftReference(x, attrs),
    cases: waves,
  },
  istft: {
    about: 'its inverse',
    inputs: { X: 'normal' },
    run: ({ X }, attrs) => istft(X, attrs),
    reference: ({ X }, attrs) => istftReference(X, attrs),
    cases: [
      { shapes: { X: [1, 9, 11, 2] }, attrs: { nFft: 16, hopLength: 4 } },
      { shapes: { X: [2, 8, 7, 2] }, attrs: { nFft: 15, hopLength: 5 } },
    ],
  },
  resample: {
    about: 'windowed sinc from one rate to another, as torchaudio',
    inputs: { x: 'normal' },
    run: ({ x }, { from, to, ...options }) => resample(x, from, to, options),
    reference: ({ x }, { from, to, lowpassFilterWidth = 6, rolloff = 0.99 }) => {
      if (from === to) return x; // as torchaudio: nothing is filtered
      const [B, T] = x.shape;
      const cut = rolloff * Math.min(from, to);
      const h = (seconds: number) => {
        const t = cut * seconds;
        if (Math.abs(t) >= lowpassFilterWidth) return 0;
        const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
        return Math.cos((Math.PI * t) / lowpassFilterWidth / 2) ** 2 * sinc * (cut / from);
      };
      return build([B, Math.ceil((to * T) / from)], (b, n) =>
        sumUpTo(T, (m) => at(x, b, m) * h(m / from - n / to)),
      );
    },
    cases: [
      { shapes: { x: [1, 1] }, attrs: { from: 1, to: 3 } },
      { shapes: { x: [2, 37] }, attrs: { from: 48000, to: 16000 } },
      { shapes: { x: [3, 65] }, attrs: { from: 44100, to: 48000, lowpassFilterWidth: 3, rolloff: 0.9 } },
      { shapes: { x: [2, 40] }, attrs: { from: 8000, to: 8000 } },
    ],
  },
  multiResolutionStftLoss: {
    about: 'spectral convergence and log distance of waves at several resolutions, per example',
    inputs: { x: 'normal', y: 'normal' },
    run: ({ x, y }, attrs) => multiResolutionStftLoss(x, y, attrs),
    reference: ({ x, y }, { resolutions }) => {
      const [B] = x.shape;
      const magnitudes = (wave: Arr, o: Attrs) => {
        const X = stftReference(wave, o);
        const size = X.data.length / 2 / B;
        return build([B, size], (b, i) => {
          const e = 2 * (b * size + i);
          return Math.sqrt(Math.max(X.data[e] ** 2 + X.data[e + 1] ** 2, 1e-7));
        });
      };
      const of = (o: Attrs) => {
        const [X, Y] = [magnitudes(x, o), magnitudes(y, o)];
        const D = X.shape[1];
        const sum = (b: number, f: (p: number, q: number) => number) =>
          sumUpTo(D, (i) => f(at(X, b, i), at(Y, b, i)));
        return (b: number) =>
          Math.sqrt(sum(b, (p, q) => (q - p) ** 2) / sum(b, (_, q) => q * q)) +
          sum(b, (p, q) => Math.abs(Math.log(q / p))) / D;
      };
      const each = resolutions.map(of) as ((b: number) => number)[];
      return build([B], (b) => total(each.map((f) => f(b))) / each.length);
    },
    cases: [
      {
        shapes: { x: [2, 48], y: [2, 48] },
        attrs: {
          resolutions: [
            { nFft: 16, hopLength: 4, winLength: 12 },
            { nFft: 8, hopLength: 3, winLength: 8 },
          ],
        },
      },
    ],
  },
};

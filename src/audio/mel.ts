// Triangular mel filters over the bins of a power spectrum, as librosa and torchaudio make them: nMels + 2 points
// evenly spaced on the mel scale from fMin to fMax; band m rises from point m to point m + 1 and falls to point
// m + 2. Slaney's scale is linear below 1 kHz and logarithmic above, HTK's is 2595 log10(1 + f / 700). Slaney's norm
// divides a band by half its width in Hz, so that equal power densities give equal bands. Float64, rounded at the end.

import { ShapeError } from '../engine/errors.ts';
import type { HostArray } from '../engine/tensor.ts';

/** A filter bank of Slaney's mel scale, as librosa.filters.mel makes it. */
export interface MelOptions {
  /** Hz. */
  sampleRate: number;
  nFft: number;
  nMels: number;
  /** Lowest and highest frequency in Hz; default 0 and sampleRate / 2. */
  fMin?: number;
  fMax?: number;
  /** `slaney` (default): area 1 per band; null: peaks of 1. */
  norm?: 'slaney' | null;
  /** Default `slaney`. */
  scale?: 'slaney' | 'htk';
}

/** One band's bins: weights[i] belongs to bin first + i. */
export interface MelBand {
  first: number;
  weights: Float32Array;
}

const slaneyLog = Math.log(6.4) / 27;

const scales = {
  slaney: {
    toMel: (f: number) => (f < 1000 ? (3 * f) / 200 : 15 + Math.log(f / 1000) / slaneyLog),
    toHz: (m: number) => (m < 15 ? (200 * m) / 3 : 1000 * Math.exp((m - 15) * slaneyLog)),
  },
  htk: {
    toMel: (f: number) => 2595 * Math.log10(1 + f / 700),
    toHz: (m: number) => 700 * (10 ** (m / 2595) - 1),
  },
};

function check(o: MelOptions, fMin: number, fMax: number): void {
  if (!Number.isInteger(o.nMels) || o.nMels < 1 || !Number.isInteger(o.nFft) || o.nFft < 2)
    throw new ShapeError(`mel: ${o.nMels} bands of nFft ${o.nFft}; give whole numbers, 1 and 2 at least`);
  if (!(fMin >= 0 && fMin < fMax && fMax <= o.sampleRate / 2))
    throw new ShapeError(
      `mel: bands from ${fMin} to ${fMax} Hz at ${o.sampleRate} Hz; 0 <= fMin < fMax <= sampleRate / 2 must hold`,
    );
}

/** The nMels + 2 corner frequencies in Hz. */
function corners(o: MelOptions): Float64Array {
  const { fMin = 0, fMax = o.sampleRate / 2, scale = 'slaney' } = o;
  check(o, fMin, fMax);
  const { toMel, toHz } = scales[scale];
  const [low, high] = [toMel(fMin), toMel(fMax)];
  return Float64Array.from({ length: o.nMels + 2 }, (_, i) => toHz(low + ((high - low) * i) / (o.nMels + 1)));
}

/**
 * The filter bank as a matrix, as librosa.filters.mel and torchaudio's melscale_fbanks (transposed).
 * @returns (nMels, nFft/2 + 1)
 * @throws ShapeError if the frequencies are out of order or above half the sample rate.
 */
export function melFilterbank(o: MelOptions): HostArray {
  const F = Math.floor(o.nFft / 2) + 1;
  const points = corners(o);
  const data = new Float32Array(o.nMels * F);
  for (let m = 0; m < o.nMels; m++) {
    const [left, top, right] = points.subarray(m, m + 3);
    const gain = o.norm === null ? 1 : 2 / (right - left);
    for (let k = 0; k < F; k++) {
      const f = (k * o.sampleRate) / o.nFft;
      const height = Math.min((f - left) / (top - left), (right - f) / (right - top));
      data[m * F + k] = gain * Math.max(0, height);
    }
  }
  return { data, shape: [o.nMels, F] };
}

/** The filter bank by bands: only the bins between a band's first and last weight above zero. */
export function melBands(o: MelOptions): MelBand[] {
  const { data, shape } = melFilterbank(o);
  const F = shape[1];
  return Array.from({ length: o.nMels }, (_, m) => {
    const row = data.subarray(m * F, (m + 1) * F);
    const first = Math.max(
      0,
      row.findIndex((w) => w > 0),
    );
    const last = row.findLastIndex((w) => w > 0);
    return { first, weights: row.slice(first, last + 1) };
  });
}

/**
 * Where each bin stands between the corners: bins starts[s] to starts[s + 1] - 1 lie between corners s and s + 1, so
 * only band s (rising) and band s - 1 (falling) contain them. @returns nMels + 2 numbers
 */
export function melSegments(o: MelOptions): number[] {
  const F = Math.floor(o.nFft / 2) + 1;
  return Array.from(corners(o), (f) => Math.min(F, Math.ceil((f * o.nFft) / o.sampleRate)));
}

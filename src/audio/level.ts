// Level of a recording, and mix-down. dBFS refer to full scale 1 as peak, for the rms too: a sine of amplitude 1 has
// 0 dBFS peak and -3.01 dBFS rms. Loudness is ITU-R BS.1770-4: K weighting (a high shelf, then a high pass, made for
// the rate at hand from their analogue form), mean squares over 400 ms every 100 ms, gated at -70 LKFS and at 10 LU
// below the mean of what passed, in LKFS (= LUFS).

import { ShapeError } from '../engine/errors.ts';

/** How loud a sound is. */
export interface Level {
  /** Largest |x|, dBFS; -Infinity for silence. */
  peak: number;
  /** Root of the mean square, dBFS, offset included. */
  rms: number;
  /** Mean, 1 being full scale. */
  dcOffset: number;
  /** Share of samples in flat tops: three or more equal ones in a row at the file's extreme, above -1 dBFS. */
  clipped: number;
  /** Nothing but the offset moves by more than the last bit of 16. */
  constant: boolean;
  /** Constant, with no more offset than that. */
  silent: boolean;
}

const lastBit = 1 / 32768;
const clipFloor = 10 ** (-1 / 20);
const clipRun = 3;
/** Share of flat tops above which a recording is called clipped. */
export const clippedShare = 1e-3;

const dB = (amplitude: number) => 20 * Math.log10(amplitude);

/** Peak, rms, offset and faults of one channel. No samples count as silence. */
export function measureLevel(x: Float32Array): Level {
  let [sum, squares, low, high] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const v of x) {
    sum += v;
    squares += v * v;
    if (v < low) low = v;
    if (v > high) high = v;
  }
  const n = x.length;
  const peak = n ? Math.max(Math.abs(low), Math.abs(high)) : 0;
  const constant = n === 0 || high - low <= 2 * lastBit;
  return {
    peak: dB(peak),
    rms: dB(n ? Math.sqrt(squares / n) : 0),
    dcOffset: n ? sum / n : 0,
    clipped: constant ? 0 : (flat(x, high, 1) + flat(x, -low, -1)) / n,
    constant,
    silent: constant && peak <= 2 * lastBit,
  };
}

/** Samples of runs at the extreme `top` of sign x. */
function flat(x: Float32Array, top: number, sign: 1 | -1): number {
  if (top < clipFloor) return 0;
  let count = 0;
  let run = 0;
  for (let i = 0; i <= x.length; i++) {
    // 16-bit full scale is 1 above and one bit less below: both ends of the scale count as the extreme.
    if (i < x.length && sign * x[i] >= top - lastBit / 2) run++;
    else {
      if (run >= clipRun) count += run;
      run = 0;
    }
  }
  return count;
}

/**
 * The mean of all channels, or one of them (counted from 0).
 * @throws ShapeError for a channel that is not there, or channels of different lengths.
 */
export function mixDown(channels: readonly Float32Array[], channel: number | 'mean' = 'mean'): Float32Array {
  const n = channels[0]?.length ?? 0;
  if (channels.length === 0 || channels.some((c) => c.length !== n))
    throw new ShapeError(
      `mixDown: channels of ${channels.map((c) => c.length).join(', ') || 'no'} samples; give some of one length`,
    );
  if (channel !== 'mean') {
    if (!channels[channel])
      throw new ShapeError(`mixDown: channel ${channel} of ${channels.length}; count from 0`);
    return channels[channel];
  }
  if (channels.length === 1) return channels[0];
  const mixed = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (const c of channels) sum += c[i];
    mixed[i] = sum / channels.length;
  }
  return mixed;
}

interface Biquad {
  b: [number, number, number];
  a: [number, number];
}

/** Bilinear transform of (vh s^2 + vb s/Q + vl) / (s^2 + s/Q + 1) at f0. */
function section(
  rate: number,
  f0: number,
  Q: number,
  [vh, vb, vl]: readonly [number, number, number],
): Biquad {
  const k = Math.tan((Math.PI * f0) / rate);
  const a0 = 1 + k / Q + k * k;
  const b = [vh + (vb * k) / Q + vl * k * k, 2 * (vl * k * k - vh), vh - (vb * k) / Q + vl * k * k];
  return {
    b: b.map((v) => v / a0) as Biquad['b'],
    a: [(2 * (k * k - 1)) / a0, (1 - k / Q + k * k) / a0],
  };
}

/** The two sections of K weighting; parameters that give BS.1770's coefficients at 48 kHz (De Man 2018). */
function kWeighting(rate: number): Biquad[] {
  const vh = 10 ** (3.999843853973347 / 20);
  const shelf = section(rate, 1681.974450955533, 0.7071752369554196, [vh, vh ** 0.4996667741545416, 1]);
  const pass = section(rate, 38.13547087602444, 0.5003270373238773, [1, 0, 0]);
  // BS.1770 leaves the high pass unnormalised: its numerator is 1, -2, 1.
  return [shelf, { b: [1, -2, 1], a: pass.a }];
}

/** Mean squares of the K-weighted signal over 400 ms, every 100 ms. */
function blockPowers(x: Float32Array, rate: number): number[] {
  const step = Math.round(rate / 10);
  const quarters: number[] = [];
  const sections = kWeighting(rate);
  const state = sections.map(() => [0, 0]);
  let power = 0;
  for (let i = 0; i < x.length; i++) {
    let v = x[i];
    for (let s = 0; s < sections.length; s++) {
      const { b, a } = sections[s];
      const z = state[s];
      const y = b[0] * v + z[0];
      z[0] = b[1] * v - a[0] * y + z[1];
      z[1] = b[2] * v - a[1] * y;
      v = y;
    }
    power += v * v;
    if ((i + 1) % step === 0) {
      quarters.push(power / step);
      power = 0;
    }
  }
  const blocks: number[] = [];
  for (let i = 3; i < quarters.length; i++)
    blocks.push((quarters[i - 3] + quarters[i - 2] + quarters[i - 1] + quarters[i]) / 4);
  return blocks;
}

/**
 * Integrated loudness, ITU-R BS.1770-4, in LKFS. Every channel weighs 1, as left, right and centre do.
 * @param channels one array each, of one length @param rate Hz, at least 4,000
 * @returns -Infinity where nothing passes the gate: silence, or less than 400 ms
 * @throws ShapeError for a lower rate, where the K weighting has no meaning.
 */
export function loudness(channels: readonly Float32Array[], rate: number): number {
  if (!(rate >= 4000)) throw new ShapeError(`loudness: rate ${rate} Hz; K weighting needs at least 4000`);
  const each = channels.map((c) => blockPowers(c, rate));
  const powers = (each[0] ?? []).map((_, i) => each.reduce((sum, blocks) => sum + blocks[i], 0));
  const level = (power: number) => -0.691 + 10 * Math.log10(power);
  const mean = (kept: number[]) => kept.reduce((a, b) => a + b, 0) / kept.length;
  const loud = powers.filter((p) => level(p) > -70);
  if (loud.length === 0) return Number.NEGATIVE_INFINITY;
  const gate = level(mean(loud)) - 10;
  const kept = loud.filter((p) => level(p) > gate);
  return level(mean(kept));
}

// Silence cut off at both ends, and speech cut into windows of a model's length. A frame of frameLength samples every
// hopLength, centred (zeros beyond the ends), is sound where its rms lies within topDb of the reference, as
// librosa.effects.trim has it; its reference is the loudest frame. One click would then make silence of a quiet voice,
// so the default here is the loud level: the 90th percentile of the frames within 60 dB of the loudest.
// Windows begin where the speech begins, overlap by a share and cover all of it; each holds sound that none before it
// holds, and pauses that are longer than a window are passed over. The last one is moved back rather than padded; only a
// clip shorter than a window is padded, and only if it holds enough sound to be speech.

import { ShapeError } from '../engine/errors.ts';

export interface TrimOptions {
  /** How far below the reference silence begins, dB. Default 40. */
  topDb?: number;
  /** Samples of a frame; default 512 (64 ms at 8 kHz). */
  frameLength?: number;
  /** Samples from frame to frame; default 128. */
  hopLength?: number;
  /** Level that topDb counts from: the loudest frame, as in librosa, or the loud ones (default). */
  reference?: 'loudest' | 'loud';
}

/** From the first sample of sound to behind the last. */
export interface Span {
  start: number;
  end: number;
}

const loudShare = 0.9;
/** Power, relative to the loudest frame, from which on a frame is no background: -60 dB. */
const background = 1e-6;

function check(o: Required<TrimOptions>): void {
  for (const [name, n] of Object.entries({ frameLength: o.frameLength, hopLength: o.hopLength }))
    if (!Number.isInteger(n) || n < 1)
      throw new ShapeError(`trim: ${name} ${n}; give a whole number of samples from 1 on`);
  if (o.frameLength % 2)
    throw new ShapeError(`trim: frameLength ${o.frameLength}; give an even number, frames are centred`);
  if (2 * o.hopLength > o.frameLength)
    throw new ShapeError(
      `trim: hopLength ${o.hopLength} is more than half of frameLength ${o.frameLength}; samples at the end would lie in no frame`,
    );
  if (!(o.topDb > 0 && o.topDb <= 300))
    throw new ShapeError(`trim: topDb ${o.topDb}; give dB above 0 and at most 300`);
}

/** Mean squares of centred frames, 1 + floor(length / hop) of them. Sums run along in float64. */
function meanSquares(samples: Float32Array, frame: number, hop: number): Float64Array {
  const sums = new Float64Array(samples.length + 1);
  for (let i = 0; i < samples.length; i++) sums[i + 1] = sums[i] + samples[i] ** 2;
  const at = (i: number) => sums[Math.max(0, Math.min(samples.length, i))];
  const half = Math.floor(frame / 2);
  return Float64Array.from({ length: 1 + Math.floor(samples.length / hop) }, (_, f) => {
    const from = f * hop - half;
    return Math.max(0, at(from + frame) - at(from)) / frame;
  });
}

/** Which frames are sound. Of silence none is. */
function sounding(samples: Float32Array, o: Required<TrimOptions>): boolean[] {
  check(o);
  const power = meanSquares(samples, o.frameLength, o.hopLength);
  const floor = 10 ** (-o.topDb / 10);
  const loudest = power.reduce((a, b) => Math.max(a, b), 0);
  // What the running sums leave of silence behind loud sound is rounding.
  const least = loudest * 1e-13;
  let reference = loudest;
  if (o.reference === 'loud') {
    const heard = power.filter((p) => p > loudest * background).sort();
    reference = heard[Math.floor(loudShare * (heard.length - 1))] ?? 0;
  }
  return Array.from(power, (p) => p > least && p > reference * floor);
}

const defaults = { topDb: 40, frameLength: 512, hopLength: 128, reference: 'loud' } as const;

/**
 * Where the sound of a clip begins and ends, in steps of hopLength, as librosa.effects.trim's index.
 * @returns start = end = 0 for silence
 * @throws ShapeError for options out of range.
 */
export function soundSpan(samples: Float32Array, options: TrimOptions = {}): Span {
  const o = { ...defaults, ...options };
  const loud = sounding(samples, o);
  const first = loud.indexOf(true);
  if (first < 0) return { start: 0, end: 0 };
  const last = loud.lastIndexOf(true);
  return { start: first * o.hopLength, end: Math.min(samples.length, (last + 1) * o.hopLength) };
}

/** A clip without the silence at its ends; a view. */
export function trimSilence(samples: Float32Array, options: TrimOptions = {}): Float32Array {
  const { start, end } = soundSpan(samples, options);
  return samples.subarray(start, end);
}

export interface WindowOptions extends TrimOptions {
  /** Share of a window that it has in common with the next, 0 (default) to below 1. */
  overlap?: number;
  /** Of a clip shorter than a window: the share of the window that must sound. Default 1/8. */
  least?: number;
}

/** A part of a clip, `length` samples from `start` on. */
export interface Window {
  start: number;
  /** Samples of the clip in it; zeros follow. */
  filled: number;
  samples: Float32Array;
}

/**
 * Cuts the speech of a clip into windows of `length` samples. Every sample of a sounding frame's hop lies in one at
 * least. A clip shorter than a window gives one, padded with zeros at its end, or none; silence gives none.
 * @throws ShapeError for a length or options out of range.
 */
export function cutWindows(samples: Float32Array, length: number, options: WindowOptions = {}): Window[] {
  const { overlap = 0, least = 1 / 8, ...trim } = options;
  const o = { ...defaults, ...trim };
  const step = Math.max(1, Math.round(length * (1 - overlap)));
  if (!Number.isInteger(length) || length < 1)
    throw new ShapeError(`cutWindows: length ${length}; give a whole number of samples from 1 on`);
  if (!(overlap >= 0 && overlap < 1))
    throw new ShapeError(
      `cutWindows: overlap ${overlap} of ${length} samples; give a share from 0 to below 1`,
    );
  if (!(least >= 0 && least <= 1))
    throw new ShapeError(`cutWindows: least ${least}; give a share from 0 to 1`);
  const loud = sounding(samples, o);
  const heard = loud.filter(Boolean).length * o.hopLength;
  if (heard === 0 || (samples.length < length && heard < least * length)) return [];
  const end = Math.min(samples.length, (loud.lastIndexOf(true) + 1) * o.hopLength);
  /** The first sample of sound at or after `at`, which is before `end`. */
  const next = (at: number) => Math.max(at, loud.indexOf(true, Math.floor(at / o.hopLength)) * o.hopLength);
  const windows: Window[] = [];
  for (let at = next(0), covered = 0; covered < end; ) {
    const start = at + length < end ? at : Math.min(at, Math.max(0, samples.length - length));
    const part = samples.subarray(start, start + length);
    const whole = new Float32Array(length);
    whole.set(part);
    windows.push({ start, filled: part.length, samples: whole });
    covered = start + part.length;
    if (covered >= end) break;
    const sound = next(covered);
    at = sound >= at + step + length ? sound : at + step;
  }
  return windows;
}

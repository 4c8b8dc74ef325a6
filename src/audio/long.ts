// Features of waves of any length, and back, in blocks of frames, so that no binding and no memory on the GPU grows
// with the recording. Analysis: a block's frames are cut from the samples they cover. Inversion: an iteration of
// Griffin-Lim carries a change no further than one nFft, so a block that is computed with (iterations + 1) nFft samples
// more on both sides holds, between them, what one search over the whole recording finds; there is nothing to join.

import type { Engine } from '../engine/engine.ts';
import { type FeatureSettings, frameCount, wavesToFeatures } from './features.ts';
import { featuresToWaves } from './inverse.ts';

const blockFrames = 4096;
/** Griffin-Lim's iterations for sound from features. */
const iterations = 32;

/** Frames of a wave of T samples, the last one filled up to a whole hop; one clip of `length` has frameCount of them. */
export function framesOf(T: number, s: FeatureSettings): number {
  const whole = Math.max(1, Math.ceil(T / s.hopLength)) * s.hopLength;
  return frameCount({ ...s, length: Math.max(whole, s.nFft - 2 * s.pad) });
}

/** Samples that `frames` frames cover, the padding at both ends left out. */
function samplesOf(frames: number, s: FeatureSettings): number {
  return (frames - 1) * s.hopLength + s.nFft - 2 * s.pad;
}

/** Columns from `start` to `end` of (rows, columns) values. */
export function columnsOf(x: Float32Array, rows: number, start: number, end: number): Float32Array {
  const columns = x.length / rows;
  const part = new Float32Array(rows * (end - start));
  for (let r = 0; r < rows; r++)
    part.set(x.subarray(r * columns + start, r * columns + end), r * (end - start));
  return part;
}

/**
 * Scaled features of one wave, silence around it.
 * @returns (nMels, frames), for whatever number of frames, in [0, 1]
 * @throws ShapeError if maxDb is null.
 */
export async function waveToFeatures(
  engine: Engine,
  wave: Float32Array,
  frames: number,
  s: FeatureSettings,
  atOnce = blockFrames,
): Promise<Float32Array> {
  const all = new Float32Array(s.nMels * frames);
  for (let first = 0; first < frames; first += atOnce) {
    const n = Math.min(atOnce, frames - first);
    const length = (n - 1) * s.hopLength + s.nFft;
    const start = first * s.hopLength - s.pad;
    const samples = new Float32Array(length);
    samples.set(wave.subarray(Math.max(0, start), Math.max(0, start + length)), Math.max(0, -start));
    const x = engine.scope(() =>
      wavesToFeatures(engine, engine.tensor(samples, [1, length]), { ...s, pad: 0, length }),
    );
    const values = await x.read();
    x.dispose();
    for (let m = 0; m < s.nMels; m++) all.set(values.subarray(m * n, (m + 1) * n), m * frames + first);
  }
  return all;
}

/** How sound of any length is made. */
export interface LongOptions {
  /** Frames of a block. */
  atOnce?: number;
  /** Looked at before every block. */
  signal?: AbortSignal;
}

/**
 * Sound from the features of one wave, `featuresToWaves` for any number of frames.
 * @param features (nMels, frames) in [0, 1]
 * @returns `length` samples
 * @throws ShapeError if maxDb is null, the signal's reason.
 */
export async function featuresToWave(
  engine: Engine,
  features: Float32Array,
  length: number,
  s: FeatureSettings,
  { atOnce = blockFrames, signal }: LongOptions = {},
): Promise<Float32Array> {
  const frames = features.length / s.nMels;
  const wave = new Float32Array(length);
  const context = Math.ceil(((iterations + 1) * s.nFft) / s.hopLength);
  for (let first = 0; first < frames; first += atOnce) {
    signal?.throwIfAborted();
    const end = Math.min(frames, first + atOnce);
    const [from, to] = [Math.max(0, first - context), Math.min(frames, end + context)];
    const settings = { ...s, length: samplesOf(to - from, s) };
    const part = columnsOf(features, s.nMels, from, to);
    const y = engine.scope(() =>
      featuresToWaves(engine, engine.tensor(part, [1, s.nMels, to - from]), settings, { iterations }),
    );
    const values = await y.read();
    y.dispose();
    const at = first * s.hopLength;
    const last = end === frames ? length : Math.min(length, end * s.hopLength);
    if (at < last) wave.set(values.subarray(at - from * s.hopLength, last - from * s.hopLength), at);
  }
  return wave;
}

// Whole recordings from one rate to another on the GPU: many short ones in a batch, or one of any length in blocks.
// A block is cut at whole periods of the two rates and read with the filter's reach on both sides, so its samples are
// those of the whole, bit for bit, and no binding grows with the recording.

import type { Engine } from '../engine/engine.ts';
import {
  type ResampleOptions,
  type ResamplePlan,
  resample,
  resampledLength,
  resamplePlan,
} from '../shaders/resample.ts';

/**
 * What the commands use: ten times torchaudio's default length. A 997 Hz tone, 48 to 8 to 48 kHz, keeps its level to
 * 1e-5 dB and everything else is 125 dB below it (default: 82 dB); 4.4 kHz into 8 kHz is 77 dB down (default: 14).
 */
export const bestQuality: ResampleOptions = { lowpassFilterWidth: 64 };

/** Inputs of a block, about: 8 MiB. */
const blockInputs = 2 ** 21;

/** A recording that can be read in parts: mono samples from start to end (exclusive). */
export interface WaveSource {
  sampleRate: number;
  length: number;
  read(start: number, end: number): Promise<Float32Array>;
}

/**
 * Several waves of one rate; each comes back with its own length, ceil(to T / from). They are laid end to end, each at a
 * whole period with the filter's reach of zeros between, and padded to a power of two, so that waves of any lengths fill
 * few shapes of tensors without waste, and each has the samples it would have by itself, bit for bit.
 * @throws ShapeError as `resample`.
 */
export async function resampleBatch(
  engine: Engine,
  waves: readonly Float32Array[],
  from: number,
  to: number,
  options: ResampleOptions = bestQuality,
): Promise<Float32Array[]> {
  const plan = resamplePlan(from, to, options);
  if (plan.from === plan.to) return [...waves];
  const most = Math.min(blockInputs, (engine.maxBinding / 4) * Math.min(1, plan.from / plan.to));
  const atOnce = 2 ** Math.floor(Math.log2(most));
  const done: Float32Array[] = [];
  for (let first = 0; first < waves.length; ) {
    const places: number[] = [];
    let end = 0;
    for (
      let i = first;
      i < waves.length && (i === first || end + waves[i].length + plan.reach <= atOnce);
      i++
    ) {
      places.push(end);
      end = plan.from * Math.ceil((end + waves[i].length + plan.reach) / plan.from);
    }
    const some = waves.slice(first, first + places.length);
    // A wave that is longer by itself is not padded.
    const size = end > atOnce ? end : 2 ** Math.ceil(Math.log2(end));
    done.push(...(await endToEnd(engine, some, places, size, plan, options)));
    first += places.length;
  }
  return done;
}

async function endToEnd(
  engine: Engine,
  waves: readonly Float32Array[],
  places: readonly number[],
  size: number,
  plan: ResamplePlan,
  options: ResampleOptions,
): Promise<Float32Array[]> {
  const { from, to } = plan;
  const all = new Float32Array(size);
  waves.forEach((wave, i) => {
    all.set(wave, places[i]);
  });
  const y = engine.scope(() => resample(engine.tensor(all, [1, all.length]), from, to, options));
  const values = await y.read();
  y.dispose();
  return waves.map((wave, i) => {
    const start = (places[i] / from) * to;
    return values.slice(start, start + resampledLength(wave.length, plan));
  });
}

export interface SourceOptions {
  /** Samples wanted, from the beginning; default all. */
  most?: number;
  /** Default bestQuality. */
  quality?: ResampleOptions;
  /** Looked at before every block. */
  signal?: AbortSignal;
}

/**
 * A recording at rate `to`, read and resampled block by block.
 * @throws ShapeError as `resample`, the signal's reason, and what reading throws.
 */
export async function resampleSource(
  engine: Engine,
  source: WaveSource,
  to: number,
  options: SourceOptions = {},
): Promise<Float32Array> {
  const { most = Number.POSITIVE_INFINITY, quality = bestQuality, signal } = options;
  const plan = resamplePlan(source.sampleRate, to, quality);
  const result = new Float32Array(Math.min(most, resampledLength(source.length, plan)));
  const periods = Math.max(1, Math.floor(blockInputs / Math.max(plan.from, plan.to)));
  for (let first = 0; first * plan.to < result.length; first += periods) {
    signal?.throwIfAborted();
    const at = first * plan.to;
    const wanted = Math.min(periods * plan.to, result.length - at);
    const wave =
      plan.from === plan.to
        ? source.read(at, at + wanted)
        : block(engine, source, plan, first, wanted, to, quality);
    result.set(await wave, at);
  }
  return result;
}

/** `wanted` outputs from period `first` on. */
async function block(
  engine: Engine,
  source: WaveSource,
  plan: ResamplePlan,
  first: number,
  wanted: number,
  to: number,
  options: ResampleOptions,
): Promise<Float32Array> {
  const before = Math.min(first, Math.ceil(plan.reach / plan.from));
  const start = (first - before) * plan.from;
  const end = Math.min(source.length, first * plan.from + inputsFor(plan, wanted));
  const samples = await source.read(start, end);
  const y = engine.scope(() =>
    resample(engine.tensor(samples, [1, samples.length]), source.sampleRate, to, options),
  );
  const values = await y.read();
  y.dispose();
  const skip = before * plan.to;
  return values.subarray(skip, skip + wanted);
}

/** Inputs from the beginning that decide the first `n` outputs. */
export function inputsFor({ from, to, reach }: ResamplePlan, n: number): number {
  return Math.ceil((n * from) / to) + reach + 1;
}

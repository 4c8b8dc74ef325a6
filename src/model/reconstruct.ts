// Recordings of any length through a model of a fixed window. The features are cut into windows that overlap by half;
// each goes through the model; neighbours are cross-faded frame by frame with weights w and 1 - w,
//   w(j) = sin^2(pi (j + 1/2) / (2 overlap))
// and only then one search for phases turns the whole into sound (audio/long.ts), so no window has a seam to hear. A
// recording of one window or less is padded with silence and passes as a training clip does.

import type { FeatureSettings } from '../audio/features.ts';
import { columnsOf, featuresToWave, framesOf, waveToFeatures } from '../audio/long.ts';
import type { Engine } from '../engine/engine.ts';
import type { Tensor } from '../engine/tensor.ts';
import { conditionsOf } from './dataset.ts';
import type { Vae } from './vae.ts';

/** What a model does to features: (B, nMels, window) to the same shape. */
export type Through = (x: Tensor) => Tensor;

/** A sound that went through a model, and how far it came back. */
export interface Reconstruction {
  /** As many samples as the wave had. */
  wave: Float32Array;
  windows: number;
  /** Root of the mean squared error of the features, dB. */
  dbRmse: number;
}

const windowsAtOnce = 64;

/** Windows that cover so many frames, one starting each half window. */
export function windowCount(frames: number, window: number): number {
  return 1 + Math.max(0, Math.ceil((frames - window) / hopOf(window)));
}

const hopOf = (window: number) => Math.ceil(window / 2);

/**
 * Features through a model, window by window, cross-faded.
 * @param x (rows, frames), frames a window plus whole half windows
 * @returns the same shape
 */
export async function throughWindows(
  engine: Engine,
  through: Through,
  x: Float32Array,
  rows: number,
  window: number,
): Promise<Float32Array> {
  const frames = x.length / rows;
  const hop = hopOf(window);
  const overlap = window - hop;
  const fade = Float32Array.from(
    { length: overlap },
    (_, j) => Math.sin((Math.PI * (j + 0.5)) / (2 * overlap)) ** 2,
  );
  const out = new Float32Array(x.length);
  const count = windowCount(frames, window);
  for (let first = 0; first < count; first += windowsAtOnce) {
    const B = Math.min(windowsAtOnce, count - first);
    const size = rows * window;
    const batch = new Float32Array(B * size);
    for (let b = 0; b < B; b++)
      batch.set(columnsOf(x, rows, (first + b) * hop, (first + b) * hop + window), b * size);
    const y = engine.scope(() => engine.noGrad(() => through(engine.tensor(batch, [B, rows, window]))));
    const values = await y.read();
    y.dispose();
    for (let b = 0; b < B; b++) {
      for (let r = 0; r < rows; r++) {
        const at = r * frames + (first + b) * hop;
        const from = (b * rows + r) * window;
        for (let j = 0; j < window; j++) {
          // Where the model changes nothing, both sides are equal and stay so to the last bit.
          const before = first + b > 0 && j < overlap ? out[at + j] : values[from + j];
          const weight = j < overlap ? fade[j] : 1;
          out[at + j] = before + weight * (values[from + j] - before);
        }
      }
    }
  }
  return out;
}

/**
 * A VAE at z = mu as such a step.
 * @param label index of the label for a CVAE, null for a VAE
 * @param speaker index of the speaker for a model that knows some, -1 for none of them
 */
export function atMean(engine: Engine, model: Vae, label: number | null, speaker = -1): Through {
  return (x) => {
    const of = (value: number) => Array<number>(x.shape[0]).fill(value);
    const hot = label === null ? null : conditionsOf(model.config, of(label), of(speaker));
    const given = hot && engine.tensor(hot.data, hot.shape);
    return model.decode(model.encode(x, given).mu, given);
  };
}

/**
 * A recording through a model and back to sound. The way there and back keeps its level (spoken digits lose 0.1 dB);
 * what a model makes quieter, as by smoothing, stays so.
 * @param wave mono, at the features' rate, any length from 1
 * @param window frames of the model
 * @param signal stops between two blocks of sound
 * @throws ShapeError if maxDb is null, the signal's reason.
 */
export async function reconstructWave(
  engine: Engine,
  through: Through,
  wave: Float32Array,
  window: number,
  settings: FeatureSettings,
  signal?: AbortSignal,
): Promise<Reconstruction> {
  const windows = windowCount(framesOf(wave.length, settings), window);
  const frames = window + (windows - 1) * hopOf(window);
  const x = await waveToFeatures(engine, wave, frames, settings);
  const y = await throughWindows(engine, through, x, settings.nMels, window);
  let squares = 0;
  for (let i = 0; i < x.length; i++) squares += (x[i] - y[i]) ** 2;
  return {
    wave: await featuresToWave(engine, y, wave.length, settings, { signal }),
    windows,
    dbRmse: settings.dynamicRange * Math.sqrt(squares / x.length),
  };
}

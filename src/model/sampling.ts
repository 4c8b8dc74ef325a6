// Samples from the prior: the decoder's mean at a z drawn from it, nothing filtered or picked.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import type { Tensor } from '../engine/tensor.ts';
import { conditionsOf } from './dataset.ts';
import { noiseOf, priorPoint } from './prior.ts';
import type { Vae } from './vae.ts';

/** What is drawn from the prior. */
export interface SampleOptions {
  /** Index of the label for a CVAE, null for a VAE. */
  label: number | null;
  /** Index of the speaker, for a model that knows some; not given: the mean of them. */
  speaker?: number;
  /** Numbers of the clips, from 0; each has its own noise. */
  indices: readonly number[];
  /** Factor on the prior's spread; 1 samples it. */
  temperature: number;
  seed: number;
}

/** What decides a z, besides its number. */
export type DrawOptions = Pick<SampleOptions, 'label' | 'seed' | 'temperature'>;

/** The z of a clip, (latent). @param index number of the clip */
export function priorDraw(
  { prior, config }: Vae,
  { label, seed, temperature }: DrawOptions,
  index: number,
): Float32Array {
  return priorPoint(prior, label, noiseOf(seed, label, index, config.latent), temperature);
}

/**
 * @returns features (B, mel, frames) in [0, 1], one for each index; the caller disposes them or is in a scope
 * @throws ShapeError for a label the model does not have, or a temperature below 0
 */
export function samplePrior(engine: Engine, model: Vae, options: SampleOptions): Tensor {
  const { label, speaker = -1, indices, temperature } = options;
  const { latent, classes } = model.config;
  if (!(temperature >= 0)) throw new ShapeError(`sample: temperature ${temperature}; it must be 0 or more`);
  if ((label !== null) !== classes > 0)
    throw new ShapeError(`sample: label ${label} for a model of ${classes} classes`);
  const B = indices.length;
  const z = new Float32Array(B * latent);
  indices.forEach((index, b) => {
    z.set(priorDraw(model, options, index), b * latent);
  });
  return engine.scope(() =>
    engine.noGrad(() => {
      const of = (value: number) => Array<number>(B).fill(value);
      const hot = label === null ? null : conditionsOf(model.config, of(label), of(speaker));
      return model.decode(engine.tensor(z, [B, latent]), hot && engine.tensor(hot.data, hot.shape));
    }),
  );
}

// How takes are learnt: the settings of an adaptation, and what they make of a model's own configuration.

import { DataError } from '../engine/errors.ts';
import type { HostArray } from '../engine/tensor.ts';
import { checkConfig, type TrainConfig } from './presets.ts';

/** Parts of a model that adaptation may move. */
export const trainedParts = ['all', 'decoder', 'speaker'] as const;
/** Which parameters learn; `speaker`: of a model that knows speakers, the embedding of the new one alone. */
export type TrainedPart = (typeof trainedParts)[number];

/** How a model learns takes. */
export interface AdaptSettings {
  train: TrainedPart;
  /** Name of who speaks, for a model that knows speakers: a new one begins as their mean. */
  voice: string;
  /** Over which the learning rate falls to 0. */
  steps: number;
  lr: number;
  /** Examples of a step. */
  batch: number;
  /** Share of each batch that is of the old examples, where there are any. */
  replay: number;
  /** How many times as much an old example counts in the loss as a new one. */
  oldWeight: number;
  /** How much faster or slower each take is made, at random, whenever it is in a batch: 0.3 is 0.7 to 1.3 times. */
  stretch: number;
  /** The most that the gradient's norm may be; 0: no clipping. */
  clipNorm: number;
  /** What a moving average of the weights, which is what plays, keeps of itself at a step; 0: no average. */
  average: number;
  /** Measures in a row without a better one, after which `done` says to end. */
  patience: number;
  seed: number;
}

/** What settings are where none are given. */
export const adaptDefaults: AdaptSettings = {
  train: 'all',
  voice: 'new voice',
  steps: 100,
  lr: 1.5e-3,
  batch: 64,
  replay: 0.5,
  oldWeight: 3,
  stretch: 0.3,
  clipNorm: 0,
  average: 0.9,
  patience: 4,
  seed: 1,
};

/** The configuration of the steps of an adaptation, an epoch long. @throws DataError for a setting that is not possible. */
export function adaptConfig(config: TrainConfig, settings: AdaptSettings): TrainConfig {
  const { lr, batch, clipNorm, average, seed, replay, steps, stretch, oldWeight } = settings;
  if (!(replay >= 0 && replay < 1))
    throw new DataError(`replay ${replay}: it must be at least 0 and below 1`);
  if (!(oldWeight > 0 && oldWeight < 1e6))
    throw new DataError(`oldWeight ${oldWeight}: it must be above 0 and below 1e6`);
  if (!(stretch >= 0 && stretch < 1))
    throw new DataError(`stretch ${stretch}: it must be at least 0 and below 1`);
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new DataError(`steps ${steps}: it must be a whole number of at least 1`);
  const usual = { optimizer: 'adam', momentum: 0, weightDecay: 0, schedule: 'cosine', warmup: 0.1 } as const;
  return checkConfig({
    ...{ ...config, ...usual, lr, batch, clipNorm, average, seed },
    ...{ betaWarmup: 0, epochs: 1, validation: false },
  });
}

/** Weights of the examples of a batch, new ones first: an old one's is `oldWeight` times a new one's, 1 in the mean. */
export function weightsOf(fresh: number, old: number, oldWeight: number): HostArray {
  const unit = (fresh + old) / (fresh + old * oldWeight);
  const data = new Float32Array(fresh + old).fill(unit, 0, fresh).fill(unit * oldWeight, fresh);
  return { data, shape: [fresh + old] };
}

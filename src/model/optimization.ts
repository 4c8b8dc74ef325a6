// From a run's settings to its optimiser, learning-rate schedule and weight average.

import {
  Adam,
  AdamW,
  constantLr,
  cosineAnnealingLr,
  linearLr,
  type Optimizer,
  type Schedule,
  SGD,
  WeightAverage,
  warmup,
} from '../engine/optim/index.ts';
import type { Parameters } from '../engine/params.ts';
import type { TrainConfig } from './presets.ts';

/** The learning rate of each step: a warm-up, then the schedule down to the last of `epochs`. */
export function scheduleOf(config: TrainConfig, stepsPerEpoch: number): Schedule {
  const { lr, schedule, epochs } = config;
  const rising = Math.round(config.warmup * stepsPerEpoch);
  const rest = Math.max(1, epochs * stepsPerEpoch - rising);
  const after =
    schedule === 'cosine'
      ? cosineAnnealingLr(lr, { tMax: rest })
      : schedule === 'linear'
        ? linearLr(lr, { startFactor: 1, endFactor: 0, totalIters: rest })
        : constantLr(lr);
  return warmup(after, rising);
}

export function optimizerOf(params: Parameters, config: TrainConfig, stepsPerEpoch: number): Optimizer {
  const { weightDecay, clipNorm, momentum } = config;
  const common = { lr: scheduleOf(config, stepsPerEpoch), weightDecay, clipNorm };
  if (config.optimizer === 'sgd') return new SGD(params, { ...common, momentum });
  return config.optimizer === 'adamw' ? new AdamW(params, common) : new Adam(params, common);
}

/** The moving average that the settings ask for. */
export function averageOf(optimizer: Optimizer, { average }: TrainConfig): WeightAverage | null {
  return average > 0 ? new WeightAverage(optimizer, { decay: average }) : null;
}

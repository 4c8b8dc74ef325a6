// Presets: every setting of a training run, by name. A run's configuration is a preset plus the caller's changes, and
// the effective one is saved with the run.

import { DataError } from '../engine/errors.ts';
import { type Likelihood, likelihoods } from './objective.ts';

export const modelKinds = ['vae', 'cvae'] as const;
export type ModelKind = (typeof modelKinds)[number];

export const optimizerKinds = ['adam', 'adamw', 'sgd'] as const;
export type OptimizerKind = (typeof optimizerKinds)[number];

export const scheduleKinds = ['constant', 'linear', 'cosine'] as const;
export type ScheduleKind = (typeof scheduleKinds)[number];

export interface TrainConfig {
  preset: string;
  model: ModelKind;
  /** Output channels of each encoder level. */
  channels: number[];
  /** Taps of the encoder's convolutions. */
  kernel: number;
  /** Width of the fully connected layers. */
  hidden: number;
  /** Dimensions of z. */
  latent: number;
  likelihood: Likelihood;
  /** w of the fixed likelihood. */
  weight: number;
  /** Weight of the KL. */
  beta: number;
  /** Epochs over which beta rises linearly from 0. */
  betaWarmup: number;
  optimizer: OptimizerKind;
  /** Learning rate: of every step, or where the schedule is at its highest. */
  lr: number;
  /** Of sgd alone; 0 with the others. */
  momentum: number;
  /** Decoupled from the gradient in adamw, an L2 penalty in adam and sgd. */
  weightDecay: number;
  /** The most that the gradient's norm may be; 0: no clipping. */
  clipNorm: number;
  /** Of the learning rate after its warm-up: stays, or falls to 0 at the last of `epochs`. */
  schedule: ScheduleKind;
  /** Epochs over which the learning rate rises linearly. */
  warmup: number;
  /** What the moving average of the weights keeps of itself at a step, such as 0.999; 0: no average. */
  average: number;
  batch: number;
  epochs: number;
  seed: number;
  /** Whether a part of the training split is held out to choose the best checkpoint. */
  validation: boolean;
}

/** How weights are moved where a preset says nothing else; runs of format 1 know only these and have no such keys. */
const optimization = {
  optimizer: 'adam',
  momentum: 0,
  weightDecay: 0,
  clipNorm: 0,
  schedule: 'constant',
  warmup: 0,
  average: 0,
} as const;

const speechRef: Omit<TrainConfig, 'model' | 'likelihood'> = {
  preset: 'speech-ref',
  channels: [64, 128, 256],
  kernel: 5,
  hidden: 256,
  latent: 32,
  weight: 10,
  beta: 1,
  betaWarmup: 0,
  lr: 1e-3,
  ...optimization,
  batch: 64,
  epochs: 50,
  seed: 1,
  validation: false,
};

/** A preset of each kind of model. */
const presets: Record<string, Record<ModelKind, TrainConfig>> = {
  'speech-ref': {
    vae: { ...speechRef, model: 'vae', likelihood: 'optimal' },
    cvae: { ...speechRef, model: 'cvae', likelihood: 'fixed' },
  },
  demo: {
    vae: demo('vae'),
    cvae: demo('cvae'),
  },
};

/** Small enough to train in two minutes on SwiftShader; weight and latent chosen so that the label decides the digit. */
function demo(model: ModelKind): TrainConfig {
  return {
    ...speechRef,
    preset: 'demo',
    model,
    likelihood: 'fixed',
    channels: [32, 48, 64],
    hidden: 128,
    latent: 8,
    weight: 3,
    lr: 2e-3,
    batch: 32,
    epochs: 60,
  };
}

export const presetNames = Object.keys(presets);

/** @throws DataError for an unknown preset. */
export function presetConfig(name: string, model: ModelKind): TrainConfig {
  const preset = presets[name];
  if (!preset) throw new DataError(`preset ${name}: unknown; choose one of ${presetNames.join(', ')}`);
  return structuredClone(preset[model]);
}

/**
 * A configuration with one setting replaced, from text such as `latent=16` or `channels=32,64`. Whether settings go
 * together is for `checkConfig`, when all are set.
 * @throws DataError for an unknown key or a value of the wrong kind.
 */
export function setOption(config: TrainConfig, assignment: string): TrainConfig {
  const at = assignment.indexOf('=');
  const key = assignment.slice(0, at) as keyof TrainConfig;
  const text = assignment.slice(at + 1);
  if (at < 1 || !Object.hasOwn(config, key) || key === 'preset')
    throw new DataError(
      `--set ${assignment}: give key=value with a key of ${Object.keys(config)
        .filter((k) => k !== 'preset')
        .join(', ')}`,
    );
  return checkEach({ ...config, [key]: parseLike(config[key], text, assignment) });
}

function parseLike(like: TrainConfig[keyof TrainConfig], text: string, assignment: string): unknown {
  if (typeof like === 'string') return text;
  if (typeof like === 'boolean') {
    if (text === 'true' || text === 'false') return text === 'true';
    throw new DataError(`--set ${assignment}: give true or false`);
  }
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (!numbers.every(Number.isFinite) || (!Array.isArray(like) && numbers.length !== 1))
    throw new DataError(
      `--set ${assignment}: give ${Array.isArray(like) ? 'numbers separated by commas' : 'a number'}`,
    );
  return Array.isArray(like) ? numbers : numbers[0];
}

/**
 * The configuration, with every setting there, if all are possible and none would do nothing.
 * @throws DataError naming the value that is not.
 */
export function checkConfig(given: TrainConfig): TrainConfig {
  const config = checkEach({ ...optimization, ...given });
  const { optimizer, momentum, warmup, epochs } = config;
  if (momentum > 0 && optimizer !== 'sgd')
    throw new DataError(`momentum ${momentum}: ${optimizer} has its own; set optimizer=sgd, or momentum=0`);
  if (warmup >= epochs && warmup > 0)
    throw new DataError(
      `warmup ${warmup}: all of the ${epochs} epochs; make it shorter, or train for longer`,
    );
  return config;
}

/** Checks every value by itself. @throws DataError naming the value that is not possible. */
function checkEach(config: TrainConfig): TrainConfig {
  const fail = (key: keyof TrainConfig, want: string) => {
    throw new DataError(`${key} ${JSON.stringify(config[key])}: it must be ${want}`);
  };
  const check = (keys: readonly (keyof TrainConfig)[], ok: (value: number) => boolean, want: string) => {
    for (const key of keys) if (typeof config[key] !== 'number' || !ok(config[key])) fail(key, want);
  };
  const oneOf = (key: keyof TrainConfig, names: readonly string[]) => {
    if (!names.includes(config[key] as string)) fail(key, names.join(', '));
  };
  const whole = (n: number) => Number.isSafeInteger(n) && n >= 1;
  check(['hidden', 'latent', 'batch', 'epochs', 'kernel'], whole, 'a whole number of at least 1');
  check(['seed'], (n) => n === 0 || whole(n), 'a whole number of at least 0');
  check(['kernel'], (n) => n % 2 === 1, 'odd');
  if (config.channels.length === 0 || !config.channels.every(whole))
    fail('channels', 'a list of whole numbers of at least 1');
  oneOf('model', modelKinds);
  oneOf('likelihood', likelihoods);
  oneOf('optimizer', optimizerKinds);
  oneOf('schedule', scheduleKinds);
  check(['lr', 'weight'], (x) => x > 0 && x < 1e6, 'above 0 and below 1e6');
  const limited = ['beta', 'betaWarmup', 'weightDecay', 'clipNorm', 'warmup'] as const;
  check(limited, (x) => x >= 0 && x < 1e6, 'at least 0 and below 1e6');
  check(['momentum', 'average'], (x) => x >= 0 && x < 1, 'at least 0 and below 1');
  return config;
}

// Presets: every setting of a training run, by name. A run's configuration is a preset plus the caller's changes, and
// the effective one is saved with the run.

import { DataError } from '../engine/errors.ts';
import { type Likelihood, likelihoods } from './objective.ts';

export const modelKinds = ['vae', 'cvae'] as const;
export type ModelKind = (typeof modelKinds)[number];

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
  /** Adam's learning rate. */
  lr: number;
  batch: number;
  epochs: number;
  seed: number;
  /** Whether a part of the training split is held out to choose the best checkpoint. */
  validation: boolean;
}

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
 * A configuration with one setting replaced, from text such as `latent=16` or `channels=32,64`.
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
  return checkConfig({ ...config, [key]: parseLike(config[key], text, assignment) });
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

/** The same configuration if every value is possible. @throws DataError naming the value that is not. */
export function checkConfig(config: TrainConfig): TrainConfig {
  const fail = (key: string, want: string) => {
    throw new DataError(`${key} ${JSON.stringify(config[key as keyof TrainConfig])}: it must be ${want}`);
  };
  const whole = (key: keyof TrainConfig, least: number) => {
    const value = config[key];
    if (!Number.isSafeInteger(value) || (value as number) < least)
      fail(key, `a whole number of at least ${least}`);
  };
  for (const key of ['hidden', 'latent', 'batch', 'epochs', 'kernel'] as const) whole(key, 1);
  whole('seed', 0);
  if (config.kernel % 2 === 0) fail('kernel', 'odd');
  if (config.channels.length === 0 || !config.channels.every((c) => Number.isSafeInteger(c) && c >= 1))
    fail('channels', 'a list of whole numbers of at least 1');
  if (!(modelKinds as readonly string[]).includes(config.model)) fail('model', modelKinds.join(' or '));
  if (!(likelihoods as readonly string[]).includes(config.likelihood))
    fail('likelihood', likelihoods.join(', '));
  for (const key of ['lr', 'weight'] as const)
    if (!(config[key] > 0 && config[key] < 1e6)) fail(key, 'above 0 and below 1e6');
  for (const key of ['beta', 'betaWarmup'] as const)
    if (!(config[key] >= 0 && config[key] < 1e6)) fail(key, 'at least 0 and below 1e6');
  return config;
}

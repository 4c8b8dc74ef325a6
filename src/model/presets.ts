// Presets: every setting of a training run, by name. A run's configuration is a preset plus the caller's changes, and
// the effective one is saved with the run.

import { DataError } from '../engine/errors.ts';
import type { ConvNetwork, MlpNetwork, NetworkConfig } from './networks/index.ts';
import { type Likelihood, likelihoods, type Reduction, reductions } from './objective.ts';
import type { VaeConfig } from './vae.ts';

export const modelKinds = ['vae', 'cvae'] as const;
export type ModelKind = (typeof modelKinds)[number];

export const optimizerKinds = ['adam', 'adamw', 'sgd'] as const;
export type OptimizerKind = (typeof optimizerKinds)[number];

export const scheduleKinds = ['constant', 'linear', 'cosine'] as const;
export type ScheduleKind = (typeof scheduleKinds)[number];

/** What the examples of a model are. */
export const dataKinds = ['speech', 'image'] as const;
export type DataKind = (typeof dataKinds)[number];

/** Every setting of a training run and of its network. */
export type TrainConfig = TrainSettings & NetworkConfig;

export interface TrainSettings {
  preset: string;
  model: ModelKind;
  /** Dimensions of z. */
  latent: number;
  /** Numbers of the embedding by which a cvae knows each speaker; 0: it is told none. */
  speakerDim: number;
  likelihood: Likelihood;
  /** w of the fixed likelihood. */
  weight: number;
  /** Of the loss over the batch. */
  reduction: Reduction;
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
  /** Gaussians of each label in the prior that samples are drawn from, fitted after training; 0: the standard normal. */
  mixture: number;
  /** How much faster or slower each clip is made, at random, whenever it is in a batch: 0.1 is 0.9 to 1.1 times. */
  stretch: number;
  batch: number;
  epochs: number;
  seed: number;
  /** Whether a part of the training split is held out to choose the best checkpoint. */
  validation: boolean;
}

/** What a preset has where it says nothing else; older runs know only these, and have no such keys. */
const usual = {
  speakerDim: 0,
  reduction: 'mean',
  optimizer: 'adam',
  momentum: 0,
  weightDecay: 0,
  clipNorm: 0,
  schedule: 'constant',
  warmup: 0,
  average: 0,
  mixture: 0,
  stretch: 0,
} as const;

type ConvConfig = TrainSettings & ConvNetwork;
type MlpConfig = TrainSettings & MlpNetwork;

const speechRef: Omit<ConvConfig, 'model' | 'likelihood'> = {
  preset: 'speech-ref',
  network: 'conv',
  channels: [64, 128, 256],
  kernel: 5,
  hidden: 256,
  latent: 32,
  weight: 10,
  beta: 1,
  betaWarmup: 0,
  lr: 1e-3,
  ...usual,
  batch: 64,
  epochs: 50,
  seed: 1,
  validation: false,
};

const mnistRef: Omit<MlpConfig, 'model'> = {
  preset: 'mnist-ref',
  network: 'mlp',
  widths: [400],
  latent: 20,
  likelihood: 'bernoulli',
  weight: 1,
  beta: 1,
  betaWarmup: 0,
  lr: 1e-3,
  ...usual,
  reduction: 'sum',
  batch: 128,
  epochs: 20,
  seed: 1,
  validation: false,
};

const speechOf = (model: ModelKind, likelihood: Likelihood): ConvConfig => ({
  ...speechRef,
  model,
  likelihood,
});
const mnistOf = (model: ModelKind): MlpConfig => ({ ...mnistRef, model });

type Preset = Record<ModelKind, TrainConfig> & { data: DataKind };

/** A preset of each kind of model, and the data it is for. */
const presets = {
  'speech-ref': {
    data: 'speech',
    vae: speechOf('vae', 'optimal'),
    cvae: speechOf('cvae', 'fixed'),
  },
  speech: { data: 'speech', vae: speech('vae'), cvae: speech('cvae') },
  demo: { data: 'speech', vae: demo('vae'), cvae: demo('cvae') },
  // Digits in the voices that the recordings' names tell, by an embedding for each speaker; a vae has no use for it.
  voices: {
    data: 'speech',
    vae: { ...speechOf('vae', 'fixed'), preset: 'voices' },
    cvae: { ...speechOf('cvae', 'fixed'), preset: 'voices', speakerDim: 8 },
  },
  'mnist-ref': {
    data: 'image',
    vae: mnistOf('vae'),
    cvae: mnistOf('cvae'),
  },
  mnist: { data: 'image', vae: mnist('vae'), cvae: mnist('cvae') },
} satisfies Record<string, Preset>;

/**
 * Clips from the prior as clear as this network makes them; what each setting gives is in docs/speech.md. Nothing is held
 * out: the learning rate ends at 0 and the weights are averaged, so the last epoch is the one to play.
 */
function speech(model: ModelKind): ConvConfig {
  return {
    ...speechRef,
    preset: 'speech',
    model,
    likelihood: 'fixed',
    weight: 20,
    lr: 2e-3,
    clipNorm: 1000,
    schedule: 'cosine',
    warmup: 2,
    average: 0.99,
    mixture: 16,
    stretch: 0.1,
    batch: 32,
    epochs: 100,
  };
}

/** Small enough to train in two minutes on SwiftShader; weight and latent chosen so that the label decides the digit. */
function demo(model: ModelKind): ConvConfig {
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

/**
 * Images as well as a network of this size learns them in 20 epochs; what each setting gave is in docs/mnist.md.
 * Nothing is held out: the learning rate ends at 0 and the weights are averaged, so the last epoch is the one to play.
 */
function mnist(model: ModelKind): MlpConfig {
  return {
    ...mnistRef,
    preset: 'mnist',
    model,
    widths: [512, 256],
    latent: 24,
    betaWarmup: 5,
    lr: 2e-3,
    schedule: 'cosine',
    warmup: 0.5,
    average: 0.995,
    batch: 64,
  };
}

/** Names that `presetConfig` takes. */
export const presetNames = Object.keys(presets);

function presetOf(name: string): Preset {
  if (!Object.hasOwn(presets, name))
    throw new DataError(`preset ${name}: unknown; choose one of ${presetNames.join(', ')}`);
  return presets[name as keyof typeof presets];
}

/** @throws DataError for an unknown preset. */
export function presetConfig<N extends keyof typeof presets>(
  name: N,
  model: ModelKind,
): (typeof presets)[N][ModelKind];
export function presetConfig(name: string, model: ModelKind): TrainConfig;
export function presetConfig(name: string, model: ModelKind): TrainConfig {
  return structuredClone(presetOf(name)[model]);
}

/** What a preset's models are trained on. @throws DataError for an unknown preset. */
export const presetData = (name: string): DataKind => presetOf(name).data;

/** Settings that a preset alone decides. */
const fixedKeys = ['preset', 'network'];

/**
 * A configuration with one setting replaced, from text such as `latent=16` or `channels=32,64`. Whether settings go
 * together is for `checkConfig`, when all are set.
 * @throws DataError for an unknown key or a value of the wrong kind.
 */
export function setOption<Config extends TrainConfig>(config: Config, assignment: string): Config {
  const at = assignment.indexOf('=');
  const key = assignment.slice(0, at);
  const text = assignment.slice(at + 1);
  const settings: Record<string, unknown> = { ...config };
  if (at < 1 || !Object.hasOwn(config, key) || fixedKeys.includes(key))
    throw new DataError(
      `--set ${assignment}: give key=value with a key of ${Object.keys(config)
        .filter((k) => !fixedKeys.includes(k))
        .join(', ')}`,
    );
  return checkEach({ ...config, [key]: parseLike(settings[key], text, assignment) });
}

function parseLike(like: unknown, text: string, assignment: string): unknown {
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
  // Before there were other networks, all were convolutional, and no file says so.
  const config = checkEach({ ...usual, ...{ network: 'conv' }, ...given } as TrainConfig);
  const { optimizer, momentum, warmup, epochs, speakerDim, model } = config;
  if (speakerDim > 0 && model !== 'cvae')
    throw new DataError(`speakerDim ${speakerDim}: of a cvae alone; give --model cvae, or set speakerDim=0`);
  if (momentum > 0 && optimizer !== 'sgd')
    throw new DataError(`momentum ${momentum}: ${optimizer} has its own; set optimizer=sgd, or momentum=0`);
  if (warmup >= epochs && warmup > 0)
    throw new DataError(
      `warmup ${warmup}: all of the ${epochs} epochs; make it shorter, or train for longer`,
    );
  return config;
}

const whole = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 1;
const atLeastOne = 'a whole number of at least 1';
const between = (least: number, most: number) => (n: unknown) =>
  typeof n === 'number' && n >= least && n < most;
const positive = (n: unknown) => between(0, 1e6)(n) && n !== 0;
const widths = (list: unknown) => Array.isArray(list) && list.length > 0 && list.every(whole);
const oneOf = (names: readonly string[]) =>
  [(name: unknown) => names.includes(name as string), names.join(', ')] as const;

type Checks<T> = { [K in keyof T]-?: readonly [ok: (value: unknown) => boolean, want: string] };

const limited = [between(0, 1e6), 'at least 0 and below 1e6'] as const;
const above = [positive, 'above 0 and below 1e6'] as const;
const share = [between(0, 1), 'at least 0 and below 1'] as const;
const some = [widths, 'a list of whole numbers of at least 1'] as const;

/** What each setting must be. */
const settingChecks: Checks<TrainSettings> = {
  preset: [(name) => typeof name === 'string', 'a name'],
  model: oneOf(modelKinds),
  latent: [whole, atLeastOne],
  speakerDim: [(n) => n === 0 || whole(n), 'a whole number of at least 0'],
  likelihood: oneOf(likelihoods),
  weight: above,
  reduction: oneOf(reductions),
  beta: limited,
  betaWarmup: limited,
  optimizer: oneOf(optimizerKinds),
  lr: above,
  momentum: share,
  weightDecay: limited,
  clipNorm: limited,
  schedule: oneOf(scheduleKinds),
  warmup: limited,
  average: share,
  mixture: [(n) => n === 0 || (whole(n) && (n as number) <= 100), 'a whole number of 0 to 100'],
  stretch: share,
  batch: [whole, atLeastOne],
  epochs: [whole, atLeastOne],
  seed: [(n) => n === 0 || whole(n), 'a whole number of at least 0'],
  validation: [(v) => typeof v === 'boolean', 'true or false'],
};

const networkChecks: { [N in NetworkConfig as N['network']]: Checks<N> } = {
  conv: {
    network: oneOf(['conv']),
    channels: some,
    kernel: [(n) => whole(n) && (n as number) % 2 === 1, 'an odd whole number'],
    hidden: [whole, atLeastOne],
  },
  mlp: { network: oneOf(['mlp']), widths: some },
};

/** Checks every value by itself. @throws DataError naming the value that is not possible. */
function checkEach<Config extends TrainConfig>(config: Config): Config {
  const network = Object.hasOwn(networkChecks, config.network) ? networkChecks[config.network] : null;
  if (!network)
    throw new DataError(
      `network ${JSON.stringify(config.network)}: it must be ${Object.keys(networkChecks).join(', ')}`,
    );
  const values: Record<string, unknown> = { ...config };
  for (const [key, [ok, want]] of Object.entries({ ...settingChecks, ...network }))
    if (!ok(values[key])) throw new DataError(`${key} ${JSON.stringify(values[key])}: it must be ${want}`);
  return config;
}

/** The model that a configuration makes for examples of a shape, with the labels and speakers of its data. */
export function vaeConfig(
  config: TrainConfig,
  shape: readonly [number, number],
  { labels, speakers = [] }: { labels: readonly string[]; speakers?: readonly string[] },
): VaeConfig {
  const [inputs, frames] = shape;
  const { latent, speakerDim } = config;
  const classes = config.model === 'cvae' ? labels.length : 0;
  const ends = {
    ...{ inputs, frames, latent, classes },
    ...(speakerDim > 0 && { speakers: speakers.length, speakerDim }),
  };
  if (config.network === 'mlp') return { ...ends, network: config.network, widths: config.widths };
  const { network, channels, kernel, hidden } = config;
  return { ...ends, network, channels, kernel, hidden };
}

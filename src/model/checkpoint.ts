// Two kinds of safetensors file. A model file holds what playing needs: weights under PyTorch's names and, in its
// metadata, the configuration, the features' settings with the training set's maximum, and the labels. A checkpoint
// holds what resuming needs besides: Adam's moments, the position in the epoch, and the plan of kernel variants.

import type { FeatureSettings } from '../audio/features.ts';
import type { Engine } from '../engine/engine.ts';
import { CheckpointError } from '../engine/errors.ts';
import type { Parameters } from '../engine/params.ts';
import type { HostArray } from '../engine/tensor.ts';
import { checkConfig, type TrainConfig } from './presets.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import type { TrainState } from './trainer.ts';
import { Vae } from './vae.ts';

/** Raised when a file's meaning changes; readers refuse what they do not know. */
const version = 1;

/** What a model is besides its weights. */
export interface ModelInfo {
  config: TrainConfig;
  features: FeatureSettings;
  labels: string[];
}

export interface ModelFile extends ModelInfo {
  params: Record<string, HostArray>;
}

/** Kernel variants a run was trained with; equal bits are claimed for the same plan and adapter only. */
export interface Plan {
  adapter: string;
  /** Subgroup size of the variants, 0 for the plain ones. */
  lanes: number;
}

export interface CheckpointFile {
  info: ModelInfo;
  state: TrainState;
  plan: Plan;
  /** Epoch and value of the best validation so far. */
  best: { epoch: number; value: number } | null;
}

export function planOf(engine: Engine): Plan {
  return { adapter: engine.adapter.name, lanes: engine.lanes };
}

function metadata(kind: string, json: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(json).map(([key, value]) => [key, JSON.stringify(value)]);
  return { format: 'pt', formant: `${version}`, kind, ...Object.fromEntries(entries) };
}

/** Metadata of a file of ours as objects. @throws CheckpointError if it is another program's or a later version's. */
function parse(found: Record<string, string>, kind: string, name: string): Record<string, unknown> {
  if (found.formant === undefined || found.kind === undefined)
    throw new CheckpointError(`${name}: this safetensors file was not written by formant`);
  if (found.formant !== `${version}`)
    throw new CheckpointError(
      `${name}: format version ${found.formant}, this formant reads ${version}; update it`,
    );
  if (found.kind !== kind)
    throw new CheckpointError(`${name}: a ${found.kind} file where a ${kind} file is needed`);
  const out: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(found)) {
    if (key === 'format' || key === 'formant' || key === 'kind') continue;
    try {
      out[key] = JSON.parse(text);
    } catch {
      throw new CheckpointError(`${name}: its metadata ${key} is not JSON; the file is damaged`);
    }
  }
  return out;
}

function floats(tensors: ReturnType<typeof readSafetensors>['tensors'], prefix: string, name: string) {
  const out: Record<string, HostArray> = {};
  for (const [key, { shape, data }] of tensors) {
    if (!key.startsWith(prefix)) continue;
    if (!(data instanceof Float32Array)) throw new CheckpointError(`${name}: tensor ${key} is not of floats`);
    out[key.slice(prefix.length)] = { shape, data };
  }
  return out;
}

/** @returns bytes of `model.safetensors` */
export function encodeModel({ params, config, features, labels }: ModelFile): Uint8Array {
  return writeSafetensors(params, metadata('model', { config, features, labels }));
}

/** @throws CheckpointError if the bytes are not a model file of this version. */
export function decodeModel(bytes: Uint8Array, name: string): ModelFile {
  const { tensors, metadata: found } = readSafetensors(bytes, name);
  const info = parse(found, 'model', name) as unknown as ModelInfo;
  checkInfo(info, name);
  return { ...info, params: floats(tensors, '', name) };
}

/** @returns bytes of a checkpoint */
export function encodeCheckpoint(
  params: Parameters,
  { info, state, plan, best }: CheckpointFile,
): Uint8Array {
  const tensors: Record<string, HostArray> = {};
  const add = (prefix: string, arrays: Record<string, HostArray>) => {
    for (const [name, t] of Object.entries(arrays)) tensors[`${prefix}${name}`] = t;
  };
  add('model.', state.params);
  add('adam.m.', params.split(state.adam.m));
  add('adam.v.', params.split(state.adam.v));
  const { step, sums, seconds } = state;
  return writeSafetensors(
    tensors,
    metadata('checkpoint', { ...info, plan, best, position: { step, sums, seconds } }),
  );
}

/** A checkpoint's bytes, read in two steps because the moments' layout is the model's. */
export interface DecodedCheckpoint {
  info: ModelInfo;
  plan: Plan;
  best: CheckpointFile['best'];
  /** Steps taken. */
  step: number;
  /** @throws CheckpointError if the tensors are not those of a model with these parameters. */
  state(params: Parameters): TrainState;
}

/** @throws CheckpointError if the bytes are not a checkpoint of this version. */
export function decodeCheckpoint(bytes: Uint8Array, name: string): DecodedCheckpoint {
  const { tensors, metadata: found } = readSafetensors(bytes, name);
  const { plan, best, position, ...info } = parse(found, 'checkpoint', name);
  const { step, sums, seconds } = (position ?? {}) as {
    step: number;
    sums: TrainState['sums'];
    seconds: number;
  };
  if (!Number.isSafeInteger(step) || !Array.isArray(sums) || !plan)
    throw new CheckpointError(`${name}: the position in the training is missing; the file is damaged`);
  checkInfo(info as unknown as ModelInfo, name);
  return {
    info: info as unknown as ModelInfo,
    plan: plan as Plan,
    best: best as CheckpointFile['best'],
    step,
    state: (params) => ({
      step,
      sums,
      seconds,
      params: floats(tensors, 'model.', name),
      adam: {
        step,
        m: params.join(floats(tensors, 'adam.m.', name), `${name}: adam.m`),
        v: params.join(floats(tensors, 'adam.v.', name), `${name}: adam.v`),
      },
    }),
  };
}

const featureKeys = [
  'sampleRate',
  'length',
  'pad',
  'nFft',
  'hopLength',
  'nMels',
  'fMin',
  'fMax',
  'dynamicRange',
  'maxDb',
];

function checkInfo(info: ModelInfo, name: string): void {
  const { config, features, labels } = info;
  const fail = (what: string) => {
    throw new CheckpointError(`${name}: ${what} in its metadata; the file is damaged or of another model`);
  };
  if (!config || typeof config !== 'object' || !Array.isArray(config.channels)) fail('no configuration');
  if (!Array.isArray(labels) || !labels.every((l) => typeof l === 'string')) fail('no list of labels');
  const values = (features ?? {}) as unknown as Record<string, unknown>;
  const odd = featureKeys.find((key) => !Number.isFinite(values[key]));
  if (odd) fail(`features.${odd} is ${JSON.stringify(values[odd])}`);
  try {
    checkConfig(config);
  } catch (error) {
    fail(`its configuration has ${(error as Error).message}`);
  }
}

/** The network of a model file with its weights loaded. @throws CheckpointError if they do not fit each other. */
export function buildModel(engine: Engine, file: ModelFile, frames: number, name: string): Vae {
  const { channels, kernel, hidden, latent, model } = file.config;
  const classes = model === 'cvae' ? file.labels.length : 0;
  const network = { inputs: file.features.nMels, frames, channels, kernel, hidden, latent, classes };
  const vae = new Vae(engine, network, 0);
  vae.params.load(file.params, name);
  return vae;
}

// Two kinds of safetensors file. A model file holds what playing needs: weights under PyTorch's names and, in its
// metadata, the configuration, what an example is (the features' settings with the training set's maximum, or the size of
// an image), and the labels; where z has a fitted prior, its tensors prior.weight, prior.mean and prior.scale too. A
// checkpoint holds what resuming needs besides: the optimiser's buffers, the trained weights where those that play are
// averages, the position in the epoch, and the plan of kernel variants. Tensors of a checkpoint, for a parameter NAME:
//   model.NAME (what plays)   optim.SLOT.NAME   trained.NAME (averaging alone)
// Format 1 had Adam alone, as adam.m.NAME and adam.v.NAME, and no settings for anything else.

import type { Engine } from '../engine/engine.ts';
import { CheckpointError, ShapeError } from '../engine/errors.ts';
import type { Parameters } from '../engine/params.ts';
import type { Choices } from '../engine/plan.ts';
import type { HostArray } from '../engine/tensor.ts';
import { exampleShape, type InputSettings, inputFault } from './inputs.ts';
import { type LatentMap, mapFault } from './latentMap.ts';
import { metadata, parseMetadata } from './metadata.ts';
import { checkConfig, type TrainConfig, vaeConfig } from './presets.ts';
import { type Mixture, priorFault } from './prior.ts';
import { readSafetensors, type StoredFloats, writeSafetensors } from './safetensors.ts';
import { splitFloats } from './stateDict.ts';
import type { TrainState } from './trainer.ts';
import { Vae } from './vae.ts';

/** What a model is besides its weights. */
export interface ModelInfo {
  config: TrainConfig;
  /** What an example is. */
  features: InputSettings;
  labels: string[];
  /** Names of the speakers that a model with `speakerDim` knows, in the order of its embedding. */
  speakers?: string[];
}

export interface ModelFile extends ModelInfo {
  params: Record<string, HostArray>;
  /** Where training examples lie; models of `formant train` have none. */
  map?: LatentMap;
  /** What z is drawn from; not given: the standard normal. */
  prior?: Mixture;
}

const priorPrefix = 'prior.';

/** Kernel variants a run was trained with; equal bits are claimed for the same plan and adapter only. */
export interface Plan {
  adapter: string;
  /** Subgroup size of the variants, 0 for the plain ones. */
  lanes: number;
  /** Decided variants by key; missing in files from before there were any. */
  choices?: Choices;
}

export interface CheckpointFile {
  info: ModelInfo;
  state: TrainState;
  plan: Plan;
  /** Epoch and value of the best validation so far. */
  best: { epoch: number; value: number } | null;
}

export function planOf(engine: Engine): Plan {
  return { adapter: engine.adapter.name, lanes: engine.lanes, choices: engine.plan.choices };
}

/** The tensors whose names begin with a prefix, without it. @throws CheckpointError unless all are floats. */
function floats(tensors: ReturnType<typeof readSafetensors>['tensors'], prefix: string, name: string) {
  const found = [...tensors].filter(([key]) => key.startsWith(prefix));
  const { state, refused } = splitFloats(found.map(([key, t]) => [key.slice(prefix.length), t]));
  if (refused.length > 0) throw new CheckpointError(`${name}: ${refused.join('; ')}; the file is damaged`);
  return state;
}

/**
 * @param floats F16 takes half the bytes; a model plays from it as well, but does not go on training to the same bits
 * @returns bytes of `model.safetensors`
 */
export function encodeModel(
  { params, config, features, labels, speakers, map, prior }: ModelFile,
  floats: StoredFloats = 'F32',
): Uint8Array {
  const info = { config, features, labels, ...(speakers && { speakers }), ...(map && { map }) };
  const drawn = Object.entries(prior ?? {}).map(([name, t]) => [`${priorPrefix}${name}`, t]);
  return writeSafetensors({ ...params, ...Object.fromEntries(drawn) }, metadata('model', info), floats);
}

/** @throws CheckpointError if the bytes are not a model file of this version. */
export function decodeModel(bytes: Uint8Array, name: string): ModelFile {
  const { tensors, metadata: found } = readSafetensors(bytes, name);
  const info = parseMetadata(found, 'model', name) as unknown as Omit<ModelFile, 'params'>;
  checkInfo(info, name);
  const fault = info.map === undefined ? null : mapFault(info.map, info);
  if (fault) throw new CheckpointError(`${name}: ${fault} in its metadata; the file is damaged, restore it`);
  const isPrior = (key: string) => key.startsWith(priorPrefix);
  const prior = floats(tensors, priorPrefix, name);
  const params = Object.fromEntries(
    Object.entries(floats(tensors, '', name)).filter(([key]) => !isPrior(key)),
  );
  if (Object.keys(prior).length === 0) return { ...info, params };
  const wrong = priorFault(prior, info);
  if (wrong) throw new CheckpointError(`${name}: ${wrong}; the file is damaged, restore it`);
  return { ...info, params, prior: prior as unknown as Mixture };
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
  for (const [slot, flat] of Object.entries(state.optimizer.slots)) add(`optim.${slot}.`, params.split(flat));
  if (state.average) add('trained.', state.average.trained);
  const { step, sums, seconds } = state;
  const { kind, slots } = state.optimizer;
  const optimizer = { kind, step: state.optimizer.step, slots: Object.keys(slots) };
  const averaged = state.average?.count ?? null;
  const position = { step, sums, seconds, optimizer, averaged };
  return writeSafetensors(tensors, metadata('checkpoint', { ...info, plan, best, position }));
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

/** What a checkpoint's metadata says of the position in the training. */
interface Position {
  step: number;
  sums: TrainState['sums'];
  seconds: number;
  optimizer: { kind: string; step: number; slots: string[] };
  /** Steps in the averages, null without. */
  averaged: number | null;
}

/** The position of format 1, in which there was only Adam. */
function adamPosition(position: Partial<Position>): Partial<Position> {
  return {
    ...position,
    optimizer: { kind: 'adam', step: position.step ?? 0, slots: ['m', 'v'] },
    averaged: null,
  };
}

function checkPosition(position: unknown, name: string): Position {
  const fine = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  const { step, sums, seconds, optimizer, averaged } = (position ?? {}) as Partial<Position>;
  const { kind, slots } = optimizer ?? {};
  const names = Array.isArray(slots) && slots.every((s) => typeof s === 'string');
  const threeSums = Array.isArray(sums) && sums.length === 3 && sums.every(Number.isFinite);
  const known = typeof kind === 'string' && names && fine(optimizer?.step);
  if (
    !fine(step) ||
    !threeSums ||
    !Number.isFinite(seconds) ||
    !known ||
    !(averaged === null || fine(averaged))
  )
    throw new CheckpointError(`${name}: the position in the training is missing; the file is damaged`);
  return position as Position;
}

/** @throws CheckpointError if the bytes are not a checkpoint of a version that is read here. */
export function decodeCheckpoint(bytes: Uint8Array, name: string): DecodedCheckpoint {
  const { tensors, metadata: found } = readSafetensors(bytes, name);
  const { plan, best, position: given, ...rest } = parseMetadata(found, 'checkpoint', name);
  const first = found.formant === '1';
  const position = checkPosition(first && given ? adamPosition(given) : given, name);
  if (!plan) throw new CheckpointError(`${name}: the plan of kernels is missing; the file is damaged`);
  const info = rest as unknown as ModelInfo;
  checkInfo(info, name);
  const { step, sums, seconds, optimizer, averaged } = position;
  const slotsOf = first ? 'adam' : 'optim';
  const slots = optimizer.slots.map((slot) => `${slotsOf}.${slot}.`);
  const prefixes = ['model.', ...slots, ...(averaged === null ? [] : ['trained.'])];
  const stray = [...tensors.keys()].filter((key) => !prefixes.some((prefix) => key.startsWith(prefix)));
  if (stray.length > 0)
    throw new CheckpointError(
      `${name}: tensor ${stray[0]} (${stray.length} in all) is not part of a checkpoint of ${optimizer.kind}; ` +
        'the file is damaged or of another program',
    );
  return {
    info,
    plan: plan as Plan,
    best: best as CheckpointFile['best'],
    step,
    state: (params) => {
      const checked = (prefix: string) => {
        const state = floats(tensors, prefix, name);
        return { state, flat: params.join(state, `${name}: ${prefix.slice(0, -1)}`) };
      };
      const { state: playing } = checked('model.');
      const flats = optimizer.slots.map((slot, i) => [slot, checked(slots[i]).flat]);
      return {
        step,
        sums,
        seconds,
        params: playing,
        optimizer: { kind: optimizer.kind, step: optimizer.step, slots: Object.fromEntries(flats) },
        average: averaged === null ? null : { count: averaged, trained: checked('trained.').state },
      };
    },
  };
}

function checkInfo(info: ModelInfo, name: string): void {
  const { config, features, labels, speakers = [] } = info;
  const fail = (what: string) => {
    throw new CheckpointError(
      `${name}: ${what} in its metadata; the file is damaged or of another model, restore it`,
    );
  };
  if (!config || typeof config !== 'object') fail('no configuration');
  if (!Array.isArray(labels) || !labels.every((l) => typeof l === 'string')) fail('no list of labels');
  if (!Array.isArray(speakers) || !speakers.every((s) => typeof s === 'string')) fail('no list of speakers');
  const fault = inputFault(features);
  if (fault) fail(fault);
  try {
    checkConfig(config);
  } catch (error) {
    fail(`its configuration has ${(error as Error).message}`);
  }
}

/** The network of a model file with its weights loaded. @throws CheckpointError if they do not fit each other. */
export function buildModel(engine: Engine, file: ModelFile, name: string): Vae {
  let vae: Vae;
  try {
    vae = new Vae(engine, vaeConfig(file.config, exampleShape(file.features), file), 0);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new CheckpointError(`${name}: ${error.message}; the file is damaged, restore it`);
  }
  vae.params.load(file.params, name);
  vae.prior = file.prior ?? null;
  return vae;
}

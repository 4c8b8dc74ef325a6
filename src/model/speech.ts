// From clips to training data: features on the GPU in batches, the training split's maximum as the top of the scale,
// labels to indices, and a validation part held out of the training split where one is wanted. Clips come in chunks and
// only their features are kept, in memory (16 KiB a clip for the reference features) or where else a table has them.

import { type FeatureSettings, fitLength, frameCount, logMel, referenceFeatures } from '../audio/features.ts';
import { fileOfClip } from '../audio/names.ts';
import type { Engine } from '../engine/engine.ts';
import { DataError } from '../engine/errors.ts';
import type { Dataset, ReadExample, Split } from './dataset.ts';
import { presetData } from './presets.ts';

/** What a clip's name tells. */
export interface ClipInfo {
  name: string;
  label: string | null;
  index: number | null;
  split: 'train' | 'valid' | 'test';
  speaker?: string | null;
}

/** A decoded clip: mono, at the features' rate. */
export interface SpeechClip extends ClipInfo {
  samples: Float32Array;
}

/** Features of many clips: log-mel in dB, not scaled, (mel bands, frames) each. */
export interface FeatureTable {
  readonly clips: readonly ClipInfo[];
  /** Values of a clip. */
  readonly size: number;
  /** The largest dB of each clip. */
  readonly peaks: ArrayLike<number>;
  /**
   * How clips are read, each value turned by `scale`. Called once: a table in memory is scaled where it lies.
   * @throws DataError, when reading, where the features are no longer what they were.
   */
  reader(scale: (db: number) => number): ReadExample;
}

/** All at once, or in chunks as they are read. */
export type Clips = readonly SpeechClip[] | AsyncIterable<readonly SpeechClip[]>;

/** The features that a preset's models take: the reference features, for every preset of sound so far. */
export function presetFeatures(name: string): FeatureSettings {
  if (presetData(name) !== 'speech')
    throw new DataError(`preset ${name}: a model of images; give a preset of sound`);
  return referenceFeatures;
}

const chunk = 64;
/** dB of silence: the floor under the features' powers. */
const silence = -99.9;

/**
 * Features of all clips, scaled to [0, 1].
 * @param settings with maxDb null: it is taken from the training split, and returned
 * @throws DataError if no clip is left to train on.
 */
export async function speechDataset(
  engine: Engine,
  clips: Clips,
  settings: FeatureSettings,
  validation: boolean,
): Promise<{ data: Dataset; features: FeatureSettings }> {
  return datasetOf(await featureTable(engine, clips, settings), settings, validation);
}

/** Features of all clips in dB. */
export async function featureTable(
  engine: Engine,
  clips: Clips,
  settings: FeatureSettings,
): Promise<FeatureTable> {
  const infos: ClipInfo[] = [];
  const db: Float32Array[] = [];
  for await (const part of Symbol.asyncIterator in clips ? clips : chunks(clips)) {
    for (const values of await clipFeatures(engine, part, settings)) db.push(values);
    for (const { name, label, index, split, speaker } of part)
      infos.push({ name, label, index, split, speaker });
  }
  return {
    ...{ clips: infos, size: settings.nMels * frameCount(settings), peaks: db.map(loudest) },
    reader: (scale) => {
      for (const values of db) for (let k = 0; k < values.length; k++) values[k] = scale(values[k]);
      return (i, into, at) => into.set(db[i], at);
    },
  };
}

function* chunks(clips: readonly SpeechClip[]): Generator<readonly SpeechClip[]> {
  for (let first = 0; first < clips.length; first += chunk) yield clips.slice(first, first + chunk);
}

/** Log-mel features of a chunk of clips in dB, (mel bands, frames) each. */
export async function clipFeatures(
  engine: Engine,
  clips: readonly SpeechClip[],
  settings: FeatureSettings,
): Promise<Float32Array[]> {
  const waves = new Float32Array(clips.length * settings.length);
  clips.forEach((clip, i) => {
    waves.set(fitLength(clip.samples, settings.length), i * settings.length);
  });
  const features = engine.scope(() =>
    logMel(engine, engine.tensor(waves, [clips.length, settings.length]), settings),
  );
  const values = await features.read();
  features.dispose();
  const size = values.length / clips.length;
  return clips.map((_, i) => values.slice(i * size, (i + 1) * size));
}

/** From dB to the model's [0, 1]. */
export const scaled =
  (maxDb: number, dynamicRange: number) =>
  (db: number): number =>
    Math.min(1, Math.max(0, (db - maxDb) / dynamicRange + 1));

/**
 * Training data of a table of features, which is used up: see `reader`.
 * @param settings with maxDb null: it is taken from the training split, and returned
 * @throws DataError if maxDb is to be taken from clips to train on, and none is left or all of them are silent.
 */
export function datasetOf(
  table: FeatureTable,
  settings: FeatureSettings,
  validation: boolean,
): { data: Dataset; features: FeatureSettings } {
  const { clips, size, peaks } = table;
  const parts = divide(clips, validation);
  if (parts.train.length === 0 && settings.maxDb === null)
    throw new DataError(
      'data: no clip is in the training split (index 0 to 4 of {label}_{speaker}_{index}.wav tests, unless split.json ' +
        "names test speakers; Common Voice's dev and test are set aside); number more clips from 5 on, or ask for more speakers",
    );
  const maxDb = settings.maxDb ?? parts.train.reduce((most, i) => Math.max(most, peaks[i]), silence);
  if (maxDb <= silence)
    throw new DataError('data: every clip to train on is silent; check the recordings and their level');
  const labels = [...new Set(clips.flatMap((c) => (c.label === null ? [] : [c.label])))];
  const indexOf = new Map(labels.map((label, i) => [label, i]));
  const read = table.reader(scaled(maxDb, settings.dynamicRange));
  const split = (part: readonly number[]): Split => {
    const label = Int32Array.from(part, (i) =>
      clips[i].label === null ? -1 : (indexOf.get(clips[i].label as string) as number),
    );
    const names = part.map((i) => clips[i].name);
    const speakers = part.map((i) => clips[i].speaker ?? null);
    return { count: part.length, read: (i, into, at) => read(part[i], into, at), label, names, speakers };
  };
  const data: Dataset = {
    shape: [settings.nMels, size / settings.nMels],
    dynamicRange: settings.dynamicRange,
    labels,
    speakers: [...new Set(parts.train.flatMap((i) => clips[i].speaker ?? []))],
    train: split(parts.train),
    valid: parts.valid.length > 0 ? split(parts.valid) : null,
    test: parts.test.length > 0 ? split(parts.test) : null,
  };
  return { data, features: { ...settings, maxDb } };
}

/**
 * Indices of the clips in each part. Clips that are set aside to validate do so; else, where a validation part is wanted,
 * FSDD's recordings 5 to 9, or, where no clip has such an index, every tenth of the training split.
 */
function divide(clips: readonly ClipInfo[], validation: boolean) {
  const all = clips.map((_, i) => i);
  const test = all.filter((i) => clips[i].split === 'test');
  const rest = all.filter((i) => clips[i].split === 'train');
  const valid = all.filter((i) => clips[i].split === 'valid');
  if (!validation || valid.length > 0) return { train: rest, valid, test };
  const indexed = (i: number) => {
    const { index } = clips[i];
    return index !== null && index >= 5 && index <= 9;
  };
  const some = rest.some(indexed);
  // Windows of one file stay together.
  let files = -1;
  const fileOf = rest.map((i, at) => {
    if (at === 0 || fileOfClip(clips[i].name) !== fileOfClip(clips[rest[at - 1]].name)) files++;
    return files;
  });
  const held = (i: number, at: number) => (some ? indexed(i) : fileOf[at] % 10 === 9);
  return { train: rest.filter((i, at) => !held(i, at)), valid: rest.filter(held), test };
}

/** The largest value of a clip's features. */
export function loudest(db: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const v of db) if (v > most) most = v;
  return most;
}

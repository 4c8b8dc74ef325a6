// What `--data` names: the embedded digits, a data set that is downloaded once, or a folder: of recordings, a release of
// Common Voice, of MNIST's files, or one that `preprocess` made. It is looked at before an adapter is opened, so that a wrong path is said at once; features come afterwards.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readClips } from './audio/clips.ts';
import { type FeatureSettings, frameCount, referenceFeatures } from './audio/features.ts';
import { fileOfClip, printable } from './audio/names.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { cachedFeatures } from './featureCache.ts';
import { FeatureFolder, type FeaturePlan, planOfFeatures } from './featureFolder.ts';
import { fetchFsdd, fetchMnist } from './fetchData.ts';
import { holdsIdx, listMnist } from './image/mnist.ts';
import type { IntakeSummary } from './intake.ts';
import type { Dataset } from './model/dataset.ts';
import { imageDataset } from './model/images.ts';
import { type InputSettings, isImage } from './model/inputs.ts';
import type { DataKind } from './model/presets.ts';
import { datasetOf, type FeatureTable, featureTable } from './model/speech.ts';
import { findRecordings, fingerprint, notVoice, type Recordings } from './recordings.ts';
import type { VoiceSelection } from './voice.ts';

/** The folder of the package that holds `data/digits`, whether this runs from src/, dist/ or a chunk below it. */
function embeddedDigits(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const digits = join(dir, 'data', 'digits');
    if (existsSync(join(digits, 'split.json'))) return digits;
  }
  throw new DataError('data digits: the embedded recordings are missing; install the package again');
}

/** Data that has a name, and how to come by its folder. */
const named: Record<string, () => string | Promise<string>> = {
  digits: embeddedDigits,
  mnist: () => fetchMnist(),
  fsdd: () => fetchFsdd(),
};

/** The folder of the data that `--data` names. */
export const folderOf = async (data: string): Promise<string> =>
  Object.hasOwn(named, data) ? named[data]() : data;

/** `--data` as a run keeps it: it means the same from anywhere. */
export const dataName = (data: string): string => (Object.hasOwn(named, data) ? data : resolve(data));

/** Data that was found and not read yet. */
export interface DataSource {
  readonly kind: DataKind;
  /** What became of the files; complete after `dataset`. */
  readonly intake: IntakeSummary;
  /** Features of all recordings in dB, not scaled; null for images. */
  readonly table: ((engine: Engine, settings: FeatureSettings) => Promise<FeatureTable>) | null;
  /**
   * Examples of everything that can be used; says what cannot.
   * @param settings of the examples of a model; of features with maxDb null it is taken from the training split, and
   *   returned; null for images takes them as they are
   * @throws DataError if nothing is left to train on, or images have another size.
   */
  dataset(
    engine: Engine,
    settings: InputSettings | null,
    validation: boolean,
  ): Promise<{ data: Dataset; features: InputSettings }>;
}

/** How data is looked at. */
export interface DataOptions {
  /** The first bad file is an error. */
  strict?: boolean;
  /** What is taken of a release of Common Voice; an error for other data. */
  voice?: VoiceSelection | null;
}

/**
 * Looks at what `--data` names.
 * @throws DataError if there is no data there, see findRecordings and FeatureFolder.
 * @throws UsageError for a selection of clips where there is nothing to select from.
 */
export async function openData(data: string, options: DataOptions = {}): Promise<DataSource> {
  const { strict = false, voice = null } = options;
  const dir = await folderOf(data);
  if (!holdsIdx(dir) && !FeatureFolder.isOne(dir)) {
    const recordings = await findRecordings(dir, data, strict, voice);
    return speech(recordings.intake.summary, (engine, settings) => tableOf(engine, recordings, settings));
  }
  if (voice) throw notVoice(data, voice);
  if (holdsIdx(dir)) return openImages(dir);
  const folder = await FeatureFolder.open(dir);
  const { intake } = folder.index;
  if (strict && intake.leftOut.length > 0)
    throw new DataError(
      `${printable(data)}: preprocess left out ${intake.leftOut.length} files; mend them and run it again, or leave out --strict`,
    );
  return speech(intake, (_, settings) => folder.table(settings));
}

/** Features of recordings: whole files in memory, what is cut into windows through the cache. */
async function tableOf(engine: Engine, recordings: Recordings, settings: FeatureSettings) {
  const { overlap, files, intake, data } = recordings;
  if (overlap !== null) {
    const plan = featurePlan(recordings, settings, null);
    return (await cachedFeatures(engine, recordings, plan)).table(settings);
  }
  const table = await featureTable(engine, readClips(engine, files, settings, intake), settings);
  intake.end(data);
  return table;
}

/** What is made of recordings. @param preset that asks for them, null where any may. */
export function featurePlan(
  { data, files, overlap, voice }: Recordings,
  settings: FeatureSettings,
  preset: string | null,
): FeaturePlan {
  return planOfFeatures({
    ...{ preset, data: dataName(data), settings: { ...settings, maxDb: null } },
    ...{ frames: frameCount(settings), overlap, voice },
    ...{ files: files.length, fingerprint: fingerprint(files) },
  });
}

function speech(
  intake: IntakeSummary,
  table: (engine: Engine, settings: FeatureSettings) => Promise<FeatureTable>,
): DataSource {
  return {
    kind: 'speech',
    intake,
    table,
    dataset: async (engine, given, validation) => {
      const settings = given ?? referenceFeatures;
      if (isImage(settings))
        throw new DataError('data: these are recordings, and the model takes images; give the data it is of');
      return datasetOf(await table(engine, settings), settings, validation);
    },
  };
}

async function openImages(dir: string): Promise<DataSource> {
  const images = await listMnist(dir);
  const { train, test, rows, cols } = images;
  const found = train.count + (test?.count ?? 0);
  return {
    kind: 'image',
    intake: { found, used: found, leftOut: [], notes: [] },
    table: null,
    dataset: async (_, settings, validation) => {
      if (settings && !isImage(settings))
        throw new DataError(`${printable(dir)}: these are images, and the model takes sound`);
      if (settings && (settings.height !== rows || settings.width !== cols))
        throw new DataError(
          `${printable(dir)}: images of ${cols} x ${rows} pixels; this model takes ${settings.width} x ${settings.height}`,
        );
      return imageDataset(images, validation);
    },
  };
}

/** As openData, for recordings only. */
export async function openRecordings(data: string, options: DataOptions = {}): Promise<Recordings> {
  const dir = await folderOf(data);
  if (FeatureFolder.isOne(dir))
    throw new DataError(`${printable(data)}: holds features that preprocess made; give the recordings`);
  return findRecordings(dir, data, options.strict ?? false, options.voice ?? null);
}

/**
 * The sound of some clips among what `--data` names, by their names: mono at the features' rate, padded to the
 * features' length. Empty for data that holds no recordings, as preprocess makes it.
 */
export async function recordingsNamed(
  engine: Engine,
  data: string,
  names: ReadonlySet<string>,
  settings: FeatureSettings,
  voice: VoiceSelection | null = null,
): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  const dir = await folderOf(data);
  if (FeatureFolder.isOne(dir)) return found;
  const { files, overlap } = await findRecordings(dir, data, false, voice);
  const ofFiles = overlap === null ? names : new Set([...names].map(fileOfClip));
  const some = files.filter(({ name }) => ofFiles.has(name));
  const quiet = { leftOut: () => undefined, note: () => undefined };
  for await (const clips of readClips(engine, some, settings, quiet, { overlap }))
    for (const { name, samples } of clips) if (names.has(name)) found.set(name, samples);
  return found;
}

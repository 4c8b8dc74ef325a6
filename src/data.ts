// What `--data` names: the embedded digits, a data set that is downloaded once, or a folder: of recordings, of MNIST's
// files, or one that `preprocess` made. It is looked at before an adapter is opened, so that a wrong path is said at once; features come afterwards.

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clip, readClips } from './audio/clips.ts';
import { type FeatureSettings, referenceFeatures } from './audio/features.ts';
import { listClips } from './audio/folder.ts';
import { printable } from './audio/names.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { FeatureFolder } from './featureFolder.ts';
import { fetchFsdd, fetchMnist } from './fetchData.ts';
import { holdsIdx, listMnist } from './image/mnist.ts';
import { Intake, type IntakeSummary } from './intake.ts';
import type { Dataset } from './model/dataset.ts';
import { imageDataset } from './model/images.ts';
import { type InputSettings, isImage } from './model/inputs.ts';
import type { DataKind } from './model/presets.ts';
import { datasetOf, type FeatureTable, featureTable } from './model/speech.ts';

/** The folder of the package that holds `data/digits`, whether this runs from src/, dist/ or a chunk below it. */
export function embeddedDigits(): string {
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
const folderOf = async (data: string) => (Object.hasOwn(named, data) ? named[data]() : data);

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

/** Recordings that were found, to be read in chunks. */
export interface Recordings {
  readonly intake: IntakeSummary;
  chunks(engine: Engine, settings: FeatureSettings): AsyncIterable<Clip[]>;
}

/**
 * Looks at what `--data` names.
 * @param strict the first bad file is an error
 * @throws DataError if there is no data there, see listClips and FeatureFolder.
 */
export async function openData(data: string, strict = false): Promise<DataSource> {
  const dir = await folderOf(data);
  if (holdsIdx(dir)) return openImages(dir);
  if (!FeatureFolder.isOne(dir)) {
    const { intake, chunks } = await openRecordings(dir, strict);
    return speech(intake, (engine, settings) => featureTable(engine, chunks(engine, settings), settings));
  }
  const folder = await FeatureFolder.open(dir);
  const { intake } = folder.index;
  if (strict && intake.leftOut.length > 0)
    throw new DataError(
      `${printable(data)}: preprocess left out ${intake.leftOut.length} files; mend them and run it again, or leave out --strict`,
    );
  return speech(intake, (_, settings) => folder.table(settings));
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
export async function openRecordings(data: string, strict = false): Promise<Recordings> {
  const dir = await folderOf(data);
  if (FeatureFolder.isOne(dir))
    throw new DataError(`${printable(data)}: holds features that preprocess made; give the recordings`);
  const files = await listClips(dir);
  const intake = new Intake(files.length, 'clips', strict);
  async function* chunks(engine: Engine, settings: FeatureSettings) {
    yield* readClips(engine, files, settings, intake);
    intake.end(data);
  }
  return {
    intake: intake.summary,
    chunks,
  };
}

/**
 * The sound of some recordings among what `--data` names, by their names: mono at the features' rate, padded to the
 * features' length. Empty for data that holds no recordings, as preprocess makes it.
 */
export async function recordingsNamed(
  engine: Engine,
  data: string,
  names: ReadonlySet<string>,
  settings: FeatureSettings,
): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  const dir = await folderOf(data);
  if (FeatureFolder.isOne(dir)) return found;
  const files = (await listClips(dir)).filter(({ name }) => names.has(name));
  const quiet = { leftOut: () => undefined, note: () => undefined };
  for await (const clips of readClips(engine, files, settings, quiet))
    for (const { name, samples } of clips) found.set(name, samples);
  return found;
}

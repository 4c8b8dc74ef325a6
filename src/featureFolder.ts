// A folder of features that `preprocess` makes and `train` reads, in memory that does not grow with it:
//   shard-00000.safetensors ...  the features of 256 files each, see featureShard.ts
//   unfinished.json              what is being made of which files: with it, the work goes on behind the last whole shard
//   features.json                the same, and the shards with their hashes, the labels, and what was left out. Written
//                                last, in place of unfinished.json: without it the folder is not taken for data.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FeatureSettings } from './audio/features.ts';
import { printable } from './audio/names.ts';
import { DataError } from './engine/errors.ts';
import { shardTable } from './featureReader.ts';
import { type ClipShape, readShard, type Shard, shardName } from './featureShard.ts';
import type { IntakeSummary } from './intake.ts';
import type { FeatureTable } from './model/speech.ts';
import type { VoiceSelection } from './voice.ts';

/** Raised when the format's meaning changes; readers refuse what they do not know. */
const version = 2;
export const indexName = 'features.json';
export const planName = 'unfinished.json';

/** Files of a shard: 4 MiB of the reference features if they are short, some 25 MiB if they are cut into windows. */
export const shardFiles = 256;

/** What is made of which files. */
export interface FeaturePlan {
  formant: number;
  kind: 'features';
  /** Preset the settings are of, null for any, and where the recordings lay. */
  preset: string | null;
  data: string;
  /** With maxDb null: which clips it is taken from is the training's matter. */
  settings: FeatureSettings;
  frames: number;
  /** Share that windows of a file have in common; null where a file is one clip. */
  overlap: number | null;
  voice: VoiceSelection | null;
  files: number;
  /** Of the files, see `fingerprint`. */
  fingerprint: string;
}

export interface FeatureIndex extends FeaturePlan {
  clips: number;
  /** Of the sound that was decoded. */
  hours: number;
  labels: string[];
  speakers: string[];
  shards: { file: string; clips: number; sha256: string }[];
  intake: IntakeSummary;
}

export const planOfFeatures = (plan: Omit<FeaturePlan, 'formant' | 'kind'>): FeaturePlan => ({
  ...{ formant: version, kind: 'features' },
  ...plan,
});

/** As it is written. */
export const planText = (plan: FeaturePlan): string => `${JSON.stringify(plan, null, 1)}\n`;

export const shapeOf = ({ settings, frames }: FeaturePlan): ClipShape => [settings.nMels, frames];

const isTexts = (names: unknown) => Array.isArray(names) && names.every((n) => typeof n === 'string');

/** The content of an index or a plan. @throws DataError if it is damaged or of another version. */
export async function readPlan<T extends FeaturePlan>(path: string): Promise<T> {
  const fail = (what: string) => new DataError(`${printable(path)}: ${what}; run preprocess again`);
  let plan: T;
  try {
    plan = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw fail((error as Error).message);
  }
  if (plan?.kind !== 'features') throw fail('is no index of features');
  if (plan.formant !== version) throw fail(`format version ${plan.formant}, this formant reads ${version}`);
  const { settings, frames, files, fingerprint } = plan;
  if (
    ![frames, files].every(Number.isSafeInteger) ||
    settings === null ||
    typeof settings !== 'object' ||
    typeof fingerprint !== 'string'
  )
    throw fail('is damaged');
  return plan;
}

export class FeatureFolder {
  readonly dir: string;
  readonly index: FeatureIndex;
  /** The shards, once they were looked at. */
  #shards: readonly Shard[] | null;

  constructor(dir: string, index: FeatureIndex, shards: readonly Shard[] | null = null) {
    this.dir = dir;
    this.index = index;
    this.#shards = shards;
  }

  /** Whether a folder is one of features. @throws DataError for one that `preprocess` did not finish. */
  static isOne(dir: string): boolean {
    if (existsSync(join(dir, indexName))) return true;
    if (![planName, shardName(0)].some((name) => existsSync(join(dir, name)))) return false;
    throw new DataError(
      `${printable(dir)}: holds shards but no ${indexName}: preprocess was interrupted; give its command again, and it ` +
        'goes on where it stopped',
    );
  }

  /** @throws DataError if the index is damaged or of another version. */
  static async open(dir: string): Promise<FeatureFolder> {
    const path = join(dir, indexName);
    const index = await readPlan<FeatureIndex>(path);
    const { clips, shards, intake, labels, speakers } = index;
    const good =
      [shards, intake?.leftOut, intake?.notes].every(Array.isArray) &&
      shards.every((s) => /^shard-\d+\.safetensors$/.test(s?.file) && s.clips >= 0) &&
      shards.reduce((n, s) => n + s.clips, 0) === clips &&
      [labels, speakers].every(isTexts);
    if (!good) throw new DataError(`${printable(path)}: is damaged; run preprocess again`);
    return new FeatureFolder(dir, index);
  }

  /**
   * All features, if they were made with these settings, read from the disk as they are asked for.
   * @throws DataError naming the setting that differs, or the shard that is missing or damaged.
   */
  async table(wanted: FeatureSettings): Promise<FeatureTable> {
    const { settings, shards, frames } = this.index;
    const other = (Object.keys(wanted) as (keyof FeatureSettings)[]).filter(
      (key) => key !== 'maxDb' && settings[key] !== wanted[key],
    );
    if (other.length > 0)
      throw new DataError(
        `${printable(this.dir)}: features made with ` +
          `${other.map((k) => `${k} ${settings[k]} where this model takes ${wanted[k]}`).join(', ')}; ` +
          'preprocess the recordings for its preset',
      );
    const found: Shard[] = [];
    if (!this.#shards)
      for (const { file, sha256 } of shards)
        found.push(await readShard(join(this.dir, file), shapeOf(this.index), sha256));
    this.#shards ??= found;
    return shardTable(this.#shards, settings.nMels * frames);
  }
}

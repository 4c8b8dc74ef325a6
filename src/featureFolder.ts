// A folder of features that `preprocess` makes and `train` reads:
//   shard-00000.safetensors ...  tensor `db` (clips, mel bands, frames): log-mel in dB, float32, not scaled
//   features.json                version, features' settings, the clips' names, labels, speakers and splits in order,
//                                the shards with their hashes, and what was left out. Written last: without it the
//                                folder is unfinished and is not taken for data.
// dB are kept as they come from the GPU, so that training on them gives the same bits as on the recordings.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FeatureSettings } from './audio/features.ts';
import type { ClipFile } from './audio/folder.ts';
import { printable } from './audio/names.ts';
import { DataError } from './engine/errors.ts';
import type { IntakeSummary } from './intake.ts';
import { readSafetensors, writeSafetensors } from './model/safetensors.ts';
import type { FeatureTable } from './model/speech.ts';
import { makeFolder, removeEmpty } from './outFolder.ts';
import { RunFolder } from './runFolder.ts';

/** Raised when the format's meaning changes; readers refuse what they do not know. */
const version = 1;
const indexName = 'features.json';
const shardName = (i: number) => `shard-${`${i}`.padStart(5, '0')}.safetensors`;

export type StoredClip = Omit<ClipFile, 'path'>;

export interface FeatureIndex {
  formant: number;
  kind: 'features';
  /** Preset the settings are of, and where the recordings lay. */
  preset: string;
  data: string;
  /** With maxDb null: which clips it is taken from is the training's matter. */
  settings: FeatureSettings;
  /** Largest dB of the split `train`; null if that is empty. */
  maxDb: number | null;
  frames: number;
  labels: string[];
  speakers: string[];
  clips: StoredClip[];
  shards: { file: string; clips: number; sha256: string }[];
  intake: IntakeSummary;
}

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function isClip(c: StoredClip | null): boolean {
  const { name, label, speaker, index, split } = c ?? ({} as Partial<StoredClip>);
  return (
    typeof name === 'string' &&
    [label, speaker].every((value) => value === null || typeof value === 'string') &&
    (index === null || Number.isFinite(index)) &&
    (split === 'train' || split === 'test')
  );
}

export class FeatureFolder {
  readonly dir: string;
  readonly index: FeatureIndex;

  private constructor(dir: string, index: FeatureIndex) {
    this.dir = dir;
    this.index = index;
  }

  /** Whether a folder is one of features. @throws DataError for one that `preprocess` did not finish. */
  static isOne(dir: string): boolean {
    if (existsSync(join(dir, indexName))) return true;
    if (!existsSync(join(dir, shardName(0))) && !existsSync(join(dir, `.${shardName(0)}.partial`)))
      return false;
    throw new DataError(
      `${printable(dir)}: holds shards but no ${indexName}: preprocess was interrupted; delete it and run that again`,
    );
  }

  /** @throws DataError if the index is damaged or of another version. */
  static async open(dir: string): Promise<FeatureFolder> {
    const path = join(dir, indexName);
    let index: FeatureIndex;
    try {
      index = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      throw new DataError(`${printable(path)}: ${(error as Error).message}; run preprocess again`);
    }
    const fail = (what: string) => {
      throw new DataError(`${printable(path)}: ${what}; run preprocess again`);
    };
    if (index?.kind !== 'features') fail('is no index of features');
    if (index.formant !== version) fail(`format version ${index.formant}, this formant reads ${version}`);
    const { clips, shards, settings, frames, intake, labels, speakers } = index;
    const good =
      [clips, shards, intake?.leftOut].every(Array.isArray) &&
      settings !== null &&
      typeof settings === 'object' &&
      Number.isSafeInteger(frames) &&
      shards.every((s) => /^shard-\d+\.safetensors$/.test(s?.file) && s.clips > 0) &&
      shards.reduce((n, s) => n + s.clips, 0) === clips.length &&
      clips.every(isClip) &&
      [labels, speakers].every((names) => Array.isArray(names) && names.every((n) => typeof n === 'string'));
    if (!good) fail('is damaged');
    return new FeatureFolder(dir, index);
  }

  /**
   * All features, if they were made with these settings.
   * @throws DataError naming the setting that differs, or the shard that is missing or damaged.
   */
  async table(wanted: FeatureSettings): Promise<FeatureTable> {
    const { settings, clips, shards } = this.index;
    const other = (Object.keys(wanted) as (keyof FeatureSettings)[]).filter(
      (key) => key !== 'maxDb' && settings[key] !== wanted[key],
    );
    if (other.length > 0)
      throw new DataError(
        `${printable(this.dir)}: features made with ` +
          `${other.map((k) => `${k} ${settings[k]} where this model takes ${wanted[k]}`).join(', ')}; ` +
          'preprocess the recordings for its preset',
      );
    const db: Float32Array[] = [];
    for (const shard of shards) db.push(...(await this.#shard(shard)));
    return { clips: clips.map(({ name, label, index, split }) => ({ name, label, index, split })), db };
  }

  async #shard({ file, clips, sha256 }: FeatureIndex['shards'][number]): Promise<Float32Array[]> {
    const path = join(this.dir, file);
    const again = 'restore it, or run preprocess again';
    let bytes: Uint8Array;
    try {
      bytes = await readFile(path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new DataError(`${printable(path)}: ${code === 'ENOENT' ? 'is missing' : message}; ${again}`);
    }
    const { settings, frames } = this.index;
    const shape = [clips, settings.nMels, frames];
    if (hashOf(bytes) !== sha256)
      throw new DataError(
        `${printable(path)}: is damaged, its content is not what preprocess wrote; ${again}`,
      );
    const found = readSafetensors(bytes, printable(path)).tensors.get('db');
    if (!(found?.data instanceof Float32Array) || `${found.shape}` !== `${shape}`)
      throw new DataError(`${printable(path)}: holds no db of (${shape.join(', ')}); ${again}`);
    const size = settings.nMels * frames;
    const { data } = found;
    return Array.from({ length: clips }, (_, i) => data.slice(i * size, (i + 1) * size));
  }
}

/** Clips of a shard: 16 MiB of the reference features. */
const shardClips = 1024;

/** Writes a folder of features, a chunk at a time. */
export class FeatureWriter {
  readonly #folder: RunFolder;
  readonly #nMels: number;
  /** Folders that were made for this. */
  readonly #made: readonly string[];
  readonly #shards: FeatureIndex['shards'] = [];
  #waiting: Float32Array[] = [];

  private constructor(folder: RunFolder, made: readonly string[], nMels: number) {
    this.#folder = folder;
    this.#made = made;
    this.#nMels = nMels;
  }

  /** @throws DataError if the folder holds something, or cannot be made. */
  static async create(dir: string, nMels: number): Promise<FeatureWriter> {
    await RunFolder.checkVacant(dir);
    return new FeatureWriter(new RunFolder(dir), await makeFolder(dir), nMels);
  }

  async add(db: readonly Float32Array[]): Promise<void> {
    this.#waiting.push(...db);
    while (this.#waiting.length >= shardClips) await this.#write(shardClips);
  }

  /** Writes the rest and the index: from now on the folder is data. */
  async finish(index: Omit<FeatureIndex, 'formant' | 'kind' | 'shards'>): Promise<void> {
    if (this.#waiting.length > 0) await this.#write(this.#waiting.length);
    const whole: FeatureIndex = { formant: version, kind: 'features', ...index, shards: this.#shards };
    await this.#folder.write(indexName, `${JSON.stringify(whole, null, 1)}\n`);
  }

  async #write(clips: number): Promise<void> {
    const some = this.#waiting.splice(0, clips);
    const size = some[0].length;
    const data = new Float32Array(clips * size);
    some.forEach((values, i) => {
      data.set(values, i * size);
    });
    const file = shardName(this.#shards.length);
    const shape = [clips, this.#nMels, size / this.#nMels];
    const bytes = writeSafetensors({ db: { data, shape } }, { formant: `${version}`, kind: 'features' });
    await this.#folder.write(file, bytes);
    this.#shards.push({ file, clips, sha256: hashOf(bytes) });
  }

  /** Removes what was written, for a command that is stopped. */
  async discard(): Promise<void> {
    for (const name of readdirSync(this.#folder.dir))
      if (/^\.?shard-\d+\.safetensors(\.partial)?$/.test(name))
        await rm(this.#folder.path(name), { force: true });
    await removeEmpty(this.#made);
  }
}

// Features of recordings into a folder of shards. A shard is of a fixed range of files, and follows from these files
// alone; it is written beside its place and renamed. So work that was stopped or killed at any moment goes on with the
// shards that are missing and ends with the bytes that it would have had. Threads decode, the GPU makes features, and no
// more than a shard is held in memory.

import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileReport } from './audio/clipStream.ts';
import { decodeClips, readClips } from './audio/clips.ts';
import type { Decoded } from './audio/decoding.ts';
import type { FileFault } from './audio/fault.ts';
import type { FeatureSettings } from './audio/features.ts';
import { printable } from './audio/names.ts';
import { say } from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import {
  FeatureFolder,
  type FeatureIndex,
  type FeaturePlan,
  indexName,
  planName,
  planText,
  readPlan,
  shapeOf,
  shardFiles,
} from './featureFolder.ts';
import {
  encodeShard,
  readShard,
  type Shard,
  type ShardIntake,
  type StoredClip,
  shardName,
} from './featureShard.ts';
import { clipFeatures } from './model/speech.ts';
import { makeFolder, removeEmpty } from './outFolder.ts';
import { SoundProgress } from './progress.ts';
import type { Recordings } from './recordings.ts';
import { RunFolder } from './runFolder.ts';

/** What tells features apart: not where the recordings lie, nor which preset asked for them. */
const identity = ({ settings, frames, overlap, files, fingerprint }: FeaturePlan) => ({
  ...{ ...settings, maxDb: null, frames, overlap, files, fingerprint },
});

/** @throws DataError naming what differs between what a folder holds and what is to be made. */
function checkSame(dir: string, held: FeaturePlan, plan: FeaturePlan): void {
  const [then, now]: Record<string, unknown>[] = [identity(held), identity(plan)];
  const other = Object.keys(now).filter((key) => then[key] !== now[key]);
  if (other.length === 0) return;
  const what = other
    .filter((key) => key !== 'fingerprint')
    .map((key) => `${key} ${then[key]}, now ${now[key]}`);
  const recordings = other.includes('files') || what.length === 0;
  throw new DataError(
    `${printable(dir)}: holds features of ${recordings ? `other recordings than ${printable(plan.data)}` : 'other settings'}` +
      ` (${what.join('; ') || 'other names, sizes, labels or splits'}); nothing is overwritten: give another folder, or ` +
      'delete this one',
  );
}

/**
 * What a folder holds so far.
 * @returns the index of one that is done, else null
 * @throws DataError if it holds other features, or something else.
 */
export async function lookAt(dir: string, plan: FeaturePlan): Promise<FeatureIndex | null> {
  for (const name of [indexName, planName]) {
    const path = join(dir, name);
    if (!existsSync(path)) continue;
    const held = await readPlan<FeatureIndex>(path);
    checkSame(dir, held, plan);
    return name === indexName ? (await FeatureFolder.open(dir)).index : null;
  }
  const found = await readdir(dir).catch(() => ['?']);
  // What a process leaves that was killed before it had anything.
  if (!found.every((name) => /^\.lock$|^\..*\.partial$/.test(name))) await RunFolder.checkVacant(dir);
  return null;
}

/**
 * Makes what a folder has not got yet.
 * @returns the folder, or null if the signal stopped it: what is done stays
 * @throws DataError as `lookAt`, if no recording can be used, or with strict intake for the first one that cannot.
 */
export async function makeFeatures(
  engine: Engine,
  dir: string,
  recordings: Recordings,
  plan: FeaturePlan,
  signal: AbortSignal,
): Promise<FeatureFolder | null> {
  const index = await lookAt(dir, plan);
  const { release, intake } = recordings;
  for (const { path, text } of release.notes) intake.note(path, text);
  for (const { path, kind, reason } of release.leftOut) intake.leftOut(path, kind, reason);
  const made = await makeFolder(dir);
  const folder = new RunFolder(dir);
  const unlock = await folder.lock('preparing features');
  try {
    const shards = await findShards(dir, recordings, plan, index);
    if (shards.includes(null) && !index) await folder.write(planName, planText(plan));
    if (!(await new Making(engine, folder, recordings, plan, signal).fill(shards))) return null;
    const whole = shards as Shard[];
    if (whole.every(({ clips }) => clips.length === 0))
      for (const { path } of whole) await rm(path, { force: true });
    recordings.intake.end(recordings.data);
    const now = indexOf(plan, whole, recordings);
    if (JSON.stringify(now.shards) !== JSON.stringify(index?.shards))
      await folder.write(indexName, planText(now));
    await rm(join(dir, planName), { force: true });
    return new FeatureFolder(dir, now, whole);
  } finally {
    await unlock();
    await tidy(dir, made);
  }
}

/** A folder in which nothing was made is left as it was found. */
async function tidy(dir: string, made: readonly string[]): Promise<void> {
  const kept = await readdir(dir);
  if (kept.some((name) => name === indexName || /^shard-/.test(name))) return;
  await rm(join(dir, planName), { force: true });
  await removeEmpty(made);
}

/** The shards that are whole; null for those that are to be made. */
async function findShards(
  dir: string,
  { files }: Recordings,
  plan: FeaturePlan,
  index: FeatureIndex | null,
): Promise<(Shard | null)[]> {
  const found: (Shard | null)[] = [];
  for (let n = 0; n * shardFiles < files.length; n++) {
    const path = join(dir, shardName(n));
    const there = existsSync(path);
    found.push(
      await readShard(path, shapeOf(plan), index?.shards[n]?.sha256).catch((error: Error) => {
        if (there || index) say(`${error.message.split(';')[0]}; it is made again`);
        return null;
      }),
    );
  }
  return found;
}

function indexOf(plan: FeaturePlan, shards: readonly Shard[], { intake }: Recordings): FeatureIndex {
  const [labels, speakers] = [new Set<string>(), new Set<string>()];
  for (const { clips } of shards)
    for (const { label, speaker } of clips) {
      if (label !== null) labels.add(label);
      if (speaker !== null) speakers.add(speaker);
    }
  return {
    ...plan,
    clips: shards.reduce((n, { clips }) => n + clips.length, 0),
    hours: Number((shards.reduce((n, { intake }) => n + intake.seconds, 0) / 3600).toFixed(4)),
    ...{ labels: [...labels], speakers: [...speakers] },
    shards: shards.map(({ clips, sha256 }, n) => ({ file: shardName(n), clips: clips.length, sha256 })),
    intake: intake.summary,
  };
}

class Making {
  readonly #engine: Engine;
  readonly #folder: RunFolder;
  readonly #recordings: Recordings;
  readonly #plan: FeaturePlan;
  readonly #settings: FeatureSettings;
  readonly #signal: AbortSignal;
  /** Of the sound decoded for the shard at hand. */
  #seconds = 0;

  constructor(
    engine: Engine,
    folder: RunFolder,
    recordings: Recordings,
    plan: FeaturePlan,
    signal: AbortSignal,
  ) {
    this.#engine = engine;
    this.#folder = folder;
    this.#recordings = recordings;
    this.#plan = plan;
    this.#settings = plan.settings;
    this.#signal = signal;
  }

  #files(n: number) {
    return this.#recordings.files.slice(n * shardFiles, (n + 1) * shardFiles);
  }

  /** Puts shards in place of the nulls, and tells of all files in order. @returns false if the signal stopped it */
  async fill(shards: (Shard | null)[]): Promise<boolean> {
    const { files, overlap, intake } = this.#recordings;
    const missing = [...shards.keys()].filter((n) => shards[n] === null);
    const missingFiles = missing.flatMap((n) => this.#files(n));
    const progress = new SoundProgress(files.length - missingFiles.length, files.length, missing.length > 0);
    const decoded = this.#counted(decodeClips(missingFiles, this.#settings, overlap), progress);
    try {
      for (const [n, shard] of shards.entries()) {
        if (shard) {
          for (const { file, kind, reason } of shard.intake.leftOut) intake.leftOut(file, kind, reason);
          for (const { file, note } of shard.intake.notes) intake.note(file, note);
          progress.before(shard.intake.seconds);
        } else shards[n] = await this.#make(n, decoded);
        if (shards[n] === null) return false;
      }
      return true;
    } finally {
      await decoded.return(undefined);
      progress.stop();
    }
  }

  /** What is decoded, on its way through the bar. */
  async *#counted(
    decoded: AsyncGenerator<Decoded | FileFault>,
    progress: SoundProgress,
  ): AsyncGenerator<Decoded | FileFault> {
    for await (const result of decoded) {
      const seconds = 'samples' in result ? result.samples.length / result.sampleRate : 0;
      this.#seconds += seconds;
      progress.file(seconds);
      yield result;
    }
  }

  /** Makes a shard and writes it; null if the signal came first. */
  async #make(n: number, decoded: AsyncGenerator<Decoded | FileFault>): Promise<Shard | null> {
    const { overlap, intake: told } = this.#recordings;
    const intake: ShardIntake = { leftOut: [], notes: [], seconds: 0 };
    const report: FileReport = {
      leftOut: (file, kind, reason) => {
        told.leftOut(file, kind, reason);
        intake.leftOut.push({ file, kind, reason });
      },
      note: (file, note) => {
        told.note(file, note);
        intake.notes.push({ file, note });
      },
    };
    const clips: StoredClip[] = [];
    const db: Float32Array[] = [];
    this.#seconds = 0;
    const options = { overlap, decoded };
    for await (const part of readClips(this.#engine, this.#files(n), this.#settings, report, options)) {
      db.push(...(await clipFeatures(this.#engine, part, this.#settings)));
      for (const { name, label, speaker, index, split } of part)
        clips.push({ name, label, speaker, index, split });
      if (this.#signal.aborted) return null;
    }
    if (this.#signal.aborted) return null;
    intake.seconds = this.#seconds;
    const file = shardName(n);
    await this.#folder.write(file, encodeShard(clips, db, shapeOf(this.#plan), intake));
    return readShard(this.#folder.path(file), shapeOf(this.#plan));
  }
}

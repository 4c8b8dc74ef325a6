// One file of features, shard-00000.safetensors, of a fixed range of a data set's files:
//   db (clips, mel bands, frames)   log-mel in dB, float32, not scaled
//   peak (clips)                    the largest dB of each
//   metadata `clips`, `intake`      names, labels, speakers and splits in order; what was left out, and seconds of sound
// A shard tells all there is to know of its files, so that work that broke off goes on behind the last whole one. dB
// are kept as they come from the GPU, so that training on them gives the same bits as on the recordings.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { printable } from './audio/names.ts';
import { CheckpointError, DataError } from './engine/errors.ts';
import type { IntakeSummary } from './intake.ts';
import { readSafetensorsHead, safetensorsStart, writeSafetensors } from './model/safetensors.ts';
import { type ClipInfo, loudest } from './model/speech.ts';

export const shardName = (i: number) => `shard-${`${i}`.padStart(5, '0')}.safetensors`;

export type StoredClip = Required<ClipInfo>;

/** What became of a shard's files. */
export interface ShardIntake extends Pick<IntakeSummary, 'leftOut' | 'notes'> {
  /** Of sound that was decoded. */
  seconds: number;
}

/** A shard but for its features. */
export interface Shard {
  path: string;
  clips: StoredClip[];
  peaks: Float32Array;
  intake: ShardIntake;
  /** Bytes before `db`. */
  start: number;
  sha256: string;
}

/** (mel bands, frames) of a clip. */
export type ClipShape = readonly [number, number];

const again = 'restore it, or run preprocess again';
const blockBytes = 2 ** 20;

/** The bytes of a shard: the same for the same clips. */
export function encodeShard(
  clips: readonly StoredClip[],
  db: readonly Float32Array[],
  [nMels, frames]: ClipShape,
  intake: ShardIntake,
): Uint8Array {
  const data = new Float32Array(db.length * nMels * frames);
  db.forEach((values, i) => {
    data.set(values, i * nMels * frames);
  });
  const rows = clips.map(({ name, label, speaker, index, split }) => [name, label, speaker, index, split]);
  return writeSafetensors(
    {
      db: { data, shape: [db.length, nMels, frames] },
      peak: { data: Float32Array.from(db, loudest), shape: [db.length] },
    },
    { kind: 'features', clips: JSON.stringify(rows), intake: JSON.stringify(intake) },
  );
}

export const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function isRow(row: unknown): row is [string, string | null, string | null, number | null, string] {
  if (!Array.isArray(row)) return false;
  const [name, label, speaker, index, split] = row;
  return (
    typeof name === 'string' &&
    [label, speaker].every((value) => value === null || typeof value === 'string') &&
    (index === null || Number.isFinite(index)) &&
    ['train', 'valid', 'test'].includes(split)
  );
}

/** A file's content, a block at a time, from a position on. */
async function* blocks(file: FileHandle, from: number): AsyncGenerator<Uint8Array> {
  const block = new Uint8Array(blockBytes);
  for (let at = from; ; ) {
    const { bytesRead } = await file.read(block, 0, blockBytes, at);
    if (bytesRead === 0) return;
    yield block.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function readFully(file: FileHandle, bytes: Uint8Array, at: number): Promise<Uint8Array> {
  const { bytesRead } = await file.read(bytes, 0, bytes.length, at);
  return bytes.subarray(0, bytesRead);
}

/**
 * Reads a shard but for its features, and hashes all of it.
 * @param sha256 that it should have, where that is known
 * @throws DataError if it is missing, cut short, damaged, or of another shape.
 */
export async function readShard(path: string, shape: ClipShape, sha256?: string): Promise<Shard> {
  const name = printable(path);
  let file: FileHandle | null = null;
  try {
    file = await open(path);
    const { size } = await file.stat();
    const hash = createHash('sha256');
    for await (const block of blocks(file, 0)) hash.update(block);
    const found = hash.digest('hex');
    if (sha256 !== undefined && found !== sha256)
      throw new DataError(`${name}: is damaged, its content is not what preprocess wrote; ${again}`);
    const start = safetensorsStart(await readFully(file, new Uint8Array(8), 0), size, name);
    const bytes = await readFully(file, new Uint8Array(start), 0);
    const { metadata, tensors } = readSafetensorsHead(bytes, size, name);
    const rows: unknown = JSON.parse(metadata.clips ?? 'null');
    const intake: ShardIntake = JSON.parse(metadata.intake ?? 'null');
    const [db, peak] = ['db', 'peak'].map((tensor) => tensors.find((t) => t.tensor === tensor));
    const n = Array.isArray(rows) ? rows.length : -1;
    if (!Array.isArray(rows) || !rows.every(isRow) || !Array.isArray(intake?.leftOut))
      throw new DataError(`${name}: does not say which clips it holds; ${again}`);
    if (`${db?.shape}` !== `${[n, ...shape]}` || `${peak?.shape}` !== `${n}` || db?.dtype !== 'F32')
      throw new DataError(`${name}: holds no db of (${[n, ...shape].join(', ')}); ${again}`);
    const peaks = new Float32Array(n);
    await readFully(file, new Uint8Array(peaks.buffer), start + (peak?.begin ?? 0));
    const clips = rows.map(
      ([name, label, speaker, index, split]) => ({ name, label, speaker, index, split }) as StoredClip,
    );
    return { path, clips, peaks, intake, start: start + db.begin, sha256: found };
  } catch (error) {
    throw shardFault(error, name);
  } finally {
    await file?.close();
  }
}

function shardFault(error: unknown, name: string): Error {
  if (error instanceof DataError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof CheckpointError || error instanceof SyntaxError)
    return new DataError(`${message.startsWith(name) ? message : `${name}: ${message}`}; ${again}`);
  return new DataError(`${name}: ${code === 'ENOENT' ? 'is missing' : message}; ${again}`);
}

// Features of clips out of their shards, one clip at a time, wherever it lies: what training in shuffled batches reads,
// in memory that does not grow with the data. The system's own cache keeps what fits.

import { closeSync, openSync, readSync } from 'node:fs';
import { printable } from './audio/names.ts';
import { DataError } from './engine/errors.ts';
import type { Shard } from './featureShard.ts';
import type { FeatureTable } from './model/speech.ts';

/** Shards that are open at once, at most. */
const mostOpen = 128;

/** @param size values of a clip */
export function shardTable(shards: readonly Shard[], size: number): FeatureTable {
  const clips = shards.flatMap((shard) => shard.clips);
  const peaks = new Float32Array(clips.length);
  /** The clip that each shard begins with. */
  const firsts: number[] = [];
  let at = 0;
  for (const shard of shards) {
    firsts.push(at);
    peaks.set(shard.peaks, at);
    at += shard.clips.length;
  }
  const files = new OpenFiles();
  const shardOf = (clip: number) => {
    let [low, high] = [0, firsts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (firsts[middle] <= clip) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  return {
    ...{ clips, size, peaks },
    reader: (scale) => (clip, into, to) => {
      const n = shardOf(clip);
      const place = shards[n].start + 4 * size * (clip - firsts[n]);
      files.read(shards[n].path, new Uint8Array(into.buffer, into.byteOffset + 4 * to, 4 * size), place);
      for (let k = to; k < to + size; k++) into[k] = scale(into[k]);
    },
  };
}

/** Files that were read from last, kept open. */
class OpenFiles {
  readonly #open = new Map<string, number>();

  /** Fills `bytes` with what a file holds from a place on. @throws DataError if it no longer does. */
  read(path: string, bytes: Uint8Array, place: number): void {
    try {
      const done = readSync(this.#file(path), bytes, 0, bytes.length, place);
      if (done === bytes.length) return;
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw new DataError(`${printable(path)}: ${(error as Error).message}; check the disk, then resume`);
    }
    throw new DataError(
      `${printable(path)}: became shorter since it was opened; restore it, or run preprocess again, then resume`,
    );
  }

  #file(path: string): number {
    const file = this.#open.get(path) ?? openSync(path, 'r');
    // The last one used stands at the end.
    this.#open.delete(path);
    this.#open.set(path, file);
    if (this.#open.size > mostOpen) {
      const [[oldest, its]] = this.#open;
      closeSync(its);
      this.#open.delete(oldest);
    }
    return file;
  }
}

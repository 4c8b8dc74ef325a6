// Recordings to the classifier's examples: the reference features of speech, each clip by its own level.
//   x = max(0, 1 + (db - loudest bin of the clip) / 50)
// Speakers differ by 20 dB in level and generated clips may differ from both, so the clip's own maximum is the top of
// the scale; 50 dB below it counts as silence, which is above the noise of a vocoder and of a room.

import type { ClipFile } from '../../src/audio/clipFiles.ts';
import { readClips } from '../../src/audio/clips.ts';
import { listClips } from '../../src/audio/folder.ts';
import { printable } from '../../src/audio/names.ts';
import { folderOf } from '../../src/data.ts';
import { DataError, type Engine, referenceFeatures } from '../../src/index.ts';
import { Intake, type IntakeSummary } from '../../src/intake.ts';
import { featureTable } from '../../src/model/speech.ts';

/** dB below a clip's loudest bin that are kept. */
export const levelRange = 50;

/** Labelled clips as the classifier takes them. */
export interface Examples {
  count: number;
  /** (count, 64, 64), each value in [0, 1]. */
  x: Float32Array;
  label: string[];
  /** Files found, used and left out. */
  intake: IntakeSummary;
}

/** Features of one clip in dB to [0, 1] below its own maximum. */
export function levelled(db: Float32Array): Float32Array {
  const top = db.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return db.map((v) => Math.max(0, 1 + (v - top) / levelRange));
}

/** Files of a folder, or of `digits` or `fsdd`, all with labels. @throws DataError if some have none, see listClips. */
export async function listLabelled(data: string): Promise<(ClipFile & { label: string })[]> {
  const files = await listClips(await folderOf(data));
  const odd = files.find((f) => f.label === null);
  if (odd)
    throw new DataError(
      `${printable(odd.path)}: has no label; name the files {label}_{speaker}_{index}.wav, or put them into a folder for each label`,
    );
  return files as (ClipFile & { label: string })[];
}

/** Reads the clips of files. @throws DataError if none can be used. */
export async function readExamples(
  engine: Engine,
  files: readonly ClipFile[],
  what: string,
): Promise<Examples> {
  const intake = new Intake(files.length, 'clips', false);
  const { clips, size, reader } = await featureTable(
    engine,
    readClips(engine, files, referenceFeatures, intake),
    referenceFeatures,
  );
  intake.end(what);
  const read = reader((db) => db);
  const x = new Float32Array(clips.length * size);
  for (let i = 0; i < clips.length; i++) {
    read(i, x, i * size);
    x.set(levelled(x.subarray(i * size, (i + 1) * size)), i * size);
  }
  return { count: clips.length, x, label: clips.map((c) => c.label as string), intake: intake.summary };
}

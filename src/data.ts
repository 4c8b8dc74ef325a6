// What `--data` names: the embedded digits, a folder of recordings, or a folder that `preprocess` made. It is looked at
// before an adapter is opened, so that a wrong path is said at once; features come afterwards.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clip, readClips } from './audio/clips.ts';
import type { FeatureSettings } from './audio/features.ts';
import { listClips } from './audio/folder.ts';
import { printable } from './audio/names.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { FeatureFolder } from './featureFolder.ts';
import { Intake, type IntakeSummary } from './intake.ts';
import { type FeatureTable, featureTable } from './model/speech.ts';

/** The folder of the package that holds `data/digits`, whether this runs from src/, dist/ or a chunk below it. */
export function embeddedDigits(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const digits = join(dir, 'data', 'digits');
    if (existsSync(join(digits, 'split.json'))) return digits;
  }
  throw new DataError('data digits: the embedded recordings are missing; install the package again');
}

/** Data that was found and not read yet. */
export interface SpeechData {
  /** Features of every clip that can be used; says which cannot. @throws DataError if none is left. */
  table(engine: Engine, settings: FeatureSettings): Promise<FeatureTable>;
  /** What became of the files; complete after `table`. */
  readonly intake: IntakeSummary;
}

/** Recordings that were found, to be read in chunks. */
export interface Recordings extends SpeechData {
  chunks(engine: Engine, settings: FeatureSettings): AsyncIterable<Clip[]>;
}

/**
 * Looks at what `--data` names.
 * @param strict the first bad file is an error
 * @throws DataError if there is no data there, see listClips and FeatureFolder.
 */
export async function openData(data: string, strict = false): Promise<SpeechData> {
  if (data === 'digits' || !FeatureFolder.isOne(data)) return openRecordings(data, strict);
  const folder = await FeatureFolder.open(data);
  const { intake } = folder.index;
  if (strict && intake.leftOut.length > 0)
    throw new DataError(
      `${printable(data)}: preprocess left out ${intake.leftOut.length} files; mend them and run it again, or leave out --strict`,
    );
  return {
    intake,
    table: (_, settings) => folder.table(settings),
  };
}

/** As openData, for recordings only. */
export async function openRecordings(data: string, strict = false): Promise<Recordings> {
  if (data !== 'digits' && FeatureFolder.isOne(data))
    throw new DataError(`${printable(data)}: holds features that preprocess made; give the recordings`);
  const files = await listClips(data === 'digits' ? embeddedDigits() : data);
  const intake = new Intake(files.length, 'clips', strict);
  async function* chunks(engine: Engine, settings: FeatureSettings) {
    yield* readClips(engine, files, settings, intake);
    intake.end(data);
  }
  return {
    intake: intake.summary,
    chunks,
    table: (engine, settings) => featureTable(engine, chunks(engine, settings), settings),
  };
}

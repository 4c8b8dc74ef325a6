// Recordings that were found and not opened yet: the files of a folder, each one clip, or those of a release of Common
// Voice, which are cut into windows. What tells one such list from another is its fingerprint.

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { ClipFile } from './audio/clipFiles.ts';
import { isCommonVoice, type VoiceRelease } from './audio/commonVoice.ts';
import { listClips } from './audio/folder.ts';
import { printable } from './audio/names.ts';
import { UsageError } from './command.ts';
import { Intake } from './intake.ts';
import { flagsOf, type VoiceSelection, voiceFiles } from './voice.ts';

export interface Recordings {
  /** What `--data` named. */
  data: string;
  files: readonly ClipFile[];
  /** What was wrong before a file was opened. */
  release: Pick<VoiceRelease, 'leftOut' | 'notes'>;
  /** Share that the windows of a file have in common, where files are cut into windows; else null. */
  overlap: number | null;
  /** What is taken of a release of Common Voice; null for other folders. */
  voice: VoiceSelection | null;
  /** Told what becomes of the files. */
  intake: Intake;
}

/** Of neighbouring windows of a clip. */
const overlap = 1 / 4;

/**
 * Looks at a folder of recordings.
 * @param data what it is called in messages @param strict the first bad file is an error
 * @throws DataError if it holds none, see listClips and readRelease. @throws UsageError for a selection of other data.
 */
export async function findRecordings(
  dir: string,
  data: string,
  strict: boolean,
  voice: VoiceSelection | null,
): Promise<Recordings> {
  if (await isCommonVoice(dir)) {
    const { files, release } = await voiceFiles(dir, voice ?? {});
    const intake = new Intake(files.length + release.leftOut.length, 'clips', strict);
    return { data, files, release, overlap, voice: voice ?? {}, intake };
  }
  if (voice) throw notVoice(data, voice);
  const files = await listClips(dir);
  const intake = new Intake(files.length, 'clips', strict);
  return { data, files, release: { leftOut: [], notes: [] }, overlap: null, voice: null, intake };
}

/** Flags of Common Voice for other data. */
export const notVoice = (data: string, voice: VoiceSelection): UsageError =>
  new UsageError(
    `${flagsOf(voice).join(', ')}: of a release of Common Voice, which ${printable(data)} is not; leave it out`,
  );

/** Bytes of a file; null for one that cannot be looked at, as reading it will say. */
function bytesOf(path: string): number | null {
  try {
    return statSync(path).size;
  } catch {
    return null;
  }
}

/** A hash of the files' names, sizes, labels, speakers and splits, in order. */
export function fingerprint(files: readonly ClipFile[]): string {
  const hash = createHash('sha256');
  for (const { path, name, label, speaker, index, split } of files) {
    hash.update(`${JSON.stringify([name, bytesOf(path), label, speaker, index, split])}\n`);
  }
  return hash.digest('hex');
}

// What `--data` names: the embedded digits, or a folder.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clip, listClips, loadClips } from './audio/folder.ts';
import { DataError } from './engine/errors.ts';

/** The folder of the package that holds `data/digits`, whether this runs from src/, dist/ or a chunk below it. */
export function embeddedDigits(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const digits = join(dir, 'data', 'digits');
    if (existsSync(join(digits, 'split.json'))) return digits;
  }
  throw new DataError('data digits: the embedded recordings are missing; install the package again');
}

/** Clips of `digits` or of a folder, decoded. @throws DataError as listClips and loadClips. */
export async function loadSpeech(data: string, sampleRate: number): Promise<Clip[]> {
  return loadClips(await listClips(data === 'digits' ? embeddedDigits() : data), { sampleRate });
}

// A folder of WAV and MP3 files on a disk to a list of clips; clipFiles.ts knows the layouts. Names that start with a dot
// are passed over, links are followed, and a link to a folder that contains the data is passed over too.

import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DataError } from '../engine/errors.ts';
import { type ClipFile, clipFiles, innerFolder, type Listing, soundName, splitFile } from './clipFiles.ts';
import { compareNames, fileFault, printable } from './names.ts';

/** Sorts the entries of one folder into sound files, folders and the rest, each in order of name. */
async function readFolder(dir: string): Promise<Listing> {
  const listing: Listing = { sounds: [], folders: [], others: [] };
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    entries.sort((a, b) => compareNames(a.name, b.name));
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const isSound = soundName.test(entry.name);
      let kind: { isFile(): boolean; isDirectory(): boolean } = entry;
      if (entry.isSymbolicLink()) {
        // A link that leads nowhere, or back to itself, is a bad file among the others: reading it says so.
        kind = await stat(join(dir, entry.name)).catch(() => ({
          isFile: () => isSound,
          isDirectory: () => false,
        }));
      }
      if (kind.isDirectory()) listing.folders.push(entry.name);
      else if (kind.isFile() && isSound) listing.sounds.push(entry.name);
      else listing.others.push(entry.name);
    }
  } catch (error) {
    throw new DataError(`${printable(dir)}: ${fileFault(error, dir)}`);
  }
  return listing;
}

/** The sound files of every folder below `dir` that has some, without links that lead back up. */
async function readLabelFolders(dir: string, folders: string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const here = join(await realpath(dir), sep);
  for (const folder of folders) {
    const path = join(dir, folder);
    const { sounds } = await readFolder(path);
    if (sounds.length && !here.startsWith(join(await realpath(path), sep))) found.set(folder, sounds);
  }
  return found;
}

/**
 * Lists the WAV and MP3 files of a folder, which are not opened, in natural order of name.
 *
 * Split: where the folder holds `split.json` with {"testSpeakers": [...]}, the clips of these speakers are test
 * and all others train; else with FSDD naming index 0-4 is test, as in FSDD's official split (so a folder may
 * hold nothing to train on); else the 1st, 11th, 21st ... clip of a label in order of name is test, except where
 * it is the label's only one.
 *
 * Throws DataError where the folder is missing, no folder, unreadable or without sound files, where it has some
 * both in itself and in folders, where only most of its names fit FSDD naming, and for a bad split.json.
 */
export async function listClips(dir: string): Promise<ClipFile[]> {
  const listing = await readFolder(dir);
  const labels = await readLabelFolders(dir, listing.folders);
  const split = listing.others.includes(splitFile) ? await readSplit(join(dir, splitFile)) : null;
  const inner = innerFolder({ listing, labels, split });
  if (inner !== null) return listClips(join(dir, inner));
  return clipFiles({ dir, listing, labels, split, pathOf: (name) => join(dir, name) });
}

async function readSplit(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new DataError(`${printable(path)}: ${fileFault(error, path)}`);
  }
}

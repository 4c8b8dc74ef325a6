// A folder of WAV and MP3 files to a list of clips. Three layouts are known (.mp3 as .wav):
//   {label}_{speaker}_{index}.wav    the naming of FSDD (free spoken digit dataset), when every name fits it
//   {label}/ANYTHING.wav             one level of folders as labels
//   ANYTHING.wav                     no labels
// and a folder around a single folder in FSDD naming, as FSDD's repository is, stands for that one.
// Order and split follow from the names alone, by a comparison that knows no locale, so that the same folder
// gives the same clips in the same order on every machine. Names that start with a dot are passed over, links
// are followed, and a link to a folder that contains the data is passed over too.
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { DataError } from '../engine/errors.ts';
import { compareNames, fileFault, printable } from './names.ts';

export interface ClipFile {
  /** Where the file lies: the folder as given, then `name`. */
  path: string;
  /** The file within the folder, `/` between label and file where labels are folders. */
  name: string;
  label: string | null;
  speaker: string | null;
  index: number | null;
  split: 'train' | 'valid' | 'test';
}

type Unsplit = Omit<ClipFile, 'split'>;

const FSDD_NAME = /^(.+)_([^_]+)_(\d+)\.(?:wav|mp3)$/is;
const FSDD_TEST_INDICES = 5; // the official split: 0 to 4
const TEST_EVERY = 10;
const SPLIT_FILE = 'split.json';

/** The label in a file's name, if it is {label}_{speaker}_{index}.wav. */
export function fileLabel(name: string): string | null {
  return FSDD_NAME.exec(name)?.[1] ?? null;
}

interface Listing {
  sounds: string[];
  folders: string[];
  others: string[];
}

/** Sorts the entries of one folder into sound files, folders and the rest, each in order of name. */
async function readFolder(dir: string): Promise<Listing> {
  const listing: Listing = { sounds: [], folders: [], others: [] };
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    entries.sort((a, b) => compareNames(a.name, b.name));
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue;
      const isSound = /\.(wav|mp3)$/i.test(entry.name);
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

function some(names: string[]): string {
  const shown = names.slice(0, 3).map(printable).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** The error for a folder without sound files: what it holds instead. */
function nothingFound(dir: string, { folders, others }: Listing): DataError {
  const kinds = new Map<string, number>();
  for (const name of others) {
    const kind = /\.[^.]+$/.exec(name)?.[0] ?? 'without an ending';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const found: string[] = [];
  if (kinds.size) found.push(`files: ${some([...kinds].map(([kind, count]) => `${count} ${kind}`))}`);
  if (folders.length) found.push(`folders without any: ${some(folders)}`);
  return new DataError(
    `${printable(dir)}: holds no .wav or .mp3 file, ${found.length ? `but ${found.join('; ')}` : 'it is empty'}; give a folder of recordings, or of folders of them named by label`,
  );
}

/** Clips of a folder that holds the files itself: FSDD naming if all names fit it, else no labels. */
function flatClips(dir: string, sounds: string[]): Unsplit[] {
  const matches = sounds.map((name) => FSDD_NAME.exec(name));
  const odd = sounds.filter((_, i) => !matches[i]);
  // A stray file would otherwise cost all the others their labels, and their place in the split, in silence.
  if (odd.length && 2 * odd.length < sounds.length) {
    throw new DataError(
      `${printable(dir)}: ${sounds.length - odd.length} of ${sounds.length} recordings are named {label}_{speaker}_{index}.wav, but not ${some(odd)}; rename or remove these`,
    );
  }
  return sounds.map((name, i) => {
    const [, label, speaker, index] = odd.length ? [] : matches[i]!;
    const path = join(dir, name);
    return {
      path,
      name,
      label: label ?? null,
      speaker: speaker ?? null,
      index: index ? Number(index) : null,
    };
  });
}

/** Clips of folders named by label. */
function labelledClips(dir: string, labels: Map<string, string[]>): Unsplit[] {
  return [...labels].flatMap(([label, sounds]) =>
    sounds.map((file) => {
      const path = join(dir, label, file);
      return { path, name: `${label}/${file}`, label, speaker: null, index: null };
    }),
  );
}

/** The speakers that a folder's split.json sets aside. */
async function readTestSpeakers(dir: string, clips: Unsplit[]): Promise<Set<string>> {
  const path = join(dir, SPLIT_FILE);
  const form = 'write {"testSpeakers": ["name", ...]} with speakers of this folder, or remove the file';
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new DataError(`${printable(path)}: ${fileFault(error, path)}`);
  }
  let speakers: unknown;
  try {
    speakers = JSON.parse(text)?.testSpeakers;
  } catch (error) {
    throw new DataError(`${printable(path)}: is not JSON (${(error as Error).message}); ${form}`);
  }
  if (!Array.isArray(speakers) || !speakers.every((speaker) => typeof speaker === 'string')) {
    throw new DataError(
      `${printable(path)}: testSpeakers is ${JSON.stringify(speakers)}, not a list of names; ${form}`,
    );
  }
  const known = [...new Set(clips.map(({ speaker }) => speaker ?? ''))].sort(compareNames);
  const unknown = speakers.filter((speaker) => !known.includes(speaker));
  if (unknown.length) {
    const there = some(known) || 'no speakers in its names';
    throw new DataError(`${printable(path)}: names ${some(unknown)}, but the folder has ${there}; ${form}`);
  }
  return new Set(speakers);
}

/** Sets every tenth clip of a label aside: its 1st, 11th, 21st ... in order of name, but never an only one. */
function everyTenth(clips: Unsplit[]): ClipFile[] {
  const total = new Map<string | null, number>();
  for (const { label } of clips) total.set(label, (total.get(label) ?? 0) + 1);
  const seen = new Map<string | null, number>();
  return clips.map((clip) => {
    const position = seen.get(clip.label) ?? 0;
    seen.set(clip.label, position + 1);
    const test = position % TEST_EVERY === 0 && total.get(clip.label)! > 1;
    return { ...clip, split: test ? 'test' : 'train' };
  });
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
  if (!listing.sounds.length && !labels.size) throw nothingFound(dir, listing);
  if (listing.sounds.length && labels.size) {
    throw new DataError(
      `${printable(dir)}: holds ${listing.sounds.length} recordings itself and more in ${some([...labels.keys()])}; keep one or the other`,
    );
  }
  const hasSplit = listing.others.includes(SPLIT_FILE);
  const [only] = labels.keys();
  const isAround = labels.size === 1 && labels.get(only)!.every((name) => FSDD_NAME.test(name));
  if (isAround && !hasSplit) return listClips(join(dir, only));
  const clips = labels.size ? labelledClips(dir, labels) : flatClips(dir, listing.sounds);
  if (hasSplit) {
    const speakers = await readTestSpeakers(dir, clips);
    return clips.map((clip) => ({ ...clip, split: speakers.has(clip.speaker ?? '') ? 'test' : 'train' }));
  }
  if (clips[0].index === null) return everyTenth(clips);
  return clips.map((clip) => ({ ...clip, split: clip.index! < FSDD_TEST_INDICES ? 'test' : 'train' }));
}

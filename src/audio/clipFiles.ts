// From the names in a folder of sound files to clips with labels and splits. Three layouts are known (.mp3 as .wav):
//   {label}_{speaker}_{index}.wav    the naming of FSDD (free spoken digit dataset), when every name fits it
//   {label}/ANYTHING.wav             one level of folders as labels
//   ANYTHING.wav                     no labels
// and a folder around a single folder in FSDD naming, as FSDD's repository is, stands for that one.
// Order and split follow from the names alone, by a comparison that knows no locale, so that the same folder
// gives the same clips in the same order on every machine, and in a page.

import { DataError } from '../engine/errors.ts';
import { compareNames, printable } from './names.ts';

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
export const splitFile = 'split.json';
/** Files that are taken for recordings. */
export const soundName = /\.(wav|mp3)$/i;

/** The label in a file's name, if it is {label}_{speaker}_{index}.wav. */
export function fileLabel(name: string): string | null {
  return FSDD_NAME.exec(name)?.[1] ?? null;
}

/** The speaker in such a name. */
export function fileSpeaker(name: string): string | null {
  return FSDD_NAME.exec(name)?.[2] ?? null;
}

/** The entries of one folder that do not start with a dot, each in order of name. */
export interface Listing {
  sounds: string[];
  folders: string[];
  others: string[];
}

/** A folder of recordings as it was found, on a disk or dropped on a page. */
export interface FoundFolder {
  /** What errors call it. */
  dir: string;
  listing: Listing;
  /** The sound files of every folder in it that has some. */
  labels: ReadonlyMap<string, string[]>;
  /** The text of its split.json, null without one. */
  split: string | null;
  /** Where a file of it lies, by its name within the folder. */
  pathOf(name: string): string;
}

/** The folder in FSDD naming that is all there is in this one, or null. */
export function innerFolder({
  listing,
  labels,
  split,
}: Pick<FoundFolder, 'listing' | 'labels' | 'split'>): string | null {
  const [only] = labels.keys();
  const alone = listing.sounds.length === 0 && labels.size === 1 && split === null;
  return alone && labels.get(only)!.every((name) => FSDD_NAME.test(name)) ? only : null;
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
function flatClips({ dir, listing: { sounds }, pathOf }: FoundFolder): Unsplit[] {
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
    return {
      path: pathOf(name),
      name,
      label: label ?? null,
      speaker: speaker ?? null,
      index: index ? Number(index) : null,
    };
  });
}

/** Clips of folders named by label. */
function labelledClips({ labels, pathOf }: FoundFolder): Unsplit[] {
  return [...labels].flatMap(([label, sounds]) =>
    sounds.map((file) => {
      const name = `${label}/${file}`;
      return { path: pathOf(name), name, label, speaker: null, index: null };
    }),
  );
}

/** The speakers that a folder's split.json sets aside. */
function testSpeakers(text: string, path: string, clips: Unsplit[]): Set<string> {
  const form = 'write {"testSpeakers": ["name", ...]} with speakers of this folder, or remove the file';
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
 * The clips of a folder, in order, with labels and splits by the names alone; see `listClips`.
 * @throws DataError for a folder that has no clips, or whose clips cannot be told apart.
 */
export function clipFiles(found: FoundFolder): ClipFile[] {
  const { dir, listing, labels, split } = found;
  if (!listing.sounds.length && !labels.size) throw nothingFound(dir, listing);
  if (listing.sounds.length && labels.size) {
    throw new DataError(
      `${printable(dir)}: holds ${listing.sounds.length} recordings itself and more in ${some([...labels.keys()])}; keep one or the other`,
    );
  }
  const clips = labels.size ? labelledClips(found) : flatClips(found);
  if (split !== null) {
    const speakers = testSpeakers(split, found.pathOf(splitFile), clips);
    return clips.map((clip) => ({ ...clip, split: speakers.has(clip.speaker ?? '') ? 'test' : 'train' }));
  }
  if (clips[0].index === null) return everyTenth(clips);
  return clips.map((clip) => ({ ...clip, split: clip.index! < FSDD_TEST_INDICES ? 'test' : 'train' }));
}

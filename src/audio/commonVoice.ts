// A release of Mozilla's Common Voice, as it is unpacked: {locale}/{train,dev,test,validated}.tsv and {locale}/clips/.
// train, dev and test are the official split (no speaker in two of them); validated holds these and the rest, mostly
// further recordings of the same sentences. Clips of the rest go where their speaker is, so that nobody who is set
// aside is trained on. Columns differ by release: the accent is `accent` or `accents`, paths came without .mp3, genders
// are male or male_masculine. What cannot be used is named and left out.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '../engine/errors.ts';
import type { FaultKind } from './fault.ts';
import { fileFault, printable } from './names.ts';
import { openTsv, type TsvRow } from './tsv.ts';

export type VoiceSplit = 'train' | 'dev' | 'test';
export type VoiceTable = VoiceSplit | 'validated';

export interface VoiceClip {
  /** Where the file lies. */
  path: string;
  /** Its name in `clips`. */
  name: string;
  /** client_id: 64 or 128 hexadecimal digits. */
  speaker: string;
  sentence: string;
  upVotes: number;
  downVotes: number;
  /** `twenties`, ... */
  age: string | null;
  /** `male`, `female`, or as the release has it; null where nothing was said. */
  gender: string | null;
  accents: string | null;
  locale: string;
  /** null in a release without official split. */
  split: VoiceSplit | null;
}

export interface VoiceOptions {
  /** Which language of a release with several. */
  locale?: string;
  /** Tables to read; default train, dev and test, or validated where there are none of these; validated brings all. */
  tables?: readonly VoiceTable[];
  /** Clips with at least so many up_votes. */
  minVotes?: number;
  /** Speakers whose id begins with one of these. */
  speakers?: readonly string[];
  /** Of what is left, the speakers with most clips, so many; of equals the one whose id comes first. */
  maxSpeakers?: number;
}

export interface VoiceRelease {
  locale: string;
  /** In order of the tables (train, dev, test, validated) and their lines. */
  clips: VoiceClip[];
  /** Clips that were asked for and cannot be used. */
  leftOut: { path: string; kind: FaultKind; reason: string }[];
  /** Faults of the tables. */
  notes: { path: string; text: string }[];
}

const splits = ['train', 'dev', 'test'] as const;
const tables = [...splits, 'validated'] as const;
const isTable = (name: string) => tables.some((table) => name === `${table}.tsv`);

interface Entries {
  files: string[];
  folders: string[];
}

async function entriesOf(dir: string): Promise<Entries> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    const names = (folders: boolean) =>
      entries.filter((e) => e.isSymbolicLink() || e.isDirectory() === folders).map((e) => e.name);
    return { files: names(false), folders: names(true).sort() };
  } catch (error) {
    throw new DataError(`${printable(dir)}: ${fileFault(error, dir)}`);
  }
}

const isLocale = ({ files, folders }: Entries) => folders.includes('clips') && files.some(isTable);

/** The folders below `dir` that hold a language, or `dir` itself; a release is looked for two folders deep. */
async function localesOf(dir: string, depth = 2): Promise<string[]> {
  const entries = await entriesOf(dir);
  if (isLocale(entries)) return [dir];
  if (depth === 0) return [];
  const below = entries.folders.filter((name) => !name.startsWith('.') && name !== 'clips');
  const found: string[] = [];
  // What may not be read is no release; a folder of a hundred thousand others is not searched.
  for (const name of below.slice(0, 1000))
    found.push(...(await localesOf(join(dir, name), depth - 1).catch(() => [])));
  return found;
}

/** Whether a folder is a release of Common Voice: a language's folder, or one around such. */
export async function isCommonVoice(dir: string): Promise<boolean> {
  return (await localesOf(dir).catch(() => [])).length > 0;
}

async function pickLocale(dir: string, locale: string | undefined): Promise<string> {
  const found = await localesOf(dir);
  if (!found.length)
    throw new DataError(
      `${printable(dir)}: is no release of Common Voice; give the folder with train.tsv and clips/, or one around it`,
    );
  const names = found.map((path) => printable(basename(path))).join(', ');
  const picked = locale === undefined ? found : found.filter((path) => basename(path) === locale);
  if (picked.length === 1) return picked[0];
  if (locale !== undefined && !picked.length)
    throw new DataError(
      `${printable(dir)}: has no language ${printable(locale)}, but ${names}; give one of these`,
    );
  const how = locale === undefined ? 'choose one with --locale' : 'give the folder of one release';
  throw new DataError(`${printable(dir)}: has ${found.length} languages, ${names}; ${how}`);
}

/** Which tables to read, those that set aside first, so that a clip that stands in two is set aside. */
function pickTables(dir: string, { files }: Entries, asked: readonly VoiceTable[] | undefined): VoiceTable[] {
  const there = tables.filter((table) => files.includes(`${table}.tsv`));
  const missing = asked?.filter((table) => !there.includes(table)) ?? [];
  if (missing.length)
    throw new DataError(
      `${printable(dir)}: has no ${missing.map((t) => `${t}.tsv`).join(', ')}, but ${there.map((t) => `${t}.tsv`).join(', ')}; choose among these`,
    );
  const official = there.filter((table) => table !== 'validated');
  // The official tables are parts of validated: with it, they say who is set aside.
  const picked = asked?.includes('validated') ? there : (asked ?? (official.length ? official : there));
  return (['test', 'dev', 'train', 'validated'] as const).filter((table) => picked.includes(table));
}

const genders: Record<string, string | null> = {
  ...{ male_masculine: 'male', female_feminine: 'female', do_not_wish_to_say: null, '': null },
};

/** A clip's file name in `clips`, null for one that leads elsewhere. */
function clipName(path: string): string | null {
  if (/[\\/\0]|^\.*$/.test(path)) return null;
  return /\.(mp3|wav)$/i.test(path) ? path : `${path}.mp3`;
}

/** Numbers of lines for a sentence: the first ones. */
const linesText = (lines: number[]) =>
  `line${lines.length > 1 ? 's' : ''} ${lines.slice(0, 5).join(', ')}${lines.length > 5 ? ` and ${lines.length - 5} more` : ''}`;

interface Reading {
  dir: string;
  release: VoiceRelease;
  options: VoiceOptions;
  /** Every clip that was met, wanted or not. */
  seen: Set<string>;
  /** What is in `clips`. */
  files: Set<string>;
  /** One string for each speaker, and where the official tables have them. */
  speakers: Map<string, { id: string; split: VoiceSplit | null }>;
  hasOfficial: boolean;
}

function wanted(row: TsvRow, { minVotes = 0, speakers }: VoiceOptions): boolean {
  const id = row.cell('client_id');
  return (
    (Number(row.cell('up_votes')) || 0) >= minVotes && (!speakers || speakers.some((s) => id.startsWith(s)))
  );
}

function clipOf(row: TsvRow, name: string, table: VoiceTable, r: Reading): VoiceClip {
  const id = row.cell('client_id');
  const speaker = r.speakers.get(id) ?? { id, split: table === 'validated' ? null : table };
  r.speakers.set(id, speaker);
  const rest = speaker.split ?? (r.hasOfficial ? 'train' : null);
  const gender = row.cell('gender');
  return {
    path: join(r.dir, 'clips', name),
    name,
    speaker: speaker.id,
    sentence: row.cell('sentence'),
    upVotes: Number(row.cell('up_votes')) || 0,
    downVotes: Number(row.cell('down_votes')) || 0,
    age: row.cell('age') || null,
    gender: gender in genders ? genders[gender] : gender,
    accents: row.cell('accents') || row.cell('accent') || null,
    locale: row.cell('locale') || r.release.locale,
    split: table === 'validated' ? rest : table,
  };
}

async function readTable(table: VoiceTable, r: Reading): Promise<VoiceClip[]> {
  const path = join(r.dir, `${table}.tsv`);
  const needed = ['client_id', 'path', ...(r.options.minVotes === undefined ? [] : ['up_votes'])];
  const { columns, rows } = await openTsv(path, needed);
  const bad = {
    ragged: [] as number[],
    outside: [] as number[],
    nobody: [] as number[],
    twice: [] as number[],
  };
  const mine = new Set<string>();
  const clips: VoiceClip[] = [];
  for await (const row of rows) {
    const name = clipName(row.cell('path'));
    if (!row.fits) bad.ragged.push(row.line);
    else if (name === null) bad.outside.push(row.line);
    else if (!row.cell('client_id')) bad.nobody.push(row.line);
    else if (r.seen.has(name)) {
      // The official tables are parts of `validated`.
      if (table !== 'validated' || mine.has(name)) bad.twice.push(row.line);
    } else {
      r.seen.add(name);
      mine.add(name);
      const clip = clipOf(row, name, table, r);
      if (!wanted(row, r.options)) continue;
      if (r.files.has(name)) clips.push(clip);
      else
        r.release.leftOut.push({
          path: clip.path,
          kind: 'unreadable',
          reason: 'does not exist; unpack the release again',
        });
    }
  }
  const say = (lines: number[], what: string) => {
    if (lines.length) r.release.notes.push({ path, text: `${linesText(lines)} ${what}: left out` });
  };
  say(bad.ragged, `of another width than the head's ${columns.length} columns`);
  say(bad.outside, 'with a path that is no file name');
  say(bad.nobody, 'without client_id');
  say(bad.twice, 'with a clip that was listed before');
  return clips;
}

/** The speakers with most clips. */
function mostHeard(clips: VoiceClip[], n: number): Set<string> {
  const counts = new Map<string, number>();
  for (const { speaker } of clips) counts.set(speaker, (counts.get(speaker) ?? 0) + 1);
  const order = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Set(order.slice(0, n).map(([speaker]) => speaker));
}

/**
 * Lists the clips of a release; they are not opened.
 * @throws DataError if there is no release, no such language or table, a table lacks client_id or path, or nothing is left.
 */
export async function readRelease(dir: string, options: VoiceOptions = {}): Promise<VoiceRelease> {
  const folder = await pickLocale(dir, options.locale);
  const picked = pickTables(folder, await entriesOf(folder), options.tables);
  const release: VoiceRelease = { locale: basename(folder), clips: [], leftOut: [], notes: [] };
  const reading: Reading = {
    ...{ dir: folder, release, options, seen: new Set(), speakers: new Map() },
    files: new Set((await entriesOf(join(folder, 'clips'))).files),
    hasOfficial: picked.some((table) => table !== 'validated'),
  };
  const byTable = new Map<VoiceTable, VoiceClip[]>();
  for (const table of picked) byTable.set(table, await readTable(table, reading));
  const unknown = options.speakers?.filter(
    (s) => ![...reading.speakers.keys()].some((id) => id.startsWith(s)),
  );
  if (unknown?.length)
    throw new DataError(
      `${printable(folder)}: has no speaker whose id begins with ${unknown.map(printable).join(', ')}; take the beginning of a client_id`,
    );
  const clips = tables.flatMap((table) => byTable.get(table) ?? []);
  const kept = options.maxSpeakers === undefined ? null : mostHeard(clips, options.maxSpeakers);
  release.clips = kept ? clips.filter(({ speaker }) => kept.has(speaker)) : clips;
  if (!release.clips.length)
    throw new DataError(
      `${printable(folder)}: of ${reading.seen.size} clips in ${picked.join(', ')} none is left ` +
        `(${release.leftOut.length} are missing in clips/); ask for fewer votes or other speakers, or unpack the release again`,
    );
  return release;
}

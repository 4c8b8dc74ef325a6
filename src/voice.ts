// What is taken of a release of Common Voice, and how its clips become those of a folder: labels by speaker, gender or
// word; speakers by the beginnings of their ids; the official split, or one by speaker. Kept with a run, so that it goes
// on with the same clips.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ClipFile } from './audio/clipFiles.ts';
import { readRelease, type VoiceClip, type VoiceOptions, type VoiceRelease } from './audio/commonVoice.ts';
import { labelsOf, type VoiceLabel, voiceLabels } from './audio/voiceLabels.ts';
import { say, wholeNumber } from './command.ts';
import { DataError } from './engine/errors.ts';

/** Flags that choose among the clips of a release. */
export interface VoiceFlags {
  locale?: string;
  minVotes?: number;
  maxSpeakers?: number;
  speaker?: string[];
  validated?: boolean;
  labels?: VoiceLabel;
}

/** As it is kept: what was given, and nothing else. */
export type VoiceSelection = VoiceFlags;

const names = ['locale', 'minVotes', 'maxSpeakers', 'speaker', 'validated', 'labels'] as const;

function oneMore(id: string, before: string[] = []): string[] {
  if (id === '') throw new InvalidArgumentError('give the beginning of a client_id');
  return [...before, id];
}

/** Adds the flags to a command. */
export const withVoiceFlags = (command: Command): Command =>
  command
    .option('--locale <name>', 'Common Voice: which language, where a release has several')
    .option('--min-votes <n>', 'Common Voice: clips with so many up-votes at least', wholeNumber(0))
    .option('--max-speakers <n>', 'Common Voice: of the speakers those with most clips', wholeNumber(1))
    .option(
      '--speaker <id>',
      'Common Voice: a speaker, by the beginning of the client_id; may be given again',
      oneMore,
    )
    .option('--validated', 'Common Voice: the rest of validated.tsv, too, for training')
    .addOption(
      new Option('--labels <what>', 'Common Voice: what labels the clips (default: none)').choices(
        voiceLabels,
      ),
    );

/** The flags that were given; null if none was. */
export function voiceSelection(flags: VoiceFlags): VoiceSelection | null {
  const given = names.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]);
  return given.length > 0 ? Object.fromEntries(given) : null;
}

/** The flags of a selection, as they are typed. */
export const flagsOf = (selection: VoiceSelection): string[] =>
  Object.keys(selection).map((name) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`);

/**
 * The clips of a release as files, those without a label left out where labels are asked for.
 * @throws DataError as `readRelease` and `labelsOf`.
 */
export async function voiceFiles(
  dir: string,
  selection: VoiceSelection,
): Promise<{ files: ClipFile[]; release: VoiceRelease }> {
  const { locale, minVotes, maxSpeakers, speaker, validated, labels: by } = selection;
  const options: VoiceOptions = {
    ...{ locale, minVotes, maxSpeakers, speakers: speaker },
    ...(validated ? { tables: ['validated'] } : {}),
  };
  const release = await readRelease(dir, options);
  const { clips } = release;
  const labels = by ? labelsOf(clips, by) : null;
  const speakers = labelsOf(clips, 'speaker');
  const splits = clips[0].split ? clips.map(officialSplit) : splitBySpeaker(speakers as string[]);
  const files = clips.map(
    ({ path, name }, i): ClipFile => ({
      ...{ path, name, label: labels?.[i] ?? null, speaker: speakers[i], index: null },
      split: splits[i],
    }),
  );
  if (!labels) return { files, release };
  const labelled = files.filter(({ label }) => label !== null);
  if (labelled.length < files.length)
    say(
      `Common Voice: ${files.length - labelled.length} of ${files.length} clips have no ${by} to be labelled by, and are left out`,
    );
  return { files: labelled, release };
}

function officialSplit({ split, path }: VoiceClip): ClipFile['split'] {
  if (split === null) throw new DataError(`${path}: is in no split; unpack the release again`);
  return split === 'dev' ? 'valid' : split;
}

/**
 * The split of a release that has none, nobody in two parts: of the speakers in order of their ids, which are random, the
 * 1st, 11th, ... test and the 2nd, 12th, ... validate. Of two the first tests; of one every tenth clip, if there are two.
 */
export function splitBySpeaker(speakers: readonly string[]): ClipFile['split'][] {
  const order = [...new Set(speakers)].sort();
  const place = new Map(order.map((id, i) => [id, i]));
  return speakers.map((id, i) => {
    if (order.length === 1) return i % 10 === 0 && speakers.length > 1 ? 'test' : 'train';
    const at = (place.get(id) as number) % 10;
    if (at === 0) return 'test';
    return at === 1 && order.length > 2 ? 'valid' : 'train';
  });
}

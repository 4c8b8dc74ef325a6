// What `adapt` learns from: the recordings of a folder as takes with labels the model knows, divided into those to learn
// from and those held out, and the examples of what the model was trained on that keep it from forgetting.

import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { FeatureSettings } from './audio/features.ts';
import { printable } from './audio/names.ts';
import { say, UsageError } from './command.ts';
import { openData } from './data.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import type { IntakeSummary } from './intake.ts';
import type { ModelFile } from './model/checkpoint.ts';
import type { Split } from './model/dataset.ts';
import { exampleShape } from './model/inputs.ts';
import { decodeReplay, replayOf } from './model/replay.ts';
import { type ClipInfo, scaled } from './model/speech.ts';
import type { Take } from './model/takes.ts';
import type { OpenRun } from './openRun.ts';
import type { VoiceSelection } from './voice.ts';

export interface TakeOptions {
  data: string;
  /** What is taken of a release of Common Voice. */
  voice: VoiceSelection | null;
  /** Of all recordings, instead of what their names say. */
  label?: string;
  /** Share of the recordings that is measured by and not learnt from. */
  holdOut: number;
  strict?: boolean;
}

export interface FoundTakes {
  train: Take[];
  heldOut: Take[];
  /** Of the folder's own test split: neither learnt from nor chosen by. */
  test: Take[];
  intake: IntakeSummary;
}

/** With fewer recordings than this none is held out, unless a share was asked for. */
const fewest = 5;

/**
 * Reads the recordings of a folder as a model takes them.
 * @param asked whether the share to hold out was given
 * @throws UsageError for a label the model does not know, DataError if there is nothing to learn from.
 */
export async function readTakes(
  engine: Engine,
  file: ModelFile,
  { data, voice, label, holdOut, strict }: TakeOptions,
  asked: boolean,
): Promise<FoundTakes> {
  const features = file.features as FeatureSettings;
  const { table: tableOf, intake } = await openData(data, { strict, voice });
  if (!tableOf) throw new DataError(`${printable(data)}: these are images, and the model takes recordings`);
  const table = await tableOf(engine, features);
  const read = table.reader(scaled(features.maxDb as number, features.dynamicRange));
  const labelOf = labeller(file, label);
  const [train, test]: Take[][] = [[], []];
  const unlabelled: string[] = [];
  for (const [i, clip] of table.clips.entries()) {
    const index = labelOf(clip);
    if (index === undefined) {
      unlabelled.push(clip.name);
      continue;
    }
    const x = new Float32Array(table.size);
    read(i, x, 0);
    const take = { x, label: index, speaker: clip.speaker ?? null, name: clip.name };
    if (x.every((v) => v === 0))
      intake.leftOut.push({
        file: clip.name,
        kind: 'silent',
        reason: 'is below the floor of the model’s range',
      });
    else (clip.split === 'test' ? test : train).push(take);
  }
  sayUnlabelled(file, unlabelled, train.length + test.length);
  if (train.length + test.length === 0)
    throw new DataError(`${printable(data)}: nothing to learn from; the lines above say why`);
  if (train.length === 0) {
    say(
      `all ${test.length} recordings are of a test split (index 0 to 4, or split.json); they are learnt from all the same`,
    );
    train.push(...test.splice(0));
  }
  const count = asked || train.length >= fewest ? Math.round(holdOut * train.length) : 0;
  const held = holdOut > 0 && (asked || train.length >= fewest) ? Math.max(1, count) : 0;
  if (held >= train.length || (held === 0 && holdOut > 0))
    say(
      `${train.length} recording${train.length === 1 ? '' : 's'}: none is held out, so the last weights are kept, not the best`,
    );
  return { ...divided(train, held < train.length ? held : 0), test, intake };
}

/** Index of a clip's label, null for a model that takes none, undefined if it has none that the model knows. */
function labeller({ config, labels }: ModelFile, given: string | undefined) {
  if (config.model === 'vae') {
    if (given !== undefined)
      throw new UsageError(
        `--label ${printable(given)}: this model is a vae and knows no labels; leave it out`,
      );
    return () => null;
  }
  if (given !== undefined && !labels.includes(given))
    throw new UsageError(`--label ${printable(given)}: this model knows ${labels.map(printable).join(', ')}`);
  return ({ label }: ClipInfo) => {
    const index = labels.indexOf(given ?? label ?? '');
    return index < 0 ? undefined : index;
  };
}

function sayUnlabelled({ labels }: ModelFile, names: readonly string[], used: number): void {
  if (names.length === 0) return;
  const said = `${names.slice(0, 3).map(printable).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
  const how =
    `neither their names ({label}_{speaker}_{index}.wav) nor their folder say a label that this model knows ` +
    `(${labels.map(printable).join(', ')})`;
  if (used === 0) throw new DataError(`${said}: ${how}; rename them, or give one by --label`);
  say(`left out: ${said}: ${how}`);
}

/** Who speaks: as said, as the names of the recordings say if they agree, else by the folder's name. */
export function voiceOf(
  { speakers }: ModelFile,
  speaker: string | undefined,
  data: string,
  takes: FoundTakes,
): string {
  if (speaker !== undefined) return speaker;
  const all = [...takes.train, ...takes.heldOut, ...takes.test];
  const names = [...new Set(all.flatMap((take) => take.speaker ?? []))];
  const voice = names.length === 1 ? names[0] : basename(resolve(data));
  if (names.length > 1 && speakers)
    say(
      `the recordings are of ${names.map(printable).join(', ')}; all are learnt as one voice, ${printable(voice)}`,
    );
  return voice;
}

/** Every so many-th is held out. */
function divided(takes: Take[], held: number): { train: Take[]; heldOut: Take[] } {
  const places = new Set(
    Array.from({ length: held }, (_, k) => Math.floor(((k + 0.5) * takes.length) / held)),
  );
  return { train: takes.filter((_, i) => !places.has(i)), heldOut: takes.filter((_, i) => places.has(i)) };
}

/**
 * Examples of what a run was trained on: its `replay.safetensors`, else some of its data where that is still there;
 * null, and said, where it is not.
 */
export async function replayOfRun(engine: Engine, run: OpenRun): Promise<Split | null> {
  const { folder, file } = run;
  const name = folder.path('replay.safetensors');
  if (existsSync(name)) {
    const like = { shape: exampleShape(file.features), labels: file.labels };
    return decodeReplay(await folder.read('replay.safetensors', 'look at its permissions'), like, name);
  }
  try {
    const { data } = await run.dataset(engine);
    say(`${name} is not there; replaying examples of ${printable(run.data)}`);
    return replayOf(data.train);
  } catch (error) {
    say(
      `no replay: ${name} is not there, nor is the data (${(error as Error).message}); the voices that the model knows ` +
        'will be forgotten by and by; --steps 30 or so forgets less',
    );
    return null;
  }
}

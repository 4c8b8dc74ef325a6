// formant preprocess: features of a folder of recordings, computed once, for `train --data`.

import { Option } from 'commander';
import { type FeatureSettings, frameCount } from './audio/features.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  say,
  withEngine,
} from './command.ts';
import { dataName, openRecordings, type Recordings } from './data.ts';
import type { Engine } from './engine/engine.ts';
import { FeatureWriter, type StoredClip } from './featureFolder.ts';
import type { IntakeSummary } from './intake.ts';
import { presetData, presetNames } from './model/presets.ts';
import { clipFeatures, loudest, presetFeatures } from './model/speech.ts';
import { RunFolder } from './runFolder.ts';

export interface PreprocessOptions extends CommonOptions {
  data: string;
  out: string;
  preset: string;
  strict?: boolean;
}

export interface PreprocessResult {
  out: string;
  clips: number;
  labels: string[];
  finished: boolean;
  seconds: number;
  intake: IntakeSummary;
}

/** Progress is said after this many clips. */
const tellEvery = 1000;

export function preprocess() {
  return newCommand('preprocess', 'compute the features of recordings once, for train --data')
    .requiredOption(
      '--data <digits|fsdd|DIR>',
      'the embedded digits, fsdd (downloaded once), or a folder of WAVs',
    )
    .requiredOption('--out <dir>', 'where to write, new or empty')
    .addOption(
      new Option('--preset <name>', 'whose features to compute')
        .choices(presetNames.filter((name) => presetData(name) === 'speech'))
        .default('speech-ref'),
    )
    .option('--strict', 'the first bad file is an error, none is left out')
    .action(async (options: PreprocessOptions) => {
      const result = await runPreprocess(options);
      const text = result.finished
        ? `features of ${result.clips} clips in ${result.out}`
        : 'stopped; nothing is left of it, run it again';
      print(options, result, text);
      if (!result.finished) throw new Stopped();
    });
}

/** The whole of `formant preprocess`. */
export async function runPreprocess(options: PreprocessOptions): Promise<PreprocessResult> {
  const started = performance.now();
  const settings = presetFeatures(options.preset);
  const recordings = await openRecordings(options.data, options.strict);
  await RunFolder.checkVacant(options.out);
  const { signal, dispose } = interruption('stopping, nothing will be kept');
  try {
    return await withEngine(options, async (engine) => {
      const writer = await FeatureWriter.create(options.out, settings.nMels);
      try {
        const made = await writeFeatures(engine, recordings, settings, writer, signal);
        const { clips, labels } = made;
        const { intake } = recordings;
        if (signal.aborted) await writer.discard();
        else {
          const data = dataName(options.data);
          const frames = frameCount(settings);
          await writer.finish({ preset: options.preset, data, settings, frames, ...made, intake });
        }
        const seconds = (performance.now() - started) / 1000;
        return { out: options.out, clips: clips.length, labels, finished: !signal.aborted, seconds, intake };
      } catch (error) {
        await writer.discard();
        throw error;
      }
    });
  } finally {
    dispose();
  }
}

/** Computes and writes the shards, and gathers what the index says of the clips. */
async function writeFeatures(
  engine: Engine,
  recordings: Recordings,
  settings: FeatureSettings,
  writer: FeatureWriter,
  signal: AbortSignal,
) {
  const clips: StoredClip[] = [];
  let maxDb: number | null = null;
  let next = tellEvery;
  for await (const part of recordings.chunks(engine, settings)) {
    const db = await clipFeatures(engine, part, settings);
    const train = db.filter((_, i) => part[i].split === 'train');
    if (train.length > 0) maxDb = Math.max(maxDb ?? Number.NEGATIVE_INFINITY, loudest(train));
    await writer.add(db);
    clips.push(...part.map(({ samples, path, ...clip }) => clip));
    if (signal.aborted) break;
    if (clips.length < next) continue;
    say(`${clips.length} of ${recordings.intake.found} clips`);
    next += tellEvery;
  }
  const labels = distinct(clips.map((c) => c.label));
  return { clips, labels, speakers: distinct(clips.map((c) => c.speaker)), maxDb };
}

function distinct(values: readonly (string | null)[]): string[] {
  return [...new Set(values.flatMap((v) => v ?? []))];
}

await runIfMain('preprocess', preprocess);

// formant preprocess: features of recordings, computed once, for `train --data`. What was stopped goes on where it was.

import { Option } from 'commander';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  withEngine,
} from './command.ts';
import { featurePlan, openRecordings } from './data.ts';
import { lookAt, makeFeatures } from './featureMaking.ts';
import type { IntakeSummary } from './intake.ts';
import { presetData, presetNames } from './model/presets.ts';
import { presetFeatures } from './model/speech.ts';
import { type VoiceFlags, voiceSelection, withVoiceFlags } from './voice.ts';

export interface PreprocessOptions extends CommonOptions, VoiceFlags {
  data: string;
  out: string;
  preset: string;
  strict?: boolean;
}

export interface PreprocessResult {
  out: string;
  /** Examples; 0 while it is not finished. */
  clips: number;
  /** Hours of sound that they are of. */
  hours: number;
  labels: string[];
  finished: boolean;
  seconds: number;
  intake: IntakeSummary;
}

export function preprocess() {
  const command = newCommand('preprocess', 'compute the features of recordings once, for train --data')
    .requiredOption(
      '--data <digits|fsdd|DIR>',
      'the embedded digits, fsdd (downloaded once), a folder of WAVs and MP3s, or a release of Common Voice',
    )
    .requiredOption('--out <dir>', 'where to write: new or empty, or what the same command left unfinished')
    .addOption(
      new Option('--preset <name>', 'whose features to compute')
        .choices(presetNames.filter((name) => presetData(name) === 'speech'))
        .default('speech-ref'),
    )
    .option('--strict', 'the first bad file is an error, none is left out');
  return withVoiceFlags(command).action(async (options: PreprocessOptions) => {
    const result = await runPreprocess(options);
    const { clips, hours, finished, out } = result;
    const text = finished
      ? `features of ${clips} clips, ${hours.toFixed(2)} h of sound, in ${out}`
      : `stopped; what is done stays in ${out}, and the same command goes on with it`;
    print(options, result, text);
    if (!finished) throw new Stopped();
  });
}

/** The whole of `formant preprocess`. */
export async function runPreprocess(options: PreprocessOptions): Promise<PreprocessResult> {
  const started = performance.now();
  const { data, out, strict } = options;
  const settings = presetFeatures(options.preset);
  const recordings = await openRecordings(data, { strict, voice: voiceSelection(options) });
  const plan = featurePlan(recordings, settings, options.preset);
  await lookAt(out, plan);
  const { signal, dispose } = interruption('stopping; what is done stays');
  try {
    return await withEngine(options, async (engine) => {
      const folder = await makeFeatures(engine, out, recordings, plan, signal);
      const { clips = 0, hours = 0, labels = [] } = folder?.index ?? {};
      const seconds = (performance.now() - started) / 1000;
      const intake = recordings.intake.summary;
      return { ...{ out, clips, hours, labels, finished: folder !== null }, seconds, intake };
    });
  } finally {
    dispose();
  }
}

await runIfMain('preprocess', preprocess);

// formant reconstruct: recordings or images through a model, at z = mu, and back, with errors per file.

import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { checkSound, ratePlan } from './audio/checkSound.ts';
import { FileFault, faultOf } from './audio/fault.ts';
import { type FeatureSettings, frameCount } from './audio/features.ts';
import { type Level, measureLevel } from './audio/level.ts';
import { fileStems, printable } from './audio/names.ts';
import { openRecording } from './audio/recording.ts';
import { resampleSource } from './audio/resample.ts';
import { encodeWav } from './audio/wav.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  withEngine,
} from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { encodeGrey, readGrey } from './imageFile.ts';
import { Intake, type IntakeSummary } from './intake.ts';
import { labelsOfFiles, speakerOfFile } from './labels.ts';
import { mediumOf } from './medium.ts';
import { buildModel, type ModelFile } from './model/checkpoint.ts';
import { type ImageSettings, isImage } from './model/inputs.ts';
import { atMean, reconstructWave, type Through } from './model/reconstruct.ts';
import type { Vae } from './model/vae.ts';
import { makeFolder, missingLevels, removeEmpty, writeWhole } from './outFolder.ts';
import { RunFolder } from './runFolder.ts';
import { columns } from './table.ts';

export interface ReconstructOptions extends CommonOptions {
  run: string;
  label?: string;
  out?: string;
  strict?: boolean;
}

/** What became of one file. */
export interface Reconstructed {
  file: string;
  out: string;
  label: string | null;
}

/** Levels in dBFS, at the model's rate. */
export interface ReconstructedSound extends Reconstructed {
  /** Of the recording: Hz, channels, length. */
  sampleRate: number;
  channels: number;
  seconds: number;
  windows: number;
  /** Error of the features over all bins, dB. */
  dbRmse: number;
  levelIn: Pick<Level, 'peak' | 'rms'>;
  levelOut: Pick<Level, 'peak' | 'rms'>;
}

export interface ReconstructedImage extends Reconstructed {
  /** Mean squared error of pixels in [0, 1]. */
  mse: number;
}

export interface ReconstructResult {
  out: string;
  files: (ReconstructedSound | ReconstructedImage)[];
  finished: boolean;
  intake: IntakeSummary;
}

export function reconstruct() {
  return newCommand('reconstruct', 'recordings or images through a trained model and back')
    .argument('<files...>', 'WAV files of any rate, channels and length; PNG images for a model of images')
    .requiredOption('--run <dir>', 'run folder of the model, or a model.safetensors')
    .option('--label <label>', 'label of all files, for a conditional model (default: by name or folder)')
    .option('--out <dir>', 'where to write (default: reconstructions/ in the run folder)')
    .option('--strict', 'the first bad file is an error, none is left out')
    .showHelpAfterError('(--help lists the options; a file whose name starts with - is given as ./-NAME)')
    .action(async (files: string[], options: ReconstructOptions) => {
      const result = await runReconstruct(files, options);
      const { length } = result.files;
      const sum = `${length} of ${files.length} files in ${printable(result.out)}`;
      const stopped = length > 0 ? `stopped; ${sum}` : 'stopped; nothing is left of it, run it again';
      const text = length > 0 ? `${table(result.files)}\n` : '';
      print(options, result, `${text}${result.finished ? sum : stopped}`);
      if (length === 0) throw new Stopped();
    });
}

/** The whole of `formant reconstruct`. */
export async function runReconstruct(
  files: string[],
  options: ReconstructOptions,
): Promise<ReconstructResult> {
  const { file: model, name, dir } = await RunFolder.playable(options.run);
  const labels = labelsOfFiles(model, files, options.label);
  const out = options.out ?? join(dir, 'reconstructions');
  await missingLevels(out);
  const targets = outputNames(files, mediumOf(model.features).extension).map((file) => join(out, file));
  const there = targets.find((path) => existsSync(path));
  if (there)
    throw new DataError(`${printable(there)}: exists; nothing is overwritten: give another folder by --out`);
  const intake = new Intake(files.length, 'files', options.strict ?? false);
  const done: ReconstructResult['files'] = [];
  const { signal, dispose } = interruption('stopping; files that are done stay');
  let made: string[] = [];
  try {
    await withEngine(options, async (engine) => {
      const net = buildModel(engine, model, name);
      const { features } = model;
      const job = { engine, model, net, intake, signal };
      made = await makeFolder(out);
      for (const [i, file] of files.entries()) {
        if (signal.aborted) break;
        try {
          const about = { file, label: labels[i], out: targets[i] };
          done.push(
            isImage(features)
              ? await reconstructImage(job, about, features)
              : await reconstructSound(job, about, features),
          );
        } catch (error) {
          if (signal.aborted) break;
          const { kind, reason } = faultOf(error, file);
          intake.leftOut(file, kind, reason);
        }
      }
    });
    if (!signal.aborted) intake.end('reconstruct');
    intake.summary.used = done.length;
    return { out, files: done, finished: !signal.aborted, intake: intake.summary };
  } finally {
    if (done.length === 0) await removeEmpty(made);
    dispose();
  }
}

interface Job {
  engine: Engine;
  model: ModelFile;
  net: Vae;
  intake: Intake;
  signal: AbortSignal;
}

/** What the model makes of a file, told its label, and its speaker where the name says one that it knows. */
function throughOf({ engine, net, model }: Job, { file, label }: Reconstructed): Through {
  const index = label === null ? null : model.labels.indexOf(label);
  return atMean(engine, net, index, speakerOfFile(model, file));
}

async function reconstructImage(
  job: Job,
  about: Reconstructed,
  settings: ImageSettings,
): Promise<ReconstructedImage> {
  const { engine } = job;
  const { height, width } = settings;
  const x = await readGrey(about.file, settings);
  const through = throughOf(job, about);
  const y = engine.scope(() => engine.noGrad(() => through(engine.tensor(x, [1, height, width]))));
  const values = await y.read();
  y.dispose();
  await writeWhole(about.out, encodeGrey(values, settings));
  return { ...about, mse: values.reduce((sum, v, i) => sum + (v - x[i]) ** 2, 0) / x.length };
}

async function reconstructSound(
  job: Job,
  about: Reconstructed,
  features: FeatureSettings,
): Promise<ReconstructedSound> {
  const { engine, intake, signal } = job;
  const { file } = about;
  const recording = await openRecording(file);
  try {
    const { sampleRate, channels, length, notes } = recording;
    if (length === 0) throw new FileFault(file, 'empty', 'holds no samples; record it again');
    ratePlan(file, sampleRate, features.sampleRate);
    const wave = await resampleSource(engine, recording, features.sampleRate, { signal });
    const faults = await checkSound(recording, wave, length, file, '');
    for (const note of [...notes, ...faults]) intake.note(file, note);
    const through = throughOf(job, about);
    const made = await reconstructWave(engine, through, wave, frameCount(features), features, signal);
    await writeWhole(about.out, encodeWav(made.wave, features.sampleRate));
    const level = ({ peak, rms }: Level) => ({ peak, rms });
    return {
      ...{ ...about, sampleRate, channels, seconds: length / sampleRate },
      ...{ windows: made.windows, dbRmse: made.dbRmse },
      ...{ levelIn: level(measureLevel(wave)), levelOut: level(measureLevel(made.wave)) },
    };
  } finally {
    await recording.close();
  }
}

/** Names of the results: no two alike. */
export function outputNames(files: readonly string[], extension: string): string[] {
  const stems = files.map((file) => basename(file, extname(file)));
  return fileStems(stems, 'clip').map((stem) => `${stem}.reconstruction.${extension}`);
}

/** A line a file, in columns. */
function table(files: ReconstructResult['files']): string {
  const row = (f: ReconstructResult['files'][number]): Record<string, string> => ({
    file: printable(f.file),
    label: f.label === null ? '-' : printable(f.label),
    ...('mse' in f
      ? { MSE: f.mse.toFixed(5) }
      : {
          seconds: f.seconds.toFixed(2),
          windows: `${f.windows}`,
          'dB RMSE': f.dbRmse.toFixed(2),
          'level in': `${f.levelIn.rms.toFixed(1)} dBFS`,
          'level out': `${f.levelOut.rms.toFixed(1)} dBFS`,
        }),
  });
  return columns(files.map(row), 2);
}

await runIfMain('reconstruct', reconstruct);

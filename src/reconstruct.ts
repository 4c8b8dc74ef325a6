// formant reconstruct: recordings through a model, at z = mu, and back to sound, with errors per file.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { checkSound, faultOf, ratePlan } from './audio/clips.ts';
import { frameCount } from './audio/features.ts';
import { fileLabel } from './audio/folder.ts';
import { type Level, measureLevel } from './audio/level.ts';
import { fileStems, printable } from './audio/names.ts';
import { FileFault, openRecording } from './audio/recording.ts';
import { resampleSource } from './audio/resample.ts';
import { encodeWav } from './audio/wav.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  UsageError,
  withEngine,
} from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { Intake, type IntakeSummary } from './intake.ts';
import { buildModel, decodeModel, type ModelFile } from './model/checkpoint.ts';
import { atMean, reconstructWave } from './model/reconstruct.ts';
import { makeFolder, missingLevels, removeEmpty } from './outFolder.ts';
import { RunFolder } from './runFolder.ts';

export interface ReconstructOptions extends CommonOptions {
  run: string;
  label?: string;
  out?: string;
  strict?: boolean;
}

/** What became of one file. Levels in dBFS, at the model's rate. */
export interface Reconstructed {
  file: string;
  out: string;
  label: string | null;
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

export interface ReconstructResult {
  out: string;
  files: Reconstructed[];
  finished: boolean;
  intake: IntakeSummary;
}

export function reconstruct() {
  return newCommand('reconstruct', 'recordings through a trained model and back to sound')
    .argument('<files...>', 'WAV files of any rate, channels and length')
    .requiredOption('--run <dir>', 'run folder of the model')
    .option('--label <label>', 'label of all files, for a conditional model (default: by name or folder)')
    .option('--out <dir>', 'where to write (default: reconstructions/ in the run folder)')
    .option('--strict', 'the first bad file is an error, none is left out')
    .showHelpAfterError('(--help lists the options; a file whose name starts with - is given as ./-NAME.wav)')
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
  const folder = await RunFolder.open(options.run);
  const name = folder.path('model.safetensors');
  const model = decodeModel(
    await folder.read('model.safetensors', 'this run was stopped before its first checkpoint'),
    name,
  );
  const labels = labelsOf(model, files, options.label);
  const out = options.out ?? folder.path('reconstructions');
  await missingLevels(out);
  const targets = outputNames(files).map((file) => join(out, file));
  const there = targets.find((path) => existsSync(path));
  if (there)
    throw new DataError(`${printable(there)}: exists; nothing is overwritten: give another folder by --out`);
  const intake = new Intake(files.length, 'files', options.strict ?? false);
  const done: Reconstructed[] = [];
  const { signal, dispose } = interruption('stopping; files that are done stay');
  let made: string[] = [];
  try {
    await withEngine(options, async (engine) => {
      const job = {
        engine,
        model,
        net: buildModel(engine, model, frameCount(model.features), name),
        intake,
        signal,
      };
      made = await makeFolder(out);
      for (const [i, file] of files.entries()) {
        if (signal.aborted) break;
        try {
          done.push(await reconstructFile(job, file, labels[i], targets[i]));
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
  net: ReturnType<typeof buildModel>;
  intake: Intake;
  signal: AbortSignal;
}

async function reconstructFile(
  job: Job,
  file: string,
  label: string | null,
  target: string,
): Promise<Reconstructed> {
  const { engine, model, net, intake, signal } = job;
  const { features } = model;
  const recording = await openRecording(file);
  try {
    const { sampleRate, channels, length, notes } = recording;
    if (length === 0) throw new FileFault(file, 'empty', 'holds no samples; record it again');
    ratePlan(file, sampleRate, features.sampleRate);
    const wave = await resampleSource(engine, recording, features.sampleRate, { signal });
    const faults = await checkSound(recording, wave, length, file, '');
    for (const note of [...notes, ...faults]) intake.note(file, note);
    const index = label === null ? null : model.labels.indexOf(label);
    const made = await reconstructWave(
      engine,
      atMean(engine, net, index),
      wave,
      frameCount(features),
      features,
      signal,
    );
    await writeFile(target, encodeWav(made.wave, features.sampleRate), { flag: 'wx' });
    const level = ({ peak, rms }: Level) => ({ peak, rms });
    return {
      ...{ file, out: target, label, sampleRate, channels, seconds: length / sampleRate },
      ...{ windows: made.windows, dbRmse: made.dbRmse },
      ...{ levelIn: level(measureLevel(wave)), levelOut: level(measureLevel(made.wave)) },
    };
  } finally {
    await recording.close();
  }
}

/** A label for each file of a conditional model: the given one, else as its name or its folder says. */
function labelsOf(model: ModelFile, files: string[], given: string | undefined): (string | null)[] {
  const { labels } = model;
  if (model.config.model === 'vae') {
    if (given === undefined) return files.map(() => null);
    throw new UsageError(`--label ${given}: this model is a vae and knows no labels; leave it out`);
  }
  if (given !== undefined && !labels.includes(given))
    throw new UsageError(`--label ${printable(given)}: this model knows ${labels.map(printable).join(', ')}`);
  return files.map((file) => {
    const path = resolve(file);
    const found =
      given ?? [fileLabel(basename(path)), basename(dirname(path))].find((l) => l && labels.includes(l));
    if (found) return found;
    throw new UsageError(
      `${printable(file)}: neither its name ({label}_{speaker}_{index}.wav) nor its folder is a label of this model ` +
        `(${labels.map(printable).join(', ')}); give one by --label`,
    );
  });
}

/** Names of the results: no two alike. */
export function outputNames(files: readonly string[]): string[] {
  const stems = files.map((file) => basename(file, extname(file)));
  return fileStems(stems, 'clip').map((stem) => `${stem}.reconstruction.wav`);
}

/** A line a file, in columns. */
function table(files: readonly Reconstructed[]): string {
  const head = ['file', 'label', 'seconds', 'windows', 'dB RMSE', 'level in', 'level out'];
  const rows = files.map((f) => [
    ...[printable(f.file), f.label === null ? '-' : printable(f.label), f.seconds.toFixed(2), `${f.windows}`],
    ...[f.dbRmse.toFixed(2), `${f.levelIn.rms.toFixed(1)} dBFS`, `${f.levelOut.rms.toFixed(1)} dBFS`],
  ]);
  const all = [head, ...rows];
  const widths = head.map((_, c) => Math.max(...all.map((row) => row[c].length)));
  const line = (row: string[]) =>
    row.map((cell, c) => (c < 2 ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  ');
  return all.map(line).join('\n');
}

await runIfMain('reconstruct', reconstruct);

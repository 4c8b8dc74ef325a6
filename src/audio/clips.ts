// Clips from their files, in chunks, as a model takes them: mono, at its rate, of its length. Files that cannot be used
// are handed to the caller and passed over; one that can but has a fault (clipped, cut off) is noted. Of a longer
// recording only the beginning is read, so a folder of hour-long ones costs no more memory than one of words.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { type ResamplePlan, resamplePlan } from '../shaders/resample.ts';
import { type FeatureSettings, fitLength } from './features.ts';
import type { ClipFile } from './folder.ts';
import { clippedShare, measureLevel } from './level.ts';
import { type FaultKind, FileFault, faultOf, openRecording, type Recording } from './recording.ts';
import { bestQuality, inputsFor, resampleBatch } from './resample.ts';

/** A clip with its samples: mono, `length` of them, at the features' rate. */
export interface Clip extends ClipFile {
  samples: Float32Array;
}

/** Who is told about files: one that is left out, and one that is used in spite of a fault. Either may throw. */
export interface FileReport {
  leftOut(path: string, kind: FaultKind, reason: string): void;
  note(path: string, text: string): void;
}

const chunk = 64;
const filesAtOnce = 16;

/** The plan from a file's rate to a model's. @throws FileFault for a rate that has none. */
export function ratePlan(path: string, from: number, to: number): ResamplePlan {
  try {
    return resamplePlan(from, to, bestQuality);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const how = `convert it, for example with sox IN.wav -r ${to} OUT.wav`;
    throw new FileFault(
      path,
      'rate',
      `has the rate ${from} Hz, from which no filter leads to ${to} Hz; ${how}`,
    );
  }
}

/** Floats may exceed full scale, up to this peak; what is above was never scaled. */
const mostPeak = 8;

/** The fault of samples far above full scale. One such file would set the scale of a whole training set. */
function scaleFault(path: string, peakDb: number): FileFault {
  const peak = 10 ** (peakDb / 20);
  const scale = [128, 2 ** 15, 2 ** 23, 2 ** 31].find((s) => peak <= s) ?? Number(peak.toPrecision(2));
  return new FileFault(
    path,
    'scale',
    `has samples up to ${Number(peak.toPrecision(5))} where full scale is 1; scale it, for example with ` +
      `ffmpeg -i IN.wav -af volume=1/${scale} OUT.wav`,
  );
}

/**
 * What a level says about a recording: silent and constant ones cannot be used, nor those far above full scale; clipped
 * ones are noted.
 * @param where the part that was measured, for the end of a reason
 * @throws FileFault for silent, constant and unscaled samples.
 */
export function checkLevel(samples: Float32Array, path: string, where: string): string[] {
  const { silent, constant, dcOffset, clipped, peak } = measureLevel(samples);
  if (peak > 20 * Math.log10(mostPeak)) throw scaleFault(path, peak);
  if (silent) throw new FileFault(path, 'silent', `is silent${where}`);
  if (constant) {
    const value = dcOffset.toPrecision(3);
    throw new FileFault(
      path,
      'constant',
      `holds the constant value ${value}${where}, no sound; record it again`,
    );
  }
  if (clipped <= clippedShare) return [];
  return [`Is clipped: ${(100 * clipped).toFixed(1)} % of its samples are cut off at full scale.`];
}

/**
 * As `checkLevel`, and of samples that are silent says so if the channels they are the mean of are not.
 * @param end of the part that was measured, in the recording's samples
 */
export async function checkSound(
  recording: Recording,
  samples: Float32Array,
  end: number,
  path: string,
  where: string,
): Promise<string[]> {
  try {
    return checkLevel(samples, path, where);
  } catch (error) {
    const isSilent = error instanceof FileFault && error.kind === 'silent' && recording.channels > 1;
    if (!isSilent || measureLevel(await recording.read(0, end, 0)).silent) throw error;
    throw new FileFault(
      path,
      'silent',
      `is silent${where} as the mean of its ${recording.channels} channels, which cancel each other; ` +
        'give one of them, for example with sox IN.wav OUT.wav remix 1',
    );
  }
}

interface Head {
  file: ClipFile;
  sampleRate: number;
  samples: Float32Array;
}

/** The beginning of a file, as much as the features need. */
async function readHead(file: ClipFile, s: FeatureSettings, report: FileReport): Promise<Head> {
  const recording = await openRecording(file.path);
  try {
    const { sampleRate, length } = recording;
    if (length === 0) throw new FileFault(file.path, 'empty', 'holds no samples; remove or record it again');
    const plan = ratePlan(file.path, sampleRate, s.sampleRate);
    const needed = plan.from === plan.to ? s.length : inputsFor(plan, s.length);
    const end = Math.min(length, needed);
    const samples = (await recording.read(0, end)).slice();
    const seconds = (s.length / s.sampleRate).toFixed(2);
    const where = length > needed ? ` in its first ${seconds} s, all that the features hold` : '';
    const faults = await checkSound(recording, samples, end, file.path, where);
    for (const note of [...recording.notes, ...faults]) report.note(file.path, note);
    return { file, sampleRate, samples };
  } finally {
    await recording.close();
  }
}

/** Heads of some files, in order; those left out are reported in order too. */
async function readHeads(
  files: readonly ClipFile[],
  s: FeatureSettings,
  report: FileReport,
): Promise<Head[]> {
  const heads: Head[] = [];
  for (let i = 0; i < files.length; i += filesAtOnce) {
    const some = files.slice(i, i + filesAtOnce);
    const settled = await Promise.all(
      some.map((file) => readHead(file, s, report).catch((error) => faultOf(error, file.path))),
    );
    settled.forEach((result, k) => {
      if (result instanceof FileFault) report.leftOut(some[k].path, result.kind, result.reason);
      else heads.push(result);
    });
  }
  return heads;
}

/**
 * Reads clips in the order of their files, a chunk at a time: the mean of their channels, resampled on the GPU, cut or
 * padded with silence to the features' length.
 * @throws what the report throws, and errors that are no file's fault.
 */
export async function* readClips(
  engine: Engine,
  files: readonly ClipFile[],
  settings: FeatureSettings,
  report: FileReport,
): AsyncGenerator<Clip[]> {
  for (let first = 0; first < files.length; first += chunk) {
    const heads = await readHeads(files.slice(first, first + chunk), settings, report);
    const clips = new Map<Head, Clip>();
    for (const rate of new Set(heads.map((h) => h.sampleRate))) {
      const group = heads.filter((h) => h.sampleRate === rate);
      const waves = await resampleBatch(
        engine,
        group.map((h) => h.samples),
        rate,
        settings.sampleRate,
      );
      group.forEach((head, i) => {
        clips.set(head, { ...head.file, samples: fitLength(waves[i], settings.length) });
      });
    }
    if (heads.length > 0) yield heads.map((head) => clips.get(head) as Clip);
  }
}

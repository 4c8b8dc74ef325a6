// Decoded files to clips, in chunks, as a model takes them: mono, at its rate, of its length; or cut into windows, silence
// left out. Files that cannot be used are handed to the caller and passed over; one that can but has a fault (clipped, cut
// off) is noted.

import type { Engine } from '../engine/engine.ts';
import type { ClipFile } from './clipFiles.ts';
import type { Decoded } from './decoding.ts';
import { type FaultKind, FileFault } from './fault.ts';
import { type FeatureSettings, fitLength } from './features.ts';
import { windowName } from './names.ts';
import { resampleBatch } from './resample.ts';
import { cutWindows } from './trim.ts';

/** A clip with its samples: mono, `length` of them, at the features' rate. */
export interface Clip extends ClipFile {
  samples: Float32Array;
}

/** Who is told about files: one that is left out, and one that is used in spite of a fault. Either may throw. */
export interface FileReport {
  leftOut(path: string, kind: FaultKind, reason: string): void;
  note(path: string, text: string): void;
}

/** Clips that are handed over together at most. */
const chunk = 64;
/** Samples, as decoded, that wait to be resampled together, about: 8 MiB. */
const mostWaiting = 2 ** 21;
/** Of a file that is cut into windows, so much is used. */
export const mostSeconds = 30;

interface Head {
  file: ClipFile;
  decoded: Decoded;
}

/** The clips of a file: one, or its windows. */
function clipsOf(
  file: ClipFile,
  wave: Float32Array,
  { length, sampleRate }: FeatureSettings,
  overlap: number | null,
  report: FileReport,
): Clip[] {
  if (overlap === null) return [{ ...file, samples: fitLength(wave, length) }];
  const windows = cutWindows(wave, length, { overlap });
  if (windows.length === 0)
    report.leftOut(file.path, 'silent', 'holds hardly any sound; record it again, or remove it');
  return windows.map(({ start, samples }) => ({
    ...file,
    ...{ name: windowName(file.name, start, sampleRate), samples },
  }));
}

/** Brings decoded files to the features' rate, those of one rate together. */
async function resampled(engine: Engine, heads: readonly Head[], sampleRate: number) {
  const waves = new Map<Head, Float32Array>();
  for (const rate of new Set(heads.map(({ decoded }) => decoded.sampleRate))) {
    const group = heads.filter(({ decoded }) => decoded.sampleRate === rate);
    const samples = group.map(({ decoded }) => decoded.samples);
    const done = await resampleBatch(engine, samples, rate, sampleRate);
    group.forEach((head, i) => {
      waves.set(head, done[i]);
    });
  }
  return waves;
}

/** Tells of one decoded file; null if it is left out. */
function take(file: ClipFile, result: Decoded | FileFault, cut: boolean, report: FileReport): Head | null {
  if (result instanceof FileFault) {
    report.leftOut(file.path, result.kind, result.reason);
    return null;
  }
  const { notes, length, samples, sampleRate } = result;
  for (const note of notes) report.note(file.path, note);
  if (cut && length > samples.length)
    report.note(
      file.path,
      `Is ${(length / sampleRate).toFixed(1)} s long; its first ${mostSeconds} s are used.`,
    );
  return { file, decoded: result };
}

/**
 * Clips of decoded files in the files' order, at most 64 at a time: the mean of their channels, resampled on the GPU, cut or
 * padded with silence to the features' length.
 * @param decoded a result for each file, in order
 * @param overlap of the windows that files become; null: their beginning alone
 * @throws what the report throws, and errors that are no file's fault.
 */
export async function* clipsFrom(
  engine: Engine,
  files: readonly ClipFile[],
  settings: FeatureSettings,
  report: FileReport,
  decoded: AsyncIterator<Decoded | FileFault>,
  overlap: number | null = null,
): AsyncGenerator<Clip[]> {
  let heads: Head[] = [];
  let waiting: Clip[] = [];
  for (const [i, file] of files.entries()) {
    const head = take(file, (await decoded.next()).value, overlap !== null, report);
    if (head) heads.push(head);
    const last = i === files.length - 1;
    const samples = heads.reduce((n, h) => n + h.decoded.samples.length, 0);
    if (!last && heads.length < chunk && samples < mostWaiting) continue;
    const waves = await resampled(engine, heads, settings.sampleRate);
    for (const h of heads)
      waiting.push(...clipsOf(h.file, waves.get(h) as Float32Array, settings, overlap, report));
    heads = [];
    for (; waiting.length >= chunk || (last && waiting.length > 0); waiting = waiting.slice(chunk))
      yield waiting.slice(0, chunk);
  }
}

// Clips from files of the disk. Of a recording its beginning is read, so a folder of hour-long ones costs no more memory
// than one of words; or it is cut into windows, silence left out.

import type { Engine } from '../engine/engine.ts';
import type { ClipFile } from './clipFiles.ts';
import { type Clip, clipsFrom, type FileReport, mostSeconds } from './clipStream.ts';
import { decodeFiles } from './decodePool.ts';
import type { Decoded } from './decoding.ts';
import type { FileFault } from './fault.ts';
import type { FeatureSettings } from './features.ts';

export interface ClipOptions {
  /** Files become windows that overlap by this share, without silence; null (default): their beginning alone. */
  overlap?: number | null;
  /** Files that are decoded already or under way, by `decodeClips`: the first of them are taken. Default: these files. */
  decoded?: AsyncGenerator<Decoded | FileFault>;
}

const filesAtOnce = 16;
/** Files that threads are ahead with, so that they decode while the GPU works: 64 MiB of clips of 10 s. */
const filesAhead = 32;

/** Decodes the files of clips, on threads where that pays: MP3. */
export function decodeClips(
  files: readonly ClipFile[],
  { sampleRate, length }: FeatureSettings,
  overlap: number | null,
): AsyncGenerator<Decoded | FileFault> {
  const paths = files.map(({ path }) => path);
  const wanted = { sampleRate, length: overlap === null ? length : mostSeconds * sampleRate };
  const onThreads = paths.some((path) => /\.mp3$/i.test(path));
  return decodeFiles(
    paths,
    onThreads ? { ...wanted, ahead: filesAhead } : { ...wanted, threads: 0, ahead: filesAtOnce },
  );
}

/**
 * Reads clips in the order of their files; see `clipsFrom`.
 * @throws what the report throws, and errors that are no file's fault.
 */
export async function* readClips(
  engine: Engine,
  files: readonly ClipFile[],
  settings: FeatureSettings,
  report: FileReport,
  options: ClipOptions = {},
): AsyncGenerator<Clip[]> {
  const { overlap = null } = options;
  const decoded = options.decoded ?? decodeClips(files, settings, overlap);
  try {
    yield* clipsFrom(engine, files, settings, report, decoded, overlap);
  } finally {
    if (!options.decoded) await decoded.return(undefined);
  }
}

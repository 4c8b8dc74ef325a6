// Files that were dropped or chosen, read as `formant train` reads a folder: the same labels, splits and faults.

import {
  type ClipFile,
  clipFiles,
  innerFolder,
  type Listing,
  soundName,
  splitFile,
} from '../../src/audio/clipFiles.ts';
import { type Clip, clipsFrom, type FileReport } from '../../src/audio/clipStream.ts';
import { type Decoded, decodeWith } from '../../src/audio/decoding.ts';
import { FileFault } from '../../src/audio/fault.ts';
import type { FeatureSettings } from '../../src/audio/features.ts';
import { compareNames } from '../../src/audio/names.ts';
import { openWav, type Recording } from '../../src/audio/wavRecording.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { DataError } from '../../src/engine/errors.ts';
import type { FolderFile } from '../protocol.ts';

/** Files are decoded whole in memory; this is 45 minutes of 48 kHz stereo in 16 bits. */
const mostBytes = 2 ** 29;

/** The clips of a folder. @throws DataError as `clipFiles` */
export async function clipsOfFolder(name: string, files: readonly FolderFile[]): Promise<ClipFile[]> {
  const byPath = new Map(files.map(({ path, file }) => [path, file]));
  const paths = [...byPath.keys()].filter((path) => !path.split('/').some((part) => part.startsWith('.')));
  for (let dir = name; ; ) {
    const { listing, labels } = listingOf(dir, paths);
    const split = (await byPath.get(`${dir}/${splitFile}`)?.text()) ?? null;
    const inner = innerFolder({ listing, labels, split });
    if (inner === null) return clipFiles({ dir, listing, labels, split, pathOf: (file) => `${dir}/${file}` });
    dir = `${dir}/${inner}`;
  }
}

/** What lies in a folder and in the folders in it. */
function listingOf(
  dir: string,
  paths: readonly string[],
): { listing: Listing; labels: Map<string, string[]> } {
  const listing: Listing = { sounds: [], folders: [], others: [] };
  const labels = new Map<string, string[]>();
  const within = paths.filter((path) => path.startsWith(`${dir}/`)).map((path) => path.slice(dir.length + 1));
  for (const path of within.sort(compareNames)) {
    const [first, second, ...deeper] = path.split('/');
    if (second === undefined) (soundName.test(first) ? listing.sounds : listing.others).push(first);
    else {
      if (!listing.folders.includes(first)) listing.folders.push(first);
      if (deeper.length === 0 && soundName.test(second))
        labels.set(first, [...(labels.get(first) ?? []), second].sort(compareNames));
    }
  }
  return { listing, labels: new Map([...labels].sort(([a], [b]) => compareNames(a, b))) };
}

async function openFile(path: string, file: File | undefined): Promise<Recording> {
  if (!file) throw new DataError(`${path}: is gone`);
  if (/\.mp3$/i.test(path))
    throw new FileFault(path, 'unreadable', 'is an MP3; the page reads WAV files, convert it');
  if (file.size > mostBytes)
    throw new FileFault(path, 'size', `has ${file.size} bytes, more than 2^29; cut it into parts`);
  const bytes = await file.arrayBuffer().catch((error: Error) => {
    throw new FileFault(path, 'unreadable', `cannot be read (${error.message}); choose the folder again`);
  });
  return openWav(new Uint8Array(bytes), path);
}

/** Reads clips in order. @param read called after each file */
export function readFolder(
  engine: Engine,
  clips: readonly ClipFile[],
  files: readonly FolderFile[],
  settings: FeatureSettings,
  report: FileReport,
  read: (done: number) => void,
): AsyncGenerator<Clip[]> {
  const byPath = new Map(files.map(({ path, file }) => [path, file]));
  const { sampleRate, length } = settings;
  async function* decode(): AsyncGenerator<Decoded | FileFault> {
    for (const [i, { path }] of clips.entries()) {
      const result = await decodeWith(() => openFile(path, byPath.get(path)), { path, sampleRate, length });
      yield 'decoded' in result
        ? result.decoded
        : new FileFault(path, result.fault.kind, result.fault.reason);
      read(i + 1);
    }
  }
  return clipsFrom(engine, clips, settings, report, decode());
}

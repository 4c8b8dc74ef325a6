// Data sets that `--data mnist` and `--data fsdd` name, from the network once and from the cache folder afterwards. Every
// published file has its size and SHA-256 here. MNIST's four files stay gzipped, and their sums are taken again at every
// use (12 MB). Of FSDD's archive only the recordings are kept, unpacked in a folder beside that gets its name when it is
// whole; a note in it says how many files and bytes it has, and a folder that has others is made anew.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { printable } from './audio/names.ts';
import { interruption, Stopped, say } from './command.ts';
import { download, type RemoteFile } from './download.ts';
import { DataError } from './engine/errors.ts';
import { writableCache } from './engine/node.ts';
import { makeFolder, writeFault } from './outFolder.ts';
import { readTar, type TarFile } from './tar.ts';

export interface MnistSource {
  /** Folders that hold the files, each ending with `/`, in the order to try them. */
  mirrors: readonly string[];
  files: readonly (RemoteFile & { name: string })[];
}

/** MNIST (Y. LeCun, C. Cortes, C. Burges), mirrored by PyTorch and by the Common Visual Data Foundation. */
export const mnistSource: MnistSource = {
  mirrors: [
    'https://ossci-datasets.s3.amazonaws.com/mnist/',
    'https://storage.googleapis.com/cvdf-datasets/mnist/',
  ],
  files: [
    {
      name: 'train-images-idx3-ubyte.gz',
      bytes: 9912422,
      sha256: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    },
    {
      name: 'train-labels-idx1-ubyte.gz',
      bytes: 28881,
      sha256: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
    },
    {
      name: 't10k-images-idx3-ubyte.gz',
      bytes: 1648877,
      sha256: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
    },
    {
      name: 't10k-labels-idx1-ubyte.gz',
      bytes: 4542,
      sha256: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    },
  ],
};

export interface FsddSource extends RemoteFile {
  version: string;
  /** Where the archive (tar, gzipped) lies, in the order to try. */
  urls: readonly string[];
  /** How many recordings it has. */
  recordings: number;
  /** It is not unpacked beyond this size, in bytes. */
  mostUnpacked: number;
}

/**
 * Free Spoken Digit Dataset (Z. Jackson and contributors, CC BY-SA 4.0), release 1.0.9: five speakers, 2,500 clips. It is
 * the last one whose archive has a published SHA-256 (TensorFlow Datasets, spoken_digit).
 */
export const fsddSource: FsddSource = {
  version: '1.0.9',
  urls: ['https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz'],
  bytes: 11975353,
  sha256: '8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0',
  recordings: 2500,
  mostUnpacked: 256 * 2 ** 20,
};

const noteName = 'complete.json';
const recording = /^[^/]+\/recordings\/[\w-]+\.wav$/;

/** What a folder of unpacked recordings says about itself. */
interface Note {
  sha256: string;
  files: number;
  bytes: number;
}

/**
 * MNIST's four files, downloaded unless the cache has them.
 * @param cache the folder for data; default: the user's cache folder
 * @param signal stops a download; without one, Ctrl-C does
 * @returns the folder that holds them, as `listMnist` takes it
 * @throws DataError if they cannot be had, saying how to get them by hand. @throws Stopped after the signal.
 */
export async function fetchMnist(
  cache?: string,
  source: MnistSource = mnistSource,
  signal?: AbortSignal,
): Promise<string> {
  const dir = join(cache ?? (await writableCache()), 'mnist');
  await makeFolder(dir);
  const names = source.files.map((file) => file.name).join(', ');
  for (const { name, bytes, sha256 } of source.files) {
    const to = join(dir, name);
    if (await isThere(to, bytes, sha256)) continue;
    await download({
      url: source.mirrors.map((mirror) => mirror + name),
      to,
      bytes,
      sha256,
      signal,
      byHand: `download ${names} by hand from ${source.mirrors[0]} into a folder and give that folder by --data`,
    });
  }
  return dir;
}

/** Whether a file is whole; says so if it is there and not. */
async function isThere(path: string, bytes: number, sha256: string): Promise<boolean> {
  const content = await readFile(path).catch(() => null);
  if (!content) return false;
  if (content.length === bytes && createHash('sha256').update(content).digest('hex') === sha256) return true;
  say(`${printable(path)}: is not the file that belongs there; it is downloaded again`);
  return false;
}

/**
 * The recordings of the Free Spoken Digit Dataset, downloaded and unpacked unless the cache has them.
 * @param cache the folder for data; default: the user's cache folder
 * @param signal stops the download; without one, Ctrl-C does
 * @returns the folder of WAV files in FSDD's naming, as `listClips` takes it
 * @throws DataError if they cannot be had, saying how to get them by hand. @throws Stopped after the signal.
 */
export async function fetchFsdd(
  cache?: string,
  source: FsddSource = fsddSource,
  signal?: AbortSignal,
): Promise<string> {
  const root = cache ?? (await writableCache());
  const dir = join(root, `fsdd-${source.version}`);
  const recordings = join(dir, 'recordings');
  if (await isWhole(dir, source)) return recordings;
  await makeFolder(root);
  const own = signal ? null : interruption('stopping the download');
  let beside: string | null = null;
  try {
    beside = await mkdtemp(`${dir}.`);
    await fill(beside, source, signal ?? (own as { signal: AbortSignal }).signal);
    await moveTo(dir, beside, source);
  } catch (error) {
    if (error instanceof DataError || error instanceof Stopped) throw error;
    throw new DataError(`${printable(dir)}: ${writeFault(error)} (XDG_CACHE_HOME names the cache)`);
  } finally {
    if (beside) await rm(beside, { recursive: true, force: true });
    own?.dispose();
  }
  return recordings;
}

/** Moves a whole folder to its place, unless another process was faster. */
async function moveTo(dir: string, beside: string, source: FsddSource): Promise<void> {
  try {
    await rename(beside, dir);
  } catch {
    if (await isWhole(dir, source)) return;
    await rm(dir, { recursive: true, force: true });
    await rename(beside, dir);
  }
}

/** Whether a folder of recordings is what its note says, and of this release. */
async function isWhole(dir: string, source: FsddSource): Promise<boolean> {
  try {
    const note: Note = JSON.parse(await readFile(join(dir, noteName), 'utf8'));
    const names = await readdir(join(dir, 'recordings'));
    const sizes = await Promise.all(
      names.map(async (name) => (await stat(join(dir, 'recordings', name))).size),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return note.sha256 === source.sha256 && note.files === names.length && note.bytes === bytes;
  } catch {
    return false;
  }
}

/** Downloads the archive into an empty folder and leaves its recordings and their note there. */
async function fill(dir: string, source: FsddSource, signal: AbortSignal): Promise<void> {
  const { urls, sha256, bytes } = source;
  const archive = join(dir, `fsdd-${source.version}.tar.gz`);
  const byHand = `download ${urls[0]} by hand, unpack it and give its folder recordings by --data`;
  await download({ url: urls, sha256, bytes, to: archive, signal, byHand });
  const files = await recordingsOf(archive, source);
  await rm(archive);
  await mkdir(join(dir, 'recordings'));
  let total = 0;
  for (const { name, data } of files) {
    if (signal.aborted) throw new Stopped('the download was stopped');
    await writeFile(join(dir, 'recordings', basename(name)), data);
    total += data.length;
  }
  const note: Note = { sha256, files: files.length, bytes: total };
  await writeFile(join(dir, noteName), `${JSON.stringify(note)}\n`);
}

/** The recordings in an archive. @throws DataError if it is damaged, holds something else or too few of them. */
async function recordingsOf(archive: string, source: FsddSource): Promise<TarFile[]> {
  const where = printable(basename(archive));
  const tar = await promisify(gunzip)(await readFile(archive), {
    maxOutputLength: source.mostUnpacked,
  }).catch((error: NodeJS.ErrnoException) => {
    const what =
      error.code === 'ERR_BUFFER_TOO_LARGE'
        ? `unpacks to more than ${source.mostUnpacked / 2 ** 20} MiB; do not use this archive`
        : `the gzip is damaged or cut short (${error.message}); download it again`;
    throw new DataError(`${where}: ${what}`);
  });
  const files = readTar(tar, where, (path) => recording.test(path));
  const names = new Set(files.map(({ name }) => basename(name)));
  if (files.length !== source.recordings || names.size !== files.length)
    throw new DataError(
      `${where}: holds ${names.size} recordings in ${files.length} files, not ${source.recordings}; give another release`,
    );
  for (const { name, data } of files)
    if (!/^RIFF[\s\S]{4}WAVE/.test(String.fromCharCode(...data.subarray(0, 12))))
      throw new DataError(`${where}: ${printable(name)} is no WAV file; do not use this archive`);
  return files;
}

// Folders and files that commands write. Each level of a folder is looked at and made by a plain mkdir of its own: Node's
// recursive one tries for ever where a file system makes no folders (/proc), and no signal ends it. A file is written
// beside its place and renamed, so that it is there whole or not at all, whenever the process or the disk ends.

import { existsSync } from 'node:fs';
import { appendFile, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { printable } from './audio/names.ts';
import { DataError } from './engine/errors.ts';

const faults: Record<string, string> = {
  EACCES: 'this user may not write there; give another folder, or change its permissions',
  EPERM: 'this user may not write there; give another folder, or change its permissions',
  EROFS: 'that file system is read-only; give another folder',
  ENOENT: 'no folder can be made there; give one on a disk',
  ENOSPC: 'the disk is full; make room, or give another folder',
  EDQUOT: 'this user’s share of the disk is full; make room, or give another folder',
  EFBIG: 'files may not grow that large there; raise the limit (ulimit -f), or give another folder',
  EEXIST: 'a link that leads nowhere, or a file, is in its place; remove it, or give another folder',
  ENAMETOOLONG: 'the name is too long; give a shorter one',
  ELOOP: 'a link on the way leads back to itself; give another folder',
};

/** What a failed attempt to write said, in words. */
export function writeFault(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return faults[code ?? ''] ?? `${message}; give another folder`;
}

function failure(dir: string, level: string, error: unknown): DataError {
  const at = level === resolve(dir) ? '' : `${printable(level)}: `;
  return new DataError(`${printable(dir)}: ${at}${writeFault(error)}`);
}

/** A path and the folders around it, the outermost first. */
function levelsOf(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [...levelsOf(above), path];
}

/** The levels of a folder that are not there yet. @throws DataError for a file on the way, or one that cannot be looked at. */
export async function missingLevels(dir: string): Promise<string[]> {
  const levels = levelsOf(resolve(dir));
  for (const [i, level] of levels.entries()) {
    try {
      if ((await stat(level)).isDirectory()) continue;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return levels.slice(i);
      throw failure(dir, level, error);
    }
    const what = level === resolve(dir) ? 'this is a file' : `${printable(level)} is a file`;
    throw new DataError(`${printable(dir)}: ${what}; give a folder`);
  }
  return [];
}

/**
 * Makes a folder and what is missing around it.
 * @returns the levels made, the outermost first
 * @throws DataError saying what is in the way.
 */
export async function makeFolder(dir: string): Promise<string[]> {
  const made: string[] = [];
  for (const level of await missingLevels(dir)) {
    try {
      await mkdir(level);
      made.push(level);
    } catch (error) {
      const there = await stat(level).catch(() => null);
      // Another process may have been faster.
      if (there?.isDirectory()) continue;
      await removeEmpty(made);
      throw failure(dir, level, error);
    }
  }
  return made;
}

/** Writes a file whole or not at all, in place of one of that name. @throws DataError saying what is in the way. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.partial`);
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw failure(path, resolve(path), error);
  }
}

/** Adds text to a file. @throws DataError saying what is in the way; the last line may then be cut. */
export async function append(path: string, text: string): Promise<void> {
  await appendFile(path, text).catch((error) => {
    throw failure(path, resolve(path), error);
  });
}

/** Removes folders that `makeFolder` made, as far as nothing is in them. */
export async function removeEmpty(made: readonly string[]): Promise<void> {
  for (const level of [...made].reverse()) {
    const removed = await rmdir(level).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

/** `base-1`, `base-2`, ...: the first that does not exist. */
export function nextFree(base: string): string {
  for (let i = 1; ; i++) if (!existsSync(`${base}-${i}`)) return `${base}-${i}`;
}

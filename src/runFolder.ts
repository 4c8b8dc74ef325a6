// A run folder: config.json, model.safetensors, checkpoints/ with `last` and `best` naming one each, metrics.jsonl.
// Everything is written beside its place and renamed, so that a process killed at any moment leaves whole files, and
// a checkpoint is named only once it is complete.

import { existsSync } from 'node:fs';
import { open, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError, DataError } from './engine/errors.ts';
import { decodeModel, type ModelFile } from './model/checkpoint.ts';
import type { EpochRow } from './model/trainer.ts';
import { append, makeFolder, missingLevels, writeWhole } from './outFolder.ts';

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export class RunFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** @throws DataError if the folder exists and holds something, or a file is in its place or above it. */
  static async checkVacant(dir: string): Promise<void> {
    if ((await missingLevels(dir)).length > 0) return;
    const found = await readdir(dir).catch((error: Error) => {
      throw new DataError(`--out ${dir}: ${error.message}; give another folder`);
    });
    if (found.length > 0)
      throw new DataError(
        `--out ${dir}: the folder holds ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}; nothing is ` +
          'overwritten: give a new or empty folder, or go on with that run by --resume',
      );
  }

  /** Makes a new run folder. @throws DataError as `checkVacant`. */
  static async create(dir: string): Promise<RunFolder> {
    await RunFolder.checkVacant(dir);
    await makeFolder(join(dir, 'checkpoints'));
    return new RunFolder(dir);
  }

  /** @throws CheckpointError if it is no run folder. */
  static async open(dir: string): Promise<RunFolder> {
    const info = await stat(dir).catch(() => null);
    if (!info) throw new CheckpointError(`${dir}: there is no such folder; give the folder of a run`);
    if (!info.isDirectory()) throw new CheckpointError(`${dir}: this is a file; give the folder of a run`);
    if (!existsSync(join(dir, 'config.json')))
      throw new CheckpointError(`${dir}: no config.json in it; this is not a run folder of formant`);
    return new RunFolder(dir);
  }

  /**
   * A model that plays: a run folder's, or a model file by itself, as the studio page gives one.
   * @returns the model, what errors call its file, what it is called, and the folder for what it makes
   * @throws CheckpointError as `open` and decodeModel.
   */
  static async playable(
    path: string,
  ): Promise<{ file: ModelFile; name: string; title: string; dir: string }> {
    const info = await stat(path).catch(() => null);
    if (info?.isFile()) {
      const file = decodeModel(await readFile(path), path);
      return { file, name: path, title: basename(path, '.safetensors'), dir: dirname(resolve(path)) };
    }
    const folder = await RunFolder.open(path);
    return { ...(await folder.model()), title: basename(resolve(path)), dir: path };
  }

  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** Writes a file whole or not at all. */
  write(name: string, content: Uint8Array | string): Promise<void> {
    return writeWhole(this.path(name), content);
  }

  /** @throws CheckpointError if the file is missing or unreadable. */
  async read(name: string, hint: string): Promise<Uint8Array> {
    try {
      return await readFile(this.path(name));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new CheckpointError(`${this.path(name)}: ${code === 'ENOENT' ? 'missing' : message}; ${hint}`);
    }
  }

  /** The model that plays, and the file's name. @throws CheckpointError if there is none, or it is damaged. */
  async model(): Promise<{ file: ModelFile; name: string }> {
    const bytes = await this.read('model.safetensors', 'this run was stopped before its first checkpoint');
    const name = this.path('model.safetensors');
    return { file: decodeModel(bytes, name), name };
  }

  async config(): Promise<Record<string, unknown>> {
    const text = new TextDecoder().decode(await this.read('config.json', 'this is not a run folder'));
    try {
      const found = JSON.parse(text);
      if (found?.config && typeof found.data === 'string') return found;
    } catch (error) {
      throw new CheckpointError(`${this.path('config.json')}: not JSON (${(error as Error).message})`);
    }
    throw new CheckpointError(`${this.path('config.json')}: no configuration in it; the file is damaged`);
  }

  /**
   * Keeps a second process from working in this folder. A lock left by a process that is gone is taken over.
   * @param doing what is done in it, for the error
   * @returns what removes the lock
   * @throws DataError if a running process holds it.
   */
  async lock(doing = 'training'): Promise<() => Promise<void>> {
    const path = this.path('.lock');
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder > 0 && holder !== process.pid && isRunning(holder))
      throw new DataError(
        `${this.dir}: process ${holder} is ${doing} in this folder; wait for it, or stop it`,
      );
    await rm(path, { force: true });
    const file = await open(path, 'wx').catch(() => {
      throw new DataError(
        `${this.dir}: another process has just begun ${doing} in this folder; stop it first`,
      );
    });
    await file.writeFile(`${process.pid}`);
    await file.close();
    return () => rm(path, { force: true });
  }

  /** Saves a checkpoint, names it `last` (and `best`), and removes those that nothing names any more. */
  async saveCheckpoint(step: number, bytes: Uint8Array, best: boolean): Promise<void> {
    const name = `step-${`${step}`.padStart(8, '0')}`;
    await makeFolder(this.path('checkpoints', name));
    await this.write(`checkpoints/${name}/state.safetensors`, bytes);
    await this.write('checkpoints/last', `${name}\n`);
    if (best) await this.write('checkpoints/best', `${name}\n`);
    const named = [name, await this.checkpointName('best').catch(() => null)];
    for (const entry of await readdir(this.path('checkpoints')))
      if (entry.startsWith('step-') && !named.includes(entry))
        await rm(this.path('checkpoints', entry), { recursive: true, force: true });
  }

  /** Name of the folder that `last` or `best` points at. */
  async checkpointName(which: 'last' | 'best'): Promise<string> {
    const bytes = await this.read(`checkpoints/${which}`, 'this run was stopped before its first checkpoint');
    const name = new TextDecoder().decode(bytes).trim();
    if (!/^step-\d+$/.test(name))
      throw new CheckpointError(
        `${this.path('checkpoints', which)}: names "${name}", which is no checkpoint`,
      );
    return name;
  }

  async readCheckpoint(which: 'last' | 'best'): Promise<{ bytes: Uint8Array; name: string }> {
    const name = `checkpoints/${await this.checkpointName(which)}/state.safetensors`;
    return { name: this.path(name), bytes: await this.read(name, 'the checkpoint is gone; start a new run') };
  }

  /** Adds rows to metrics.jsonl. */
  async log(rows: readonly object[]): Promise<void> {
    if (rows.length > 0)
      await append(this.path('metrics.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }

  /** The epochs' rows of metrics.jsonl, in order; none where there is no such file. A line cut short ends them. */
  async epochs(): Promise<EpochRow[]> {
    const text = await readFile(this.path('metrics.jsonl'), 'utf8').catch(() => '');
    const rows: EpochRow[] = [];
    for (const line of text.split('\n')) {
      try {
        const row = JSON.parse(line);
        if (row.epoch) rows.push(row);
      } catch {
        break;
      }
    }
    return rows;
  }

  /** Cuts off what a killed process logged beyond its last checkpoint: rows after `step`, epochs after `epoch`. */
  async cutLog(step: number, epoch: number): Promise<void> {
    const path = this.path('metrics.jsonl');
    if (!existsSync(path)) return;
    const text = await readFile(path, 'utf8');
    let keep = 0;
    for (const line of text.split(/(?<=\n)/)) {
      if (!line.endsWith('\n')) break;
      let row: { step?: number; epoch?: number };
      try {
        row = JSON.parse(line);
      } catch {
        break;
      }
      if ((row.step ?? 0) > step || (row.epoch ?? 0) > epoch) break;
      keep += Buffer.byteLength(line);
    }
    await truncate(path, keep);
  }
}

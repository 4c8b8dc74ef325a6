// history/ of a run folder: snapshots of the model over the epochs, for pictures that move. Past 64 every
// second one goes, past 128 every second of the rest, and so on, so that a run of any length has 32 to 64 evenly apart,
// and the last.
//   history/points.json              what the placed examples are: {split, names, labels, speakers}
//   history/epoch-00012.safetensors  mu (n, latent), samples (m, rows, columns)

import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { CheckpointError } from './engine/errors.ts';
import type { Dataset } from './model/dataset.ts';
import { readSafetensors, writeSafetensors } from './model/safetensors.ts';
import { type Snapshot, snapshotPoints } from './model/snapshot.ts';
import { splitFloats } from './model/stateDict.ts';
import { makeFolder } from './outFolder.ts';
import type { RunFolder } from './runFolder.ts';

const most = 64;

/** Examples of the snapshots, in order. */
export interface HistoryPoints {
  split: 'train' | 'test';
  names: string[];
  labels: (string | null)[];
  speakers: (string | null)[];
}

export interface Frame extends Snapshot {
  epoch: number;
}

const fileOf = (epoch: number) => `history/epoch-${`${epoch}`.padStart(5, '0')}.safetensors`;

/** Epochs between two snapshots of a run that has come this far. */
export function strideAt(epoch: number): number {
  let stride = 1;
  while (epoch / stride > most) stride *= 2;
  return stride;
}

async function epochsOf(folder: RunFolder): Promise<number[]> {
  const names = await readdir(folder.path('history')).catch(() => []);
  const found = names.flatMap((name) => /^epoch-(\d+)\.safetensors$/.exec(name)?.[1] ?? []);
  return found.map(Number).sort((a, b) => a - b);
}

/** Keeps the snapshots of the epochs that `keep` says, and removes the others. */
async function thin(folder: RunFolder, keep: (epoch: number) => boolean): Promise<void> {
  for (const epoch of await epochsOf(folder))
    if (!keep(epoch)) await rm(folder.path(fileOf(epoch)), { force: true });
}

/** Whether a run of so many epochs keeps a snapshot of this one. */
export const isKept = (epoch: number, last: number): boolean =>
  epoch % strideAt(epoch) === 0 || epoch === last;

/** Writes the snapshot of an epoch, and lets go of those that are too many by now. */
export async function addFrame(
  folder: RunFolder,
  epoch: number,
  data: Dataset,
  { mu, samples }: Snapshot,
): Promise<void> {
  await makeFolder(folder.path('history'));
  if (!existsSync(folder.path('history/points.json')))
    await folder.write('history/points.json', `${JSON.stringify(pointsOf(data))}\n`);
  await folder.write(fileOf(epoch), writeSafetensors({ mu, samples }, { epoch: `${epoch}` }));
  await thin(folder, (e) => e % strideAt(epoch) === 0 || e === epoch);
}

/** Removes snapshots of epochs beyond one, which a killed process left. */
export const cutHistory = (folder: RunFolder, epoch: number): Promise<void> =>
  thin(folder, (e) => e <= epoch);

function pointsOf(data: Dataset): HistoryPoints {
  const { split, indices } = snapshotPoints(data);
  return {
    split: split === data.test ? 'test' : 'train',
    names: indices.map((i) => split.names[i]),
    labels: indices.map((i) => data.labels[split.label[i]] ?? null),
    speakers: indices.map((i) => split.speakers?.[i] ?? null),
  };
}

/** All snapshots in order; none for runs that have no history. @throws CheckpointError for a damaged one. */
export async function readHistory(
  folder: RunFolder,
): Promise<{ points: HistoryPoints; frames: Frame[] } | null> {
  const epochs = await epochsOf(folder);
  if (epochs.length === 0) return null;
  const hint = 'without it nothing can be drawn of the epochs; remove the folder history/';
  const points: HistoryPoints = JSON.parse(
    new TextDecoder().decode(await folder.read('history/points.json', hint)),
  );
  const frames: Frame[] = [];
  for (const epoch of epochs) {
    const name = folder.path(fileOf(epoch));
    const { tensors } = readSafetensors(await folder.read(fileOf(epoch), hint), name);
    const { mu, samples } = splitFloats([...tensors]).state;
    if (mu?.shape[0] !== points.names?.length || samples?.shape.length !== 3)
      throw new CheckpointError(`${name}: no snapshot of these points; remove it`);
    frames.push({ epoch, mu, samples });
  }
  return { points, frames };
}

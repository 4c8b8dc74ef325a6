// What figures are made of: a run's model in an engine, and the examples it was trained on. Everything here looks at the
// model's own terms: labels as it counts them, examples scaled as it takes them.

import type { Engine } from '../engine/engine.ts';
import type { ModelFile } from '../model/checkpoint.ts';
import { type Chunk, inChunks } from '../model/chunks.ts';
import { type Dataset, exampleOf, type Split } from '../model/dataset.ts';
import { snapshotPoints } from '../model/snapshot.ts';
import type { Vae } from '../model/vae.ts';

export interface View {
  engine: Engine;
  file: ModelFile;
  model: Vae;
  data: Dataset;
}

/** Examples side by side in a grid. */
const mostShown = 10;

/** Examples of a split, and what the model makes of each at z = mu; (rows, columns) in [0, 1]. */
export interface Reconstructed {
  index: number;
  x: Float32Array;
  y: Float32Array;
}

/** Some examples through the model. */
export async function reconstructed(
  { engine, model, data }: View,
  split: Split,
  indices: readonly number[],
): Promise<Reconstructed[]> {
  const size = data.shape[0] * data.shape[1];
  const through = ({ x, label }: Chunk) => [model.decode(model.encode(x, label).mu, label)];
  const [made] = await inChunks(engine, model, data, split, through, indices);
  return indices.map((index, i) => ({
    index,
    x: exampleOf(data, split, index),
    y: made.slice(i * size, (i + 1) * size),
  }));
}

/** The split that figures are of, the test split where there is one, and its name. */
export function shownSplit(data: Dataset): { split: Split; name: 'test' | 'train'; placed: number[] } {
  const { split, indices } = snapshotPoints(data);
  return { split, name: split === data.test ? 'test' : 'train', placed: indices };
}

/** A few examples of a split, the labels taking turns, speakers too as far as their order mixes them. */
export function variedExamples({ split, placed }: ReturnType<typeof shownSplit>): number[] {
  const byLabel = new Map<number, number[]>();
  for (const i of placed)
    byLabel.set(split.label[i] ?? -1, [...(byLabel.get(split.label[i] ?? -1) ?? []), i]);
  const queues = [...byLabel].sort(([a], [b]) => a - b).map(([, queue]) => queue);
  const chosen: number[] = [];
  for (let round = 0; chosen.length < Math.min(mostShown, placed.length); round++)
    for (const [k, queue] of queues.entries()) {
      // Each label begins at another place of its queue, so that not all are of the first speaker.
      const at = round + Math.floor((k * queue.length) / queues.length);
      if (round < queue.length && chosen.length < mostShown) chosen.push(queue[at % queue.length]);
    }
  return chosen;
}

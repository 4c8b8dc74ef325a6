// What a model is at one moment, small enough to keep for many: where it puts some examples in latent space, and what it
// makes of the same few z. Pictures of a training that moves are made of these.

import type { Engine } from '../engine/engine.ts';
import { Random } from '../engine/random.ts';
import type { HostArray } from '../engine/tensor.ts';
import { type Chunk, inChunks } from './chunks.ts';
import { conditionsOf, type Dataset, evenly, type Split } from './dataset.ts';
import type { Vae } from './vae.ts';

/** Examples that are placed, and decoded samples, at most. */
const mostPoints = 400;
const mostSamples = 10;

export interface Snapshot {
  /** (n, latent): mu of `snapshotPoints`. */
  mu: HostArray;
  /** (m, rows, columns) in [0, 1]: what is decoded from m fixed z; of a CVAE each with another label. */
  samples: HostArray;
}

/** The split that is placed, the test split where there is one, and which of its examples, evenly apart. */
export function snapshotPoints({ test, train }: Dataset): { split: Split; indices: number[] } {
  const split = test ?? train;
  return { split, indices: evenly(split.count, mostPoints) };
}

/** Where a model puts examples: mu, (indices, latent) row-major. */
export async function latentMeans(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  indices: readonly number[],
): Promise<Float32Array> {
  const place = ({ x, label }: Chunk) => [model.encode(x, label).mu];
  const [means] = await inChunks(engine, model, data, split, place, indices);
  return means;
}

/** @param seed of the z that are decoded */
export async function snapshot(engine: Engine, model: Vae, data: Dataset, seed: number): Promise<Snapshot> {
  const { latent, classes, inputs, frames } = model.config;
  const { split, indices } = snapshotPoints(data);
  const means = await latentMeans(engine, model, data, split, indices);
  const m = classes > 0 ? Math.min(mostSamples, classes) : mostSamples;
  const z = new Random(seed, 'snapshot').normal(0, m * latent);
  const hot = classes > 0 ? conditionsOf(model.config, [...Array(m).keys()]) : null;
  const made = engine.scope(() =>
    engine.noGrad(() =>
      model.decode(engine.tensor(z, [m, latent]), hot && engine.tensor(hot.data, hot.shape)),
    ),
  );
  const samples = { data: await made.read(), shape: [m, inputs, frames] };
  made.dispose();
  return { mu: { data: means, shape: [indices.length, latent] }, samples };
}

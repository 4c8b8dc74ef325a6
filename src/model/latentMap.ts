// Where a model puts some of the examples it was trained on: a map of its latent space, kept in the model's own file so
// that whoever plays the model sees where its sounds lie.

import type { Engine } from '../engine/engine.ts';
import { type Dataset, spread } from './dataset.ts';
import { latentMeans } from './snapshot.ts';
import type { Vae } from './vae.ts';

/** Where training examples lie in the latent space, and what they are. */
export interface LatentMap {
  /** mu of each example, a row of `latent` numbers. */
  mu: number[][];
  /** Index into the model's labels of each example, -1 where it has none. */
  label: number[];
  /** Who speaks in each example, null where that is not known. */
  speaker: (string | null)[];
}

/** Decimals of mu that are kept. */
const decimals = 3;

/**
 * Places of training examples, for a map that a person plays on.
 * @param most training examples that are placed, spread over all of them
 */
export async function latentMap(engine: Engine, model: Vae, data: Dataset, most = 400): Promise<LatentMap> {
  const split = spread(data.train, most);
  const { latent } = model.config;
  const means = await latentMeans(engine, model, data, split, [...Array(split.count).keys()]);
  const rounded = Array.from(means, (v) => Number(v.toFixed(decimals)));
  return {
    mu: Array.from({ length: split.count }, (_, i) => rounded.slice(i * latent, (i + 1) * latent)),
    label: Array.from({ length: split.count }, (_, i) => split.label[i] ?? -1),
    speaker: [...(split.speakers ?? Array<null>(split.count).fill(null))],
  };
}

/** What is wrong with a map that a file holds, or null. */
export function mapFault(
  map: unknown,
  { config, labels }: { config: { latent: number }; labels: readonly string[] },
): string | null {
  const { mu, label, speaker } = (map ?? {}) as Partial<LatentMap>;
  if (!Array.isArray(mu) || !Array.isArray(label) || !Array.isArray(speaker))
    return 'a map without mu, label and speaker';
  const row = (r: unknown) => Array.isArray(r) && r.length === config.latent && r.every(Number.isFinite);
  const known = (l: unknown) => Number.isInteger(l) && (l as number) >= -1 && (l as number) < labels.length;
  const named = (s: unknown) => s === null || typeof s === 'string';
  if (label.length !== mu.length || speaker.length !== mu.length)
    return `a map of ${mu.length} places, ${label.length} labels and ${speaker.length} speakers`;
  return mu.every(row) && label.every(known) && speaker.every(named) ? null : 'a map with a damaged place';
}

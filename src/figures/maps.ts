// Where a model puts the examples, in two dimensions: principal components, and t-SNE, which shows neighbourhoods.

import { compareNames } from '../audio/names.ts';
import type { HostArray } from '../engine/tensor.ts';
import { latentMeans } from '../model/snapshot.ts';
import { latentMap } from '../plot/latentMap.ts';
import { pca } from '../plot/projection.ts';
import { tsne } from '../plot/tsne.ts';
import { shownSplit, type View } from './view.ts';

/** Classes that a map is coloured by. */
export interface Colouring {
  name: 'digit' | 'label' | 'speaker';
  /** An index into `names` for each point, -1 for none. */
  classes: Int32Array;
  names: string[];
}

/** What is known of examples by their order. */
export interface Known {
  labels: readonly (string | null)[];
  speakers: readonly (string | null)[];
}

export interface Placed extends Known {
  split: 'train' | 'test';
  indices: number[];
  names: string[];
  colourings: Colouring[];
  /** (n, latent) */
  mu: HostArray;
}

export interface LatentMaps {
  /** (n, 2) each, or why not. */
  pca: Float32Array | string;
  axes: [string, string];
  tsne: Float32Array | string;
}

function colouring(name: Colouring['name'], values: readonly (string | null)[]): Colouring[] {
  const names = [...new Set(values.filter((v) => v !== null))].sort(compareNames);
  if (names.length === 0) return [];
  const places = new Map(names.map((value, i) => [value, i]));
  return [{ name, names, classes: Int32Array.from(values, (v) => (v === null ? -1 : places.get(v)!)) }];
}

/** By label, which single figures make a digit, and by speaker; none where neither is known. */
export function colourings({ labels, speakers }: Known): Colouring[] {
  const digits = labels.every((label) => label === null || /^\d$/.test(label));
  return [...colouring(digits ? 'digit' : 'label', labels), ...colouring('speaker', speakers)];
}

/** The examples of the shown split, at most 400, with where the model puts them. */
export async function placedExamples({ engine, model, data }: View): Promise<Placed> {
  const { split, name, placed: indices } = shownSplit(data);
  const known: Known = {
    labels: indices.map((i) => data.labels[split.label[i]] ?? null),
    speakers: indices.map((i) => split.speakers?.[i] ?? null),
  };
  const values = await latentMeans(engine, model, data, split, indices);
  return {
    split: name,
    indices,
    names: indices.map((i) => split.names[i]),
    ...known,
    colourings: colourings(known),
    mu: { data: values, shape: [indices.length, model.config.latent] },
  };
}

/** Both maps of some points. */
export function latentMaps({ data, shape: [n, d] }: HostArray): LatentMaps {
  if (n < 4) {
    const few = `only ${n} examples to place`;
    return { pca: few, axes: ['', ''], tsne: few };
  }
  const flat = pca(data, n, d);
  const share = (i: number) => `PC ${i + 1} (${(100 * flat.explained[i]).toFixed(0)} % of the variance)`;
  return { pca: flat.points, axes: [share(0), share(1)], tsne: tsne(data, n, d).points };
}

/** A map's SVG in the colours of a colouring, or plain. */
export function mapSvg(
  points: Float32Array,
  colours: Colouring | null,
  title: string,
  axes?: [string, string],
): string {
  const { classes = new Int32Array(points.length / 2).fill(-1), names = [], name = '' } = colours ?? {};
  return latentMap(points, classes, names, { title, legendTitle: name, axes });
}

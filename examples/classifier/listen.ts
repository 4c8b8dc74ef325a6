// What a trained classifier says about clips: the label it hears in each and its features; and of a set of clips, how
// many are heard right, how far they are from real ones as a whole (Frechet), and how varied they are within a label.

import { DataError, type Engine } from '../../src/index.ts';
import type { Examples } from './clips.ts';
import { frechetDistance, pairwiseDistance, type Vectors } from './frechet.ts';
import { architecture, type Classifier } from './network.ts';

export interface Heard extends Vectors {
  /** What the clips' names say, and what is heard. */
  label: string[];
  heard: string[];
}

export interface Figures {
  /** Clips asked about, and those of them that could be heard at all: the others count as heard wrong. */
  clips: number;
  audible: number;
  /** Share heard right, of all and of each label. */
  right: number;
  rightByLabel: Record<string, number>;
  /** Frechet distance to the reference; null without one. */
  frechet: number | null;
  /** Mean Euclidean distance of two clips of a label, averaged over labels; null where a label has fewer than two. */
  pairwise: number | null;
}

const chunk = 64;

/** Hears examples, a chunk at a time. */
export async function hear(engine: Engine, model: Classifier, { count, x, label }: Examples): Promise<Heard> {
  const { inputs, frames, features: D } = architecture;
  const classes = model.labels.length;
  const values = new Float32Array(count * D);
  const heard: string[] = [];
  for (let first = 0; first < count; first += chunk) {
    const B = Math.min(chunk, count - first);
    const part = x.subarray(first * inputs * frames, (first + B) * inputs * frames);
    const out = engine.scope(() =>
      engine.noGrad(() => {
        const { features, logits } = model.forward(engine.tensor(part, [B, inputs, frames]));
        return [features, logits];
      }),
    );
    const [features, logits] = await engine.read(out);
    for (const t of out) t.dispose();
    values.set(features, first * D);
    for (let b = 0; b < B; b++) {
      const row = logits.subarray(b * classes, (b + 1) * classes);
      heard.push(model.labels[row.indexOf(row.reduce((a, v) => Math.max(a, v)))]);
    }
  }
  return { count, values, label, heard };
}

/**
 * The figures of clips that were heard.
 * @param asked label of every clip asked about, those that could not be read included
 * @param reference real clips to compare with
 */
export function figuresOf(found: Heard, asked: readonly string[], reference: Vectors | null = null): Figures {
  const labels = [...new Set(asked)];
  const D = found.values.length / found.count;
  const rows = (label: string) => found.label.flatMap((l, i) => (l === label ? [i] : []));
  const right = (label: string) => rows(label).filter((i) => found.heard[i] === label).length;
  const distances = labels.map((label) => {
    const chosen = rows(label);
    const values = new Float32Array(chosen.length * D);
    chosen.forEach((row, i) => {
      values.set(found.values.subarray(row * D, (row + 1) * D), i * D);
    });
    return chosen.length >= 2 ? pairwiseDistance({ count: chosen.length, values }) : null;
  });
  return {
    clips: asked.length,
    audible: found.count,
    right: labels.reduce((sum, label) => sum + right(label), 0) / asked.length,
    rightByLabel: Object.fromEntries(
      labels.map((label) => [label, right(label) / asked.filter((l) => l === label).length]),
    ),
    frechet: reference && frechetDistance(found, reference),
    pairwise: distances.some((d) => d === null)
      ? null
      : (distances as number[]).reduce((sum, d) => sum + d, 0) / labels.length,
  };
}

/**
 * The first `count` items of every label, in the order given.
 * @throws DataError unless these labels are there, no others, and each has so many.
 */
export function perLabel<T extends { label: string }>(
  items: readonly T[],
  labels: readonly string[],
  count: number,
  where: string,
): T[] {
  const unknown = items.find((item) => !labels.includes(item.label));
  if (unknown)
    throw new DataError(
      `${where}: label ${unknown.label}; this classifier knows ${labels.join(', ')}: remove those clips`,
    );
  return labels.flatMap((label) => {
    const all = items.filter((item) => item.label === label);
    if (all.length < count)
      throw new DataError(
        `${where}: ${all.length} clips of label ${label}, ${count} of every label are compared; make more of them, or ` +
          'give a lower --count',
      );
    return all.slice(0, count);
  });
}

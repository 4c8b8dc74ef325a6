// Samples from the prior for figures: some of each label of a conditional model, or of no label.

import { samplePrior } from '../model/sampling.ts';
import type { View } from './view.ts';

export interface LabelSamples {
  label: string | null;
  /** (rows, columns) in [0, 1] each. */
  pictures: Float32Array[];
}

/** What the model can be asked to say: its labels, or nothing in particular. */
export const spoken = ({ file }: View): (string | null)[] =>
  file.config.model === 'cvae' ? file.labels : [null];

const seed = 1;

/** @param count of each label */
export async function labelSamples(
  { engine, model, file }: View,
  labels: readonly (string | null)[],
  count: number,
): Promise<LabelSamples[]> {
  const indices = Array.from({ length: count }, (_, i) => i);
  const out: LabelSamples[] = [];
  for (const label of labels) {
    const index = label === null ? null : file.labels.indexOf(label);
    const made = samplePrior(engine, model, { label: index, indices, temperature: 1, seed });
    const values = await made.read();
    made.dispose();
    const size = values.length / count;
    out.push({ label, pictures: indices.map((i) => values.slice(i * size, (i + 1) * size)) });
  }
  return out;
}

// Samples from the prior for figures: some of each label of a conditional model, or of no label.

import { mediumOf } from '../medium.ts';
import { samplePrior } from '../model/sampling.ts';
import type { View } from './view.ts';

export interface LabelSamples {
  label: string | null;
  /** (rows, columns) in [0, 1] each. */
  pictures: Float32Array[];
  /** Sound of each, for a model of sound. */
  waves: Float32Array[] | null;
}

/** What the model can be asked to say: its labels, or nothing in particular. */
export const spoken = ({ file }: View): (string | null)[] =>
  file.config.model === 'cvae' ? file.labels : [null];

const seed = 1;

/** @param count of each label @param sound whether they are to be heard too */
export async function labelSamples(
  view: View,
  labels: readonly (string | null)[],
  count: number,
  sound = false,
): Promise<LabelSamples[]> {
  const { engine, model, file } = view;
  const indices = Array.from({ length: count }, (_, i) => i);
  const out: LabelSamples[] = [];
  for (const label of labels) {
    const index = label === null ? null : file.labels.indexOf(label);
    const make = () => samplePrior(engine, model, { label: index, indices, temperature: 1, seed });
    if (sound) {
      const made = await mediumOf(file.features).encode(engine, make);
      const waves = made.flatMap(({ wave }) => wave ?? []);
      out.push({ label, pictures: made.map((m) => m.values), waves: waves.length > 0 ? waves : null });
      continue;
    }
    const made = make();
    const values = await made.read();
    made.dispose();
    const size = values.length / count;
    const pictures = indices.map((i) => values.slice(i * size, (i + 1) * size));
    out.push({ label, pictures, waves: null });
  }
  return out;
}

// Examples of a split through a model, a chunk at a time: what evaluation, latent maps and reconstructions have in common.

import type { Engine } from '../engine/engine.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Dataset, gather, type Split } from './dataset.ts';
import type { Vae } from './vae.ts';

const chunk = 64;

/** A chunk of B examples on the GPU. */
export interface Chunk {
  /** (B, rows, columns). */
  x: Tensor;
  /** (B, conditions) for a CVAE, null for a VAE. */
  label: Tensor | null;
  /** Which chunk it is, from 0. */
  number: number;
}

/**
 * @param body gives tensors (B, ...) for each chunk, without gradients
 * @param indices of the split's examples; all if not given
 * @returns the values of each of the body's tensors for all examples in order, row-major
 */
export async function inChunks(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  body: (chunk: Chunk) => Tensor[],
  indices: ArrayLike<number> = Uint32Array.from({ length: split.count }, (_, i) => i),
): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (let first = 0; first < indices.length; first += chunk) {
    const some = Array.from(
      { length: Math.min(chunk, indices.length - first) },
      (_, i) => indices[first + i],
    );
    const batch = gather(data, split, some, model.config);
    const out = engine.scope(() =>
      engine.noGrad(() => {
        const x = engine.tensor(batch.x.data, batch.x.shape);
        const label = batch.label ? engine.tensor(batch.label.data, batch.label.shape) : null;
        return body({ x, label, number: first / chunk });
      }),
    );
    const values = await engine.read(out);
    for (const t of out) t.dispose();
    for (const [i, part] of values.entries()) {
      const size = part.length / some.length;
      all[i] ??= new Float32Array(indices.length * size);
      all[i].set(part, first * size);
    }
  }
  return all;
}

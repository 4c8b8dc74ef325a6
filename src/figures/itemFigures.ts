// Figures of each example by itself: its negative ELBO with one sample of z, and the error of its reconstruction at
// z = mu. What a model has not seen the like of has a high one.

import { Random } from '../engine/random.ts';
import { gather, type Split } from '../model/dataset.ts';
import type { Evaluation } from '../model/evaluate.ts';
import { decoderOutput, exampleError, reconstructionTerm } from '../model/objective.ts';
import { mse, reparameterize } from '../shaders/index.ts';
import type { View } from './view.ts';

/** Of one example of a split; nats, and mean squared error over all bins. */
export interface ItemFigures extends Omit<Evaluation, 'activeUnits'> {
  index: number;
}

const chunk = 64;

/** @param indices of the split's examples */
export async function itemFigures(
  { engine, model, data, file }: View,
  split: Split,
  indices: readonly number[],
): Promise<ItemFigures[]> {
  const { latent, classes } = model.config;
  const D = data.shape[0] * data.shape[1];
  const { config } = file;
  const noise = new Random(config.seed, 'figures');
  const out: ItemFigures[] = [];
  for (let first = 0; first < indices.length; first += chunk) {
    const some = indices.slice(first, first + chunk);
    const batch = gather(data, split, some, classes);
    // Keyed by the example, so that its figures do not depend on which others are asked for.
    const drawn = Float32Array.from(some.flatMap((index) => [...noise.normal(index, latent)]));
    const made = engine.scope(() =>
      engine.noGrad(() => {
        const x = engine.tensor(batch.x.data, batch.x.shape);
        const label = batch.label ? engine.tensor(batch.label.data, batch.label.shape) : null;
        const { mu, logVar } = model.encode(x, label);
        const eps = engine.tensor(drawn, [some.length, latent]);
        const { z, kl } = reparameterize(mu, logVar, eps);
        const sampled = model.decode(z, label, decoderOutput(config.likelihood));
        return [kl, exampleError(sampled, x, config.likelihood), mse(model.decode(mu, label), x)];
      }),
    );
    const [kl, error, squares] = await engine.read(made);
    for (const t of made) t.dispose();
    some.forEach((index, b) => {
      const recon = reconstructionTerm(error[b], D, config);
      const mean = squares[b] / D;
      const level = data.dynamicRange === null ? {} : { dbRmse: data.dynamicRange * Math.sqrt(mean) };
      out.push({ index, negElbo: recon + kl[b], recon, kl: kl[b], mse: mean, ...level });
    });
  }
  return out;
}

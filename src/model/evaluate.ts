// Figures of a model on a split: the negative ELBO with one sample of z an example, split into its two terms, and the
// error of the reconstruction at z = mu over all bins. Noise is keyed by the seed, so a split always gives the same.

import type { Engine } from '../engine/engine.ts';
import { Random } from '../engine/random.ts';
import { mse, reparameterize } from '../shaders/index.ts';
import { type Dataset, gather, type Split } from './dataset.ts';
import { decoderOutput, exampleError, type ObjectiveConfig, reconstructionTerm } from './objective.ts';
import type { Vae } from './vae.ts';

export interface Evaluation {
  /** recon + kl, nats an example. */
  negElbo: number;
  recon: number;
  kl: number;
  /** Mean squared error at z = mu, over all bins. */
  mse: number;
  /** The root of it in dB, for features that span some: 80 sqrt(mse). */
  dbRmse?: number;
  /** Latents whose mean varies by more than 0.01 over the split (Burda et al. 2016). */
  activeUnits: number;
}

const chunk = 64;

/** Evaluates a split, a chunk of examples at a time. */
export async function evaluate(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  objective: ObjectiveConfig,
  seed: number,
): Promise<Evaluation> {
  const { latent, classes } = model.config;
  const D = data.shape[0] * data.shape[1];
  const noise = new Random(seed, 'evaluate');
  const sums = { error: 0, kl: 0, squares: 0 };
  const means = new Float64Array(latent);
  const squares = new Float64Array(latent);
  for (let first = 0; first < split.count; first += chunk) {
    const B = Math.min(chunk, split.count - first);
    const batch = gather(
      data,
      split,
      Array.from({ length: B }, (_, i) => first + i),
      classes,
    );
    const out = engine.scope(() =>
      engine.noGrad(() => {
        const x = engine.tensor(batch.x.data, batch.x.shape);
        const label = batch.label ? engine.tensor(batch.label.data, batch.label.shape) : null;
        const { mu, logVar } = model.encode(x, label);
        const eps = engine.tensor(noise.normal(first / chunk, B * latent), [B, latent]);
        const { z, kl } = reparameterize(mu, logVar, eps);
        const sampled = model.decode(z, label, decoderOutput(objective.likelihood));
        const error = exampleError(sampled, x, objective.likelihood);
        return [mu, kl, error, mse(model.decode(mu, label), x)];
      }),
    );
    const [mu, kl, error, squared] = await engine.read(out);
    for (const t of out) t.dispose();
    for (let b = 0; b < B; b++) {
      sums.kl += kl[b];
      sums.error += error[b];
      sums.squares += squared[b];
      for (let i = 0; i < latent; i++) {
        means[i] += mu[b * latent + i];
        squares[i] += mu[b * latent + i] ** 2;
      }
    }
  }
  const n = split.count;
  const recon = reconstructionTerm(sums.error / n, D, objective);
  const kl = sums.kl / n;
  const mseMean = sums.squares / n / D;
  const active = means.filter((m, i) => squares[i] / n - (m / n) ** 2 > 0.01).length;
  return {
    negElbo: recon + kl,
    recon,
    kl,
    mse: mseMean,
    ...(data.dynamicRange === null ? {} : { dbRmse: data.dynamicRange * Math.sqrt(mseMean) }),
    activeUnits: active,
  };
}

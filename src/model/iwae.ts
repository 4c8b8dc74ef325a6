// The importance-weighted bound on -log p(x) (Burda et al. 2016), for each example of a split:
//   -log 1/K sum over k of exp(w_k)        w_k = log p(x | z_k) + log p(z_k) - log q(z_k | x),  z_k from q(z | x)
// The GPU reduces each block of samples to log sum exp(w), its maximum taken off first; blocks are put together in
// float64, the same way. K = 1 is the negative ELBO with its KL sampled; more samples bring it down to -log p(x).

import type { Engine } from '../engine/engine.ts';
import { logSumExp, mul, sub } from '../shaders/index.ts';
import type { Dataset, Split } from './dataset.ts';
import type { Likelihood, Nats } from './objective.ts';
import { throughSamples } from './posterior.ts';
import type { Vae } from './vae.ts';

/** How the bound is estimated. */
export interface IwaeOptions {
  likelihood: Likelihood;
  /** What an error is in nats, as `natsOf`. */
  nats: Nats;
  /** K. */
  samples: number;
  seed: number;
  signal?: AbortSignal;
}

/**
 * @returns the bound of each example in nats (without the likelihood's constant), the same for equal seeds
 * @throws ShapeError unless samples is a whole number from 1 to 100,000; the signal's reason.
 */
export async function iwaeBound(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  { likelihood, nats, samples, seed, signal }: IwaeOptions,
): Promise<Float64Array> {
  const top = new Float64Array(split.count).fill(Number.NEGATIVE_INFINITY);
  const total = new Float64Array(split.count);
  await throughSamples(
    engine,
    model,
    data,
    split,
    { likelihood, samples, seed, stream: 'iwae', signal },
    ({ error, ratio }) => [logSumExp(sub(ratio, mul(error, nats.factor)), [1])],
    ({ first, count }, _, [sums]) => {
      for (let e = 0; e < count; e++) {
        const i = first + e;
        const most = Math.max(top[i], sums[e]);
        total[i] = total[i] * Math.exp(top[i] - most) + Math.exp(sums[e] - most);
        top[i] = most;
      }
    },
  );
  return top.map((most, i) => nats.offset + Math.log(samples) - most - Math.log(total[i]));
}

// What z is drawn from when a model makes something new: the standard normal that training pulls z towards, or a mixture of
// Gaussians for each label, fitted after training to where the encoder puts the training examples (the aggregated
// posterior; fitPrior.ts). A z then tells the decoder what it has learnt to say for that label, not what lies between.

import { Random } from '../engine/random.ts';
import type { HostArray } from '../engine/tensor.ts';

/** A mixture of K Gaussians for each of C labels, C = 1 for a model without. */
export interface Mixture {
  /** (C, K), 1 in sum for each label; 0 where a label has fewer components. */
  weight: HostArray;
  /** (C, K, D). */
  mean: HostArray;
  /** (C, D, D): lower Cholesky factor of the covariance that a label's components share. */
  scale: HostArray;
}

/** What makes a clip's z, whatever the prior. */
export interface Noise {
  /** In [0, 1): chooses the component. */
  choice: number;
  /** (D), standard normal. */
  eps: Float32Array;
}

/** The noise of a clip: it depends on seed, label and the clip's number alone, not on how many are asked for. */
export function noiseOf(seed: number, label: number | null, index: number, latent: number): Noise {
  return {
    choice: new Random(seed, `component ${label ?? ''}`).uniform(index, 1)[0],
    eps: new Random(seed, `sample ${label ?? ''}`).normal(index, latent),
  };
}

/**
 * The z that a noise makes for a label.
 * @param prior null: the standard normal
 * @param temperature factor on the spread: around 0, or around the component's mean
 * @returns (D)
 */
export function priorPoint(
  prior: Mixture | null,
  label: number | null,
  { choice, eps }: Noise,
  temperature = 1,
): Float32Array {
  if (!prior) return eps.map((v) => v * temperature);
  const { weight, mean, scale } = prior;
  const [c, D, K] = [label ?? 0, eps.length, weight.shape[1]];
  const k = place(weight.data.subarray(c * K, (c + 1) * K), choice);
  return eps.map((_, i) => {
    let spread = 0;
    for (let j = 0; j <= i; j++) spread += scale.data[(c * D + i) * D + j] * eps[j];
    return mean.data[(c * K + k) * D + i] + temperature * spread;
  });
}

/** Where a draw from [0, 1) falls among weights of any sum; the last that has one, if rounding leads beyond. */
export function place(weights: ArrayLike<number>, draw: number): number {
  let rest = draw * Array.from(weights).reduce((sum, w) => sum + w, 0);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] <= 0) continue;
    last = i;
    rest -= weights[i];
    if (rest < 0) break;
  }
  return last;
}

/** The mean of the prior for a label, (D). */
export function priorMean(prior: Mixture | null, label: number | null, latent: number): Float32Array {
  const mean = new Float32Array(latent);
  if (!prior) return mean;
  const [c, K] = [label ?? 0, prior.weight.shape[1]];
  for (let k = 0; k < K; k++)
    for (let d = 0; d < latent; d++)
      mean[d] += prior.weight.data[c * K + k] * prior.mean.data[(c * K + k) * latent + d];
  return mean;
}

/** What is wrong with a prior that a file holds, or null. */
export function priorFault(
  found: Record<string, HostArray>,
  { config, labels }: { config: { latent: number; model: string }; labels: readonly string[] },
): string | null {
  const C = config.model === 'cvae' ? labels.length : 1;
  const D = config.latent;
  const K = found.weight?.shape[1] ?? 0;
  const shapes: Record<keyof Mixture, number[]> = { weight: [C, K], mean: [C, K, D], scale: [C, D, D] };
  for (const [name, shape] of Object.entries(shapes)) {
    const has = found[name]?.shape ?? [];
    if (K < 1 || has.length !== shape.length || has.some((n, i) => n !== shape[i]))
      return `prior.${name} of (${has.join(', ')}) where (${shape.join(', ')}) is needed`;
    if (!found[name].data.every(Number.isFinite)) return `prior.${name} with values that are not finite`;
  }
  const stray = Object.keys(found).find((name) => !Object.hasOwn(shapes, name));
  if (stray !== undefined) return `prior.${stray}, which is no part of a prior`;
  for (let c = 0; c < C; c++) {
    const weights = found.weight.data.subarray(c * K, (c + 1) * K);
    const sum = weights.reduce((a, b) => a + b, 0);
    if (weights.some((w) => w < 0) || Math.abs(sum - 1) > 0.01) return `prior.weight with a sum of ${sum}`;
  }
  return null;
}

// What training minimises, from a model's output: the reconstruction term of one of three likelihoods plus beta KL.
//   fixed      w SSE: a Gaussian of fixed variance 1 / 2w
//   optimal    D/2 log(SSE / D), SSE the mean over the batch: the variance that is best for the batch
//   bernoulli  binary cross-entropy of values in [0, 1], from logits
// All are sums over an example's elements, in nats (fixed: up to a constant), averaged over the batch, or summed as in
// PyTorch's example.

import { ShapeError } from '../engine/errors.ts';
import type { Tensor } from '../engine/tensor.ts';
import { bceWithLogits, elbo, mse, mul } from '../shaders/index.ts';
import type { DecoderOutput, Vae, VaeOutput } from './vae.ts';

/** Names of the likelihoods. */
export const likelihoods = ['fixed', 'optimal', 'bernoulli'] as const;
/** What the decoder is taken to say of an example: a Gaussian of fixed or of the best variance, or Bernoulli. */
export type Likelihood = (typeof likelihoods)[number];

export const reductions = ['mean', 'sum'] as const;
export type Reduction = (typeof reductions)[number];

export interface ObjectiveConfig {
  likelihood: Likelihood;
  /** w of the fixed likelihood. */
  weight: number;
  /** Of the loss over the batch; default mean. */
  reduction?: Reduction;
}

export interface VaeLoss extends VaeOutput {
  /** (1), what backward starts from. */
  loss: Tensor;
  /** (3): loss, reconstruction and KL, means over the batch. */
  metrics: Tensor;
}

export function decoderOutput(likelihood: Likelihood): DecoderOutput {
  return likelihood === 'bernoulli' ? 'logits' : 'sigmoid';
}

/** Error of each example, summed over its elements: SSE or cross-entropy. (B) */
export function exampleError(reconstruction: Tensor, x: Tensor, likelihood: Likelihood): Tensor {
  return likelihood === 'bernoulli' ? bceWithLogits(reconstruction, x) : mse(reconstruction, x);
}

/** The reconstruction term in nats, from the mean of `exampleError` over some examples of D elements. */
export function reconstructionTerm(
  meanError: number,
  D: number,
  { likelihood, weight }: ObjectiveConfig,
): number {
  if (likelihood === 'optimal') return (D / 2) * Math.log(Math.max(meanError / D, 1e-12));
  return (likelihood === 'fixed' ? weight : 1) * meanError;
}

/** Nats of examples by themselves: factor * error + offset. */
export interface Nats {
  factor: number;
  offset: number;
  /** What is missing to -log of a density of values in [0, 1]; the same for all examples, 0 for bernoulli. */
  constant: number;
}

/**
 * The reconstruction term of single examples. `optimal` takes the variance that is best for the examples that
 * `meanError` is the mean of, so that their mean is what `reconstructionTerm` gives.
 * @param meanError mean of `exampleError` @param D elements of an example
 */
export function natsOf(meanError: number, D: number, { likelihood, weight }: ObjectiveConfig): Nats {
  if (likelihood === 'bernoulli') return { factor: 1, offset: 0, constant: 0 };
  if (likelihood === 'fixed')
    return { factor: weight, offset: 0, constant: (D / 2) * Math.log(Math.PI / weight) };
  const variance = Math.max(meanError / D, 1e-12);
  return {
    factor: 1 / (2 * variance),
    offset: (D / 2) * (Math.log(variance) - 1),
    constant: (D / 2) * (Math.log(2 * Math.PI) + 1),
  };
}

/**
 * Forward pass and loss.
 * @param x (B, inputs, frames) in [0, 1]
 * @param eps (B, latent) noise
 * @param label one-hot (B, classes) or null
 * @param beta (1) weight of the KL
 * @param weights (B) of the examples' errors, 1 in the mean; null: all alike
 */
export function vaeLoss(
  model: Vae,
  x: Tensor,
  eps: Tensor,
  label: Tensor | null,
  beta: Tensor,
  { likelihood, weight, reduction = 'mean' }: ObjectiveConfig,
  weights: Tensor | null = null,
): VaeLoss {
  if (!(weight > 0)) throw new ShapeError(`objective: weight ${weight}; it must be above 0`);
  const out = model.forward(x, eps, label, decoderOutput(likelihood));
  const each = exampleError(out.reconstruction, x, likelihood);
  const error = weights ? mul(each, weights) : each;
  const D = x.size / x.shape[0];
  const kind = likelihood === 'optimal' ? 'optimal' : 'weighted';
  const w = likelihood === 'fixed' ? weight : 1;
  const scale = reduction === 'sum' ? x.shape[0] : 1;
  return { ...out, ...elbo(error, out.kl, beta, { kind, weight: w, D, scale }) };
}

// A fully connected VAE of a few numbers, and the same in float64 from its weights, written to be read.

import { type Dataset, inMemory, type Split } from '../../src/model/dataset.ts';
import type { Likelihood } from '../../src/model/objective.ts';
import { type Engine, type HostArray, Random, Vae } from '../../src/node.ts';

export const shape = [4, 6] as const;
export const D = 24;
export const latent = 2;
export const classes = 3;

/** Examples of noise, their labels in turn. */
export function noisy(count: number): Dataset & { test: Split } {
  const x = new Random(4, 'examples').uniform(0, count * D);
  const label = Int32Array.from({ length: count }, (_, i) => i % classes);
  const names = Array.from({ length: count }, (_, i) => `${i}`);
  const test = { count, read: inMemory(x, D), label, names };
  return { shape, dynamicRange: null, labels: ['a', 'b', 'c'], train: test, valid: null, test };
}

/** The first `count` examples of a dataset. */
export function someOf({ test }: { test: Split }, count: number): Split {
  return { ...test, count, label: test.label.subarray(0, count) };
}

/** Weights larger than training starts from, so that z matters and the posterior is not the prior. */
export async function tinyVae(engine: Engine, conditional: boolean): Promise<Vae> {
  const ends = { inputs: shape[0], frames: shape[1], latent, classes: conditional ? classes : 0 };
  const vae = new Vae(engine, { network: 'mlp', widths: [5], ...ends }, 3);
  const state = await vae.params.state();
  for (const [name, { data }] of Object.entries(state))
    data.forEach((v, i) => {
      data[i] = v * (/mu/.test(name) ? 3 : 1.7);
    });
  vae.params.load(state, 'tiny');
  return vae;
}

export type Weights = Record<string, HostArray>;

function linear(weights: Weights, name: string, x: readonly number[]): number[] {
  const { data, shape } = weights[`${name}.weight`];
  return Array.from(weights[`${name}.bias`].data, (b, o) =>
    x.reduce((sum, v, i) => sum + v * data[o * shape[1] + i], b),
  );
}

const relu = (x: readonly number[]) => x.map((v) => Math.max(0, v));

export function encode(weights: Weights, x: ArrayLike<number>, hot: readonly number[]) {
  const h = relu(linear(weights, 'encoder.0', [...Array.from(x), ...hot]));
  return { mu: linear(weights, 'mu', h), logVar: linear(weights, 'logvar', h) };
}

/** Error of the decoded z: SSE of the sigmoid, or cross-entropy. */
export function errorOf(
  weights: Weights,
  z: readonly number[],
  x: ArrayLike<number>,
  hot: readonly number[],
  likelihood: Likelihood,
): number {
  const logits = linear(weights, 'decoder.1', relu(linear(weights, 'decoder.0', [...z, ...hot])));
  return logits.reduce((sum, l, i) => {
    if (likelihood === 'bernoulli')
      return sum + Math.max(l, 0) - l * x[i] + Math.log1p(Math.exp(-Math.abs(l)));
    return sum + (1 / (1 + Math.exp(-l)) - x[i]) ** 2;
  }, 0);
}

export const hotOf = (label: number | null) =>
  label === null ? [] : Array.from({ length: classes }, (_, i) => (i === label ? 1 : 0));

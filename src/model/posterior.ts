// Many samples of z for each example, decoded: what the IWAE bound and anomaly scores are made of. Examples come in
// groups and samples in blocks, so that about 2^20 decoded values are in work at once, whether there are many examples
// with one sample or one with many. Noise is keyed by (seed, stream, the example's number): an example's samples
// depend neither on the blocks nor on how many are asked for.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import type { HostArray, Tensor } from '../engine/tensor.ts';
import { add, embedding, mul, reparameterize, reshape, square, sub, sum } from '../shaders/index.ts';
import { type Dataset, gather, oneHot, type Split } from './dataset.ts';
import { decoderOutput, exampleError, type Likelihood } from './objective.ts';
import type { Vae } from './vae.ts';

/** A block of S samples for each of E examples. */
export interface SampleBlock {
  /** (E, S) error of each decoded sample, as `exampleError`. */
  error: Tensor;
  /** (E, S) log p(z) - log q(z | x). */
  ratio: Tensor;
  /** (E, S) KL of the posterior to the prior, exact, nats: the same for all samples of an example. */
  kl: Tensor;
}

export interface SamplingPlan {
  likelihood: Likelihood;
  /** Samples of z for each example. */
  samples: number;
  seed: number;
  /** Name of the noise. */
  stream: string;
  /** Label to take for all examples, instead of each one's own. */
  label?: number;
  /** Stops between two groups. */
  signal?: AbortSignal;
}

export const mostSamples = 100_000;
/** Decoded values of a block. */
const blockValues = 2 ** 20;
/** Blocks whose results are read together. */
const readTogether = 16;

/** @throws ShapeError for a number of samples that is none. */
export function checkSamples(where: string, samples: number): void {
  if (!Number.isInteger(samples) || samples < 1 || samples > mostSamples)
    throw new ShapeError(`${where}: ${samples} samples; give a whole number from 1 to ${mostSamples}`);
}

/**
 * Runs through all samples of all examples.
 * @param reduce a block to the tensors that are read of it, each (E) or (E, ...)
 * @param take what was read: the numbers of its examples, its samples, and the values
 * @throws ShapeError for samples that are none, the signal's reason.
 */
export async function throughSamples(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  plan: SamplingPlan,
  reduce: (block: SampleBlock) => Tensor[],
  take: (examples: { first: number; count: number }, samples: number, values: Float32Array[]) => void,
): Promise<void> {
  const { samples, signal } = plan;
  checkSamples(plan.stream, samples);
  const { latent, classes } = model.config;
  const rows = Math.max(1, Math.floor(blockValues / (data.shape[0] * data.shape[1])));
  const S = Math.ceil(samples / Math.ceil(samples / rows));
  const E = Math.max(1, Math.floor(rows / samples));
  const noise = new Random(plan.seed, plan.stream);
  let waiting: { first: number; count: number; samples: number; out: Tensor[] }[] = [];
  const flush = async () => {
    const all = await engine.read(waiting.flatMap(({ out }) => out));
    for (const t of waiting.flatMap(({ out }) => out)) t.dispose();
    for (const { first, count, samples, out } of waiting)
      take({ first, count }, samples, all.splice(0, out.length));
    waiting = [];
  };
  for (let first = 0; first < split.count; first += E) {
    signal?.throwIfAborted();
    const count = Math.min(E, split.count - first);
    const indices = Array.from({ length: count }, (_, i) => first + i);
    const { x, label } = gather(data, split, indices, plan.label === undefined ? classes : 0);
    const fixed = plan.label === undefined ? undefined : oneHot(Array(count).fill(plan.label), classes);
    const given: Group = { x, label: label ?? fixed };
    const eps = indices.map((i) => noise.normal(i, samples * latent));
    for (let done = 0; done < samples; done += S) {
      const some = Math.min(S, samples - done);
      const part = new Float32Array(count * some * latent);
      eps.forEach((e, i) => {
        part.set(e.subarray(done * latent, (done + some) * latent), i * some * latent);
      });
      const out = engine.scope(() =>
        engine.noGrad(() => reduce(sampleBlock(engine, model, given, part, some, plan.likelihood))),
      );
      waiting.push({ first, count, samples: some, out });
      if (waiting.length === readTogether) await flush();
    }
  }
  await flush();
}

interface Group {
  x: HostArray;
  label?: HostArray;
}

/** Encodes E examples and decodes S samples of each. @param noise (E, S, latent) */
function sampleBlock(
  engine: Engine,
  model: Vae,
  group: Group,
  noise: Float32Array,
  S: number,
  likelihood: Likelihood,
): SampleBlock {
  const tensor = ({ data, shape }: HostArray) => engine.tensor(data, shape);
  const x = tensor(group.x);
  const label = group.label ? tensor(group.label) : null;
  const E = x.shape[0];
  const rows = engine.tensor(Float32Array.from({ length: E * S }, (_, i) => Math.floor(i / S)));
  const each = (t: Tensor) => reshape(embedding(rows, reshape(t, [E, -1])), [E * S, ...t.shape.slice(1)]);
  const { mu, logVar } = model.encode(x, label);
  const logVars = each(logVar);
  const eps = engine.tensor(noise, logVars.shape);
  const { z, kl } = reparameterize(each(mu), logVars, eps);
  const decoded = model.decode(z, label && each(label), decoderOutput(likelihood));
  const error = exampleError(decoded, each(x), likelihood);
  // The constants of both normal densities cancel.
  const ratio = mul(sum(sub(add(square(eps), logVars), square(z)), [1]), 0.5);
  const blocks = [error, ratio, kl].map((t) => reshape(t, [E, S]));
  return { error: blocks[0], ratio: blocks[1], kl: blocks[2] };
}

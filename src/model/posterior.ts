// Many samples of z for each example, decoded: what the IWAE bound and anomaly scores are made of. Examples come in
// groups and samples in blocks, so that about 2^20 decoded values are in work at once, whether there are many examples
// with one sample or one with many. Noise is keyed by (seed, stream, the example's number): an example's samples
// depend neither on the blocks nor on how many are asked for. Blocks of one size are a captured step.

import type { Capture, Inputs } from '../engine/capture.ts';
import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import type { Tensor } from '../engine/tensor.ts';
import { add, embedding, mul, reparameterize, reshape, square, sub, sum } from '../shaders/index.ts';
import { conditionsOf, type Dataset, gather, type Split, speakersOf } from './dataset.ts';
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
  const { latent } = model.config;
  const rows = Math.max(1, Math.floor(blockValues / (data.shape[0] * data.shape[1])));
  const S = Math.ceil(samples / Math.ceil(samples / rows));
  const E = Math.max(1, Math.floor(rows / samples));
  const noise = new Random(plan.seed, plan.stream);
  const captures = new Map<string, Capture<Tensor[]>>();
  const run = (inputs: Inputs, count: number, some: number) => {
    const key = `${plan.stream} of ${count} x ${some}`;
    const step = (given: Record<string, Tensor>) =>
      engine.noGrad(() => reduce(sampleBlock(model, given, some, plan.likelihood)));
    const capture = captures.get(key) ?? engine.capture(key, step);
    captures.set(key, capture);
    return capture.run(inputs);
  };
  // A block is read when the noise of the next one is drawn: before it runs, as both have the same buffers.
  let flush = async () => {};
  try {
    for (let first = 0; first < split.count; first += E) {
      signal?.throwIfAborted();
      const count = Math.min(E, split.count - first);
      const indices = Array.from({ length: count }, (_, i) => first + i);
      const given = plan.label;
      const { x, label: own } = gather(
        data,
        split,
        indices,
        given === undefined ? model.config : { classes: 0 },
      );
      const who = () => speakersOf(data, split, indices, model.config);
      const label = given === undefined ? own : conditionsOf(model.config, Array(count).fill(given), who());
      const eps = indices.map((i) => noise.normal(i, samples * latent));
      for (let done = 0; done < samples; done += S) {
        const some = Math.min(S, samples - done);
        const part = new Float32Array(count * some * latent);
        eps.forEach((e, i) => {
          part.set(e.subarray(done * latent, (done + some) * latent), i * some * latent);
        });
        const rows = Float32Array.from({ length: count * some }, (_, i) => Math.floor(i / some));
        const inputs = {
          x,
          eps: { data: part, shape: [count * some, latent] },
          rows: { data: rows, shape: [count * some] },
          ...(label ? { label } : {}),
        };
        await flush();
        const out = run(inputs, count, some);
        flush = async () => take({ first, count }, some, await engine.read(out));
      }
    }
    await flush();
  } finally {
    for (const capture of captures.values()) capture.dispose();
  }
}

/**
 * Encodes E examples and decodes S samples of each.
 * @param inputs x (E, ...), label (E, classes) or none, eps (E S, latent), rows (E S) the example of each sample
 */
function sampleBlock(
  model: Vae,
  { x, label, eps, rows }: Record<string, Tensor>,
  S: number,
  likelihood: Likelihood,
): SampleBlock {
  const E = x.shape[0];
  const each = (t: Tensor) => reshape(embedding(rows, reshape(t, [E, -1])), [E * S, ...t.shape.slice(1)]);
  const { mu, logVar } = model.encode(x, label ?? null);
  const logVars = each(logVar);
  const { z, kl } = reparameterize(each(mu), logVars, eps);
  const decoded = model.decode(z, label ? each(label) : null, decoderOutput(likelihood));
  const error = exampleError(decoded, each(x), likelihood);
  // The constants of both normal densities cancel.
  const ratio = mul(sum(sub(add(square(eps), logVars), square(z)), [1]), 0.5);
  const blocks = [error, ratio, kl].map((t) => reshape(t, [E, S]));
  return { error: blocks[0], ratio: blocks[1], kl: blocks[2] };
}

// Figures of a model on a split: the negative ELBO with one sample of z an example, split into its two terms, and the
// error of the reconstruction at z = mu over all bins. Noise is keyed by the seed, so a split always gives the same.
// Examples are measured one by one first; what is said of a split, or of a label's part of it, are their means.
// `evaluate` is what training says after each epoch; `assess` adds what takes longer or more room.

import type { Engine } from '../engine/engine.ts';
import { Random } from '../engine/random.ts';
import { bceWithLogits, mse, reparameterize } from '../shaders/index.ts';
import { inChunks } from './chunks.ts';
import type { Dataset, Split } from './dataset.ts';
import { iwaeBound } from './iwae.ts';
import {
  decoderOutput,
  exampleError,
  natsOf,
  type ObjectiveConfig,
  reconstructionTerm,
} from './objective.ts';
import type { Vae } from './vae.ts';

/** Figures of a split, means over its examples. */
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

/** What is said of a split, or of the examples of one label. */
export interface PartFigures extends Omit<Evaluation, 'activeUnits'> {
  /** Examples. */
  count: number;
  /** Binary cross-entropy at z = mu, nats an example; for values that are no levels (images). */
  bce?: number;
  /** Importance-weighted bound on -log p(x), nats an example. */
  iwae?: number;
}

export interface Assessment extends PartFigures, Evaluation {
  /** What turns recon, negElbo and iwae into -log of a density of x in [0, 1]: to be added; see objective.ts. */
  constant: number;
  /** KL of each latent unit, nats an example, in the model's order. */
  unitKl: number[];
  /** Samples of `iwae`. */
  iwaeSamples?: number;
  /** By label in the data's order; empty without labels. Their means are the split's: one variance for all. */
  labels: (PartFigures & { label: string })[];
}

/** How examples are judged. */
export interface AssessOptions {
  seed: number;
  /** K of the importance-weighted bound; none without. */
  iwae?: number;
  /** Ends the IWAE bound early. */
  signal?: AbortSignal;
}

/** Examples by themselves: (count) each, `mu` and `logVar` (count, latent). */
interface Measures {
  mu: Float32Array;
  logVar: Float32Array;
  kl: Float32Array;
  error: Float32Array;
  squares: Float32Array;
  bce: Float32Array | null;
}

/** Evaluates a split, a chunk of examples at a time. */
export async function evaluate(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  objective: ObjectiveConfig,
  seed: number,
): Promise<Evaluation> {
  const measures = await measure(engine, model, data, split, objective, seed, false);
  return evaluation(measures, data, model.config.latent, objective);
}

/**
 * As `evaluate`, with the same figures, and more of them: by label, by latent unit, and the IWAE bound if asked for.
 * @throws ShapeError unless iwae is a whole number from 1 to 100,000; the signal's reason.
 */
export async function assess(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  objective: ObjectiveConfig,
  options: AssessOptions,
): Promise<Assessment> {
  return (await examine(engine, model, data, split, objective, options)).assessment;
}

/** Of one example: nats, and errors over all its elements. Their means are the split's. */
export type ExampleFigures = Omit<Evaluation, 'activeUnits'>;

/** As `assess`, with the figures of every example, in the split's order. Throws as `assess`. */
export async function examine(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  objective: ObjectiveConfig,
  { seed, iwae: samples, signal }: AssessOptions,
): Promise<{ assessment: Assessment; examples: ExampleFigures[] }> {
  const D = data.shape[0] * data.shape[1];
  const measures = await measure(engine, model, data, split, objective, seed, data.dynamicRange === null);
  const nats = natsOf(mean(measures.error), D, objective);
  const { likelihood } = objective;
  const bounds =
    samples === undefined
      ? null
      : await iwaeBound(engine, model, data, split, { likelihood, nats, samples, seed, signal });
  const part = (examples: readonly number[] | null): PartFigures => {
    const recon = nats.factor * mean(measures.error, examples) + nats.offset;
    const kl = mean(measures.kl, examples);
    return {
      count: examples?.length ?? split.count,
      ...{ negElbo: recon + kl, recon, kl },
      ...squaredError(mean(measures.squares, examples), data),
      ...(measures.bce ? { bce: mean(measures.bce, examples) } : {}),
      ...(bounds ? { iwae: mean(bounds, examples) } : {}),
    };
  };
  const labels = data.labels.flatMap((label, index) => {
    const examples = Array.from(split.label.keys()).filter((i) => split.label[i] === index);
    return examples.length > 0 ? [{ label, ...part(examples) }] : [];
  });
  const assessment = {
    ...part(null),
    ...evaluation(measures, data, model.config.latent, objective),
    constant: nats.constant,
    unitKl: unitKl(measures, model.config.latent),
    ...(samples === undefined ? {} : { iwaeSamples: samples }),
    labels,
  };
  const examples = Array.from(measures.kl, (kl, i): ExampleFigures => {
    const recon = nats.factor * measures.error[i] + nats.offset;
    return { negElbo: recon + kl, recon, kl, ...squaredError(measures.squares[i], data) };
  });
  return { assessment, examples };
}

async function measure(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  objective: ObjectiveConfig,
  seed: number,
  withBce: boolean,
): Promise<Measures> {
  const { latent } = model.config;
  const noise = new Random(seed, 'evaluate');
  const [mu, logVar, kl, error, squares, bce] = await inChunks(
    engine,
    model,
    data,
    split,
    ({ x, label, number }) => {
      const B = x.shape[0];
      const { mu, logVar } = model.encode(x, label);
      const eps = engine.tensor(noise.normal(number, B * latent), [B, latent]);
      const { z, kl } = reparameterize(mu, logVar, eps);
      const sampled = model.decode(z, label, decoderOutput(objective.likelihood));
      const error = exampleError(sampled, x, objective.likelihood);
      const squares = mse(model.decode(mu, label), x);
      const bce = withBce ? [bceWithLogits(model.decode(mu, label, 'logits'), x)] : [];
      return [mu, logVar, kl, error, squares, ...bce];
    },
  );
  return { mu, logVar, kl, error, squares, bce: bce ?? null };
}

/** Of all values, or of those at some places, in float64. */
function mean(values: Float32Array | Float64Array, at: readonly number[] | null = null): number {
  let sum = 0;
  if (at) for (const i of at) sum += values[i];
  else for (const v of values) sum += v;
  return sum / (at ?? values).length;
}

function squaredError(squares: number, { shape, dynamicRange }: Dataset): { mse: number; dbRmse?: number } {
  const error = squares / (shape[0] * shape[1]);
  return { mse: error, ...(dynamicRange === null ? {} : { dbRmse: dynamicRange * Math.sqrt(error) }) };
}

function evaluation(m: Measures, data: Dataset, latent: number, objective: ObjectiveConfig): Evaluation {
  const recon = reconstructionTerm(mean(m.error), data.shape[0] * data.shape[1], objective);
  const kl = mean(m.kl);
  return {
    negElbo: recon + kl,
    recon,
    kl,
    ...squaredError(mean(m.squares), data),
    activeUnits: activeUnits(m.mu, latent),
  };
}

function activeUnits(mu: Float32Array, latent: number): number {
  const n = mu.length / latent;
  const means = new Float64Array(latent);
  const squares = new Float64Array(latent);
  mu.forEach((v, i) => {
    means[i % latent] += v;
    squares[i % latent] += v ** 2;
  });
  return means.filter((m, i) => squares[i] / n - (m / n) ** 2 > 0.01).length;
}

/**
 * How much each latent says: its part of the KL term, 1/2 (mu^2 + s^2 - 1 - log s^2), as the mean over a split. A latent
 * that the model does not use has 0.
 * @returns (latent) nats
 */
export async function klPerUnit(engine: Engine, model: Vae, data: Dataset, split: Split): Promise<number[]> {
  const [mu, logVar] = await inChunks(engine, model, data, split, ({ x, label }) => {
    const { mu, logVar } = model.encode(x, label);
    return [mu, logVar];
  });
  return unitKl({ mu, logVar }, model.config.latent);
}

function unitKl({ mu, logVar }: Pick<Measures, 'mu' | 'logVar'>, latent: number): number[] {
  const sums = new Array<number>(latent).fill(0);
  mu.forEach((m, i) => {
    sums[i % latent] += 0.5 * (m * m + Math.exp(logVar[i]) - 1 - logVar[i]);
  });
  return sums.map((sum) => (sum * latent) / mu.length);
}

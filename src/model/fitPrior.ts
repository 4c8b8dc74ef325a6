// Fits the prior that samples are drawn from, see prior.ts, to where a model puts its training examples.

import type { Engine } from '../engine/engine.ts';
import { Random } from '../engine/random.ts';
import { inChunks } from './chunks.ts';
import { type Dataset, type Split, spread } from './dataset.ts';
import { fitMixture } from './mixture.ts';
import type { TrainConfig } from './presets.ts';
import type { Mixture } from './prior.ts';
import type { Vae } from './vae.ts';

/** Examples for each component at least; labels with few have fewer components. */
const leastEach = 10;
/** Examples that it is fitted to at most, spread over all. */
const mostExamples = 20_000;
/** How often an adapted model draws from its takes. */
const shareOfTakes = 0.5;

/**
 * Fits the prior to where a model puts examples.
 * @param components of each label at most
 */
export async function fitPrior(
  engine: Engine,
  model: Vae,
  data: Dataset,
  all: Split,
  components: number,
): Promise<Mixture> {
  const split = spread(all, mostExamples);
  const { latent: D, classes } = model.config;
  const [mu, logVar] = await inChunks(engine, model, data, split, ({ x, label }) => {
    const posterior = model.encode(x, label);
    return [posterior.mu, posterior.logVar];
  });
  const C = Math.max(1, classes);
  const prior = standardNormal(C, components, D);
  for (let c = 0; c < C; c++) {
    const own = classes === 0 ? allOf(split) : allOf(split).filter((i) => split.label[i] === c);
    if (own.length === 0) continue;
    const points = new Float32Array(own.length * D);
    const variance = new Float64Array(D);
    own.forEach((i, row) => {
      points.set(mu.subarray(i * D, (i + 1) * D), row * D);
      for (let d = 0; d < D; d++) variance[d] += Math.exp(logVar[i * D + d]) / own.length;
    });
    const K = Math.max(1, Math.min(components, Math.floor(own.length / leastEach)));
    const { weights, means, scale } = fitMixture(points, variance, K, new Random(0, `mixture ${c}`));
    prior.weight.data.fill(0, c * components, (c + 1) * components);
    prior.weight.data.set(weights, c * components);
    means.forEach((mean, k) => {
      prior.mean.data.set(mean, (c * components + k) * D);
    });
    prior.scale.data.set(scale, c * D * D);
  }
  return prior;
}

/**
 * The prior of a model that learnt a few takes: for each label that has some, every take is a component more, as wide as
 * the others, and all of them together are drawn as often as what was there before.
 */
export async function adaptedPrior(
  engine: Engine,
  model: Vae,
  data: Dataset,
  takes: Split,
  before: Mixture,
): Promise<Mixture> {
  const { latent: D, classes } = model.config;
  const [mu] = await inChunks(engine, model, data, takes, ({ x, label }) => [model.encode(x, label).mu]);
  const [C, K] = before.weight.shape;
  const own = Array.from({ length: C }, (_, c) =>
    allOf(takes).filter((i) => classes === 0 || takes.label[i] === c),
  );
  const wider = K + Math.max(...own.map((list) => list.length));
  const weight = { data: new Float32Array(C * wider), shape: [C, wider] };
  const mean = { data: new Float32Array(C * wider * D), shape: [C, wider, D] };
  own.forEach((list, c) => {
    const kept = list.length > 0 ? 1 - shareOfTakes : 1;
    for (let k = 0; k < K; k++) weight.data[c * wider + k] = kept * before.weight.data[c * K + k];
    mean.data.set(before.mean.data.subarray(c * K * D, (c + 1) * K * D), c * wider * D);
    list.forEach((i, n) => {
      const at = c * wider + K + n;
      weight.data[at] = shareOfTakes / list.length;
      mean.data.set(mu.subarray(i * D, (i + 1) * D), at * D);
    });
  });
  return { weight, mean, scale: before.scale };
}

/** What a model's file has of a prior: fitted to a split where the configuration asks for one. */
export async function ownPrior(
  engine: Engine,
  model: Vae,
  data: Dataset,
  split: Split,
  { mixture }: Pick<TrainConfig, 'mixture'>,
): Promise<{ prior?: Mixture }> {
  return mixture > 0 ? { prior: await fitPrior(engine, model, data, split, mixture) } : {};
}

const allOf = ({ count }: Split): number[] => Array.from({ length: count }, (_, i) => i);

function standardNormal(C: number, K: number, D: number): Mixture {
  return {
    weight: { data: Float32Array.from({ length: C * K }, (_, i) => Number(i % K === 0)), shape: [C, K] },
    mean: { data: new Float32Array(C * K * D), shape: [C, K, D] },
    scale: {
      data: Float32Array.from({ length: C * D * D }, (_, i) => Number((i % (D * D)) % (D + 1) === 0)),
      shape: [C, D, D],
    },
  };
}

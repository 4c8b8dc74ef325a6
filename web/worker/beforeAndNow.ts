// A model twice on a device, as it was before teaching and as it is now: what both make of takes, as features and as sound.

import type { FeatureSettings } from '../../src/audio/features.ts';
import { featuresToWaves } from '../../src/audio/inverse.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { HostArray } from '../../src/engine/tensor.ts';
import { buildModel, encodeModel, type ModelFile } from '../../src/model/checkpoint.ts';
import { inChunks } from '../../src/model/chunks.ts';
import { type Dataset, exampleOf, type Split } from '../../src/model/dataset.ts';
import { adaptedPrior } from '../../src/model/fitPrior.ts';
import { exampleShape } from '../../src/model/inputs.ts';
import { latentMap } from '../../src/model/latentMap.ts';
import type { Mixture } from '../../src/model/prior.ts';
import { Takes } from '../../src/model/takes.ts';
import type { Vae } from '../../src/model/vae.ts';
import type { Version } from '../teach/protocol.ts';

/** What the person is called among the voices of a model. */
export const voice = 'you';

/** A take as far as a model cares. */
export interface Example {
  x: Float32Array;
  label: number | null;
}

export class BeforeAndNow {
  readonly #engine: Engine;
  readonly #file: ModelFile;
  readonly #shape: [number, number];
  readonly #models: Record<Version, Vae>;
  #now: Record<string, HostArray>;

  /** @param now weights of the model as it is now */
  constructor(engine: Engine, file: ModelFile, now: Record<string, HostArray>, name: string) {
    this.#engine = engine;
    this.#file = file;
    this.#shape = exampleShape(file.features);
    this.#now = now;
    const before = buildModel(engine, file, name);
    this.#models = { before, now: buildModel(engine, { ...file, params: now }, name) };
  }

  load(now: Record<string, HostArray>): void {
    this.#now = now;
    this.#models.now.params.load(now);
  }

  /** Reconstructions at z = mu, features in [0, 1] each. */
  async through(version: Version, examples: readonly Example[]): Promise<Float32Array[]> {
    const model = this.#models[version];
    const data = this.#dataset(examples);
    const [values] = await inChunks(this.#engine, model, data, data.train, ({ x, label }) => [
      model.decode(model.encode(x, label).mu, label),
    ]);
    const size = values.length / examples.length;
    return examples.map((_, i) => values.slice(i * size, (i + 1) * size));
  }

  /** Mean squared errors of those. */
  async errors(version: Version, examples: readonly Example[]): Promise<number[]> {
    if (examples.length === 0) return [];
    const features = await this.through(version, examples);
    return examples.map(({ x }, i) => squaredError(x, features[i]));
  }

  /** Features as sound. */
  async wave(features: Float32Array): Promise<Float32Array> {
    const engine = this.#engine;
    const settings = this.#file.features as FeatureSettings;
    const waves = engine.scope(() =>
      engine.noGrad(() => featuresToWaves(engine, engine.tensor(features, [1, ...this.#shape]), settings)),
    );
    const wave = await waves.read();
    waves.dispose();
    return wave;
  }

  /**
   * The model as it is now, as a file; its map has the old examples, or the places it had where there are none at hand,
   * and a person's own as the voice `you`.
   */
  async file(old: Split | null, own: readonly Example[]): Promise<Uint8Array<ArrayBuffer>> {
    const replayed = Array.from({ length: old?.count ?? 0 }, (_, i) => ({
      x: exampleOf({ shape: this.#shape }, old as Split, i),
      label: old?.label[i] ?? null,
      speaker: old?.speakers?.[i] ?? null,
    }));
    const data = this.#dataset([...replayed, ...own]);
    const placed = await latentMap(this.#engine, this.#models.now, data, data.train.count);
    const kept = (old ? null : this.#file.map) ?? { mu: [], label: [], speaker: [] };
    const map = {
      mu: [...kept.mu, ...placed.mu],
      label: [...kept.label, ...placed.label],
      speaker: [...kept.speaker, ...placed.speaker],
    };
    return encodeModel({
      ...this.#file,
      params: this.#now,
      map,
      ...(await this.#prior(own)),
    }) as Uint8Array<ArrayBuffer>;
  }

  dispose(): void {
    for (const model of Object.values(this.#models)) model.params.dispose();
  }

  /** A fitted prior with a person's own examples in it. */
  async #prior(own: readonly Example[]): Promise<{ prior?: Mixture }> {
    const { prior } = this.#file;
    if (!prior || own.length === 0) return {};
    const data = this.#dataset(own);
    return { prior: await adaptedPrior(this.#engine, this.#models.now, data, data.train, prior) };
  }

  #dataset(examples: readonly (Example & { speaker?: string | null })[]): Dataset {
    const { config, labels, speakers } = this.#file;
    const classes = config.model === 'cvae' ? labels.length : 0;
    const train = new Takes(this.#shape, classes);
    for (const { x, label, speaker = voice } of examples)
      train.add({ x, label: classes > 0 ? label : null, speaker });
    return { shape: this.#shape, dynamicRange: null, labels, speakers, train, valid: null, test: null };
  }
}

function squaredError(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum / a.length;
}

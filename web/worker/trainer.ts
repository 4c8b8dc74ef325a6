// A training run on the device: made from a dataset and, where it went on before, a state; advanced an event at a time, so
// that whoever waits for the device gets it in between.

import { type FeatureSettings, frameCount } from '../../src/audio/features.ts';
import { featuresToWaves } from '../../src/audio/inverse.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { ModelInfo } from '../../src/model/checkpoint.ts';
import { encodeModel } from '../../src/model/checkpoint.ts';
import { conditionsOf, type Dataset } from '../../src/model/dataset.ts';
import { ownPrior } from '../../src/model/fitPrior.ts';
import { latentMap } from '../../src/model/latentMap.ts';
import { priorDraw } from '../../src/model/sampling.ts';
import { type TrainEvent, Trainer, type TrainState } from '../../src/model/trainer.ts';
import type { Pictures, Sound } from '../protocol.ts';

/** Pictures of a model without labels. */
const samplesOfVae = 6;

export class Run {
  readonly engine: Engine;
  readonly trainer: Trainer;
  readonly #info: ModelInfo;
  readonly #data: Dataset;
  readonly #events: AsyncGenerator<TrainEvent>;

  constructor(engine: Engine, info: ModelInfo, data: Dataset, from: TrainState | null) {
    this.engine = engine;
    this.#info = info;
    this.#data = data;
    this.trainer = new Trainer(engine, info.config, data);
    if (from) this.trainer.load(from);
    this.#events = this.trainer.train();
  }

  /** Trains to the next event; null at the end. */
  async next(): Promise<TrainEvent | null> {
    const { value, done } = await this.#events.next();
    return done ? null : value;
  }

  /** The model's file, with a map of the training examples. */
  async model(): Promise<Uint8Array<ArrayBuffer>> {
    const { engine, trainer } = this;
    const { params } = await trainer.state();
    const { model } = trainer;
    const own = await trainer.playing(async () => ({
      map: await latentMap(engine, model, this.#data),
      ...(await ownPrior(engine, model, this.#data, this.#data.train, this.#info.config)),
    }));
    return encodeModel({ ...this.#info, params, ...own }) as Uint8Array<ArrayBuffer>;
  }

  get #count(): number {
    return this.trainer.model.config.classes || samplesOfVae;
  }

  /** z of picture i: that of the first clip of its label, or of clip i, that `formant generate` makes with the run's seed, where no prior is fitted. */
  #noise(i: number): Float32Array {
    const { model } = this.trainer;
    const { seed } = this.#info.config;
    const [label, index] = model.config.classes > 0 ? [i, 0] : [null, i];
    return priorDraw(model, { seed, label, temperature: 1 }, index);
  }

  /** Some z decoded: features, and their sound where it is wanted. */
  async #decode(indices: readonly number[], sound: boolean): Promise<Float32Array[]> {
    const { engine, trainer } = this;
    const { model } = trainer;
    const { latent, classes } = model.config;
    const settings = this.#info.features as FeatureSettings;
    const z = Float32Array.from(indices.flatMap((i) => [...this.#noise(i)]));
    const hot = classes > 0 ? conditionsOf(model.config, indices) : null;
    return trainer.playing(async () => {
      const made = engine.scope(() =>
        engine.noGrad(() => {
          const given = hot && engine.tensor(hot.data, hot.shape);
          const features = model.decode(engine.tensor(z, [indices.length, latent]), given);
          return sound ? [features, featuresToWaves(engine, features, settings)] : [features];
        }),
      );
      const values = await engine.read(made);
      for (const t of made) t.dispose();
      return values;
    });
  }

  async pictures(): Promise<Pictures> {
    const { inputs, frames } = this.trainer.model.config;
    const count = this.#count;
    const [features] = await this.#decode([...Array(count).keys()], false);
    return { features, count, rows: inputs, columns: frames };
  }

  async sound(index: number): Promise<Sound> {
    const start = performance.now();
    const settings = this.#info.features as FeatureSettings;
    const [features, wave] = await this.#decode([index], true);
    return {
      ...{ features, rows: settings.nMels, columns: frameCount(settings), wave },
      ...{ sampleRate: settings.sampleRate, ms: performance.now() - start },
    };
  }

  dispose(): void {
    if (!this.engine.lost) this.trainer.dispose();
  }
}

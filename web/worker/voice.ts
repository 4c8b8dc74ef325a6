// A model that is played, what the page is told about it, and its file, kept so that another device can take it over.

import type { Engine } from '../../src/engine/engine.ts';
import { decodeModel, type ModelFile } from '../../src/model/checkpoint.ts';
import { type DrawOptions, priorDraw } from '../../src/model/sampling.ts';
import { SoundModel } from '../../src/model/soundModel.ts';
import { pca } from '../../src/plot/projection.ts';
import type { ModelSummary, Plane, Point, Sound } from '../protocol.ts';

/** Fewer examples have no plane of their own. */
const fewestPlaces = 3;

export class Voice {
  readonly name: string;
  readonly file: ModelFile;
  readonly #bytes: number;
  readonly #model: SoundModel;
  readonly #engine: Engine;

  private constructor(engine: Engine, file: ModelFile, name: string, bytes: number) {
    this.name = name;
    this.file = file;
    this.#bytes = bytes;
    this.#engine = engine;
    this.#model = new SoundModel(engine, file, name);
  }

  /** @throws CheckpointError or DataError, in one sentence, for what is no model of sound. */
  static read(engine: Engine, bytes: Uint8Array, name: string): Voice {
    return new Voice(engine, decodeModel(bytes, name), name, bytes.length);
  }

  /** The same on another device. */
  on(engine: Engine): Voice {
    return new Voice(engine, this.file, this.name, this.#bytes);
  }

  async summary(): Promise<ModelSummary> {
    const { map = null } = this.file;
    const { latent } = this.#model;
    const spreads = map ? spreadsOf(map.mu, latent) : await this.#sensitivity();
    const dimensions = spreads
      .map((spread, index) => ({ index, spread }))
      .sort((a, b) => b.spread - a.spread || a.index - b.index);
    return {
      name: this.name,
      latent,
      ...{ parameters: this.#model.vae.params.count, bytes: this.#bytes, map, dimensions },
      sampleRate: this.#model.sampleRate,
      labels: [...this.#model.labels],
      plane: map && map.mu.length >= fewestPlaces ? planeOf(map.mu, latent) : axes(dimensions, latent),
    };
  }

  /** A z of the prior. */
  draw(options: DrawOptions, index: number): number[] {
    return Array.from(priorDraw(this.#model.vae, options, index));
  }

  /** @throws DataError for a point of another model. */
  async sound({ z, label }: Point): Promise<Sound> {
    const start = performance.now();
    const { sampleRate, shape } = this.#model;
    const sound = await this.#model.decode(z, label);
    return { ...sound, rows: shape[0], columns: shape[1], sampleRate, ms: performance.now() - start };
  }

  dispose(): void {
    this.#model.dispose();
  }

  /** How far the features move when a dimension goes from -1 to 1, the others at 0 and the labels mixed. */
  async #sensitivity(): Promise<number[]> {
    const { latent, classes } = this.#model.vae.config;
    const z = new Float32Array(2 * latent * latent);
    for (let i = 0; i < latent; i++) {
      z[2 * i * latent + i] = -1;
      z[(2 * i + 1) * latent + i] = 1;
    }
    const engine = this.#engine;
    const made = engine.scope(() =>
      engine.noGrad(() => {
        const even = this.#model.condition(classes > 0 ? Array(classes).fill(1 / classes) : null);
        const rows =
          even && Float32Array.from({ length: 2 * latent * even.length }, (_, i) => even[i % even.length]);
        const label = even && rows && engine.tensor(rows, [2 * latent, even.length]);
        return this.#model.vae.decode(engine.tensor(z, [2 * latent, latent]), label);
      }),
    );
    const values = await made.read();
    made.dispose();
    const size = values.length / (2 * latent);
    return Array.from({ length: latent }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += (values[(2 * i + 1) * size + k] - values[2 * i * size + k]) ** 2;
      return Math.sqrt(sum / size);
    });
  }
}

/** Standard deviation of each dimension. */
function spreadsOf(mu: readonly number[][], latent: number): number[] {
  return Array.from({ length: latent }, (_, i) => {
    const mean = mu.reduce((sum, row) => sum + row[i], 0) / Math.max(1, mu.length);
    return Math.sqrt(mu.reduce((sum, row) => sum + (row[i] - mean) ** 2, 0) / Math.max(1, mu.length));
  });
}

function planeOf(mu: readonly number[][], latent: number): Plane {
  if (latent < 2) return axes([{ index: 0, spread: 1 }], latent);
  const { mean, basis } = pca(mu.flat(), mu.length, latent);
  return { mean: [...mean], basis: [[...basis.subarray(0, latent)], [...basis.subarray(latent)]] };
}

/** The plane of the two dimensions that matter most; of a single one the second direction is nothing. */
function axes(dimensions: ModelSummary['dimensions'], latent: number): Plane {
  const unit = (at: number | undefined) => Array.from({ length: latent }, (_, i) => (i === at ? 1 : 0));
  return {
    mean: Array(latent).fill(0),
    basis: [unit(dimensions[0].index), unit(dimensions[1]?.index)],
  };
}

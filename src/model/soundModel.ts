// A trained model of sound, ready to play in a page or in Node: from the bytes of its file to samples, in one captured step
// of the decoder, the inverse of the features and nothing read back in between. What it says to a label, seed and index is
// what `formant generate` writes for them.

import { frameCount } from '../audio/features.ts';
import { featuresToWaves } from '../audio/inverse.ts';
import type { Capture } from '../engine/capture.ts';
import type { Engine } from '../engine/engine.ts';
import { DataError, ShapeError } from '../engine/errors.ts';
import type { Tensor } from '../engine/tensor.ts';
import { buildModel, decodeModel, type ModelFile } from './checkpoint.ts';
import { isImage } from './inputs.ts';
import { priorNoise } from './sampling.ts';
import type { Vae } from './vae.ts';

export interface SpeakOptions {
  /** Whole number that z is drawn by; default 0. */
  seed?: number;
  /** Number of the clip among those of this seed; default 0. */
  index?: number;
  /** Factor on z: 1, the default, samples the prior, 0 gives its mean. */
  temperature?: number;
}

/** What a point of the latent space sounds like. */
export interface DecodedSound {
  /** (mel bands, frames) in [0, 1], row-major. */
  features: Float32Array;
  /** Samples at the model's rate. */
  wave: Float32Array;
}

export class SoundModel {
  /** What the model's file says: configuration, features, labels, map; and its weights. */
  readonly file: ModelFile;
  /** The network with the weights, on the engine. */
  readonly vae: Vae;
  /** Rows and columns of a sound's features: mel bands and frames. */
  readonly shape: readonly [rows: number, columns: number];
  /** Hz. */
  readonly sampleRate: number;
  /** What `speak` takes; empty for a model without labels. */
  readonly labels: readonly string[];
  readonly #engine: Engine;
  readonly #name: string;
  readonly #record: () => Capture<[Tensor, Tensor]>;
  #capture: Capture<[Tensor, Tensor]> | null = null;

  /**
   * Puts a model on an engine.
   * @param name the file as errors call it
   * @throws DataError for a model of images; CheckpointError if weights and configuration do not fit each other
   */
  constructor(engine: Engine, file: ModelFile, name = 'model') {
    const { features } = file;
    if (isImage(features))
      throw new DataError(`${name}: is a model of images; this plays models of sound, decode it by its Vae`);
    this.file = file;
    this.vae = buildModel(engine, file, name);
    this.shape = [features.nMels, frameCount(features)];
    this.sampleRate = features.sampleRate;
    this.labels = file.config.model === 'cvae' ? file.labels : [];
    this.#engine = engine;
    this.#name = name;
    this.#record = () =>
      engine.capture('sound', ({ z, label }) =>
        engine.noGrad((): [Tensor, Tensor] => {
          const decoded = this.vae.decode(z, label ?? null);
          return [decoded, featuresToWaves(engine, decoded, features)];
        }),
      );
  }

  /** Numbers of a point in the latent space. */
  get latent(): number {
    return this.vae.config.latent;
  }

  /**
   * Says a label, or anything where the model has none.
   * @param label one of `labels`, null for a model without
   * @returns samples at `sampleRate`
   * @throws DataError for a label that the model does not know; ShapeError for a temperature below 0; DeviceError
   * if the device is lost
   */
  async speak(label: string | null, options: SpeakOptions = {}): Promise<Float32Array> {
    const { seed = 0, index = 0, temperature = 1 } = options;
    if (!(temperature >= 0)) throw new ShapeError(`speak: temperature ${temperature}; it must be 0 or more`);
    const number = label === null ? null : this.labels.indexOf(label);
    if (number === -1 || (number === null) !== (this.labels.length === 0))
      throw new DataError(
        `${this.#name}: cannot say ${label}; ` +
          (this.labels.length > 0
            ? `it knows the labels ${this.labels.join(', ')}`
            : 'it takes null, it has no labels'),
      );
    const z = priorNoise(seed, number, index, this.latent).map((v) => v * temperature);
    const mix = number === null ? null : this.labels.map((_, i) => (i === number ? 1 : 0));
    return (await this.decode(z, mix)).wave;
  }

  /**
   * The sound of a point.
   * @param z `latent` numbers
   * @param mix weight of each label, one-hot or any mixture; null for a model without labels
   * @throws DataError for another number of either; DeviceError if the device is lost
   */
  async decode(z: ArrayLike<number>, mix: ArrayLike<number> | null = null): Promise<DecodedSound> {
    const { latent, classes } = this.vae.config;
    if (z.length !== latent || (mix?.length ?? 0) !== classes)
      throw new DataError(
        `${this.#name}: takes ${latent} numbers of z and ${classes} of labels, not ${z.length} and ${mix?.length ?? 0}`,
      );
    this.#capture ??= this.#record();
    const given = mix && { label: { data: Float32Array.from(mix), shape: [1, classes] } };
    const out = this.#capture.run({ z: { data: Float32Array.from(z), shape: [1, latent] }, ...given });
    const [features, wave] = await this.#engine.read(out);
    return { features, wave };
  }

  /** Frees the model's buffers; not the engine, and nothing of one whose device is lost. */
  dispose(): void {
    if (this.#engine.lost) return;
    this.#capture?.dispose();
    this.vae.params.dispose();
  }
}

/**
 * A model that plays, from the bytes of a `model.safetensors`, of F32 or F16.
 * @param name the file as errors call it
 * @throws CheckpointError if the bytes are no model file of a version read here; DataError for a model of images
 */
export function loadModel(engine: Engine, bytes: Uint8Array | ArrayBuffer, name = 'model'): SoundModel {
  const view = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return new SoundModel(engine, decodeModel(view, name), name);
}

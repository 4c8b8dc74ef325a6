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
import { priorDraw } from './sampling.ts';
import type { Vae } from './vae.ts';

/** Which of the many ways to say a label. */
export interface SpeakOptions {
  /** Whole number that z is drawn by; default 0. */
  seed?: number;
  /** Number of the clip among those of this seed; default 0. */
  index?: number;
  /** Whose voice, of `speakers`; not given: the mean of all. */
  speaker?: string;
  /** Factor on the prior's spread: 1, the default, samples it; 0 gives its mean, or one of a mixture's means. */
  temperature?: number;
}

/** What a point of the latent space sounds like. */
export interface DecodedSound {
  /** (mel bands, frames) in [0, 1], row-major. */
  features: Float32Array;
  /** Samples at the model's rate. */
  wave: Float32Array;
}

/** A trained model of sound on an engine; see `loadModel`. */
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
  /** Voices that the model knows by name; empty for one that tells none apart. */
  readonly speakers: readonly string[];
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
    this.speakers = this.vae.config.speakers ? (file.speakers ?? []) : [];
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
   * @throws DataError for a label or speaker that the model does not know; ShapeError for a temperature below 0;
   * DeviceError if the device is lost
   */
  async speak(label: string | null, options: SpeakOptions = {}): Promise<Float32Array> {
    const { seed = 0, index = 0, speaker, temperature = 1 } = options;
    if (!(temperature >= 0)) throw new ShapeError(`speak: temperature ${temperature}; it must be 0 or more`);
    const number = this.#place('label', this.labels, label);
    const voice = speaker === undefined ? null : this.#place('speaker', this.speakers, speaker);
    const z = priorDraw(this.vae, { label: number, seed, temperature }, index);
    const one = (names: readonly string[], at: number | null) =>
      at === null ? null : names.map((_, i) => Number(i === at));
    return (await this.decode(z, one(this.labels, number), one(this.speakers, voice))).wave;
  }

  /**
   * The sound of a point.
   * @param z `latent` numbers
   * @param mix weight of each label, one-hot or any mixture; null for a model without labels
   * @param voices weight of each speaker, for a model that knows some; null: all alike
   * @throws DataError for another number of any; DeviceError if the device is lost
   */
  async decode(
    z: ArrayLike<number>,
    mix: ArrayLike<number> | null = null,
    voices: ArrayLike<number> | null = null,
  ): Promise<DecodedSound> {
    const { latent } = this;
    if (z.length !== latent)
      throw new DataError(`${this.#name}: takes ${latent} numbers of z, not ${z.length}`);
    const condition = this.condition(mix, voices);
    this.#capture ??= this.#record();
    const label = condition && { label: { data: condition, shape: [1, condition.length] } };
    const out = this.#capture.run({ z: { data: Float32Array.from(z), shape: [1, latent] }, ...label });
    const [features, wave] = await this.#engine.read(out);
    return { features, wave };
  }

  /**
   * What the network is told of labels and speakers, as `Vae.decode` takes it for one example; null where it takes none.
   * The parameters and errors are those of `decode`.
   */
  condition(mix: ArrayLike<number> | null, voices: ArrayLike<number> | null = null): Float32Array | null {
    const { classes, speakers = 0 } = this.vae.config;
    const whose = voices ?? Array<number>(speakers).fill(1 / speakers);
    if ((mix?.length ?? 0) !== classes || whose.length !== speakers)
      throw new DataError(
        `${this.#name}: takes weights of ${classes} labels and ${speakers} speakers, not ${mix?.length ?? 0} and ` +
          `${whose.length}`,
      );
    return mix && Float32Array.of(...Array.from(mix), ...Array.from(whose));
  }

  /** Where a name is among those that the model knows; null, where it knows none, is right. */
  #place(what: string, known: readonly string[], name: string | null): number | null {
    if (name === null && known.length === 0) return null;
    const at = name === null ? -1 : known.indexOf(name);
    if (at >= 0) return at;
    const rest = known.length > 0 ? `it knows ${known.join(', ')}` : 'it knows none';
    throw new DataError(`${this.#name}: no ${what} ${name}; ${rest}`);
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

// The VAE, and CVAE when there are classes, around any network of networks/: encoder, two heads mu and logvar, noise,
// decoder. Parameter names are those of the same model written in PyTorch, so that a state_dict can be exchanged.
// A condition is a row of `conditions` numbers: the label, one-hot, and weights of the speakers where the model knows
// some, one-hot or blended. The network is given the label and the sum of the speakers' embeddings by these weights.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { Parameters } from '../engine/params.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { concat, matmul, reparameterize, slice } from '../shaders/index.ts';
import { Embedding, type Init, Linear } from './layers.ts';
import { type Ends, type NetworkConfig, networkOf } from './networks/index.ts';
import { checkWhole, type Decoder, type Encoder } from './networks/network.ts';
import type { Mixture } from './prior.ts';

/** Network and ends of a VAE. */
export type VaeConfig = NetworkConfig & Ends;

/** What a forward pass gives. */
export interface VaeOutput {
  /** (B, inputs, frames): in (0, 1), or logits if the decoder was asked for them. */
  reconstruction: Tensor;
  mu: Tensor;
  logVar: Tensor;
  z: Tensor;
  /** (B) nats. */
  kl: Tensor;
}

export type DecoderOutput = 'sigmoid' | 'logits';

/** A VAE, or a CVAE where it has classes. */
export class Vae {
  readonly config: VaeConfig;
  readonly params: Parameters;
  /** What z is drawn from for samples; null: the standard normal, which is also what the KL is to. */
  prior: Mixture | null = null;
  readonly #encoder: Encoder;
  readonly #mu: Linear;
  readonly #logvar: Linear;
  readonly #decoder: Decoder;
  /** (speakers, speakerDim), of a model that knows speakers. */
  readonly #speakers: Embedding | null;
  /** Names of the parameters up to z. */
  readonly #encoding: ReadonlySet<string>;

  /**
   * Declares the model; its weights are drawn when they are first used.
   * @throws ShapeError if the configuration is impossible, or its weights are more than the device binds.
   */
  constructor(engine: Engine, config: VaeConfig, seed: number) {
    const { inputs, frames, latent, classes, speakers = 0, speakerDim = 0 } = config;
    checkWhole({ inputs, frames, latent, ...(speakers > 0 && { classes, speakers, speakerDim }) });
    if (!Number.isInteger(classes) || classes < 0)
      throw new ShapeError(`vae: classes ${classes}; it must be a whole number, 0 for none`);
    const network = networkOf(config);
    this.config = config;
    this.params = new Parameters(engine);
    const init: Init = { params: this.params, seed };
    const given = { ...config, classes: classes + speakerDim };
    this.#encoder = network.encoder(init, given);
    this.#mu = new Linear(init, 'mu', this.#encoder.width, latent);
    this.#logvar = new Linear(init, 'logvar', this.#encoder.width, latent);
    this.#encoding = new Set(this.params.tensors.keys());
    this.#decoder = network.decoder(init, given);
    this.#speakers = speakers > 0 ? new Embedding(init, 'speaker', speakers, speakerDim) : null;
    this.params.checkSize();
  }

  /**
   * @param x (B, inputs, frames)
   * @param label (B, conditions), for a CVAE: one-hot labels, and weights of speakers
   * @returns mu and logVar, (B, latent)
   */
  encode(x: Tensor, label: Tensor | null = null): { mu: Tensor; logVar: Tensor } {
    const { inputs, frames } = this.config;
    if (x.rank !== 3 || x.shape[1] !== inputs || x.shape[2] !== frames)
      throw new ShapeError(`vae: x ${shapeText(x.shape)}; this model takes (B, ${inputs}, ${frames})`);
    const h = this.#encoder.forward(x, this.#condition(label));
    return { mu: this.#mu.forward(h), logVar: this.#logvar.forward(h) };
  }

  /**
   * @param z (B, latent)
   * @param label (B, conditions), for a CVAE: one-hot labels, and weights of speakers
   * @returns (B, inputs, frames)
   */
  decode(z: Tensor, label: Tensor | null = null, output: DecoderOutput = 'sigmoid'): Tensor {
    return this.#decoder.forward(z, this.#condition(label), output === 'sigmoid' ? 'sigmoid' : 'none');
  }

  /** One pass with the given noise eps (B, latent). */
  forward(x: Tensor, eps: Tensor, label: Tensor | null = null, output: DecoderOutput = 'sigmoid'): VaeOutput {
    const { mu, logVar } = this.encode(x, label);
    const { z, kl } = reparameterize(mu, logVar, eps);
    return { reconstruction: this.decode(z, label, output), mu, logVar, z, kl };
  }

  /** Which part of the model a parameter is of. */
  part(name: string): 'encoder' | 'decoder' | 'speaker' {
    if (name.startsWith('speaker.')) return 'speaker';
    return this.#encoding.has(name) ? 'encoder' : 'decoder';
  }

  /** Numbers of a condition: classes, and speakers. 0: the model takes none. */
  get conditions(): number {
    return this.config.classes + (this.config.speakers ?? 0);
  }

  /** What the network joins to its own. */
  #condition(label: Tensor | null): Tensor | null {
    const { conditions } = this;
    if (conditions === 0 && label) throw new ShapeError('vae: a label was given to a model without classes');
    if (conditions > 0 && label?.shape[1] !== conditions)
      throw new ShapeError(
        `vae: this model is conditional; give labels (B, ${conditions}), not ${label ? shapeText(label.shape) : 'none'}`,
      );
    if (!this.#speakers || !label) return label;
    const { classes } = this.config;
    const voice = matmul(slice(label, 1, classes, conditions), this.#speakers.weight);
    return concat([slice(label, 1, 0, classes), voice], 1);
  }
}

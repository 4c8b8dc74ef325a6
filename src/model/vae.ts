// The VAE, and CVAE when there are classes, around any network of networks/: encoder, two heads mu and logvar, noise,
// decoder. Parameter names are those of the same model written in PyTorch, so that a state_dict can be exchanged.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { Parameters } from '../engine/params.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { reparameterize } from '../shaders/index.ts';
import { type Init, Linear } from './layers.ts';
import { type Ends, type NetworkConfig, networkOf } from './networks/index.ts';
import { checkWhole, type Decoder, type Encoder } from './networks/network.ts';

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

export class Vae {
  readonly config: VaeConfig;
  readonly params: Parameters;
  readonly #encoder: Encoder;
  readonly #mu: Linear;
  readonly #logvar: Linear;
  readonly #decoder: Decoder;
  /** Names of the parameters up to z. */
  readonly #encoding: ReadonlySet<string>;

  /**
   * Declares the model; its weights are drawn when they are first used.
   * @throws ShapeError if the configuration is impossible, or its weights are more than the device binds.
   */
  constructor(engine: Engine, config: VaeConfig, seed: number) {
    const { inputs, frames, latent, classes } = config;
    checkWhole({ inputs, frames, latent });
    if (!Number.isInteger(classes) || classes < 0)
      throw new ShapeError(`vae: classes ${classes}; it must be a whole number, 0 for none`);
    const network = networkOf(config);
    this.config = config;
    this.params = new Parameters(engine);
    const init: Init = { params: this.params, seed };
    this.#encoder = network.encoder(init, config);
    this.#mu = new Linear(init, 'mu', this.#encoder.width, latent);
    this.#logvar = new Linear(init, 'logvar', this.#encoder.width, latent);
    this.#encoding = new Set(this.params.tensors.keys());
    this.#decoder = network.decoder(init, config);
    this.params.checkSize();
  }

  /**
   * @param x (B, inputs, frames)
   * @param label one-hot (B, classes), for a CVAE
   * @returns mu and logVar, (B, latent)
   */
  encode(x: Tensor, label: Tensor | null = null): { mu: Tensor; logVar: Tensor } {
    const { inputs, frames } = this.config;
    if (x.rank !== 3 || x.shape[1] !== inputs || x.shape[2] !== frames)
      throw new ShapeError(`vae: x ${shapeText(x.shape)}; this model takes (B, ${inputs}, ${frames})`);
    this.#checkLabel(label);
    const h = this.#encoder.forward(x, label);
    return { mu: this.#mu.forward(h), logVar: this.#logvar.forward(h) };
  }

  /**
   * @param z (B, latent)
   * @param label one-hot (B, classes), for a CVAE
   * @returns (B, inputs, frames)
   */
  decode(z: Tensor, label: Tensor | null = null, output: DecoderOutput = 'sigmoid'): Tensor {
    this.#checkLabel(label);
    return this.#decoder.forward(z, label, output === 'sigmoid' ? 'sigmoid' : 'none');
  }

  /** One pass with the given noise eps (B, latent). */
  forward(x: Tensor, eps: Tensor, label: Tensor | null = null, output: DecoderOutput = 'sigmoid'): VaeOutput {
    const { mu, logVar } = this.encode(x, label);
    const { z, kl } = reparameterize(mu, logVar, eps);
    return { reconstruction: this.decode(z, label, output), mu, logVar, z, kl };
  }

  /** Which part of the model a parameter is of. */
  part(name: string): 'encoder' | 'decoder' {
    return this.#encoding.has(name) ? 'encoder' : 'decoder';
  }

  #checkLabel(label: Tensor | null): void {
    const { classes } = this.config;
    if (classes === 0 && label) throw new ShapeError('vae: a label was given to a model without classes');
    if (classes > 0 && label?.shape[1] !== classes)
      throw new ShapeError(
        `vae: this model is conditional; give labels (B, ${classes}), not ${label ? shapeText(label.shape) : 'none'}`,
      );
  }
}

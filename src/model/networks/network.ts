// What a network is to a VAE: an encoder up to the last hidden layer, before mu and logvar, and a decoder from z. Both
// may be given a condition (B, classes) that they join to what they take. A kind of network is a file here, and an
// entry in the table of index.ts.

import { ShapeError } from '../../engine/errors.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { concat } from '../../shaders/index.ts';
import type { Init } from '../layers.ts';

/** Sizes on both ends of a network, which its data and its latent space give. */
export interface Ends {
  /** Rows of an example: mel bands, or lines of an image. */
  inputs: number;
  /** Columns of an example: frames, or pixels of a line. */
  frames: number;
  /** Dimensions of z. */
  latent: number;
  /** Classes of the label for a CVAE, 0 for a VAE. */
  classes: number;
  /** Speakers that a CVAE knows, each by an embedding of `speakerDim` numbers; none if not given. */
  speakers?: number;
  speakerDim?: number;
}

/** Of the decoder's last layer: values in (0, 1), or logits. */
export type OutputActivation = 'sigmoid' | 'none';

export interface Encoder {
  /** Features of what `forward` gives. */
  readonly width: number;
  /** x (B, inputs, frames) to (B, width). */
  forward(x: Tensor, label: Tensor | null): Tensor;
}

export interface Decoder {
  /** z (B, latent) to (B, inputs, frames). */
  forward(z: Tensor, label: Tensor | null, output: OutputActivation): Tensor;
}

export interface Coders<Config> {
  /** @throws ShapeError for sizes that make no network. */
  check(config: Config): void;
  encoder(init: Init, config: Config): Encoder;
  decoder(init: Init, config: Config): Decoder;
}

/** h (B, n) with the label's columns after its own. */
export const joined = (h: Tensor, label: Tensor | null): Tensor => (label ? concat([h, label], 1) : h);

/** @throws ShapeError naming the size that is not a whole number of at least 1. */
export function checkWhole(sizes: Record<string, number>): void {
  for (const [name, n] of Object.entries(sizes))
    if (!Number.isInteger(n) || n < 1)
      throw new ShapeError(`vae: ${name} ${n}; it must be a whole number of at least 1`);
}

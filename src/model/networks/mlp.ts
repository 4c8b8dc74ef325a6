// The fully connected network of Kingma and Welling's paper and PyTorch's example, for images:
//   encoder   flatten x (+ condition); per width a linear layer, ReLU
//   decoder   z (+ condition); the widths in reverse, ReLU each; a linear layer to the size of x

import { ShapeError } from '../../engine/errors.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { reshape } from '../../shaders/index.ts';
import { type Init, Linear } from '../layers.ts';
import { type Coders, checkWhole, type Ends, joined, type OutputActivation } from './network.ts';

export interface MlpNetwork {
  network: 'mlp';
  /** Width of each hidden layer of the encoder; the decoder mirrors them. */
  widths: readonly number[];
}

type Config = MlpNetwork & Ends;

/** Linear layers from one width to the next. */
const chain = (init: Init, name: string, widths: readonly number[]): Linear[] =>
  widths.slice(1).map((width, i) => new Linear(init, `${name}.${i}`, widths[i], width));

class MlpEncoder {
  readonly width: number;
  readonly #layers: Linear[];

  constructor(init: Init, { inputs, frames, widths, classes }: Config) {
    this.width = widths[widths.length - 1];
    this.#layers = chain(init, 'encoder', [inputs * frames + classes, ...widths]);
  }

  forward(x: Tensor, label: Tensor | null): Tensor {
    let h = joined(reshape(x, [x.shape[0], -1]), label);
    for (const layer of this.#layers) h = layer.forward(h, 'relu');
    return h;
  }
}

class MlpDecoder {
  readonly #layers: Linear[];
  readonly #shape: readonly [number, number];

  constructor(init: Init, { inputs, frames, widths, latent, classes }: Config) {
    this.#shape = [inputs, frames];
    this.#layers = chain(init, 'decoder', [latent + classes, ...[...widths].reverse(), inputs * frames]);
  }

  forward(z: Tensor, label: Tensor | null, output: OutputActivation): Tensor {
    let h = joined(z, label);
    const last = this.#layers.length - 1;
    this.#layers.forEach((layer, i) => {
      h = layer.forward(h, i < last ? 'relu' : output);
    });
    return reshape(h, [z.shape[0], ...this.#shape]);
  }
}

export const mlp: Coders<Config> = {
  check: ({ widths }) => {
    if (widths.length === 0) throw new ShapeError('vae: widths is empty; give at least one hidden layer');
    for (const [i, width] of widths.entries()) checkWhole({ [`widths[${i}]`]: width });
  },
  encoder: (init, config) => new MlpEncoder(init, config),
  decoder: (init, config) => new MlpDecoder(init, config),
};

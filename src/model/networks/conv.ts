// The convolutional network, over time with the bands as channels:
//   encoder   per level conv1d (K, padding K/2), maxPool 2, ReLU; flatten (+ condition); fc, ReLU
//   decoder   z (+ condition); fc1, ReLU; fc2, ReLU; per level convTranspose1d (4, stride 2, padding 1), ReLU between
//             levels
// ReLU follows the pooling: max commutes with it, and there is half as much to do.

import { ShapeError } from '../../engine/errors.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { maxPool1d, reshape } from '../../shaders/index.ts';
import { Conv1d, ConvTranspose1d, type Init, Linear } from '../layers.ts';
import { type Coders, checkWhole, type Ends, joined, type OutputActivation } from './network.ts';

export interface ConvNetwork {
  network: 'conv';
  /** Output channels of each encoder level; the decoder mirrors them. */
  channels: readonly number[];
  /** Taps of the encoder's convolutions, odd. */
  kernel: number;
  /** Width of the fully connected layers. */
  hidden: number;
}

type Config = ConvNetwork & Ends;

class ConvEncoder {
  readonly width: number;
  readonly #conv: Conv1d[];
  readonly #fc: Linear;

  constructor(init: Init, config: Config) {
    const { inputs, channels, kernel, hidden, classes } = config;
    const widths = [inputs, ...channels];
    const padding = (kernel - 1) / 2;
    this.width = hidden;
    this.#conv = channels.map((C, i) => new Conv1d(init, `conv.${i}`, widths[i], C, kernel, { padding }));
    this.#fc = new Linear(init, 'fc', flatSize(config) + classes, hidden);
  }

  forward(x: Tensor, label: Tensor | null): Tensor {
    let h = x;
    for (const conv of this.#conv) h = maxPool1d(conv.forward(h), 2, { activation: 'relu' });
    return this.#fc.forward(joined(reshape(h, [x.shape[0], -1]), label), 'relu');
  }
}

class ConvDecoder {
  readonly #fc1: Linear;
  readonly #fc2: Linear;
  readonly #deconv: ConvTranspose1d[];
  /** Shape of one example before the levels. */
  readonly #inner: readonly [number, number];

  constructor(init: Init, config: Config) {
    const { inputs, frames, channels, hidden, latent, classes } = config;
    this.#inner = [channels[channels.length - 1], frames / 2 ** channels.length];
    this.#fc1 = new Linear(init, 'fc1', latent + classes, hidden);
    this.#fc2 = new Linear(init, 'fc2', hidden, flatSize(config));
    const down = [inputs, ...channels].reverse();
    this.#deconv = channels.map(
      (_, i) => new ConvTranspose1d(init, `deconv.${i}`, down[i], down[i + 1], 4, { stride: 2, padding: 1 }),
    );
  }

  forward(z: Tensor, label: Tensor | null, output: OutputActivation): Tensor {
    let h = this.#fc1.forward(joined(z, label), 'relu');
    h = reshape(this.#fc2.forward(h, 'relu'), [z.shape[0], ...this.#inner]);
    const last = this.#deconv.length - 1;
    this.#deconv.forEach((layer, i) => {
      h = layer.forward(h, i < last ? 'relu' : output);
    });
    return h;
  }
}

const flatSize = ({ channels, frames }: Config): number =>
  (channels[channels.length - 1] * frames) / 2 ** channels.length;

/** @throws ShapeError for sizes that make no network. */
function check(c: Config): void {
  checkWhole({ kernel: c.kernel, hidden: c.hidden });
  if (c.channels.length === 0) throw new ShapeError('vae: channels is empty; give at least one level');
  for (const [i, C] of c.channels.entries()) checkWhole({ [`channels[${i}]`]: C });
  if (c.kernel % 2 === 0)
    throw new ShapeError(`vae: kernel ${c.kernel}; it must be odd, so that it can be centred`);
  if (c.frames % 2 ** c.channels.length !== 0)
    throw new ShapeError(
      `vae: ${c.frames} frames do not halve ${c.channels.length} times; give at most ${Math.log2(c.frames & -c.frames)} channels`,
    );
}

export const conv: Coders<Config> = {
  check,
  encoder: (init, config) => new ConvEncoder(init, config),
  decoder: (init, config) => new ConvDecoder(init, config),
};

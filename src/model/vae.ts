// The convolutional VAE, and CVAE when there are classes:
//   encoder   per level conv1d (K, padding K/2), maxPool 2, ReLU; flatten (+ one-hot label); fc, ReLU; mu and logvar
//   decoder   z (+ one-hot label); fc1, ReLU; fc2, ReLU; per level convTranspose1d (4, stride 2, padding 1), ReLU
//             between levels, logits at the end, a sigmoid over them
// ReLU follows the pooling: max commutes with it, and there is half as much to do. Parameter names are those of the
// same model written in PyTorch, so that a state_dict can be exchanged.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { Parameters } from '../engine/params.ts';
import { type Shape, shapeText, sizeOf, type Tensor } from '../engine/tensor.ts';
import { concat, maxPool1d, reparameterize, reshape } from '../shaders/index.ts';
import { Conv1d, ConvTranspose1d, type Init, Linear } from './layers.ts';

export interface VaeConfig {
  /** Channels of the input: mel bands. */
  inputs: number;
  /** Length of the input: frames; divisible by 2 for every level. */
  frames: number;
  /** Output channels of each encoder level; the decoder mirrors them. */
  channels: readonly number[];
  /** Taps of the encoder's convolutions, odd. */
  kernel: number;
  /** Width of the fully connected layers. */
  hidden: number;
  /** Dimensions of z. */
  latent: number;
  /** Classes of the label for a CVAE, 0 for a VAE. */
  classes: number;
}

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
  readonly #conv: Conv1d[];
  readonly #fc: Linear;
  readonly #mu: Linear;
  readonly #logvar: Linear;
  readonly #fc1: Linear;
  readonly #fc2: Linear;
  readonly #deconv: ConvTranspose1d[];
  /** Shape of one example after the encoder's levels. */
  readonly #inner: readonly [number, number];

  /** @throws ShapeError if the configuration is impossible, or its weights are more than the device binds. */
  constructor(engine: Engine, config: VaeConfig, seed: number) {
    checkSize(engine, config);
    const { inputs, frames, channels, kernel, hidden, latent, classes } = config;
    this.config = config;
    this.params = new Parameters(engine);
    const init: Init = { params: this.params, seed };
    const widths = [inputs, ...channels];
    const padding = (kernel - 1) / 2;
    const last = channels[channels.length - 1];
    this.#inner = [last, frames / 2 ** channels.length];
    const flat = this.#inner[0] * this.#inner[1];
    this.#conv = channels.map((C, i) => new Conv1d(init, `conv.${i}`, widths[i], C, kernel, { padding }));
    this.#fc = new Linear(init, 'fc', flat + classes, hidden);
    this.#mu = new Linear(init, 'mu', hidden, latent);
    this.#logvar = new Linear(init, 'logvar', hidden, latent);
    this.#fc1 = new Linear(init, 'fc1', latent + classes, hidden);
    this.#fc2 = new Linear(init, 'fc2', hidden, flat);
    const down = [...widths].reverse();
    this.#deconv = channels.map(
      (_, i) => new ConvTranspose1d(init, `deconv.${i}`, down[i], down[i + 1], 4, { stride: 2, padding: 1 }),
    );
  }

  /**
   * @param x (B, inputs, frames)
   * @param label one-hot (B, classes), for a CVAE
   * @returns mu and logVar, (B, latent)
   */
  encode(x: Tensor, label: Tensor | null = null): { mu: Tensor; logVar: Tensor } {
    this.#checkInput(x);
    let h = x;
    for (const conv of this.#conv) h = maxPool1d(conv.forward(h), 2, { activation: 'relu' });
    h = this.#fc.forward(this.#withLabel(reshape(h, [x.shape[0], -1]), label), 'relu');
    return { mu: this.#mu.forward(h), logVar: this.#logvar.forward(h) };
  }

  /**
   * @param z (B, latent)
   * @param label one-hot (B, classes), for a CVAE
   * @returns (B, inputs, frames)
   */
  decode(z: Tensor, label: Tensor | null = null, output: DecoderOutput = 'sigmoid'): Tensor {
    let h = this.#fc1.forward(this.#withLabel(z, label), 'relu');
    h = reshape(this.#fc2.forward(h, 'relu'), [z.shape[0], ...this.#inner]);
    const last = this.#deconv.length - 1;
    this.#deconv.forEach((layer, i) => {
      h = layer.forward(h, i < last ? 'relu' : output === 'sigmoid' ? 'sigmoid' : 'none');
    });
    return h;
  }

  /** One pass with the given noise eps (B, latent). */
  forward(x: Tensor, eps: Tensor, label: Tensor | null = null, output: DecoderOutput = 'sigmoid'): VaeOutput {
    const { mu, logVar } = this.encode(x, label);
    const { z, kl } = reparameterize(mu, logVar, eps);
    return { reconstruction: this.decode(z, label, output), mu, logVar, z, kl };
  }

  #withLabel(h: Tensor, label: Tensor | null): Tensor {
    const { classes } = this.config;
    if (classes === 0) {
      if (label) throw new ShapeError('vae: a label was given to a model without classes');
      return h;
    }
    if (!label || label.shape[1] !== classes)
      throw new ShapeError(
        `vae: this model is conditional; give labels (B, ${classes}), not ${label ? shapeText(label.shape) : 'none'}`,
      );
    return concat([h, label], 1);
  }

  #checkInput(x: Tensor): void {
    const { inputs, frames } = this.config;
    if (x.rank !== 3 || x.shape[1] !== inputs || x.shape[2] !== frames)
      throw new ShapeError(`vae: x ${shapeText(x.shape)}; this model takes (B, ${inputs}, ${frames})`);
  }
}

/**
 * Names and shapes of the parameters of such a model, which is not built.
 * @throws ShapeError if the configuration is impossible.
 */
export function vaeShapes(config: VaeConfig): Record<string, Shape> {
  checkConfig(config);
  const { inputs, frames, channels, kernel, hidden, latent, classes } = config;
  const widths = [inputs, ...channels];
  const down = [...widths].reverse();
  const flat = (down[0] * frames) / 2 ** channels.length;
  const shapes: Record<string, Shape> = {};
  const layer = (name: string, weight: Shape, outputs: number) => {
    shapes[`${name}.weight`] = weight;
    shapes[`${name}.bias`] = [outputs];
  };
  const linear = (name: string, from: number, to: number) => layer(name, [to, from], to);
  for (const [i, C] of channels.entries()) layer(`conv.${i}`, [C, widths[i], kernel], C);
  linear('fc', flat + classes, hidden);
  linear('mu', hidden, latent);
  linear('logvar', hidden, latent);
  linear('fc1', latent + classes, hidden);
  linear('fc2', hidden, flat);
  for (const i of channels.keys()) layer(`deconv.${i}`, [down[i], down[i + 1], 4], down[i + 1]);
  return shapes;
}

/** Refuses by count, before initial values are drawn. */
function checkSize(engine: Engine, config: VaeConfig): void {
  const sizes = Object.entries(vaeShapes(config)).map(([name, shape]) => ({ name, shape, n: sizeOf(shape) }));
  const count = sizes.reduce((sum, { n }) => sum + n, 0);
  if (4 * count <= engine.maxBinding) return;
  const most = sizes.reduce((a, b) => (b.n > a.n ? b : a));
  throw new ShapeError(
    `vae: ${count} weights are ${4 * count} bytes, this device binds ${engine.maxBinding} at most; make hidden, latent ` +
      `or channels smaller (the largest is ${most.name} ${shapeText(most.shape)})`,
  );
}

function checkConfig(c: VaeConfig): void {
  const whole = [c.inputs, c.frames, c.kernel, c.hidden, c.latent, ...c.channels];
  if (!whole.every((n) => Number.isInteger(n) && n >= 1) || !Number.isInteger(c.classes) || c.classes < 0)
    throw new ShapeError(`vae: sizes must be whole numbers of at least 1: ${JSON.stringify(c)}`);
  if (c.channels.length === 0) throw new ShapeError('vae: channels is empty; give at least one level');
  if (c.kernel % 2 === 0)
    throw new ShapeError(`vae: kernel ${c.kernel}; it must be odd, so that it can be centred`);
  if (c.frames % 2 ** c.channels.length !== 0)
    throw new ShapeError(
      `vae: ${c.frames} frames do not halve ${c.channels.length} times; give at most ${Math.log2(c.frames & -c.frames)} channels`,
    );
}

// Layers: a few parameters under PyTorch's names, and the operation that uses them. Initial values are PyTorch's
// default, uniform in +-1 / sqrt(fan in) for weight and bias, from a stream of random numbers named after the layer.

import type { Parameters } from '../engine/params.ts';
import { Random } from '../engine/random.ts';
import type { Shape, Tensor } from '../engine/tensor.ts';
import { sizeOf } from '../engine/tensor.ts';
import type { Activation } from '../shaders/activation.ts';
import {
  type Conv1dOptions,
  type ConvTranspose1dOptions,
  conv1d,
  convTranspose1d,
} from '../shaders/conv1d.ts';
import { linear } from '../shaders/matmul.ts';

/** Where layers declare their parameters, and the seed of their initial values. */
export interface Init {
  params: Parameters;
  seed: number;
}

function uniform({ params, seed }: Init, name: string, shape: Shape, fanIn: number): Tensor {
  const bound = 1 / Math.sqrt(fanIn);
  const values = new Random(seed, `init ${name}`).uniform(0, sizeOf(shape)).map((x) => (2 * x - 1) * bound);
  return params.add(name, shape, values);
}

/** torch.nn.Linear: weight (outputs, inputs), bias (outputs). */
export class Linear {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(init: Init, name: string, inputs: number, outputs: number) {
    this.weight = uniform(init, `${name}.weight`, [outputs, inputs], inputs);
    this.bias = uniform(init, `${name}.bias`, [outputs], inputs);
  }

  /** x (..., inputs) to (..., outputs). */
  forward(x: Tensor, activation: Activation = 'none'): Tensor {
    return linear(x, this.weight, this.bias, activation);
  }
}

/** torch.nn.Conv1d: weight (Cout, Cin, K), bias (Cout). */
export class Conv1d {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly #options: Conv1dOptions;

  constructor(init: Init, name: string, Cin: number, Cout: number, K: number, options: Conv1dOptions = {}) {
    const { groups = 1 } = options;
    this.weight = uniform(init, `${name}.weight`, [Cout, Cin / groups, K], (Cin / groups) * K);
    this.bias = uniform(init, `${name}.bias`, [Cout], (Cin / groups) * K);
    this.#options = options;
  }

  /** x (B, Cin, T) to (B, Cout, T'). */
  forward(x: Tensor, activation: Activation = 'none'): Tensor {
    return conv1d(x, this.weight, this.bias, { ...this.#options, activation });
  }
}

/** torch.nn.ConvTranspose1d: weight (Cin, Cout, K), bias (Cout). Its fan in is Cout K, as PyTorch counts it. */
export class ConvTranspose1d {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly #options: ConvTranspose1dOptions;

  constructor(
    init: Init,
    name: string,
    Cin: number,
    Cout: number,
    K: number,
    options: ConvTranspose1dOptions = {},
  ) {
    const { groups = 1 } = options;
    this.weight = uniform(init, `${name}.weight`, [Cin, Cout / groups, K], (Cout / groups) * K);
    this.bias = uniform(init, `${name}.bias`, [Cout], (Cout / groups) * K);
    this.#options = options;
  }

  /** x (B, Cin, T) to (B, Cout, T'). */
  forward(x: Tensor, activation: Activation = 'none'): Tensor {
    return convTranspose1d(x, this.weight, this.bias, { ...this.#options, activation });
  }
}

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
import { embedding } from '../shaders/gather.ts';
import { linear } from '../shaders/matmul.ts';
import { batchNorm, groupNorm, layerNorm } from '../shaders/norm.ts';

/** Where layers declare their parameters, and the seed of their initial values. */
export interface Init {
  params: Parameters;
  seed: number;
}

function uniform({ params, seed }: Init, name: string, shape: Shape, fanIn: number): Tensor {
  const bound = 1 / Math.sqrt(fanIn);
  const draw = () => new Random(seed, `init ${name}`).uniform(0, sizeOf(shape));
  return params.add(name, shape, () => draw().map((x) => (2 * x - 1) * bound));
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

  /** x (B, Cin, T) to (B, Cout, T'), by the options' activation unless another is given. */
  forward(x: Tensor, activation: Activation | undefined = this.#options.activation): Tensor {
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

  /** x (B, Cin, T) to (B, Cout, T'), by the options' activation unless another is given. */
  forward(x: Tensor, activation: Activation | undefined = this.#options.activation): Tensor {
    return convTranspose1d(x, this.weight, this.bias, { ...this.#options, activation });
  }
}

/** Weight 1 and bias 0, as torch's normalisation layers start. */
function affine({ params }: Init, name: string, shape: Shape): { weight: Tensor; bias: Tensor } {
  return {
    weight: params.add(`${name}.weight`, shape, new Float32Array(sizeOf(shape)).fill(1)),
    bias: params.add(`${name}.bias`, shape, new Float32Array(sizeOf(shape))),
  };
}

/** torch.nn.BatchNorm1d: weight, bias, running_mean and running_var, (C) each. */
export class BatchNorm1d {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly running: { mean: Tensor; variance: Tensor };
  readonly #options: { momentum?: number; eps?: number };

  constructor(init: Init, name: string, C: number, options: { momentum?: number; eps?: number } = {}) {
    const { weight, bias } = affine(init, name, [C]);
    this.weight = weight;
    this.bias = bias;
    this.running = {
      mean: init.params.addBuffer(`${name}.running_mean`, [C], new Float32Array(C)),
      variance: init.params.addBuffer(`${name}.running_var`, [C], new Float32Array(C).fill(1)),
    };
    this.#options = options;
  }

  /** x (B, C, ...) by the batch's statistics, which move the running ones; or, not training, by the running ones. */
  forward(x: Tensor, training: boolean): Tensor {
    return batchNorm(x, this.weight, this.bias, { ...this.#options, running: this.running, training });
  }
}

/** torch.nn.GroupNorm: weight and bias (C). */
export class GroupNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly #groups: number;
  readonly #eps: number;

  constructor(init: Init, name: string, groups: number, C: number, eps = 1e-5) {
    const { weight, bias } = affine(init, name, [C]);
    this.weight = weight;
    this.bias = bias;
    this.#groups = groups;
    this.#eps = eps;
  }

  /** x (B, C, ...) to the same shape. */
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.#groups, this.weight, this.bias, this.#eps);
  }
}

/** torch.nn.LayerNorm: weight and bias of the shape normalised over. */
export class LayerNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly #eps: number;

  constructor(init: Init, name: string, shape: Shape, eps = 1e-5) {
    const { weight, bias } = affine(init, name, shape);
    this.weight = weight;
    this.bias = bias;
    this.#eps = eps;
  }

  /** x (..., shape) to the same shape. */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight.shape, this.weight, this.bias, this.#eps);
  }
}

/** torch.nn.Embedding: weight (N, D), standard normal at first. */
export class Embedding {
  readonly weight: Tensor;

  constructor({ params, seed }: Init, name: string, N: number, D: number) {
    const draw = () => new Random(seed, `init ${name}`).normal(0, N * D);
    this.weight = params.add(`${name}.weight`, [N, D], draw);
  }

  /** Whole numbers below N, any shape, to (..., D). */
  forward(index: Tensor): Tensor {
    return embedding(index, this.weight);
  }
}

// Activations that other kernels apply to their result before they store it (`activation: 'relu'` of linear,
// conv1d, convTranspose1d). Only functions whose derivative follows from y belong here, since x is never stored.

import { ShapeError } from '../engine/errors.ts';
import { pointwise } from '../engine/primitives.ts';
import type { Tensor } from '../engine/tensor.ts';
import { hyperbolicTangent, over, rectified, sigmoid } from './functions.ts';

/** What convolutions and linear layers apply to their result in the same kernel. */
export type Activation = 'none' | 'relu' | 'sigmoid' | 'tanh';

const activations: readonly string[] = ['none', 'relu', 'sigmoid', 'tanh'];

/** @throws ShapeError for an activation that is none of ours. */
export function checkActivation(op: string, activation: string): void {
  if (!activations.includes(activation))
    throw new ShapeError(
      `${op}: activation ${activation}; choose one of ${activations.join(', ')}, or apply it afterwards`,
    );
}

/** WGSL of f over an expression of type T (`f32` or `vec4f`). */
export function activate(activation: Activation, x: string, T: 'f32' | 'vec4f'): string {
  if (activation === 'relu') return rectified(`(${x})`, T);
  if (activation === 'sigmoid') return `sigmoid(${x})`;
  if (activation === 'tanh') return `hyperbolicTangent(${x})`;
  return x;
}

/** Functions that `activate` names, over T. */
export function activationFunctions(activation: Activation, T: 'f32' | 'vec4f'): string {
  const functions = { none: '', relu: '', sigmoid, tanh: hyperbolicTangent };
  return over(functions[activation], T);
}

const derivative: Record<Exclude<Activation, 'none'>, string> = {
  relu: 'select(V(), dy, y > V())',
  sigmoid: 'dy * y * (1.0 - y)',
  tanh: 'dy * (1.0 - y * y)',
};

/** The gradient before the activation, from the one after it and y = f(x). `none` returns dy itself. */
export function activationGradient(activation: Activation, dy: Tensor, y: Tensor): Tensor {
  if (activation === 'none') return dy;
  const dx = y.engine.empty(y.shape);
  pointwise(`${activation}.dx`, dx, { dy, y }, derivative[activation]);
  return dx;
}

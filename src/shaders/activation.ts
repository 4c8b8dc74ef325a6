// Activations that other kernels apply to their result before they store it (`activation: 'relu'` of linear,
// conv1d, convTranspose1d). Only functions whose derivative follows from y belong here, since x is never stored.

import { pointwise } from '../engine/primitives.ts';
import type { Tensor } from '../engine/tensor.ts';

export type Activation = 'none' | 'relu' | 'sigmoid' | 'tanh';

/** WGSL of f over an expression of type T (`f32` or `vec4f`). */
export function activate(activation: Activation, x: string, T: 'f32' | 'vec4f'): string {
  if (activation === 'relu') return `max(${x}, ${T}())`;
  if (activation === 'sigmoid') return `(1.0 / (1.0 + exp(min(-(${x}), ${T}(87.0)))))`;
  if (activation === 'tanh') return `tanh(clamp(${x}, ${T}(-10.0), ${T}(10.0)))`;
  return x;
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

// The end of a sum that was cut into slices, each made by workgroups of its own (split-K):
//   y[i] = f(sum over s of parts[s, i] + bias[i % N])
// and beside it, in the same dispatch, the sums of a second array cut alike (a bias gradient). One invocation an
// element; slices are added in order, so results are the same in every run.

import type { Engine } from '../engine/engine.ts';
import { run } from '../engine/run.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Activation, activate, activationFunctions } from './activation.ts';

const workgroup = 64;

export interface SlicedSum {
  name: string;
  slices: number;
  /** Added along the last dimension. */
  bias?: Tensor;
  activation?: Activation;
  /** Add to what y holds. */
  add?: boolean;
}

/** Parts are (slices, y.size); `beside` holds the parts of a second, plain sum. */
export function sumSlices(
  engine: Engine,
  { name, slices, bias, activation = 'none', add }: SlicedSum,
  parts: Tensor,
  y: Tensor,
  beside?: { parts: Tensor; y: Tensor } | null,
): void {
  const total = (array: string, n: string, at: string) => `var sum = 0.0;
  for (var s = 0u; s < u.slices; s++) { sum += ${array}[s * ${n} + ${at}]; }`;
  const extra = `let j = i - u.n;
if (i >= u.n && j < u.m) {
  ${total('besideParts', 'u.m', 'j')}
  beside[j] = sum;
}`;
  const m = beside?.y.size ?? 0;
  run(
    engine,
    {
      name: `${name}.slices`,
      reads: { parts: 'f32', ...(bias ? { bias: 'f32' } : {}), ...(beside ? { besideParts: 'f32' } : {}) },
      writes: { y: 'f32', ...(beside ? { beside: 'f32' } : {}) },
      uniforms: { n: 'u32', m: 'u32', slices: 'u32', N: 'u32' },
      workgroup,
      declarations: activationFunctions(activation, 'f32'),
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) {
  ${total('parts', 'u.n', 'i')}
  y[i] ${add ? '+=' : '='} ${activate(activation, bias ? 'sum + bias[i % u.N]' : 'sum', 'f32')};
}
${beside ? extra : ''}`,
    },
    {
      parts,
      y,
      ...(bias ? { bias } : {}),
      ...(beside ? { besideParts: beside.parts, beside: beside.y } : {}),
    },
    { n: y.size, m, slices, N: bias?.size ?? 1 },
    Math.ceil((y.size + m) / workgroup),
  );
}

// The end of a sum that was cut into slices, each made by workgroups of its own (split-K):
//   y[i] = f(sum over s of parts[s, i] + bias[i % N])
// and beside it, in the same dispatch, the sums of a second array cut alike (a bias gradient). One invocation an
// element; slices are added in order, so results are the same in every run.

import { perItem } from '../engine/run.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Activation, activate, activationFunctions } from './activation.ts';

export interface SlicedSum {
  name: string;
  slices: number;
  /** Added along the last dimension. */
  bias?: Tensor | null;
  activation?: Activation;
  /** Add to what y holds. */
  add?: boolean;
}

/** Parts are (slices, y.size); `beside` holds the parts of a second, plain sum. */
export function sumSlices(
  { name, slices, bias, activation = 'none', add }: SlicedSum,
  parts: Tensor,
  y: Tensor,
  beside?: { parts: Tensor; y: Tensor } | null,
): void {
  const total = (array: string, n: string) => `var sum = 0.0;
for (var s = 0u; s < u.slices; s++) { sum += ${array}[s * ${n} + at]; }`;
  const m = beside?.y.size ?? 0;
  perItem(y.size + m, {
    name: `${name}.slices`,
    reads: { parts, bias, besideParts: beside?.parts },
    writes: { y, beside: beside?.y },
    sizes: { m, slices, N: bias?.size ?? 1 },
    declarations: activationFunctions(activation, 'f32'),
    body: `let most = u.n - u.m;
var at = i;
if (i < most) {
  ${total('parts', 'most')}
  y[i] ${add ? '+=' : '='} ${activate(activation, bias ? 'sum + bias[i % u.N]' : 'sum', 'f32')};
}
${
  beside
    ? `else {
  at -= most;
  ${total('besideParts', 'u.m')}
  beside[at] = sum;
}`
    : ''
}`,
  });
}

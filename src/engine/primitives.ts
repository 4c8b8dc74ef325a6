// Kernels over whole tensors, a vec4 at a time. `pointwise` is the general one: an expression over inputs of
// the result's size, or of one element. Copies and clears are kernels too, since a compute pass cannot hold
// copyBufferToBuffer or clearBuffer and a replayed step is one pass. Beyond a tensor's last element zeros are
// stored, so that the padding between parameters' gradients stays finite.

import type { Bindings } from './kernel.ts';
import { perItem } from './run.ts';
import type { Tensor } from './tensor.ts';

/** What a WGSL expression may name besides its inputs. */
export interface Formula {
  /** Numbers, as `u.NAME`. */
  params?: Record<string, number>;
  /** Functions over the element type `V`; `U` is its unsigned, `M` its boolean counterpart. */
  functions?: string;
  /** Other tensors, for the functions to index; the expression knows its vec4's index as `i`. */
  reads?: Bindings;
}

/** Those of the inputs that an expression names: the others need no binding. */
export function inputsOf(expression: string, inputs: Record<string, Tensor>): string[] {
  return Object.keys(inputs).filter((k) => new RegExp(`\\b${k}\\b`).test(expression));
}

/** y = expression, a WGSL vec4f over the inputs' names; `V` is the element type. */
export function pointwise(
  name: string,
  y: Tensor,
  inputs: Record<string, Tensor>,
  expression: string,
  { params = {}, functions = '', reads = {} }: Formula = {},
): void {
  const n = Math.ceil(y.size / 4);
  const used = inputsOf(expression, inputs);
  const loads = used.map((k) =>
    inputs[k].size === 1 && y.size !== 1 ? `let ${k} = V(${k}Data[0].x);` : `let ${k} = ${k}Data[i];`,
  );
  const tail = y.size % 4;
  const store = tail
    ? `result[i] = select(value, select(V(), value, vec4<bool>(${[0, 1, 2, 3].map((e) => e < tail)})), i == u.n - 1u);`
    : 'result[i] = value;';
  perItem(n, {
    name,
    reads: { ...Object.fromEntries(used.map((k) => [`${k}Data`, ['vec4f', inputs[k]] as const])), ...reads },
    writes: { result: ['vec4f', y] },
    floats: params,
    declarations: `alias V = vec4f; alias U = vec4u; alias M = vec4<bool>;\n${functions}`,
    body: `${loads.join('\n')}
let value = ${expression};
${store}`,
  });
}

/** y = value everywhere. */
export function fill(y: Tensor, value: number): void {
  pointwise('fill', y, {}, 'V(u.value)', { params: { value } });
}

/** y = x, same number of elements. */
export function copyInto(y: Tensor, x: Tensor): void {
  pointwise('copyInto', y, { x }, 'x');
}

/** y += x, same number of elements. */
export function addInto(y: Tensor, x: Tensor): void {
  pointwise('addInto', y, { x }, 'result[i] + x');
}

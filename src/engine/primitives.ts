// Kernels over whole tensors, one vec4 an invocation. `pointwise` is the general one: an expression over inputs of
// the result's size, or of one element. Copies and clears are kernels too, since a compute pass cannot hold
// copyBufferToBuffer or clearBuffer and a replayed step is one pass. Beyond a tensor's last element zeros are
// stored, so that the padding between parameters' gradients stays finite.

import { run } from './run.ts';
import type { Tensor } from './tensor.ts';

const workgroup = 64;

/**
 * y = expression, a WGSL vec4f over the inputs' names; `V` is the element type and `u.p` the given number.
 * Inputs the expression does not name are not bound.
 */
export function pointwise(
  name: string,
  y: Tensor,
  inputs: Record<string, Tensor>,
  expression: string,
  p?: number,
): void {
  const n = Math.ceil(y.size / 4);
  const used = Object.keys(inputs).filter((k) => new RegExp(`\\b${k}\\b`).test(expression));
  const loads = used.map((k) =>
    inputs[k].size === 1 && y.size !== 1 ? `let ${k} = V(${k}Data[0].x);` : `let ${k} = ${k}Data[i];`,
  );
  const tail = y.size % 4;
  const store = tail
    ? `result[i] = select(value, select(V(), value, vec4<bool>(${[0, 1, 2, 3].map((e) => e < tail)})), i == u.n - 1u);`
    : 'result[i] = value;';
  run(
    y.engine,
    {
      name,
      reads: Object.fromEntries(used.map((k) => [`${k}Data`, 'vec4f'])),
      writes: { result: 'vec4f' },
      uniforms: { n: 'u32', ...(p === undefined ? {} : { p: 'f32' }) },
      workgroup,
      declarations: 'alias V = vec4f;',
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) {
  ${loads.join('\n  ')}
  let value = ${expression};
  ${store}
}`,
    },
    { ...Object.fromEntries(used.map((k) => [`${k}Data`, inputs[k]])), result: y },
    { n, p: p ?? 0 },
    Math.ceil(n / workgroup),
  );
}

/** y = value everywhere. */
export function fill(y: Tensor, value: number): void {
  pointwise('fill', y, {}, 'V(u.p)', value);
}

/** y = x, same number of elements. */
export function copyInto(y: Tensor, x: Tensor): void {
  pointwise('copyInto', y, { x }, 'x');
}

/** y += x, same number of elements. */
export function addInto(y: Tensor, x: Tensor): void {
  pointwise('addInto', y, { x }, 'result[i] + x');
}

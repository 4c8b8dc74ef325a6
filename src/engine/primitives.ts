// Copies and clears as kernels: a compute pass cannot hold copyBufferToBuffer or clearBuffer, and a replayed step
// is one pass. One invocation moves one vec4; a tensor's binding is padded to whole vec4s, so there is no tail.

import { run } from './run.ts';
import type { Tensor } from './tensor.ts';

const workgroup = 64;

function pointwise(name: string, out: Tensor, inputs: Record<string, Tensor>, value: string, x = 0): void {
  const vectors = Math.ceil(out.size / 4);
  run(
    out.engine,
    {
      name,
      reads: Object.fromEntries(Object.keys(inputs).map((k) => [k, 'vec4f'])),
      writes: { y: 'vec4f' },
      uniforms: { n: 'u32', value: 'f32' },
      workgroup,
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) { y[i] = ${value}; }`,
    },
    { ...inputs, y: out },
    { n: vectors, value: x },
    Math.ceil(vectors / workgroup),
  );
}

/** y = value everywhere. */
export function fill(y: Tensor, value: number): void {
  pointwise('fill', y, {}, 'vec4f(u.value)', value);
}

/** y += x, same number of elements. */
export function addInto(y: Tensor, x: Tensor): void {
  pointwise('addInto', y, { x }, 'y[i] + x[i]');
}

/** y = x, same number of elements. */
export function copyInto(y: Tensor, x: Tensor): void {
  pointwise('copyInto', y, { x }, 'x[i]');
}

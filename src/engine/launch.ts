// Kernels as operations write them down: each tensor stands beside its name, each number beside its uniform, so that
// nothing is named twice. Elements are f32 unless a pair says otherwise; what is absent (a bias, say) is left out.
// Most operations compute one item an invocation: `perItem` owns that frame.

import type { Element, Kernel } from './kernel.ts';
import { run } from './run.ts';
import type { Tensor } from './tensor.ts';

type Bound = Tensor | readonly [Element, Tensor] | null | undefined;

/** Tensors by the kernel's names for them. */
export type Bindings = Record<string, Bound>;

/** A kernel (kernel.ts) with what it is to run on. */
export interface Job extends Pick<Kernel, 'name' | 'subgroups' | 'declarations' | 'body'> {
  reads?: Bindings;
  /** The first one's engine runs the kernel. */
  writes: Bindings;
  /** Uniforms: whole numbers, and floats. */
  sizes?: Record<string, number>;
  floats?: Record<string, number>;
  /** Invocations of a workgroup, 64 by default. */
  workgroup?: number;
}

/** An object with the same keys. */
export function mapped<T, R>(object: Record<string, T>, value: (of: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(object).map(([k, v]) => [k, value(v)]));
}

/** Records one dispatch of `groups` workgroups. @throws DeviceError as `run` does. */
export function launch(job: Job, groups: number): void {
  const tensors: Record<string, Tensor> = {};
  const elements = (bindings: Bindings) => {
    const found: Record<string, Element> = {};
    for (const [name, bound] of Object.entries(bindings)) {
      if (!bound) continue;
      const [element, tensor] = 'shape' in bound ? (['f32', bound] as const) : bound;
      found[name] = element;
      tensors[name] = tensor;
    }
    return found;
  };
  const { sizes = {}, floats = {}, workgroup = 64 } = job;
  const writes = elements(job.writes);
  const { engine } = Object.values(tensors)[0];
  const reads = elements(job.reads ?? {});
  const uniforms = { ...mapped(sizes, () => 'u32' as const), ...mapped(floats, () => 'f32' as const) };
  run(engine, { ...job, reads, writes, uniforms, workgroup }, tensors, { ...sizes, ...floats }, groups);
}

/** Runs the body once for every `i` below n, the uniform `u.n`: one invocation an item. */
export function perItem(n: number, job: Job): void {
  const { workgroup = 64, sizes } = job;
  const body = `let i = group * ${workgroup}u + lane;
if (i < u.n) {
${job.body}
}`;
  launch({ ...job, sizes: { n, ...sizes }, body }, Math.ceil(n / workgroup));
}

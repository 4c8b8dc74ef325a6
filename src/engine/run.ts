// One dispatch: from a kernel, its tensors and sizes to a pipeline and a cached bind group on the open encoder.

import type { Engine } from './engine.ts';
import { DeviceError } from './errors.ts';
import { foldGrid, type Kernel } from './kernel.ts';
import type { Tensor } from './tensor.ts';

/** Bytes of a binding: whole vec4s, so kernels may load a tensor's tail four at a time. */
function boundBytes(t: Tensor): number {
  return Math.ceil(t.size / 4) * 16;
}

/**
 * Records one dispatch of `groups` workgroups. `tensors` gives a tensor for every name that the kernel reads or
 * writes, `sizes` (at least) a number for every uniform.
 * @throws DeviceError for an error the GPU reported since the last call, for a tensor whose scope has ended or of
 * another engine, for one buffer both read and written or written twice in one range, and for a binding above the
 * device's limit.
 */
export function run(
  engine: Engine,
  kernel: Kernel,
  tensors: Record<string, Tensor>,
  sizes: Readonly<Record<string, unknown>>,
  groups: number,
): void {
  engine.check();
  if (engine.rehearsing) return;
  const [x, y] = foldGrid(groups, engine.maxGroups);
  const pipeline = engine.pipelines.get(kernel, y > 1);
  const reads = Object.keys(kernel.reads ?? {});
  const names = [...reads, ...Object.keys(kernel.writes)];
  const entries: { buffer: GPUBuffer; offset: number; size: number }[] = [];
  let key = `${pipeline.id}`;
  // All before the first is marked as used: parameters are uploaded at their first use, which may submit.
  const blocks = names.map((name) => tensors[name].storage.block);
  for (const [i, name] of names.entries()) {
    const t = tensors[name];
    const block = blocks[i];
    if (t.engine !== engine)
      throw new DeviceError(
        `${kernel.name}: tensor ${name} ${t} belongs to another engine; read it and give its values to engine.tensor()`,
      );
    const size = boundBytes(t);
    if (size > engine.maxBinding)
      throw new DeviceError(
        `${kernel.name}: tensor ${name} needs a binding of ${size} bytes, this device allows ${engine.maxBinding}; ` +
          'split the batch',
      );
    block.lastUse = engine.stream.serial;
    engine.notes?.uses(block);
    entries.push({ buffer: block.buffer, offset: t.offset, size });
    key += `,${block.id}:${t.offset}:${size}`;
  }
  refuseAliases(kernel.name, names, reads.length, entries);
  const values = [groups];
  for (const name of Object.keys(kernel.uniforms ?? {})) {
    const value = sizes[name];
    if (typeof value !== 'number') throw new DeviceError(`${kernel.name}: no value for the uniform ${name}`);
    values.push(value);
  }
  const types = ['u32', ...Object.values(kernel.uniforms ?? {})];
  const uniform = engine.uniforms.get(values, types);
  key += `|${uniform.label}`;
  const bindGroup = engine.bindGroups.get(key, () =>
    engine.device.createBindGroup({
      label: kernel.name,
      layout: pipeline.layout,
      entries: [...entries, { buffer: uniform }].map((resource, binding) => ({ binding, resource })),
    }),
  );
  engine.stream.dispatch({ name: kernel.name, pipeline: pipeline.pipeline, bindGroup, x, y });
}

function refuseAliases(
  kernel: string,
  names: string[],
  reads: number,
  entries: { buffer: GPUBuffer; offset: number; size: number }[],
): void {
  for (let w = reads; w < entries.length; w++) {
    const a = entries[w];
    for (let o = 0; o < w; o++) {
      const b = entries[o];
      if (a.buffer !== b.buffer) continue;
      if (o < reads)
        throw new DeviceError(
          `${kernel}: ${names[o]} is read and ${names[w]} written in one buffer; WebGPU forbids that, copy one first`,
        );
      if (a.offset < b.offset + b.size && b.offset < a.offset + a.size)
        throw new DeviceError(
          `${kernel}: ${names[o]} and ${names[w]} are both written in one range; WebGPU forbids that, give each its own`,
        );
    }
  }
}

// One dispatch: from a kernel with its tensors and sizes to a pipeline and a cached bind group on the open encoder. Most
// operations compute one item after the other: `perItem` owns that frame. Where comments say "an invocation" of one of its
// items, several items may share one.

import { DeviceError } from './errors.ts';
import { type Bound, boundOf, foldGrid, type Kernel } from './kernel.ts';
import type { Tensor } from './tensor.ts';

/** Bytes of a binding: whole vec4s, so kernels may load a tensor's tail four at a time. */
function boundBytes(t: Tensor): number {
  return Math.ceil(t.size / 4) * 16;
}

/**
 * Records one dispatch of `groups` workgroups.
 * @throws DeviceError for an error the GPU reported since the last call, for a tensor whose scope has ended or of
 * another engine, for one buffer both read and written or written twice in one range, and for a binding above the
 * device's limit.
 */
export function run(kernel: Kernel, groups: number): void {
  const { name, sizes = {}, floats = {} } = kernel;
  const reads = boundOf(kernel.reads);
  const all = [...reads, ...boundOf(kernel.writes)];
  const { engine } = all[reads.length].tensor;
  engine.check();
  if (engine.rehearsing) return;
  const [x, y] = foldGrid(groups, engine.maxGroups);
  const { id, layout, pipeline } = engine.pipelines.get(kernel, all, reads.length, y > 1);
  let key = `${id}`;
  // All before the first is marked as used: parameters are uploaded at their first use, which may submit.
  const blocks = all.map(({ tensor }) => tensor.storage.block);
  const entries = all.map(({ name: own, tensor }, i) => {
    const block = blocks[i];
    if (tensor.engine !== engine)
      throw new DeviceError(
        `${name}: tensor ${own} ${tensor} belongs to another engine; read it and give its values to engine.tensor()`,
      );
    const size = boundBytes(tensor);
    if (size > engine.maxBinding)
      throw new DeviceError(
        `${name}: tensor ${own} needs a binding of ${size} bytes, this device allows ${engine.maxBinding}; ` +
          'split the batch',
      );
    block.lastUse = engine.stream.serial;
    engine.notes?.uses(block);
    key += `,${block.id}:${tensor.offset}:${size}`;
    return { buffer: block.buffer, offset: tensor.offset, size };
  });
  refuseAliases(name, all, reads.length, entries);
  const uniform = engine.uniforms.get([groups, ...Object.values(sizes)], Object.values(floats));
  const bindGroup = engine.bindGroups.get(`${key}|${uniform.label}`, () =>
    engine.device.createBindGroup({
      label: name,
      layout,
      entries: [...entries, { buffer: uniform }].map((resource, binding) => ({ binding, resource })),
    }),
  );
  engine.stream.dispatch({ name, pipeline, bindGroup, x, y });
}

/** Workgroups that keep the cores of a software adapter busy, and the most items of an invocation there. */
const enoughGroups = 64;
const mostTurns = 128;
/** Invocations of a workgroup where subgroups do not say how many run at once. */
const usualWorkgroup = 64;

/**
 * Runs the body once for every `i` below n, the uniform `u.n`. On a GPU an invocation has one. On a software adapter, where
 * to start a subgroup costs as much as twenty loads, a workgroup (one subgroup, where its size is known) goes over a stretch of
 * them; so a body may `return` only where all items would.
 */
export function perItem(n: number, kernel: Kernel): void {
  const [{ tensor }] = boundOf(kernel.writes);
  const { gpu, lanes } = tensor.engine;
  const { sizes, body, workgroup = (!gpu && lanes) || usualWorkgroup } = kernel;
  const turns = gpu ? 1 : Math.max(1, Math.min(mostTurns, Math.floor(n / (workgroup * enoughGroups))));
  const framed = gpu
    ? `let i = group * ${workgroup}u + lane;
if (i < u.n) {
${body}
}`
    : `let start = group * u.turns * ${workgroup}u;
let end = min(start + u.turns * ${workgroup}u, u.n);
for (var next = start + lane; next < end; next += ${workgroup}u) {
let i = next;
${body}
}`;
  const groups = Math.ceil(n / (workgroup * turns));
  run({ ...kernel, workgroup, sizes: { n, turns, ...sizes }, body: framed }, groups);
}

function refuseAliases(
  kernel: string,
  bound: readonly Bound[],
  reads: number,
  entries: readonly { buffer: GPUBuffer; offset: number; size: number }[],
): void {
  for (let w = reads; w < entries.length; w++) {
    const a = entries[w];
    for (let o = 0; o < w; o++) {
      const b = entries[o];
      if (a.buffer !== b.buffer) continue;
      if (o < reads)
        throw new DeviceError(
          `${kernel}: ${bound[o].name} is read and ${bound[w].name} written in one buffer; WebGPU forbids that, copy one first`,
        );
      if (a.offset < b.offset + b.size && b.offset < a.offset + a.size)
        throw new DeviceError(
          `${kernel}: ${bound[o].name} and ${bound[w].name} are both written in one range; WebGPU forbids that, give each its own`,
        );
    }
  }
}

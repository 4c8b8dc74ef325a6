// An engine on a device that a page has already: the page's own pipelines read tensors where they lie, several engines share
// the device, and closing one leaves it to the others.

import { expect, test } from 'vitest';
import { add, DeviceError, Engine, matmul, mul, openEngine, Parameters } from '../../src/node.ts';

/** The page's own kernel: the sum of a buffer's values, four of them. */
async function sumOf(device: GPUDevice, from: GPUBufferBinding): Promise<number> {
  const code = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() {
  var sum = 0.0;
  for (var i = 0u; i < arrayLength(&x); i++) { sum += x[i]; }
  y[0] = sum;
}`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const [storage, copySrc, copyDst, mapRead] = [128, 4, 8, 1];
  const out = device.createBuffer({ size: 4, usage: storage | copySrc });
  const back = device.createBuffer({ size: 4, usage: copyDst | mapRead });
  const entries = [
    { binding: 0, resource: from },
    { binding: 1, resource: { buffer: out } },
  ];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(out, 0, back, 0, 4);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(1);
  const [sum] = new Float32Array(back.getMappedRange());
  for (const buffer of [out, back]) buffer.destroy();
  return sum;
}

test('a page reads tensors in place, and its device outlives the engines that it lent it to', async () => {
  const page = await openEngine();
  const { device } = page;
  let lost = false;
  device.lost.then(() => {
    lost = true;
  });
  const [one, two] = [await Engine.open({ device }), await Engine.open({ device })];
  const x = one.tensor([1, 2, 3, 4], [2, 2]);
  // Recorded, not submitted: the binding brings it about.
  expect(await sumOf(device, one.binding(matmul(add(x, 1), x)))).toBe(74);
  const params = new Parameters(one);
  params.add('a', [2], Float32Array.of(7, 7));
  const b = params.add('b', [3], Float32Array.of(1, 2, 3));
  expect(one.binding(b)).toMatchObject({ offset: 256, size: 12 });
  expect(await sumOf(device, one.binding(b))).toBe(6);
  const step = one.capture('step', ({ v }) => mul(v, 2));
  for (const v of [1, 5]) {
    const y = step.run({ v: { data: new Float32Array(4).fill(v), shape: [4] } });
    expect(await sumOf(device, one.binding(y))).toBe(8 * v);
  }
  const inside = one.capture('inside', ({ v }) => one.binding(v));
  expect(() => inside.run({ v: { data: new Float32Array(4), shape: [4] } })).toThrow(/being captured/);
  expect(() => two.binding(x)).toThrow(DeviceError);

  const kept = two.tensor([5, 6]);
  one.close();
  expect(() => one.binding(x)).toThrow(/after close/);
  expect([...(await mul(kept, 2).read())]).toEqual([10, 12]);
  two.close();
  await device.queue.onSubmittedWorkDone();
  const own = device.createBuffer({ size: 16, usage: 128 });
  expect(await sumOf(device, { buffer: own })).toBe(0);
  own.destroy();
  expect(lost).toBe(false);
  page.close();
  await device.lost;
});

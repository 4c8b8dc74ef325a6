// One device for all engines and commands of a test file that ask for it. Most of what a short training takes on a
// software adapter is compiling, and a device compiles a kernel once, for any number of engines one after the other.

import { afterAll } from 'vitest';
import { type Engine, openEngine } from '../src/node.ts';

let owner: Promise<Engine> | undefined;

async function open(): Promise<Engine> {
  const engine = await openEngine();
  const { device } = engine;
  // Dawn knows a pipeline again as long as somebody holds it.
  const held: GPUComputePipeline[] = [];
  const create = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) => {
    const pipeline = create(descriptor);
    held.push(pipeline);
    return pipeline;
  };
  return engine;
}

/** The device of the adapter that the environment chooses; closed after the file's last test. */
export async function sharedDevice(): Promise<GPUDevice> {
  owner ??= open();
  return (await owner).device;
}

afterAll(async () => (await owner)?.close());

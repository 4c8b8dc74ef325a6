// One device for all engines and commands of a test file that ask for it. Most of what a short training takes on a
// software adapter is compiling, and a device compiles a kernel once, for any number of engines one after the other.

import { afterAll } from 'vitest';
import { type Engine, openEngine } from '../src/node.ts';
import { held } from './held.ts';

let owner: Promise<Engine> | undefined;

/** The device of the adapter that the environment chooses; closed after the file's last test. */
export async function sharedDevice(): Promise<GPUDevice> {
  owner ??= openEngine().then((engine) => {
    held(engine.device);
    return engine;
  });
  return (await owner).device;
}

afterAll(async () => (await owner)?.close());

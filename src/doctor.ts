// formant doctor: what will run here, and how fast.

import { type CommonOptions, newCommand, print, runIfMain, withEngine } from './command.ts';
import type { Engine } from './engine/engine.ts';
import { chosenByEnvironment } from './engine/node.ts';
import { matmul } from './shaders/index.ts';

/** Products of 512 x 512 matrices for about a second: billions of floating-point operations a second. */
async function throughput(engine: Engine): Promise<number> {
  const n = 512;
  const values = Float32Array.from({ length: n * n }, (_, i) => ((i * 7919) % 1000) / 1000 - 0.5);
  const [a, b] = [engine.tensor(values, [n, n]), engine.tensor(values, [n, n])];
  const product = engine.capture('doctor', () => engine.noGrad(() => matmul(a, b)));
  product.run({});
  await engine.idle();
  let batch = 1;
  let best = 0;
  const started = performance.now();
  while (performance.now() - started < 1000) {
    const from = performance.now();
    for (let i = 0; i < batch; i++) product.run({});
    await engine.idle();
    const ms = performance.now() - from;
    best = Math.max(best, (batch * 2 * n ** 3) / ms / 1e6);
    if (ms < 100) batch *= 2;
  }
  return best;
}

export function doctor() {
  return newCommand(
    'doctor',
    'what will run here: adapter, driver, features, limits, and a throughput figure',
  ).action(async (options: CommonOptions) => {
    const asked = options.adapter ?? chosenByEnvironment();
    await withEngine(options, async (engine) => {
      const { adapter, device, lanes } = engine;
      const { maxBufferSize, maxStorageBufferBindingSize, maxComputeInvocationsPerWorkgroup } = device.limits;
      const result = {
        adapter: adapter.name,
        rung: adapter.software ? (/swiftshader/i.test(adapter.name) ? 'swiftshader' : 'lavapipe') : 'gpu',
        asked,
        software: adapter.software,
        subgroup: lanes,
        features: [...device.features].sort(),
        limits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeInvocationsPerWorkgroup },
        gflops: Number((await throughput(engine)).toFixed(1)),
      };
      const lines = [
        `adapter     ${result.adapter}`,
        `rung        ${result.rung} (asked for: ${asked})`,
        `kernels     ${lanes ? `with subgroups of ${lanes}` : 'plain, without subgroups'}`,
        `features    ${result.features.join(', ') || 'none'}`,
        `limits      buffer ${maxBufferSize}, binding ${maxStorageBufferBindingSize}, workgroup ${maxComputeInvocationsPerWorkgroup}`,
        `throughput  ${result.gflops} GFLOP/s (matmul of 512 x 512)`,
        `node        ${process.version} on ${process.platform}-${process.arch}`,
      ];
      print(options, result, lines.join('\n'));
    });
  });
}

await runIfMain('doctor', doctor);

// Golden vectors made by PyTorch and torchaudio in float64 (test/golden/README.md) under Dawn in Node, and the short
// training that every environment repeats. GOLDEN_DIR points at another folder of golden files.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adoptDevice } from '../src/engine/device.ts';
import { type Engine, openEngine } from '../src/node.ts';
import { sharedDevice } from './device.ts';
import { runGolden } from './golden/run.ts';
import { shortTraining } from './golden/short.ts';

const dir = process.env.GOLDEN_DIR ?? join(import.meta.dirname, 'golden');
const files = readdirSync(dir)
  .filter((f) => f.endsWith('.safetensors'))
  .sort();

/**
 * SwiftShader compiles a transform by a workgroup of 256 for 2-5 s. There the kernels for real GPUs are held to these
 * vectors in Griffin-Lim and in all that are no transforms; test/shaders/gpu.test.ts holds their transforms and features
 * to the other kernels, which all vectors check.
 */
const slow = /swiftshader/i.test(adoptDevice(await sharedDevice()).adapter.name);
const transform = /^(i?r?fft|i?stft)_\d\./;

describe.each([
  { variant: 'auto', few: false },
  { variant: 'plain', few: false },
  { variant: 'gpu', few: slow },
] as const)('golden vectors, $variant kernels', ({ variant, few }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ variant, device: await sharedDevice() });
  });
  afterAll(() => engine.close());

  test('there are golden vectors', () => expect(files.length).toBeGreaterThan(0));

  test.each(few ? files.filter((file) => !transform.test(file)) : files)('%s', (file) =>
    runGolden(engine, file, readFileSync(join(dir, file))),
  );

  if (!few) test('a short training', () => shortTraining(engine));
});

// Golden vectors made by PyTorch and torchaudio in float64 (test/golden/README.md) under Dawn in Node, and the short
// training that every environment repeats. GOLDEN_DIR points at another folder of golden files.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, openEngine } from '../src/node.ts';
import { sharedDevice } from './device.ts';
import { runGolden } from './golden/run.ts';
import { shortTraining } from './golden/short.ts';

const dir = process.env.GOLDEN_DIR ?? join(import.meta.dirname, 'golden');
const files = readdirSync(dir)
  .filter((f) => f.endsWith('.safetensors'))
  .sort();

describe.each(['auto', 'plain', 'gpu'] as const)('golden vectors, %s kernels', (variant) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ variant, device: await sharedDevice() });
  });
  afterAll(() => engine.close());

  test('there are golden vectors', () => expect(files.length).toBeGreaterThan(0));

  test.each(files)('%s', (file) => runGolden(engine, file, readFileSync(join(dir, file))));

  test('a short training', () => shortTraining(engine));
});

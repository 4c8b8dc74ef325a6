// Golden vectors made by PyTorch and torchaudio in float64 (test/golden/README.md), run by their metadata alone:
// `op`, `attrs` and the tensors' names. An operation that is not in the table, or an attribute that a row does not
// name, fails. GOLDEN_DIR points at another folder of such files.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backwardFrom, type Engine, openEngine, type Tensor } from '../src/node.ts';
import { closeTo } from './close.ts';
import { readCase } from './golden/case.ts';
import { goldenOps } from './golden/ops.ts';
import { runTrainCase } from './golden/train.ts';

const dir = process.env.GOLDEN_DIR ?? join(import.meta.dirname, 'golden');
const forward = { relative: 1e-4, ofRms: 1e-5 };
const gradient = { relative: 1e-3, ofRms: 1e-4 };

const files = readdirSync(dir)
  .filter((f) => f.endsWith('.safetensors'))
  .sort();

describe.each(['auto', 'plain'] as const)('golden vectors, %s kernels', (variant) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ variant });
  });
  afterAll(() => engine.close());

  test('there are golden vectors', () => expect(files.length).toBeGreaterThan(0));

  test.each(files)('%s', async (file) => {
    const c = readCase(join(dir, file));
    if (c.op === 'train') return runTrainCase(engine, c, forward, gradient);
    const row = goldenOps[c.op];
    expect(row, `unknown op ${c.op}`).toBeDefined();
    const unknown = Object.keys(c.attrs).filter(
      (name) => !(name in row.attrs) || !row.attrs[name](c.attrs[name]),
    );
    expect(
      unknown.map((name) => `${name}: ${JSON.stringify(c.attrs[name])}`),
      'attributes not handled',
    ).toEqual([]);
    const inputs: Record<string, Tensor> = {};
    for (const [name, t] of Object.entries(c.in)) {
      inputs[name] = engine.tensor(t.data, t.shape);
      inputs[name].requiresGrad = name in c.gin;
    }
    const outputs = await row.run(engine, inputs, c.attrs, c);
    expect(Object.keys(outputs).sort()).toEqual(Object.keys(c.out).sort());
    for (const [name, t] of Object.entries(c.out)) {
      expect(outputs[name].shape, `shape of ${name}`).toEqual(t.shape);
      closeTo(await outputs[name].read(), t.data, row.tolerance ?? forward, `${file} out.${name}`);
    }
    const wanted = Object.keys(c.gin);
    if (wanted.length === 0) return;
    const seeds = Object.entries(c.gout).map(
      ([k, t]) => [outputs[k], engine.tensor(t.data, t.shape)] as const,
    );
    const grads = backwardFrom(
      seeds,
      wanted.map((name) => inputs[name]),
    );
    for (const [i, name] of wanted.entries())
      closeTo(await grads[i].read(), c.gin[name].data, gradient, `${file} gin.${name}`);
  });
});

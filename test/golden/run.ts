// One golden file, run by its metadata alone: `op`, `attrs` and the tensors' names. An operation that is not in the
// table, or an attribute that a row does not name, fails. Nothing here belongs to Node or to a test runner, so that
// the same check runs under Dawn in Node, in Chromium and under wgpu.

import { backwardFrom, type Engine, type Tensor } from '../../src/index.ts';
import { closeTo, equalTo } from '../close.ts';
import { readCase } from './case.ts';
import { goldenOps } from './ops.ts';
import { runTrainCase } from './train.ts';

const forward = { relative: 1e-4, ofRms: 1e-5 };
const gradient = { relative: 1e-3, ofRms: 1e-4 };

/**
 * Runs the case of a file on an engine.
 * @param bytes of the file `name`
 * @throws Error with the first difference.
 */
export async function runGolden(engine: Engine, name: string, bytes: Uint8Array): Promise<void> {
  const c = readCase(name, bytes);
  if (c.op === 'train') return runTrainCase(engine, c, forward, gradient);
  const row = goldenOps[c.op];
  if (!row) throw new Error(`unknown op ${c.op}`);
  const unknown = Object.keys(c.attrs).filter((key) => !(key in row.attrs) || !row.attrs[key](c.attrs[key]));
  equalTo(unknown.map((key) => `${key}: ${JSON.stringify(c.attrs[key])}`), [], 'attributes not handled');
  const inputs: Record<string, Tensor> = {};
  for (const [key, t] of Object.entries(c.in)) {
    inputs[key] = engine.tensor(t.data, t.shape);
    inputs[key].requiresGrad = key in c.gin;
  }
  const outputs = await row.run(engine, inputs, c.attrs, c);
  equalTo(Object.keys(outputs).sort(), Object.keys(c.out).sort(), 'outputs');
  for (const [key, t] of Object.entries(c.out)) {
    equalTo(outputs[key].shape, t.shape, `shape of ${key}`);
    closeTo(await outputs[key].read(), t.data, row.tolerance ?? forward, `out.${key}`);
  }
  const wanted = Object.keys(c.gin);
  if (wanted.length === 0) return;
  const seeds = Object.entries(c.gout).map(([k, t]) => [outputs[k], engine.tensor(t.data, t.shape)] as const);
  const grads = backwardFrom(seeds, wanted.map((key) => inputs[key]));
  for (const [i, key] of wanted.entries())
    closeTo(await grads[i].read(), c.gin[key].data, gradient, `gin.${key}`);
}

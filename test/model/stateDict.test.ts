// Weights as a PyTorch state_dict: the names and shapes that torch.nn's modules give the same network, a round trip bit
// for bit, and files that do not fit.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CheckpointError,
  type Engine,
  encodeStateDict,
  loadStateDict,
  openEngine,
  Random,
  readSafetensors,
  Vae,
  writeSafetensors,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const config = {
  network: 'conv' as const,
  ...{ inputs: 5, frames: 8, channels: [6, 7], kernel: 3, hidden: 11, latent: 3, classes: 2 },
};
const make = (seed: number, over: Partial<typeof config> = {}) =>
  new Vae(engine, { ...config, ...over }, seed);

/** What `model.state_dict()` of the network in DESIGN.md has, in the order of its modules. */
const torchShapes = {
  'conv.0.weight': [6, 5, 3],
  'conv.0.bias': [6],
  'conv.1.weight': [7, 6, 3],
  'conv.1.bias': [7],
  'fc.weight': [11, 16],
  'fc.bias': [11],
  'mu.weight': [3, 11],
  'mu.bias': [3],
  'logvar.weight': [3, 11],
  'logvar.bias': [3],
  'fc1.weight': [11, 5],
  'fc1.bias': [11],
  'fc2.weight': [14, 11],
  'fc2.bias': [14],
  'deconv.0.weight': [7, 6, 4],
  'deconv.0.bias': [6],
  'deconv.1.weight': [6, 5, 4],
  'deconv.1.bias': [5],
};

test('names and shapes are those of torch.nn', async () => {
  const model = make(1);
  const shapes = Object.entries(await model.params.state()).map(([name, t]) => [name, t.shape]);
  expect(Object.fromEntries(shapes)).toEqual(torchShapes);
  model.params.dispose();
});

test('the prior of a model file is no weight', async () => {
  const [model, other] = [make(1), make(2)];
  const state = await model.params.state();
  const bytes = encodeStateDict({ ...state, 'prior.weight': { data: Float32Array.of(1), shape: [1, 1] } });
  loadStateDict(other.params, bytes, 'model.safetensors');
  expect((await other.params.state())['fc.weight'].data).toEqual(state['fc.weight'].data);
  for (const { params } of [model, other]) params.dispose();
});

test('out and in again gives the same bits, and the same output', async () => {
  const [a, b] = [make(1), make(2)];
  const bytes = encodeStateDict(await a.params.state());
  const { tensors, metadata } = readSafetensors(bytes, 'weights');
  expect(metadata).toEqual({ format: 'pt' });
  expect([...tensors.keys()].sort()).toEqual(Object.keys(torchShapes).sort());
  expect(await b.params.state()).not.toEqual(await a.params.state());
  loadStateDict(b.params, bytes, 'weights');
  expect(await b.params.state()).toEqual(await a.params.state());
  expect(encodeStateDict(await b.params.state())).toEqual(bytes);
  const z = engine.tensor(new Random(1, 'z').normal(0, 6), [2, 3]);
  const label = engine.tensor([1, 0, 0, 1], [2, 2]);
  const [from, to] = await engine.read(engine.noGrad(() => [a.decode(z, label), b.decode(z, label)]));
  expect(to).toEqual(from);
  for (const m of [a, b]) m.params.dispose();
});

/** A safetensors file with tensors of raw bits, which the writer here does not make. */
function rawFile(
  entries: { name: string; dtype: string; shape: readonly number[]; bytes: Uint8Array }[],
): Uint8Array {
  let at = 0;
  const header = Object.fromEntries(
    entries.map(({ name, dtype, shape, bytes }) => {
      at += bytes.length;
      return [name, { dtype, shape, data_offsets: [at - bytes.length, at] }];
    }),
  );
  const json = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + json.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(json.length), true);
  out.set(json, 8);
  let place = 8 + json.length;
  for (const { bytes } of entries) {
    out.set(bytes, place);
    place += bytes.length;
  }
  return out;
}

describe('other precisions', () => {
  test('F64 is rounded to float32', async () => {
    const [a, b] = [make(1), make(2)];
    const state = await a.params.state();
    const noise = new Random(3, 'f64').uniform(0, 4000);
    let i = 0;
    const wide = Object.fromEntries(
      Object.entries(state).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float64Array.from(data, (v) => v + 1e-9 * noise[i++]) },
      ]),
    );
    loadStateDict(b.params, writeSafetensors(wide), 'wide');
    const got = await b.params.state();
    for (const [name, { data }] of Object.entries(wide))
      expect(got[name].data).toEqual(Float32Array.from(data));
    for (const m of [a, b]) m.params.dispose();
  });

  test('BF16 and F16 are widened', async () => {
    const [a, b] = [make(1), make(2)];
    const state = await a.params.state();
    const entries = Object.entries(state).map(([name, { shape, data }]) => {
      // The upper half of a float32 is a bfloat16, rounded towards zero.
      const upper = Uint16Array.from(new Uint32Array(data.slice().buffer), (bits) => bits >>> 16);
      return { name, dtype: 'BF16', shape, bytes: new Uint8Array(upper.buffer) };
    });
    // Halves of 1 (0x3c00) in one of them: a file may mix precisions.
    const bias = entries.find((e) => e.name === 'mu.bias');
    if (!bias) throw new Error('no mu.bias');
    Object.assign(bias, { dtype: 'F16', bytes: Uint8Array.of(0, 0x3c, 0, 0x3c, 0, 0xbc) });
    loadStateDict(b.params, rawFile(entries), 'half');
    const got = await b.params.state();
    expect(got['mu.bias'].data).toEqual(Float32Array.of(1, 1, -1));
    closeTo(got['fc.weight'].data, state['fc.weight'].data, { relative: 2 ** -7, ofRms: 0 }, 'fc.weight');
    expect(got['fc.weight'].data).not.toEqual(state['fc.weight'].data);
    for (const m of [a, b]) m.params.dispose();
  });
});

describe('files that do not fit change nothing and name every difference', () => {
  const refused = async (
    change: (state: Record<string, { shape: readonly number[]; data: Float32Array }>) => void,
  ) => {
    const model = make(1);
    const state = await model.params.state();
    const given = { ...state };
    change(given);
    let error: unknown;
    try {
      loadStateDict(model.params, writeSafetensors(given), 'weights.safetensors');
    } catch (e) {
      error = e;
    }
    expect(await model.params.state()).toEqual(state);
    model.params.dispose();
    expect(error).toBeInstanceOf(CheckpointError);
    return (error as Error).message;
  };

  test('names, shapes and dtypes at once', async () => {
    const message = await refused((state) => {
      delete state['fc.weight'];
      state['module.fc.weight'] = { shape: [11, 16], data: new Float32Array(176) };
      state['conv.0.weight'] = { shape: [3, 5, 6], data: new Float32Array(90) };
      Object.assign(state, { 'mu.bias': { shape: [3], data: new BigInt64Array(3) } });
      Object.assign(state, { 'mu.weight': { shape: [3, 11], data: new Float64Array(33).fill(1e300) } });
    });
    expect(message).toContain('weights.safetensors: does not fit this model, 5 differences: ');
    for (const part of [
      'fc.weight (11, 16) is missing',
      'module.fc.weight (11, 16) is not part of this model',
      'conv.0.weight has shape (3, 5, 6), not (6, 5, 3)',
      'mu.bias (3) is of dtype I64, not of floats',
      'mu.weight (3, 11) has F64 values beyond float32',
    ])
      expect(message).toContain(part);
  });

  test('a model of other classes or sizes, and one that has nothing in common', async () => {
    const others = make(1, { classes: 3 });
    const state = await others.params.state();
    others.params.dispose();
    const message = await refused((given) => Object.assign(given, state));
    expect(message).toContain('2 differences: fc.weight has shape (11, 17), not (11, 16)');
    const many = await refused((given) => {
      for (const name of Object.keys(given)) delete given[name];
      for (let i = 0; i < 50; i++) given[`layer.${i}`] = { shape: [1], data: new Float32Array(1) };
    });
    expect(many).toContain('68 differences');
    expect(many).toContain('and 44 more');
  });

  test('values that do not fill their shape', async () => {
    const model = make(1);
    const state = await model.params.state();
    state['mu.bias'] = { shape: [3], data: new Float32Array(2) };
    expect(() => model.params.load(state, 'mine')).toThrow(/mine: mu.bias has 2 values for shape \(3\)/);
    model.params.dispose();
  });
});

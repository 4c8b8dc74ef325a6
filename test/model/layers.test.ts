// Layers with torch.nn's names and first values, and buffers: saved with the weights, moved by no optimiser.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  AdamW,
  BatchNorm1d,
  backward,
  Conv1d,
  ConvTranspose1d,
  Embedding,
  type Engine,
  encodeStateDict,
  GroupNorm,
  LayerNorm,
  loadStateDict,
  mean,
  openEngine,
  Parameters,
  Random,
  readSafetensors,
  SGD,
  square,
  type Tensor,
  writeSafetensors,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

function network(seed: number) {
  const params = new Parameters(engine);
  const init = { params, seed };
  const conv = new Conv1d(init, 'conv', 3, 4, 3, { padding: 1 });
  const bn = new BatchNorm1d(init, 'bn', 4);
  const gn = new GroupNorm(init, 'gn', 2, 4);
  const ln = new LayerNorm(init, 'ln', [8]);
  const emb = new Embedding(init, 'emb', 5, 8);
  const forward = (x: Tensor, training: boolean) =>
    ln.forward(gn.forward(bn.forward(conv.forward(x), training)));
  return { params, bn, emb, forward };
}

const input = () => engine.tensor(new Random(1, 'x').normal(0, 6 * 3 * 8), [6, 3, 8]);

test('names, shapes and first values are those of torch.nn', async () => {
  const { params } = network(1);
  const state = await params.state();
  expect(Object.entries(state).map(([name, { shape }]) => [name, ...shape])).toEqual([
    ['conv.weight', 4, 3, 3],
    ['conv.bias', 4],
    ['bn.weight', 4],
    ['bn.bias', 4],
    ['bn.running_mean', 4],
    ['bn.running_var', 4],
    ['gn.weight', 4],
    ['gn.bias', 4],
    ['ln.weight', 8],
    ['ln.bias', 8],
    ['emb.weight', 5, 8],
  ]);
  for (const name of ['bn.weight', 'bn.running_var', 'gn.weight', 'ln.weight'])
    expect([...state[name].data]).toEqual(Array(state[name].data.length).fill(1));
  for (const name of ['bn.bias', 'bn.running_mean', 'gn.bias', 'ln.bias'])
    expect([...state[name].data]).toEqual(Array(state[name].data.length).fill(0));
  expect(params.count).toBe(36 + 4 + 4 + 4 + 4 + 4 + 8 + 8 + 40);
});

test('running statistics follow the batches, are saved with the weights, and decide the evaluation', async () => {
  const [a, b] = [network(1), network(2)];
  a.forward(input(), true);
  const before = await a.params.state();
  expect([...before['bn.running_mean'].data]).not.toContain(0);
  // As torch saves it: with a count of batches that nothing depends on.
  const { tensors } = readSafetensors(encodeStateDict(before), 'a');
  const file = Object.fromEntries(
    [...tensors].map(([k, { shape, data }]) => [k, { shape, data: data as Float32Array }]),
  );
  const bytes = writeSafetensors(
    { ...file, 'bn.num_batches_tracked': { shape: [], data: BigInt64Array.of(1n) } },
    {},
  );
  loadStateDict(b.params, bytes, 'a.safetensors');
  const [ya, yb] = await engine.read([a.forward(input(), false), b.forward(input(), false)]);
  expect([...yb]).toEqual([...ya]);
  expect([...ya]).not.toEqual([...(await a.forward(input(), true).read())]);
});

test.each([
  ['AdamW', (params: Parameters) => new AdamW(params, { lr: 0.1, weightDecay: 0.5, decays: weights })],
  ['SGD', (params: Parameters) => new SGD(params, { lr: 0.1, weightDecay: 0.5, decays: weights })],
] as const)('%s: weight decay leaves buffers and exempted parameters alone', async (_, make) => {
  const { params, forward, emb } = network(1);
  const optimizer = make(params);
  // No gradient reaches the table (index 0 of 5 only): what moves it is decay.
  const step = (decaysOnly: Tensor) => {
    backward(mean(square(decaysOnly)));
    optimizer.step();
  };
  const first = await params.state();
  forward(input(), true);
  const moved = await params.state();
  step(emb.forward(engine.tensor([0])));
  const after = await params.state();
  for (const name of ['bn.running_mean', 'bn.running_var', 'bn.bias', 'ln.weight', 'ln.bias', 'conv.bias'])
    expect([...after[name].data], name).toEqual([...moved[name].data]);
  const shrunk = first['conv.weight'].data.map((v) => v * (1 - 0.1 * 0.5));
  closeTo(after['conv.weight'].data, shrunk, { relative: 1e-5, ofRms: 1e-6 }, 'decayed');
  optimizer.dispose();
});

test('a convolution applies the activation of its options unless forward names another', async () => {
  for (const [name, Layer] of [
    ['conv', Conv1d],
    ['transposed', ConvTranspose1d],
  ] as const) {
    const init = { params: new Parameters(engine), seed: 3 };
    const layer = new Layer(init, name, 3, 4, 3, { activation: 'relu' });
    const outputs = [layer.forward(input()), layer.forward(input(), 'none'), layer.forward(input(), 'relu')];
    const [own, none, relu] = await engine.read(outputs);
    expect(Math.min(...none)).toBeLessThan(0);
    expect([...own]).toEqual([...none.map((v) => Math.max(0, v))]);
    expect([...own]).toEqual([...relu]);
  }
});

/** What is decayed in practice: matrices and kernels, no biases and no gains. */
function weights(name: string, parameter: Tensor): boolean {
  return name.endsWith('.weight') && parameter.rank > 1;
}

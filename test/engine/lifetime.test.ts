// Use after dispose: always the error, never the numbers of whoever has the buffer now.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  add,
  backward,
  DeviceError,
  type Engine,
  mul,
  openEngine,
  Parameters,
  reshape,
  sum,
  type Tensor,
} from '../../src/node.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

test('parameters after dispose() of them all', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [4], Float32Array.of(1, 2, 3, 4));
  const { values } = params;
  backward(sum(w));
  params.dispose();
  params.dispose();
  const others = [1, 2].map(() => engine.tensor([9, 9, 9, 9]));
  for (const t of [w, w.grad as Tensor, values]) {
    await expect(t.read()).rejects.toThrow(/used after/);
    expect(() => add(t, 1)).toThrow(DeviceError);
    expect(() => t.write(new Float32Array(t.size))).toThrow(/used after/);
  }
  expect(() => params.values).toThrow(/used after dispose/);
  for (const t of others) t.dispose();
});

test('dispose() of one parameter, its gradient or a view of it is refused and frees nothing', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [4], Float32Array.of(1, 2, 3, 4));
  await w.read();
  for (const t of [w, w.grad as Tensor, reshape(w, [2, 2])])
    expect(() => t.dispose()).toThrow(/dispose of their Parameters instead/);
  const other = engine.tensor([9, 9, 9, 9]);
  expect([...(await w.read())]).toEqual([1, 2, 3, 4]);
  other.dispose();
  params.dispose();
});

test('a capture and its outputs after dispose(), and a second dispose of either', async () => {
  const capture = engine.capture('double', ({ x }) => mul(x, 2));
  const input = { x: { data: Float32Array.of(1, 2), shape: [2] } };
  const y = capture.run(input);
  expect([...(await y.read())]).toEqual([2, 4]);
  capture.dispose();
  const others = [1, 2, 3].map(() => engine.tensor([9, 9]));
  await expect(y.read()).rejects.toThrow(/used after/);
  expect(() => add(y, 1)).toThrow(/used after/);
  expect(() => capture.run(input)).toThrow(/capture double: used after dispose/);
  y.dispose();
  capture.dispose();
  const more = [5, 6, 7].map((v) => engine.tensor([v, v]));
  for (const t of others) expect([...(await t.read())]).toEqual([9, 9]);
  for (const t of [...others, ...more]) t.dispose();
});

test('dispose() twice gives the buffer back once', async () => {
  const x = engine.tensor([1, 2]);
  x.dispose();
  x.dispose();
  const [a, b] = [engine.tensor([3, 4]), engine.tensor([5, 6])];
  x.dispose();
  expect([...(await a.read()), ...(await b.read())]).toEqual([3, 4, 5, 6]);
  await expect(x.read()).rejects.toThrow(/used after/);
  a.dispose();
  b.dispose();
});

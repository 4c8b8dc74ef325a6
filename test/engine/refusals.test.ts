// What cannot work is refused at the call, by name, before anything reaches the GPU.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/engine/run.ts';
import {
  add,
  conv1d,
  DeviceError,
  type Engine,
  openEngine,
  Parameters,
  ShapeError,
  type Tensor,
} from '../../src/node.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

test('a feed of another length or type, when it is made and at a replay', async () => {
  expect(() => engine.feed([4], () => Float32Array.of(1, 2))).toThrow(ShapeError);
  expect(() => engine.feed([4], () => Float32Array.of(1, 2))).toThrow(
    'feed: produced 2 values for shape (4); give 4',
  );
  expect(() => engine.feed([2], () => [1, 2] as unknown as Float32Array)).toThrow(
    /feed: produced Array; it must be a Float32Array/,
  );
  let next = Float32Array.of(1, 2);
  const capture = engine.capture('fed', () =>
    add(
      engine.feed([2], () => next),
      1,
    ),
  );
  expect([...(await capture.run({}).read())]).toEqual([2, 3]);
  next = Float32Array.of(1, 2, 3);
  expect(() => capture.run({})).toThrow(/feed: produced 3 values for shape \(2\)/);
  next = Float32Array.of(5, 6);
  expect([...(await capture.run({}).read())]).toEqual([6, 7]);
  capture.dispose();
});

test('inputs and values that are no Float32Array', () => {
  const capture = engine.capture('typed', ({ x }) => add(x, 1));
  for (const data of [[1, 2], Float64Array.of(1, 2), undefined])
    expect(() => capture.run({ x: { data: data as unknown as Float32Array, shape: [2] } })).toThrow(
      /capture typed: input x has (Array|Float64Array|Undefined); it must be a Float32Array/,
    );
  const t = engine.tensor([1, 2]);
  expect(() => t.write([3, 4] as unknown as Float32Array)).toThrow(
    /write: given Array; it must be a Float32Array/,
  );
  expect(() => t.write(Float32Array.of(1))).toThrow(/write: given 1 values for shape \(2\)/);
  t.dispose();
  capture.dispose();
});

test('tensors of two engines in one operation, read or write', async () => {
  const other = await openEngine();
  const [a, b] = [engine.tensor([1, 2]), other.tensor([3, 4])];
  expect(() => add(a, b)).toThrow(/^add: tensor \w+ \(2\) belongs to another engine/);
  const [x, w] = [engine.tensor(new Float32Array(8), [1, 1, 8]), other.tensor([1, 2, 3], [1, 1, 3])];
  expect(() => conv1d(x, w, null)).toThrow(/^conv1d.*belongs to another engine/);
  await expect(engine.read([a, b])).rejects.toThrow(/read: a tensor \(2\) of another engine/);
  expect(() => engine.write(b, Float32Array.of(1, 2))).toThrow(/write: a tensor \(2\) of another engine/);
  expect([...(await a.read()), ...(await b.read())]).toEqual([1, 2, 3, 4]);
  other.close();
});

test('two writes of one range, not of two ranges of one buffer', async () => {
  const twice = (a: Tensor, b: Tensor) =>
    run({ name: 'twice', writes: { a, b }, workgroup: 1, body: 'a[0] = 1.0; b[0] = 2.0;' }, 1);
  const t = engine.tensor([5]);
  expect(() => twice(t, t)).toThrow(/twice: a and b are both written in one range/);
  expect(await t.item()).toBe(5);
  const params = new Parameters(engine);
  const [a, b] = ['a', 'b'].map((name) => params.add(name, [1], new Float32Array(1)));
  twice(a, b);
  expect([await a.item(), await b.item()]).toEqual([1, 2]);
});

test('a buffer above what the device allows', async () => {
  const n = 2 ** 22;
  expect(() => engine.empty([n, n])).toThrow(DeviceError);
  expect(() => engine.empty([n, n])).toThrow(
    /buffer of 70368744177664 bytes, this device allows \d+ \(maxBufferSize\)/,
  );
  expect(await engine.tensor([1]).item()).toBe(1);
});

test('scope and noGrad with an asynchronous function', async () => {
  const later = async () => {
    await null;
    throw new Error('unheard');
  };
  expect(() => engine.scope(later)).toThrow(/scope: the function returned a promise/);
  expect(() => engine.noGrad(later)).toThrow(/noGrad: the function returned a promise/);
  expect(engine.gradMode).toBe(true);
  const capture = engine.capture('later', later);
  expect(() => capture.run({})).toThrow(/returned a promise/);
  expect(await engine.tensor([1]).item()).toBe(1);
  await new Promise((done) => setTimeout(done));
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyInto } from '../../src/engine/primitives.ts';
import {
  Adam,
  add,
  backward,
  backwardFrom,
  conv1d,
  DeviceError,
  Engine,
  linear,
  Metrics,
  mean,
  mse,
  mul,
  openEngine,
  Parameters,
  profileTable,
  Random,
  relu,
  reshape,
  ShapeError,
  slice,
  square,
  sub,
  sum,
  type Tensor,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const exact = { relative: 1e-6, ofRms: 0 };

/** A small regression: conv1d, linear, Adam, noise from a feed. Returns what a test needs to drive it. */
function regression(e: Engine, seed: number) {
  const random = new Random(seed, 'regression');
  const params = new Parameters(e);
  const w = params.add(
    'w',
    [4, 2, 3],
    random.normal(0, 24).map((v) => 0.3 * v),
  );
  const b = params.add('b', [4], new Float32Array(4));
  const v = params.add(
    'v',
    [1, 32],
    random.normal(1, 32).map((x) => 0.3 * x),
  );
  const adam = new Adam(params, { lr: 0.01 });
  let fed = 0;
  const step = ({ x, t }: Record<string, Tensor>) => {
    const noise = e.feed([5, 1], () => random.normal(100 + fed++, 5));
    const h = conv1d(x, w, b, { padding: 1, activation: 'relu' });
    const y = add(linear(flat(h), v, null), mul(noise, 0.01));
    const loss = mean(mse(y, t));
    backward(loss);
    adam.step(loss);
    return loss;
  };
  const inputs = (i: number) => ({
    x: { data: random.normal(1000 + i, 5 * 2 * 8), shape: [5, 2, 8] },
    t: { data: random.normal(5000 + i, 5), shape: [5, 1] },
  });
  const flat = (h: Tensor) => reshape(h, [5, 32]);
  return { params, adam, step, inputs };
}

describe('capture', () => {
  test('a replayed step gives the same bits as a recorded one', async () => {
    const eager = regression(engine, 1);
    const captured = regression(engine, 1);
    const step = engine.capture('regression', captured.step);
    const losses: number[][] = [[], []];
    for (let i = 0; i < 20; i++) {
      const host = eager.inputs(i);
      const loss = engine.scope(() =>
        eager.step({
          x: engine.tensor(host.x.data, host.x.shape),
          t: engine.tensor(host.t.data, host.t.shape),
        }),
      );
      losses[0].push(await loss.item());
      loss.dispose();
      losses[1].push(await step.run(captured.inputs(i)).item());
    }
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[0][19]).not.toEqual(losses[0][0]);
    expect((await captured.params.values.read()).join()).toEqual((await eager.params.values.read()).join());
    step.dispose();
  });

  test('another shape is refused with both shapes, and the old one still runs', async () => {
    const step = engine.capture('double', ({ x }) => mul(x, 2));
    step.run({ x: { data: Float32Array.of(1, 2), shape: [2] } });
    expect(() => step.run({ x: { data: Float32Array.of(1, 2, 3), shape: [3] } })).toThrow(
      /x has shape \(3\).*\(2\)/,
    );
    expect(() => step.run({})).toThrow(/input x is missing/);
    expect(() => step.run({ x: { data: Float32Array.of(1), shape: [2] } })).toThrow(ShapeError);
    expect([...(await step.run({ x: { data: Float32Array.of(3, 4), shape: [2] } }).read())]).toEqual([6, 8]);
    step.dispose();
  });

  test('gives every buffer back when it is disposed', async () => {
    const run = async () => {
      const step = engine.capture('square', ({ x }) => sum(square(square(x))));
      const value = await step.run({ x: { data: new Float32Array(4096).fill(0.5), shape: [4096] } }).item();
      step.dispose();
      return value;
    };
    expect(await run()).toBeCloseTo(256, 3);
    const before = engine.bytes;
    for (let i = 0; i < 5; i++) await run();
    expect(engine.bytes).toBe(before);
  });

  test('a disposed output of a capture is not handed to others while the capture lives', async () => {
    const step = engine.capture('owned', ({ x }) => mul(x, 2));
    const one = { x: { data: new Float32Array(300).fill(1), shape: [300] } };
    step.run(one).dispose();
    const other = mul(engine.tensor(new Float32Array(300).fill(5)), 1);
    step.run(one);
    expect((await other.read())[0]).toBe(5);
    step.dispose();
    other.dispose();
  });

  test('refuses to add, at every replay, to a gradient from before', async () => {
    const params = new Parameters(engine);
    const w = params.add('w', [2], Float32Array.of(1, 2));
    backward(sum(w));
    const step = engine.capture('twice', () => {
      const loss = sum(square(w));
      backward(loss);
      backward(sum(w));
      return loss;
    });
    expect(() => step.run({})).toThrow(/zeroGrad\(\)/);
    for (let i = 0; i < 3; i++) {
      params.zeroGrad();
      step.run({});
    }
    closeTo(await (w.grad as Tensor).read(), [3, 5], exact, 'dw');
    step.dispose();
  });

  test('refuses reads and writes while it records, and recovers from an error inside', async () => {
    const outside = engine.tensor([1, 2]);
    const step = engine.capture('bad', () => {
      outside.write(Float32Array.of(3, 4));
      return outside;
    });
    expect(() => step.run({})).toThrow(/use engine.feed/);
    expect([...(await outside.read())]).toEqual([1, 2]);
    outside.dispose();
  });
});

describe('queue writes and recorded work', () => {
  test('eager steps each get their own learning rate', async () => {
    const params = new Parameters(engine);
    const w = params.add('w', [3], Float32Array.of(1, 2, 3));
    const adam = new Adam(params, { lr: (t) => [0.1, 0, 0][t - 1] });
    for (let i = 0; i < 3; i++) {
      backward(sum(w));
      adam.step();
    }
    closeTo(await w.read(), [0.9, 1.9, 2.9], { relative: 1e-5, ofRms: 0 }, 'w');
  });

  test('parameters are not overwritten by work recorded before them', async () => {
    engine.scope(() => {
      const a = engine.tensor(new Float32Array(4096).fill(7));
      add(a, a);
    });
    const params = new Parameters(engine);
    const w = params.add('w', [4096], new Float32Array(4096).fill(1));
    expect(new Set(await w.read())).toEqual(new Set([1]));
  });
});

describe('memory', () => {
  test('what a scope made is gone after it, what it returned stays', async () => {
    let inner: Tensor | null = null;
    const kept = engine.scope(() => {
      inner = mul(engine.tensor([1, 2, 3]), 2);
      return { y: [add(inner, 1)] };
    });
    expect([...(await kept.y[0].read())]).toEqual([3, 5, 7]);
    await expect((inner as unknown as Tensor).read()).rejects.toThrow(/scope ended/);
    kept.y[0].dispose();
  });

  test('a thousand scoped steps allocate nothing after the first', async () => {
    const run = () => engine.scope(() => sum(relu(mul(engine.tensor(new Float32Array(1000).fill(1)), 3))));
    run().dispose();
    await engine.idle();
    const before = engine.bytes;
    for (let i = 0; i < 1000; i++) run().dispose();
    await engine.idle();
    expect(engine.bytes).toBe(before);
  });
});

describe('tape', () => {
  test('sums the gradients of every use, of parameters and of inputs', async () => {
    const params = new Parameters(engine);
    const w = params.add('w', [3], Float32Array.of(1, 2, 3));
    const x = engine.tensor([4, 5, 6]);
    x.requiresGrad = true;
    // loss = sum(w x + w w + x), so dw = x + 2 w and dx = w + 1.
    const [dx] = backward(sum(add(add(mul(w, x), mul(w, w)), x)), [x]);
    closeTo(await (w.grad as Tensor).read(), [6, 9, 12], exact, 'dw');
    closeTo(await dx.read(), [2, 3, 4], exact, 'dx');
    backward(sum(w));
    closeTo(await (w.grad as Tensor).read(), [7, 10, 13], exact, 'a second backward adds');
    params.zeroGrad();
    backward(sum(w));
    closeTo(await (w.grad as Tensor).read(), [1, 1, 1], exact, 'zeroGrad forgets');
  });

  test('gives the gradient of a parameter that is asked for, zeros where none comes', async () => {
    const params = new Parameters(engine);
    const w = params.add('w', [2], Float32Array.of(1, 2));
    const u = params.add('u', [2], Float32Array.of(1, 2));
    const [dw, du] = backward(sum(mul(w, 3)), [w, u]);
    expect([...(await dw.read()), ...(await du.read())]).toEqual([3, 3, 0, 0]);
    expect([...(await backward(sum(mul(w, 2)), [w])[0].read())]).toEqual([5, 5]);
  });

  test('takes a parameter as the loss', async () => {
    const params = new Parameters(engine);
    const w = params.add('w', [1], Float32Array.of(3));
    backward(w);
    expect(await (w.grad as Tensor).item()).toBe(1);
    backward(w);
    expect(await (w.grad as Tensor).item()).toBe(2);
  });

  test('sums the gradients given for one output, which stay as they are', async () => {
    const x = engine.tensor([1, 2]);
    x.requiresGrad = true;
    const y = mul(x, 3);
    const one = engine.tensor([1, 10]);
    const seed = (n: number) => Array.from({ length: n }, () => [y, one] as const);
    for (const n of [1, 2, 3])
      expect([...(await backwardFrom(seed(n), [x])[0].read())]).toEqual([3 * n, 30 * n]);
    expect([...(await one.read())]).toEqual([1, 10]);
  });

  test('visits a shared subgraph once', async () => {
    const x = engine.tensor([1.5]);
    x.requiresGrad = true;
    let y = x;
    for (let i = 0; i < 40; i++) y = mul(add(y, y), 0.5); // 2^40 paths
    const [dx] = backward(sum(y), [x]);
    closeTo(await dx.read(), [1], exact, 'dx');
  });

  test('refuses a loss of several elements, and one without parameters', () => {
    const x = engine.tensor([1, 2]);
    x.requiresGrad = true;
    expect(() => backward(square(x))).toThrow(/shape \(2\)/);
    expect(() => backward(sum(engine.tensor([1, 2])))).toThrow(/requires a gradient/);
    expect(engine.noGrad(() => square(x)).requiresGrad).toBe(false);
  });
});

describe('a step that is not finite', () => {
  test.each([
    ['an infinite gradient', Number.POSITIVE_INFINITY, 0],
    ['a NaN in the loss alone', 1, Number.NaN],
  ])('changes nothing: %s', async (_, factor, extra) => {
    const params = new Parameters(engine);
    const w = params.add('w', [5], Float32Array.of(1, 2, 3, 4, 5));
    const adam = new Adam(params, { lr: 0.1 });
    const step = engine.capture('guarded', ({ x, y }) => {
      const loss = sum(mul(w, x));
      backward(loss);
      adam.step(add(loss, y));
      return loss;
    });
    const one = (a: number, b: number) => ({
      x: { data: new Float32Array(5).fill(a), shape: [5] },
      y: { data: Float32Array.of(b), shape: [1] },
    });
    step.run(one(1, 0));
    const before = await w.read();
    expect(before[0]).toBeCloseTo(0.9, 4);
    expect(await adam.stopped()).toBe(false);
    step.run(one(factor, extra));
    step.run(one(1, 0));
    expect(await adam.stopped()).toBe(true);
    expect([...(await w.read())]).toEqual([...before]);
    adam.resume();
    step.run(one(1, 0));
    expect((await w.read())[0]).toBeLessThan(before[0]);
    step.dispose();
  });
});

test('late metrics keep every row in order', async () => {
  const metrics = new Metrics(engine, 2, 16);
  const step = engine.capture('metrics', ({ x }) => {
    metrics.record([x, square(x)]);
    return x;
  });
  const seen: number[][] = [];
  for (let i = 0; i < 40; i++) {
    step.run({ x: { data: Float32Array.of(i), shape: [1] } });
    if (i % 7 === 6) seen.push(...(await metrics.read()).map((row) => [...row]));
  }
  seen.push(...(await metrics.read()).map((row) => [...row]));
  expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => [i, i * i]));
  for (let i = 0; i < 16; i++) step.run({ x: { data: Float32Array.of(i), shape: [1] } });
  expect(() => step.run({ x: { data: Float32Array.of(0), shape: [1] } })).toThrow(/16 rows unread/);
  step.dispose();
});

describe('device', () => {
  test('opens and closes several times in one process', async () => {
    for (let i = 0; i < 3; i++) {
      const e = await openEngine();
      expect(await sum(e.tensor([1, 2, i])).item()).toBe(3 + i);
      e.close();
      expect(() => e.tensor([1])).toThrow(/used after close/);
    }
  });

  test('uses a device the page owns and leaves it alive', async () => {
    const own = await openEngine();
    const guest = await Engine.open({ device: own.device });
    expect(await sum(guest.tensor([1, 2, 3])).item()).toBe(6);
    guest.close();
    expect(await sum(own.tensor([4, 5])).item()).toBe(9);
    own.close();
  });

  test('an error of the GPU surfaces at a later call, once', async () => {
    engine.device.createBuffer({ size: 16, usage: 0x3 }); // MAP_READ with MAP_WRITE is invalid
    const later = async () => engine.tensor([1]).item();
    await expect(later()).rejects.toThrow(DeviceError);
    expect(await later()).toBe(1);
  });

  test('a lost device is reported by name', async () => {
    const e = await openEngine();
    const reasons: string[] = [];
    e.onLost = (reason) => reasons.push(reason);
    const x = e.tensor([1, 2]);
    e.device.destroy();
    await expect(x.read()).rejects.toThrow();
    expect(await e.wasLost()).toBe(true);
    expect(reasons[0]).toMatch(/destroyed/);
    expect(() => e.tensor([1])).toThrow(/device lost/);
    e.close();
  });

  test('reading and writing one buffer in a dispatch is refused', () => {
    const params = new Parameters(engine);
    const a = params.add('a', [64], new Float32Array(64));
    const b = params.add('b', [64], new Float32Array(64));
    expect(() => copyInto(a, b)).toThrow(/read and .* written in one buffer/);
  });

  test('profiles by kernel where the adapter has timestamps', async () => {
    const profile = engine.profile();
    const x = engine.tensor(new Float32Array(1 << 16).fill(1));
    sum(sub(x, 1));
    const rows = await profile.table();
    profile.stop();
    expect(rows.map((r) => r.name).sort()).toEqual(['sub', 'sum', 'sum.finish']);
    expect(profileTable(rows)).toMatch(/sub +1 +\d/);
    x.dispose();
  });
});

test('a grid above 65,535 workgroups is folded', async () => {
  const n = 64 * 4 * 70_001 + 3;
  const x = engine.tensor(new Float32Array(n).fill(2));
  const y = square(x);
  closeTo([await sum(y).item()], [4 * n], exact, 'sum');
  expect([...(await slice(y, 0, n - 5, n).read())]).toEqual([4, 4, 4, 4, 4]);
  x.dispose();
  y.dispose();
});

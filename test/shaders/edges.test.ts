// Where a definition meets float32: large and small arguments, the poles, indices outside, and state that outlives a step.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  add,
  avgPool1d,
  backward,
  batchNorm,
  bceWithLogits,
  clamp,
  concat,
  conv1d,
  convTranspose1d,
  cos,
  crossEntropy,
  detach,
  div,
  dropout,
  type Engine,
  elbo,
  embedding,
  exp,
  gather,
  gelu,
  groupNorm,
  layerNorm,
  linear,
  log,
  logSoftmax,
  logSumExp,
  max,
  maximum,
  maxPool1d,
  mean,
  min,
  minimum,
  mul,
  multiResolutionStftLoss,
  openEngine,
  Parameters,
  pad,
  pow,
  Random,
  relu,
  reshape,
  SGD,
  sigmoid,
  sin,
  softmax,
  softplus,
  stft,
  sum,
  type Tensor,
  tanh,
  transpose,
  where,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const zeros = (...shape: number[]): Tensor =>
  engine.tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);

test('sin and cos are good to 1e-6 for |x| up to 100', async () => {
  const x = Float32Array.from({ length: 100_001 }, (_, i) => (i - 50_000) / 500);
  const t = engine.tensor(x);
  for (const [op, f] of [
    [sin, Math.sin],
    [cos, Math.cos],
  ] as const) {
    const y = await op(t).read();
    let worst = 0;
    x.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(y[i] - f(v)));
    });
    expect(worst).toBeLessThan(1e-6);
  }
});

describe('far from zero', () => {
  test.each([
    ['softplus', softplus, [-100, -20, 20, 100], [0, 2.0611536e-9, 20, 100]],
    ['gelu', gelu, [-10, -5, 5, 50], [-7.619853e-23, -1.4332579e-6, 4.9999986, 50]],
    ['relu', relu, [-1e30, 1e30], [0, 1e30]],
  ] as const)('%s', async (name, op, x, want) => {
    closeTo(await op(engine.tensor([...x])).read(), want, { relative: 1e-4, ofRms: 1e-9 }, name);
  });

  test('softmax, logSoftmax, logSumExp and crossEntropy do not overflow', async () => {
    const x = engine.tensor([1e4, 1e4 - 1, -1e4], [1, 3]);
    const log = Math.log1p(Math.exp(-1));
    const tolerance = { relative: 1e-6, ofRms: 1e-6 };
    closeTo(await softmax(x).read(), [1 / (1 + Math.exp(-1)), 1 / (1 + Math.E), 0], tolerance, 'softmax');
    closeTo(await logSoftmax(x).read(), [-log, -1 - log, -2e4 - log], tolerance, 'logSoftmax');
    closeTo(await logSumExp(x).read(), [1e4 + log], tolerance, 'logSumExp');
    closeTo(await crossEntropy(x, engine.tensor([1])).read(), [1 + log], tolerance, 'crossEntropy');
  });

  test('a large mean does not swallow a small variance', async () => {
    const noise = new Random(1, 'noise').normal(0, 4096);
    const x = engine.tensor(
      noise.map((v) => 1000 + v),
      [4, 1, 1024],
    );
    const y = await batchNorm(x, null, null).read();
    const shifted = noise.map((v) => Math.fround(1000 + v) - 1000);
    const m = shifted.reduce((a, b) => a + b, 0) / 4096;
    const sd = Math.sqrt(shifted.reduce((a, b) => a + (b - m) ** 2, 0) / 4096);
    closeTo(
      y,
      shifted.map((v) => (v - m) / sd),
      { relative: 0, ofRms: 5e-4 },
      'normalised',
    );
  });
});

test('pow follows C: zero, negative numbers, whole and other exponents', async () => {
  const x = engine.tensor([-2, 0, 2]);
  const read = async (p: number) => [...(await pow(x, p).read())];
  expect(await read(2)).toEqual([4, 0, 4]);
  expect(await read(-1)).toEqual([-0.5, Number.POSITIVE_INFINITY, 0.5]);
  expect(await read(0)).toEqual([1, 1, 1]);
  closeTo(await read(9), [-512, 0, 512], { relative: 1e-4, ofRms: 0 }, 'odd');
  closeTo(await read(10), [1024, 0, 1024], { relative: 1e-4, ofRms: 0 }, 'even');
  closeTo(await read(0.5), [Number.NaN, 0, Math.SQRT2], { relative: 1e-4, ofRms: 0 }, 'root');
});

test('an index outside its axis gives NaN, and the others their values', async () => {
  const w = engine.tensor([1, 2, 3, 4], [2, 2]);
  const index = engine.tensor([1, 2, -1]);
  expect([...(await embedding(index, w).read())]).toEqual([3, 4, ...Array(4).fill(Number.NaN)]);
  const picked = gather(w, 1, engine.tensor([5, 0], [2, 1]));
  expect([...(await picked.read())]).toEqual([Number.NaN, 3]);
});

test('gather adds up the gradients of an element that is chosen twice', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  backward(sum(mul(embedding(engine.tensor([2, 0, 2]), w), engine.tensor([1, 10, 100], [3, 1]))));
  expect([...((await w.grad?.read()) ?? [])]).toEqual([10, 10, 0, 0, 101, 101]);
});

test('detach and noGrad cut the tape', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [2], Float32Array.of(3, 4));
  backward(sum(mul(w, detach(w))));
  expect([...((await w.grad?.read()) ?? [])]).toEqual([3, 4]);
  expect(engine.noGrad(() => mul(w, 2)).requiresGrad).toBe(false);
  expect(mul(w, 2).requiresGrad).toBe(true);
});

describe('batchNorm', () => {
  test('running statistics move by the momentum, and evaluation uses them', async () => {
    const running = { mean: engine.tensor([1, 2]), variance: engine.tensor([3, 4]) };
    const x = engine.tensor([0, 2, 1, 3, 4, 6, 5, 9], [2, 2, 2]); // channel 0: 0 2 4 6, channel 1: 1 3 5 9
    batchNorm(x, null, null, { running, momentum: 0.25 });
    const tolerance = { relative: 1e-6, ofRms: 0 };
    closeTo(await running.mean.read(), [1.5, 2 + 0.25 * 2.5], tolerance, 'mean');
    closeTo(
      await running.variance.read(),
      [3 + 0.25 * (20 / 3 - 3), 4 + 0.25 * (35 / 3 - 4)],
      tolerance,
      'variance',
    );
    const w = engine.tensor([2, 1]);
    const still = { mean: engine.tensor([1, 2]), variance: engine.tensor([4, 9]) };
    const y = await batchNorm(x, w, null, { running: still, training: false, eps: 0 }).read();
    closeTo(y, [-1, 1, -1 / 3, 1 / 3, 3, 5, 1, 7 / 3], tolerance, 'evaluated');
    expect([...(await still.mean.read())]).toEqual([1, 2]);
  });

  test('a batch that is not finite leaves the running statistics alone', async () => {
    const running = { mean: engine.tensor([1]), variance: engine.tensor([3]) };
    batchNorm(engine.tensor([1, Number.NaN, 2], [3, 1]), null, null, { running });
    expect([...(await running.mean.read()), ...(await running.variance.read())]).toEqual([1, 3]);
  });

  test('its gradient in evaluation is the scale', async () => {
    const params = new Parameters(engine);
    const x = params.add('x', [2, 1], Float32Array.of(1, 5));
    const running = { mean: engine.tensor([1]), variance: engine.tensor([4]) };
    backward(sum(batchNorm(x, engine.tensor([3]), null, { running, training: false, eps: 0 })));
    closeTo((await x.grad?.read()) ?? [], [1.5, 1.5], { relative: 1e-6, ofRms: 0 }, 'dx');
  });
});

test('dropout draws anew at every replay of a captured step, and as outside one', async () => {
  const random = new Random(3, 'dropout');
  const x = new Random(4, 'x').normal(0, 37);
  let step = 0;
  const captured = engine.capture('drop', (inputs) => dropout(inputs.x, 0.4, random, () => step));
  for (step = 0; step < 4; step++) {
    const y = await captured.run({ x: { data: x, shape: [37] } }).read();
    expect([...y]).toEqual([...(await dropout(engine.tensor(x), 0.4, random, step).read())]);
    const kept = random.uniform(step, 37);
    expect([...y].map((v) => v !== 0)).toEqual([...kept].map((u) => u >= Math.fround(0.4)));
  }
  captured.dispose();
});

describe('a NaN reaches the result', () => {
  const nan = () => engine.tensor([1, Number.NaN, 2, 3]);
  const one = (x: Tensor) => reshape(x, [1, 1, 4]);
  test.each<[string, (x: Tensor) => Tensor]>([
    ['relu', relu],
    ['sigmoid', sigmoid],
    ['exp', exp],
    ['tanh', tanh],
    ['softplus', softplus],
    ['log', log],
    ['clamp', (x) => clamp(x, 0, null)],
    ['pow', (x) => pow(x, 0.5)],
    ['gelu', gelu],
    ['maximum', (x) => maximum(x, 0)],
    ['minimum', (x) => minimum(x, engine.tensor([9, 9, 9, 9]))],
    ['max', (x) => max(x)],
    ['min', (x) => min(x)],
    ['max across', (x) => max(reshape(x, [2, 2]), [0])],
    ['maxPool1d', (x) => maxPool1d(one(x), 4)],
    ['maxPool1d, four windows', (x) => maxPool1d(reshape(concat([x, x]), [1, 2, 4]), 2)],
    ['maxPool1d with relu', (x) => maxPool1d(one(x), 2, { activation: 'relu' })],
    ['linear with relu', (x) => linear(x, engine.tensor([1, 1, 1, 1], [1, 4]), null, 'relu')],
    [
      'conv1d with sigmoid',
      (x) => conv1d(one(x), engine.tensor([1], [1, 1, 1]), null, { activation: 'sigmoid' }),
    ],
    ['linear with tanh', (x) => linear(x, engine.tensor([1, 1, 1, 1], [1, 4]), null, 'tanh')],
    [
      'spectral loss',
      (x) => {
        const wave = reshape(concat([x, zeros(28)]), [1, 32]);
        return multiResolutionStftLoss(wave, zeros(1, 32), {
          resolutions: [{ nFft: 8, hopLength: 4, winLength: 8 }],
        });
      },
    ],
  ])('%s', async (_, op) => {
    expect([...(await op(nan()).read())].some(Number.isNaN)).toBe(true);
  });
});

describe('infinities', () => {
  const inf = Number.POSITIVE_INFINITY;
  test('max, min, clamp and logSumExp keep them', async () => {
    const low = engine.tensor([-inf, -inf]);
    expect(await max(low).item()).toBe(-inf);
    expect(await min(engine.tensor([inf, inf])).item()).toBe(inf);
    expect([...(await clamp(engine.tensor([-inf, inf]), 0, null).read())]).toEqual([0, inf]);
    expect(await logSumExp(low).item()).toBe(-inf);
    expect(await logSumExp(engine.tensor([inf, 1])).item()).toBe(inf);
  });

  test('a row that is masked out gives no gradient, and leaves the others theirs', async () => {
    for (const op of [max, logSumExp]) {
      const params = new Parameters(engine);
      const w = params.add('w', [2, 2], Float32Array.of(1, 2, 3, 4));
      const y = op(add(w, engine.tensor([0, 0, -inf, -inf], [2, 2])), [1]);
      backward(sum(where(engine.tensor([1, 0]), y, 0)));
      const d = await w.grad?.read();
      expect(d?.[0]).not.toBe(Number.NaN);
      expect([...(d ?? [])].slice(2)).toEqual([0, 0]);
    }
  });
});

describe('ties and bounds, as torch', () => {
  const gradientOf = async (values: number[], f: (x: Tensor) => Tensor) => {
    const params = new Parameters(engine);
    const x = params.add('x', [values.length], Float32Array.from(values));
    backward(sum(f(x)));
    return [...((await x.grad?.read()) ?? [])];
  };
  test('maximum and minimum share the gradient of equals', async () => {
    expect(await gradientOf([1, 2, 3], (x) => maximum(x, 2))).toEqual([0, 0.5, 1]);
    expect(await gradientOf([1, 2, 3], (x) => minimum(x, 2))).toEqual([1, 0.5, 0]);
  });
  test('max over axes shares it among equals', async () => {
    expect(await gradientOf([5, 1, 5, 5], (x) => max(x))).toEqual([1 / 3, 0, 1 / 3, 1 / 3].map(Math.fround));
  });
  test('maxPool1d gives it to the first of equals', async () => {
    expect(await gradientOf([5, 5, 1, 1], (x) => maxPool1d(reshape(x, [1, 1, 4]), 2))).toEqual([1, 0, 1, 0]);
    const eight = [5, 5, 1, 1, 2, 3, 3, 2];
    const dx = await gradientOf(eight, (x) => maxPool1d(reshape(x, [1, 1, 8]), 2));
    expect(dx).toEqual([1, 0, 1, 0, 0, 1, 1, 0]);
  });
  test('clamp passes it at the bounds', async () => {
    expect(await gradientOf([-1, 0, 0.5, 1, 2], (x) => clamp(x, 0, 1))).toEqual([0, 1, 1, 1, 0]);
  });
  test('log gives none below its floor', async () => {
    expect(await gradientOf([0, 2], log)).toEqual([0, 0.5]);
  });
});

test('concat of more tensors than a kernel binds', async () => {
  const parts = Array.from({ length: 17 }, (_, i) => engine.tensor([i, i + 0.5]));
  expect([...(await concat(parts).read())]).toEqual(parts.flatMap((_, i) => [i, i + 0.5]));
});

test('dropout leaves zeros beyond a tensor of no multiple of four', async () => {
  const spoilt = Array.from({ length: 30 }, () => engine.tensor(new Float32Array(64).fill(Number.NaN)));
  for (const t of spoilt) t.dispose();
  const params = new Parameters(engine);
  const w = params.add('w', [5], new Float32Array(5).fill(1));
  const sgd = new SGD(params, { lr: 0.1, clipNorm: 1 });
  backward(sum(transpose(dropout(w, 0.5, new Random(1, 'd'), 0), [0])));
  sgd.step();
  expect(await sgd.stopped()).toBe(false);
});

test('an outlier in the first place does not spoil the variance', async () => {
  const x = new Random(2, 'outlier').normal(0, 2 ** 18);
  x[0] = 3000;
  const m = x.reduce((a, b) => a + b, 0) / x.length;
  const sd = Math.sqrt(x.reduce((a, b) => a + (b - m) ** 2, 0) / x.length);
  const y = await layerNorm(engine.tensor(x), [x.length], null, null).read();
  closeTo(
    y,
    x.map((v) => (v - m) / sd),
    { relative: 1e-4, ofRms: 1e-5 },
    'normalised',
  );
});

test('small arguments keep their digits', async () => {
  const x = [1e-7, 1e-5, 1e-4, 1e-2, 0.1, 0.3];
  closeTo(await tanh(engine.tensor(x)).read(), x.map(Math.tanh), { relative: 1e-5, ofRms: 0 }, 'tanh');
  const logits = engine.tensor([10, 16], [2, 1]);
  const want = [10, 16].map((v) => Math.log1p(Math.exp(-v)));
  closeTo(
    await bceWithLogits(logits, engine.tensor([1, 1], [2, 1])).read(),
    want,
    { relative: 1e-4, ofRms: 0 },
    'bce',
  );
  const ratio = engine.tensor([1e30, 1e-30]);
  const params = new Parameters(engine);
  const b = params.add('b', [2], Float32Array.of(1e20, 1e-20));
  backward(sum(div(ratio, b)));
  closeTo((await b.grad?.read()) ?? [], [-1e-10, -1e10], { relative: 1e-5, ofRms: 0 }, 'd(a / b) / db');
});

test('a grid above 65,535 workgroups without being told to fold', async () => {
  const n = 64 * 4 * 65_536 + 5;
  const x = new Float32Array(n).fill(-1);
  x[n - 1] = 2;
  x[64 * 4 * 65_535] = 3;
  const y = relu(engine.tensor(x));
  const total = await sum(y).item();
  y.dispose();
  expect(total).toBe(5);
});

describe('what does not fit is refused before any work, with the values', () => {
  const cases: [string, () => unknown, RegExp][] = [
    [
      'conv1d channels',
      () => conv1d(zeros(1, 2, 8), zeros(4, 3, 3)),
      /x \(1, 2, 8\), w \(4, 3, 3\), groups 1/,
    ],
    ['conv1d taps', () => conv1d(zeros(1, 3, 2), zeros(4, 3, 5)), /5 taps .* longer than x of 2/],
    ['conv1d bias', () => conv1d(zeros(1, 3, 8), zeros(4, 3, 3), zeros(3)), /b \(3\) for 4 output channels/],
    ['conv1d stride', () => conv1d(zeros(1, 3, 8), zeros(4, 3, 3), null, { stride: 0 }), /stride 0/],
    [
      'convTranspose1d outputPadding',
      () => convTranspose1d(zeros(1, 3, 8), zeros(3, 4, 3), null, { outputPadding: 1 }),
      /outputPadding 1/,
    ],
    [
      'convTranspose1d padding',
      () => convTranspose1d(zeros(1, 3, 1), zeros(3, 4, 1), null, { padding: 2 }),
      /leaves -3 outputs/,
    ],
    ['pool', () => avgPool1d(zeros(1, 1, 3), 4), /window of 4 is longer than x of 3/],
    ['pool padding', () => avgPool1d(zeros(1, 1, 9), 3, { padding: 2 }), /padding 2/],
    [
      'conv1d activation',
      () => conv1d(zeros(1, 3, 8), zeros(4, 3, 3), null, { activation: 'gelu' as 'relu' }),
      /activation gelu; choose one of none/,
    ],
    ['linear activation', () => linear(zeros(1, 3), zeros(4, 3), null, 'silu' as 'relu'), /activation silu/],
    [
      'pool activation',
      () => maxPool1d(zeros(1, 1, 9), 3, { activation: 'tanh' as 'relu' }),
      /activation tanh/,
    ],
    ['elbo kind', () => elbo(zeros(1), zeros(1), zeros(1), { kind: 'best' as 'optimal' }), /kind best/],
    [
      'window',
      () => stft(zeros(1, 32), { nFft: 8, window: 'toString' as 'hann' }),
      /window toString; it must be hann/,
    ],
    ['batchNorm eps', () => batchNorm(zeros(2, 3), null, null, { eps: Number.NaN }), /eps NaN/],
    ['axes twice', () => sum(zeros(2, 3), [0, -2]), /axes 0,-2 .* name each axis once/],
    ['axis', () => mean(zeros(2, 3), [2]), /axis 2 of a tensor of shape \(2, 3\); it must be from -2 to 1/],
    ['softmax axis', () => softmax(zeros(2), 1), /axis 1/],
    ['crossEntropy', () => crossEntropy(zeros(2, 3), zeros(3)), /logits \(2, 3\), targets \(3\)/],
    ['gather', () => gather(zeros(2, 3), 1, zeros(3, 1)), /index \(3, 1\) for x \(2, 3\) along axis 1/],
    ['embedding', () => embedding(zeros(2), zeros(3)), /w \(3\)/],
    [
      'pad reflect',
      () => pad(zeros(1, 3), [3, 0], { mode: 'reflect' }),
      /3 and 0 for an axis of 3 in mode reflect/,
    ],
    ['pad negative', () => pad(zeros(3), [-1, 0]), /-1 and 0/],
    ['pad odd', () => pad(zeros(3), [1]), /1 numbers for x \(3\)/],
    [
      'pad mode',
      () => pad(zeros(3), [1, 1], { mode: 'edge' as 'reflect' }),
      /mode edge; choose one of constant/,
    ],
    ['clamp', () => clamp(zeros(3), 1, 0), /low 1, high 0/],
    ['pow', () => pow(zeros(3), Number.NaN), /exponent NaN/],
    ['dropout', () => dropout(zeros(3), 1.5, new Random(1, 'd'), 0), /p 1.5/],
    ['where', () => where(zeros(2), zeros(3), 0), /\(2\) and \(3\) do not broadcast/],
    ['concat', () => concat([zeros(2, 3), zeros(3, 3)], 1), /\(2, 3\), \(3, 3\) along axis 1/],
    ['batchNorm one value', () => batchNorm(zeros(1, 3), null, null), /\(1, 3\) has one value a channel/],
    [
      'batchNorm weight',
      () => batchNorm(zeros(2, 3), zeros(2), null),
      /w \(2\) for x \(2, 3\); it needs 3 values/,
    ],
    [
      'batchNorm evaluation',
      () => batchNorm(zeros(2, 3), null, null, { training: false }),
      /needs running statistics/,
    ],
    ['groupNorm', () => groupNorm(zeros(2, 3), 2, null, null), /x \(2, 3\) in 2 groups/],
    ['layerNorm', () => layerNorm(zeros(2, 3), [2], null, null), /x \(2, 3\) does not end in \(2\)/],
  ];
  test.each(cases)('%s', (_, call, message) => {
    const before = engine.pipelines.count;
    expect(call).toThrow(message);
    expect(engine.pipelines.count).toBe(before);
  });
});

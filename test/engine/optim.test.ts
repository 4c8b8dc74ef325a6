// Optimisers, averages and schedules against float64 written from the formulas of torch.optim's documentation; the
// golden vectors (test/golden.test.ts) check Adam, AdamW and SGD against PyTorch itself.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  Adam,
  type AdamOptions,
  AdamW,
  add,
  backward,
  CheckpointError,
  constantLr,
  cosineAnnealingLr,
  type Engine,
  exponentialLr,
  linearLr,
  mul,
  type Optimizer,
  oneCycleLr,
  openEngine,
  Parameters,
  Random,
  type Schedule,
  SGD,
  type SGDOptions,
  ShapeError,
  sequentialLr,
  square,
  stepLr,
  sum,
  type Tensor,
  WeightAverage,
  warmup,
} from '../../src/node.ts';
import { closeTo } from '../close.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const close = { relative: 1e-5, ofRms: 2e-6 };
/** Sizes 1, a prime, a whole slice of the flat buffer, and one more. */
const sizes = [1, 37, 64, 65];

type Options = AdamOptions & SGDOptions;
type Kind = 'adam' | 'adamw' | 'sgd';
const make = (kind: Kind, params: Parameters, options: Options): Optimizer =>
  kind === 'sgd'
    ? new SGD(params, options)
    : kind === 'adamw'
      ? new AdamW(params, options)
      : new Adam(params, options);

/** One long array for all parameters, without padding, and their gradients: normal numbers, larger at every step. */
const start = (n: number) => new Random(1, 'start').normal(0, n);
const gradientOf = (step: number, n: number) =>
  new Random(1, 'gradient').normal(step, n).map((g) => g * (1 + step));

/** Parameters whose loss, sum(w x), has the gradient x. */
function problem(kind: Kind, options: Options, of = sizes, decay?: number | null) {
  const params = new Parameters(engine);
  const total = of.reduce((a, b) => a + b);
  const first = start(total);
  let at = 0;
  const cut = (all: Float32Array, n: number) => {
    at += n;
    return all.slice(at - n, at);
  };
  const weights = of.map((n, i) => params.add(`w${i}`, [n], cut(first, n)));
  const optimizer = make(kind, params, options);
  const average = decay === undefined ? null : new WeightAverage(optimizer, { decay });
  const body = (inputs: Record<string, Tensor>) => {
    const loss = weights.map((w, i) => sum(mul(w, inputs[`x${i}`]))).reduce((a, b) => add(a, b));
    backward(loss);
    optimizer.step(loss);
    average?.update();
    return loss;
  };
  const capture = engine.capture(`steps of ${kind}`, body);
  const inputs = (all: Float32Array) => {
    at = 0;
    return Object.fromEntries(of.map((n, i) => [`x${i}`, { data: cut(all, n), shape: [n] }]));
  };
  const flat = (all: Float32Array) =>
    Float32Array.from(of.flatMap((_, i) => [...params.split(all)[`w${i}`].data]));
  return {
    params,
    optimizer,
    average,
    replay: (all: Float32Array) => capture.run(inputs(all)),
    eager: (all: Float32Array) =>
      engine.scope(() => {
        const tensors = Object.entries(inputs(all)).map(([k, t]) => [k, engine.tensor(t.data, t.shape)]);
        body(Object.fromEntries(tensors));
      }),
    weights: async () => flat(await params.values.read()),
    averages: async () => flat(await (average as WeightAverage).values.read()),
    dispose: () => {
      capture.dispose();
      average?.dispose();
      optimizer.dispose();
      params.dispose();
    },
  };
}

/** torch.optim in float64: the parameters after each step. */
function reference(kind: Kind, o: Options, n: number, steps: number): Float64Array[] {
  const { lr = 1e-3, clipNorm = 0, betas = [0.9, 0.999], eps = 1e-8 } = o;
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = kind === 'adamw' ? 0.01 : 0 } = o;
  const p = Float64Array.from(start(n));
  const m = new Float64Array(n);
  const v = new Float64Array(n);
  return Array.from({ length: steps }, (_, k) => {
    const t = k + 1;
    const rate = typeof lr === 'number' ? lr : lr(t);
    const grad = Float64Array.from(gradientOf(k, n));
    const norm = Math.sqrt(grad.reduce((s, g) => s + g * g, 0));
    const factor = clipNorm > 0 ? Math.min(1, clipNorm / (norm + 1e-6)) : 1;
    for (let i = 0; i < n; i++) {
      let g = factor * grad[i];
      if (kind === 'adamw') p[i] -= rate * weightDecay * p[i];
      else g += weightDecay * p[i];
      if (kind === 'sgd') {
        if (momentum > 0) {
          m[i] = t === 1 ? g : momentum * m[i] + (1 - dampening) * g;
          g = nesterov ? g + momentum * m[i] : m[i];
        }
        p[i] -= rate * g;
      } else {
        m[i] = betas[0] * m[i] + (1 - betas[0]) * g;
        v[i] = betas[1] * v[i] + (1 - betas[1]) * g * g;
        const mHat = m[i] / (1 - betas[0] ** t);
        const vHat = v[i] / (1 - betas[1] ** t);
        p[i] -= (rate * mHat) / (Math.sqrt(vHat) + eps);
      }
    }
    return p.slice();
  });
}

const cases: [Kind, Options][] = [
  ['adam', { lr: 0.05 }],
  ['adam', { lr: 0.05, weightDecay: 0.3, betas: [0.8, 0.95], eps: 1e-3 }],
  ['adam', { lr: 0.05, eps: 1, clipNorm: 9 }],
  ['adamw', { lr: 0.05 }],
  ['adamw', { lr: 0.05, weightDecay: 0.4 }],
  ['adamw', { lr: stepLr(0.1, { stepSize: 2, gamma: 0.3 }), weightDecay: 0.4, clipNorm: 20, eps: 1 }],
  ['adamw', { lr: 0.05, weightDecay: 0 }],
  ['sgd', { lr: 0.05 }],
  ['sgd', { lr: 0.05, weightDecay: 0.5 }],
  ['sgd', { lr: 0.05, momentum: 0.9 }],
  ['sgd', { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.5 }],
  ['sgd', { lr: 0.05, momentum: 0.9, dampening: 0.4 }],
  ['sgd', { lr: 0.05, clipNorm: 20 }],
  ['sgd', { lr: 50, clipNorm: 1e-3 }],
  ['sgd', { lr: linearLr(0.1, { totalIters: 4 }), momentum: 0.5, weightDecay: 0.5, clipNorm: 20 }],
];

describe.each(cases)('%s %o', (kind, options) => {
  const steps = 6;
  const n = sizes.reduce((a, b) => a + b);

  test('follows float64, eager and replayed to the same bits', async () => {
    const [a, b] = [problem(kind, options), problem(kind, options)];
    const wanted = reference(kind, options, n, steps);
    for (let k = 0; k < steps; k++) {
      a.eager(gradientOf(k, n));
      b.replay(gradientOf(k, n));
      const got = await a.weights();
      closeTo(got, wanted[k], close, `step ${k + 1}`);
      const movement = got.map((p, i) => p - start(n)[i]);
      const moved = wanted[k].map((p, i) => p - start(n)[i]);
      closeTo(movement, moved, { relative: 1e-4, ofRms: 1e-4 }, `movement of step ${k + 1}`);
      expect(await b.weights()).toEqual(got);
    }
    const norm = Math.hypot(...gradientOf(steps - 1, n));
    closeTo([(await a.optimizer.status.read())[1]], [norm], close, 'norm');
    a.dispose();
    b.dispose();
  });

  test('goes on from its state to the same bits', async () => {
    const [whole, half, rest] = [0, 1, 2].map(() => problem(kind, options));
    for (let k = 0; k < 4; k++) whole.eager(gradientOf(k, n));
    for (let k = 0; k < 2; k++) half.eager(gradientOf(k, n));
    rest.params.load(await half.params.state());
    rest.optimizer.load(await half.optimizer.state());
    expect(rest.optimizer.steps).toBe(2);
    for (let k = 2; k < 4; k++) rest.replay(gradientOf(k, n));
    expect(await rest.weights()).toEqual(await whole.weights());
    for (const p of [whole, half, rest]) p.dispose();
  });
});

test.each([1, 100_003])('parameters of %i values in all', async (n) => {
  const options = { lr: 0.05, momentum: 0.9, clipNorm: 20 };
  const p = problem('sgd', options, [n], 0.9);
  for (let k = 0; k < 2; k++) p.replay(gradientOf(k, n));
  const [one, two] = reference('sgd', options, n, 2);
  closeTo(await p.weights(), two, close, 'weights');
  closeTo(
    await p.averages(),
    two.map((v, i) => 0.9 * one[i] + 0.1 * v),
    close,
    'averages',
  );
  p.dispose();
});

test('a step is three dispatches whatever the options, and one for the average', () => {
  for (const [kind, options] of cases) {
    const params = new Parameters(engine);
    const w = params.add('w', [5], start(5));
    const optimizer = make(kind, params, options);
    const average = new WeightAverage(optimizer, { decay: 0.9 });
    const step = engine.capture('count', () => {
      backward(sum(square(w)));
      optimizer.step();
      average.update();
    });
    step.run({});
    expect(step.kernels.slice(-4)).toEqual(['optim.norm', 'optim.guard', `optim.${kind}`, 'optim.average']);
    for (const thing of [step, average, optimizer, params]) thing.dispose();
  }
});

describe.each([
  ['adam', {}],
  ['adamw', { clipNorm: 1 }],
  ['sgd', { momentum: 0.9 }],
  ['sgd', { clipNorm: 1, weightDecay: 0.1 }],
] as [Kind, Options][])('a step that is not finite, %s %o', (kind, options) => {
  const n = sizes.reduce((a, b) => a + b);
  test.each([
    ['NaN', Number.NaN],
    ['infinity', Number.NEGATIVE_INFINITY],
    ['a norm above float32', 1e25],
  ])('changes nothing: %s', async (_, value) => {
    const p = problem(kind, { lr: 0.05, ...options }, sizes, 0.9);
    p.replay(gradientOf(0, n));
    p.replay(gradientOf(1, n));
    const before = [await p.weights(), await p.averages(), (await p.optimizer.state()).slots];
    const planted = gradientOf(2, n);
    planted[100] = value;
    p.replay(planted);
    p.replay(gradientOf(3, n));
    expect(await p.optimizer.stopped()).toBe(true);
    expect([await p.weights(), await p.averages(), (await p.optimizer.state()).slots]).toEqual(before);
    p.optimizer.resume();
    p.replay(gradientOf(4, n));
    expect(await p.optimizer.stopped()).toBe(false);
    expect(await p.weights()).not.toEqual(before[0]);
    expect((await p.weights()).every(Number.isFinite)).toBe(true);
    p.dispose();
  });
});

test('a learning rate that blows the loss up stops at the step after', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [3], Float32Array.of(1, 2, 3));
  const optimizer = new SGD(params, { lr: 1e30, clipNorm: 1 });
  const losses: number[] = [];
  for (let k = 0; k < 3; k++) {
    const loss = sum(square(w));
    backward(loss);
    optimizer.step(loss);
    losses.push(await loss.item());
    if (k === 0) expect(await optimizer.stopped()).toBe(false);
  }
  expect(losses[0]).toBe(14);
  expect(Number.isFinite(losses[1])).toBe(false);
  expect(await optimizer.stopped()).toBe(true);
  closeTo(
    await w.read(),
    [1, 2, 3].map((x) => (-1e30 * x) / Math.sqrt(14)),
    close,
    'weights of the step before',
  );
  optimizer.dispose();
  params.dispose();
});

test('an optimiser and an average made inside a scope live on', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [1], Float32Array.of(3));
  const made = engine.scope(() => {
    const optimizer = new SGD(params, { lr: 1, clipNorm: 0.5 });
    return [optimizer, new WeightAverage(optimizer, { decay: 0 })] as const;
  });
  const [optimizer, average] = made;
  const other = engine.tensor([7, 7]);
  backward(sum(w));
  optimizer.step();
  average.update();
  expect(await optimizer.stopped()).toBe(false);
  closeTo(await w.read(), [2.5], close, 'w');
  closeTo(params.split(await average.values.read()).w.data, [2.5], close, 'average');
  expect([...(await other.read())]).toEqual([7, 7]);
  other.dispose();
  for (const thing of [average, optimizer, params]) thing.dispose();
});

describe('weight averages', () => {
  const n = sizes.reduce((a, b) => a + b);
  test.each([
    ['exponential, 0.9', 0.9],
    ['exponential, 0', 0],
    ['equal', null],
  ] as const)('%s: follow float64, replayed and resumed to the same bits', async (_, decay) => {
    const [p, r] = [problem('sgd', { lr: 0.05 }, sizes, decay), problem('sgd', { lr: 0.05 }, sizes, decay)];
    expect(await p.averages()).toEqual(start(n));
    let want = new Float64Array(n);
    for (let k = 0; k < 6; k++) {
      if (k === 3) {
        r.params.load(await p.params.state());
        r.optimizer.load(await p.optimizer.state());
        const average = p.average as WeightAverage;
        (r.average as WeightAverage).load(await average.state());
        expect(average.count).toBe(3);
      }
      if (k >= 3) r.replay(gradientOf(k, n));
      if (k % 2) p.replay(gradientOf(k, n));
      else p.eager(gradientOf(k, n));
      const w = k === 0 ? 1 : decay === null ? 1 / (k + 1) : 1 - decay;
      const now = await p.weights();
      want = want.map((a, i) => a + w * (now[i] - a));
      closeTo(await p.averages(), want, close, `step ${k + 1}`);
    }
    expect(await r.averages()).toEqual(await p.averages());
    p.dispose();
    r.dispose();
  });

  test('leave buffers as the model has them', async () => {
    const params = new Parameters(engine);
    const w = params.add('w', [2], Float32Array.of(1, 2));
    const running = params.addBuffer('running', [3], Float32Array.of(1, 2, 3));
    const optimizer = new SGD(params, { lr: 1 });
    const average = new WeightAverage(optimizer, { decay: 0.5 });
    for (let k = 1; k <= 2; k++) {
      backward(sum(w));
      running.write(Float32Array.of(10 * k, 20 * k, 30 * k));
      optimizer.step();
      average.update();
    }
    const { w: mean, running: latest } = params.split(await average.values.read());
    expect([...mean.data, ...latest.data]).toEqual([-0.5, 0.5, 20, 40, 60]);
    for (const thing of [average, optimizer, params]) thing.dispose();
  });

  test('are lent to the parameters and given back', async () => {
    const p = problem('adam', {}, sizes, 0.5);
    for (let k = 0; k < 3; k++) p.replay(gradientOf(k, n));
    const [weights, averages] = [await p.weights(), await p.averages()];
    const average = p.average as WeightAverage;
    const seen = await average.swapped(async () => {
      expect(() => p.replay(gradientOf(3, n))).toThrow(/wait for swapped/);
      await expect(average.swapped(async () => 0)).rejects.toThrow(/inside swapped/);
      return p.weights();
    });
    expect(seen).toEqual(averages);
    expect(await p.weights()).toEqual(weights);
    await expect(average.swapped(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
    expect([await p.weights(), await p.averages()]).toEqual([weights, averages]);
    p.dispose();
  });
});

describe('schedules', () => {
  const follow = (schedule: Schedule, want: number[]) =>
    closeTo(
      want.map((_, k) => schedule(k + 1)),
      want,
      { relative: 1e-12, ofRms: 1e-12 },
      'learning rates',
    );
  const recursive = (first: number, steps: number, next: (lr: number, k: number) => number) => {
    const out = [first];
    for (let k = 1; k < steps; k++) out.push(next(out[k - 1], k));
    return out;
  };

  test('values of the examples in the documentation of PyTorch', () => {
    follow(constantLr(0.3), [0.3, 0.3, 0.3]);
    follow(
      linearLr(0.05, { startFactor: 0.5, totalIters: 4 }),
      [0.025, 0.03125, 0.0375, 0.04375, 0.05, 0.05],
    );
    const step = stepLr(0.05, { stepSize: 30 });
    closeTo(
      [step(1), step(30), step(31), step(60), step(61)],
      [0.05, 0.05, 0.005, 0.005, 0.0005],
      close,
      'StepLR',
    );
    // PyTorch's own test of OneCycleLR with linear annealing.
    const cycle = oneCycleLr({ maxLr: 25, finalDivFactor: 2, totalSteps: 10, annealStrategy: 'linear' });
    follow(cycle, [1, 13, 25, 21.5, 18, 14.5, 11, 7.5, 4, 0.5, 0.5]);
    const sequence = sequentialLr([constantLr(0.005), exponentialLr(0.05, { gamma: 0.9 })], [3]);
    follow(sequence, [0.005, 0.005, 0.005, 0.05, 0.045, 0.0405]);
  });

  test('the recursions by which PyTorch defines them', () => {
    const [start, end, total] = [0.2, 0.8, 7];
    follow(
      linearLr(0.1, { startFactor: start, endFactor: end, totalIters: total }),
      recursive(0.1 * start, 12, (lr, k) =>
        k > total ? lr : lr * (1 + (end - start) / (total * start + (k - 1) * (end - start))),
      ),
    );
    const bend = (k: number) => 1 + Math.cos((Math.PI * k) / 9);
    follow(
      cosineAnnealingLr(0.1, { tMax: 9, etaMin: 0.01 }),
      recursive(0.1, 14, (lr, k) => (k > 9 ? 0.01 : 0.01 + ((lr - 0.01) * bend(k)) / bend(k - 1))),
    );
    follow(
      exponentialLr(0.1, { gamma: 0.7 }),
      recursive(0.1, 9, (lr) => 0.7 * lr),
    );
    follow(
      stepLr(0.1, { stepSize: 3, gamma: 0.5 }),
      recursive(0.1, 9, (lr, k) => (k % 3 ? lr : 0.5 * lr)),
    );
    const cos = (a: number, b: number, share: number) => b + ((a - b) / 2) * (Math.cos(Math.PI * share) + 1);
    const cycle = Array.from({ length: 10 }, (_, k) =>
      k < 2 ? cos(1, 25, k / 2) : cos(25, 0.5, (k - 2) / 7),
    );
    follow(oneCycleLr({ maxLr: 25, finalDivFactor: 2, totalSteps: 10 }), cycle);
  });

  test('a warm-up leads to what follows', () => {
    follow(warmup(exponentialLr(1, { gamma: 0.5 }), 4), [0.25, 0.5, 0.75, 1, 1, 0.5, 0.25]);
    follow(warmup(constantLr(2), 0), [2, 2]);
    follow(warmup(constantLr(2), 1), [2, 2]);
  });

  test('refuse what they cannot follow', () => {
    for (const wrong of [
      () => constantLr(-1),
      () => linearLr(0.1, { totalIters: 0 }),
      () => linearLr(0.1, { endFactor: Number.NaN }),
      () => cosineAnnealingLr(0.1, { tMax: 0.5 }),
      () => exponentialLr(0.1, { gamma: -0.1 }),
      () => stepLr(0.1, { stepSize: 0 }),
      () => oneCycleLr({ maxLr: 0, totalSteps: 5 }),
      () => oneCycleLr({ maxLr: 1, totalSteps: 5, pctStart: 2 }),
      () => oneCycleLr({ maxLr: 1, totalSteps: 5, annealStrategy: 'cosine' as 'cos' }),
      () => sequentialLr([constantLr(1)], [3]),
      () => sequentialLr([constantLr(1), constantLr(1), constantLr(1)], [3, 3]),
      () => warmup(constantLr(1), -1),
    ])
      expect(wrong).toThrow(ShapeError);
  });
});

describe('options and states that do not fit', () => {
  test.each([
    ['adam', { betas: [0.9, 1] }, /betas/],
    ['adam', { eps: 0 }, /eps 0/],
    ['adam', { eps: 1e-50 }, /eps 1e-50; it must be above 0 in float32/],
    ['adamw', { eps: Number.NaN }, /eps NaN/],
    ['adamw', { weightDecay: -1 }, /weightDecay -1/],
    ['adam', { lr: -1 }, /lr -1/],
    ['sgd', { clipNorm: Number.NaN }, /clipNorm NaN/],
    ['sgd', { momentum: 1 }, /momentum 1/],
    ['sgd', { nesterov: true }, /nesterov true/],
    ['sgd', { dampening: 0.5 }, /dampening 0.5/],
    ['sgd', { momentum: 0.9, dampening: 0.5, nesterov: true }, /nesterov true/],
  ] as [Kind, Options, RegExp][])('%s %o', (kind, options, message) => {
    const params = new Parameters(engine);
    params.add('w', [2], start(2));
    expect(() => make(kind, params, options)).toThrow(message);
    expect(() => make(kind, params, options)).toThrow(ShapeError);
  });

  test('a schedule that stops being a number is named with its step, and nothing moves', async () => {
    const p = problem('adam', { lr: (step) => (step < 3 ? 0.1 : Number.NaN) }, [4]);
    for (let k = 0; k < 2; k++) p.replay(gradientOf(k, 4));
    const before = await p.weights();
    expect(() => p.replay(gradientOf(2, 4))).toThrow(/lr NaN at step 3/);
    expect(await p.weights()).toEqual(before);
    expect(() => problem('sgd', { lr: 1e39 }, [4]).replay(gradientOf(0, 4))).toThrow(/finite in float32/);
    p.dispose();
  });

  test('another optimiser, other slots, another size', async () => {
    const state = await problem('adam', {}, [4]).optimizer.state();
    for (const other of [problem('adamw', {}, [4]), problem('sgd', {}, [4]), problem('adam', {}, [65])]) {
      expect(() => other.optimizer.load(state)).toThrow(CheckpointError);
      expect(() => other.optimizer.load(state)).toThrow(/that of adam with m of 64, v of 64/);
    }
    expect(() => new WeightAverage(problem('adam', {}, [4]).optimizer, { decay: 1 })).toThrow(/decay 1/);
    const average = problem('adam', {}, [65], null).average as WeightAverage;
    expect(() => average.load({ count: 1, values: new Float32Array(64) })).toThrow(/64 values/);
    for (const step of [-1, 1.5, Number.NaN]) {
      const { optimizer } = problem('adam', {}, [4]);
      expect(() => optimizer.load({ ...state, step })).toThrow(CheckpointError);
      expect(() => optimizer.load({ ...state, step })).toThrow(`after ${step} steps`);
      expect(() => average.load({ count: step, values: new Float32Array(128) })).toThrow(`of ${step} steps`);
    }
  });
});

// The plan of kernel variants and the tuner that measures them.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { planOf } from '../../src/model/checkpoint.ts';
import {
  Adam,
  backward,
  type Choices,
  conv1d,
  type Engine,
  matmul,
  mean,
  mse,
  openEngine,
  Parameters,
  Random,
  Trainer,
  type TunerStore,
  tune,
} from '../../src/node.ts';
import { fileStore } from '../../src/tuned.ts';
import { closeTo } from '../close.ts';
import { data, small } from '../model/small.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());
afterEach(() => {
  engine.plan.choices = {};
});

/** The questions of a product of 64 x 64 x 64, and their variants. */
function questions() {
  const found = engine.plan.listen(() =>
    engine.rehearse(() => matmul(engine.empty([64, 64]), engine.empty([64, 64]))),
  );
  return [...found].map(([key, { variants }]) => ({ key, variants }));
}

test('a step that is rehearsed asks its questions, and nothing runs, compiles or moves', async () => {
  const params = new Parameters(engine);
  const w = params.add('w', [8, 4, 3], new Random(1, 'w').normal(0, 96));
  const adam = new Adam(params);
  const before = await params.state();
  const compiled = engine.pipelines.count;
  const found = engine.plan.listen(() =>
    engine.rehearse(() => {
      const y = conv1d(engine.empty([2, 4, 16]), w, null, { padding: 1 });
      const loss = mean(mse(y, engine.empty(y.shape)));
      backward(loss);
      adam.step(loss);
    }),
  );
  expect(found.size).toBeGreaterThan(0);
  expect(engine.pipelines.count).toBe(compiled);
  expect(adam.steps).toBe(0);
  expect((await params.state()).w.data).toEqual(before.w.data);
});

test('a decision is taken by the kernel, one for another adapter’s variants is passed over', async () => {
  const [{ key, variants }] = questions();
  expect(variants.length).toBeGreaterThan(1);
  const a = engine.tensor(new Random(2, 'a').normal(0, 4096), [64, 64]);
  const texts: string[] = [];
  const get = engine.pipelines.get.bind(engine.pipelines);
  engine.pipelines.get = (kernel, ...rest) => {
    texts.push(kernel.body);
    return get(kernel, ...rest);
  };
  const run = async (choices: Choices) => {
    engine.plan.choices = choices;
    return matmul(a, a).read();
  };
  const guess = await run({});
  const other = await run({ [key]: variants[1] });
  await run({ [key]: 'of another adapter' });
  engine.pipelines.get = get;
  expect(texts[1]).not.toBe(texts[0]);
  expect(texts[2]).toBe(texts[0]);
  closeTo(other, guess, { relative: 1e-5, ofRms: 1e-6 }, 'the other variant');
});

describe('tune', () => {
  const step = () => {
    matmul(engine.empty([64, 64]), engine.empty([64, 64]));
  };

  test('measures every variant once, decides, and remembers for this adapter', async () => {
    const kept = new Map<string, Choices>();
    const store: TunerStore = {
      load: async (adapter) => kept.get(adapter) ?? null,
      save: async (adapter, choices) => void kept.set(adapter, choices),
    };
    const [{ key, variants }] = questions();
    const rows = await tune(engine, step, { store, budgetMs: 1e9 });
    expect(rows.map((r) => r.key)).toEqual([key]);
    expect(Object.keys(rows[0].ms)).toEqual(variants);
    for (const ms of Object.values(rows[0].ms)) expect(ms).toBeGreaterThan(0);
    expect(engine.plan.choices).toEqual({ [key]: rows[0].chosen });
    expect([...kept.values()]).toEqual([{ [key]: rows[0].chosen }]);
    // The next process: decided by the store, nothing measured.
    engine.plan.choices = {};
    kept.set([...kept.keys()][0], { [key]: variants[1] });
    expect(await tune(engine, step, { store })).toEqual([]);
    expect(engine.plan.choices).toEqual({ [key]: variants[1] });
  });

  test('stops when its time is up, and takes the guesses', async () => {
    expect(await tune(engine, step, { budgetMs: -1 })).toEqual([]);
    expect(engine.plan.choices).toEqual({});
  });

  test('a store that fails costs the memory, not the tuning', async () => {
    const store: TunerStore = {
      load: () => Promise.reject(new Error('no disk')),
      save: () => Promise.reject(new Error('no disk')),
    };
    expect(await tune(engine, step, { store, budgetMs: 1e9 })).toHaveLength(1);
  });
});

test('the commands keep winners in a file; a damaged one is written anew', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tune-'));
  const before = process.env.XDG_CACHE_HOME;
  process.env.XDG_CACHE_HOME = dir;
  const file = join(dir, 'formant', 'tuned-1.json');
  try {
    expect(await fileStore.load('a')).toBeNull();
    await fileStore.save('a', { k: 'v' });
    await fileStore.save('b', { k: 'w' });
    expect(await fileStore.load('a')).toEqual({ k: 'v' });
    expect(readdirSync(join(dir, 'formant'))).toEqual(['tuned-1.json']);
    writeFileSync(file, '{"damaged');
    expect(await fileStore.load('a')).toBeNull();
    writeFileSync(file, '{"a": {"k": 1}, "b": 2}');
    expect(await fileStore.load('a')).toBeNull();
    expect(await fileStore.load('b')).toBeNull();
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    rmSync(dir, { recursive: true });
  }
});

test('a trainer tunes a full step without taking one, and a checkpoint keeps the plan', async () => {
  const trainer = new Trainer(engine, small, data);
  const rows = await trainer.tune({ budgetMs: 1e9 });
  expect(rows.length).toBeGreaterThan(5);
  expect(trainer.step).toBe(0);
  expect((await trainer.state()).optimizer.step).toBe(0);
  expect(planOf(engine).choices).toEqual(Object.fromEntries(rows.map((r) => [r.key, r.chosen])));
  trainer.dispose();
});

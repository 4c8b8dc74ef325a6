// A run's optimiser, schedule, clipping and average: what they do to training, and that a run goes on from its
// checkpoint, of this format or the first one, as if it had never stopped.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { referenceFeatures } from '../../src/audio/features.ts';
import { planOf } from '../../src/model/checkpoint.ts';
import { epochBatches } from '../../src/model/dataset.ts';
import { evaluate } from '../../src/model/evaluate.ts';
import { scheduleOf } from '../../src/model/optimization.ts';
import { checkConfig, presetConfig, setOption, type TrainConfig } from '../../src/model/presets.ts';
import {
  buildModel,
  CheckpointError,
  decodeCheckpoint,
  decodeModel,
  type Engine,
  encodeCheckpoint,
  encodeModel,
  NonFiniteError,
  openEngine,
  readSafetensors,
  Trainer,
  writeSafetensors,
} from '../../src/node.ts';
import { RunFolder } from '../../src/runFolder.ts';
import { trainRun } from '../../src/trainRun.ts';
import { closeTo } from '../close.ts';
import { data, frames, mels, small } from './small.ts';
import { changed } from './splits.ts';

let engine: Engine;
let dir: string;
beforeAll(async () => {
  engine = await openEngine();
  dir = mkdtempSync(join(tmpdir(), 'formant-optimization-'));
});
afterAll(() => {
  engine.close();
  rmSync(dir, { recursive: true, force: true });
});

const base = { ...small, epochs: 3 };
type Settings = Partial<typeof small>;
const features = { ...referenceFeatures, nMels: mels, length: 2048, maxDb: 0 };
const infoOf = (config: TrainConfig) => ({ config, features, labels: ['even', 'odd'] });

/** All losses and gradient norms up to a step, and the trainer. */
async function train(config: TrainConfig, from?: Uint8Array, until = Number.POSITIVE_INFINITY, on = data) {
  const trainer = new Trainer(engine, config, on);
  if (from) trainer.load(decodeCheckpoint(from, 'checkpoint').state(trainer.model.params));
  const rows: number[][] = [];
  const tests: unknown[] = [];
  if (trainer.step < until)
    for await (const event of trainer.train(1)) {
      if (event.kind === 'epoch') tests.push(event.row.test);
      else for (const r of event.rows) rows.push([r.step, r.loss, r.recon, r.kl, r.gradNorm]);
      if (trainer.step >= until) break;
    }
  return { trainer, rows, tests };
}

async function checkpointOf(trainer: Trainer): Promise<Uint8Array> {
  const state = await trainer.state();
  const file = { info: infoOf(trainer.config), state, plan: planOf(engine), best: null };
  return encodeCheckpoint(trainer.model.params, file);
}

const settings: Settings[] = [
  {},
  { optimizer: 'adamw', weightDecay: 0.1, schedule: 'cosine', warmup: 0.5 },
  { optimizer: 'sgd', lr: 1e-4, momentum: 0.9, clipNorm: 5, schedule: 'linear', average: 0.7 },
  { weightDecay: 0.01, average: 0.9 },
  { stretch: 0.3 },
];

describe.each(settings)('%o', (over) => {
  const config = { ...base, ...over };

  test('killed and resumed: the same losses, figures and weights, bit for bit', async () => {
    const whole = await train(config);
    const half = await train(config, undefined, 4);
    const rest = await train(config, await checkpointOf(half.trainer));
    expect([...half.rows, ...rest.rows]).toEqual(whole.rows);
    expect(rest.tests).toEqual(whole.tests.slice(1));
    const [a, b] = [await whole.trainer.state(), await rest.trainer.state()];
    expect({ ...b, seconds: 0 }).toEqual({ ...a, seconds: 0 });
    expect(whole.rows).toHaveLength(9);
    for (const { trainer } of [whole, half, rest]) trainer.dispose();
  });
});

test('settings change the training, each of them', async () => {
  const last = async (over: Settings) => {
    const { trainer, rows } = await train({ ...base, ...over, epochs: 2 });
    trainer.dispose();
    return rows[5][1];
  };
  const sgd = { optimizer: 'sgd', lr: 1e-4 } as const;
  const losses = [
    await last({}),
    await last({ optimizer: 'adamw', weightDecay: 0.5 }),
    await last({ weightDecay: 0.5 }),
    await last({ schedule: 'cosine' }),
    await last({ schedule: 'linear' }),
    await last({ warmup: 1 }),
    await last(sgd),
    await last({ ...sgd, momentum: 0.9 }),
    await last({ ...sgd, clipNorm: 1 }),
    await last({ ...sgd, weightDecay: 0.5 }),
    await last({ stretch: 0.3 }),
  ];
  expect(new Set(losses).size).toBe(losses.length);
});

test('the learning rate of a run: a warm-up, then down to nothing at its end', () => {
  const rates = (over: Settings) => {
    const schedule = scheduleOf({ ...base, lr: 0.1, ...over }, 4);
    return Array.from({ length: 12 }, (_, k) => schedule(k + 1));
  };
  const tight = { relative: 1e-12, ofRms: 1e-12 };
  closeTo(rates({}), Array(12).fill(0.1), tight, 'constant');
  const linear = Array.from({ length: 12 }, (_, k) => 0.1 * (1 - k / 12));
  closeTo(rates({ schedule: 'linear' }), linear, tight, 'linear');
  const cosine = (k: number, n: number) => 0.05 * (1 + Math.cos((Math.PI * k) / n));
  const risen = [0.05, 0.1, ...Array.from({ length: 10 }, (_, k) => cosine(k, 10))];
  closeTo(rates({ schedule: 'cosine', warmup: 0.5 }), risen, tight, 'cosine after a warm-up');
});

describe('averaged weights', () => {
  const averaging = { ...base, average: 0.8, validation: true };

  test('are what is judged and played, and leave the training as it was', async () => {
    const plain = await train({ ...averaging, average: 0 });
    const averaged = await train(averaging);
    expect(averaged.rows).toEqual(plain.rows);
    expect(averaged.tests).not.toEqual(plain.tests);
    const state = await averaged.trainer.state();
    expect(state.average?.trained).toEqual((await plain.trainer.state()).params);
    expect(state.average?.count).toBe(9);
    const file = decodeModel(encodeModel({ ...infoOf(averaging), params: state.params }), 'model');
    const model = buildModel(engine, file, 'model');
    if (!data.test) throw new Error('no test split');
    const figures = await evaluate(engine, model, data, data.test, averaging, averaging.seed);
    expect(figures).toEqual(averaged.tests[2]);
    const played = await averaged.trainer.playing(() => averaged.trainer.model.params.state());
    expect(played).toEqual(state.params);
    for (const { trainer } of [plain, averaged]) trainer.dispose();
    model.params.dispose();
  });

  test('are the moving average of the weights after each step', async () => {
    const trainer = new Trainer(engine, { ...averaging, epochs: 1 }, data);
    let want: number[] = [];
    for await (const event of trainer.train(1)) {
      if (event.kind !== 'steps') continue;
      const now = [...(await trainer.model.params.values.read())];
      want = want.length === 0 ? now : want.map((a, i) => a + 0.2 * (now[i] - a));
    }
    const got = (await trainer.state()).params;
    const wanted = trainer.model.params.split(Float32Array.from(want));
    for (const [name, { data: values }] of Object.entries(got))
      closeTo(values, wanted[name].data, { relative: 1e-5, ofRms: 1e-6 }, name);
    trainer.dispose();
  });

  test('of a run: model.safetensors plays them, the checkpoint keeps both', async () => {
    const folder = await RunFolder.create(join(dir, 'averaged'));
    const { signal } = new AbortController();
    const run = {
      engine,
      reopen: () => openEngine(),
      folder,
      data: { ...data, valid: null },
      from: null,
      signal,
    };
    await trainRun({ ...run, info: infoOf(averaging), checkpointEvery: 3 });
    const { bytes, name } = await folder.readCheckpoint('last');
    const { tensors } = readSafetensors(bytes, name);
    const model = decodeModel(readFileSync(folder.path('model.safetensors')), 'model');
    for (const [key, { data: values }] of Object.entries(model.params)) {
      expect(tensors.get(`model.${key}`)?.data).toEqual(values);
      expect(tensors.get(`trained.${key}`)?.data).not.toEqual(values);
    }
  });
});

describe.each([
  [{}, true],
  [{ optimizer: 'sgd', lr: 1e-4, momentum: 0.9, average: 0.9 }, true],
  [{ clipNorm: 1, average: 0.9 }, false],
] as [Settings, boolean][])('a loss that stops being finite, %o', (over, hint) => {
  test('stops by name, with the weights of the step before and the checkpoint as it was', async () => {
    const planted = 2;
    const [example] = epochBatches(data.train.count, base.batch, base.seed, 0)[planted - 1];
    const size = mels * frames;
    const spoilt = changed(data.train, size, (v, i) =>
      i === example * size + 5 ? Number.POSITIVE_INFINITY : v,
    );
    const bad = { ...data, train: spoilt };
    const config = { ...base, ...over };
    const folder = await RunFolder.create(join(dir, `bad${hint}${over.average}${over.optimizer}`));
    const { signal } = new AbortController();
    const run = {
      engine,
      reopen: () => openEngine(),
      folder,
      info: infoOf(config),
      data: bad,
      from: null,
      signal,
    };
    const error = await trainRun({ ...run, checkpointEvery: 1 }).catch((e: Error) => e);
    expect(error).toBeInstanceOf(NonFiniteError);
    expect((error as Error).message).toMatch(/^step 2: loss .*not finite.*before this step/);
    expect(/clipNorm=1/.test((error as Error).message)).toBe(hint);
    const again = new Trainer(engine, config, bad);
    const iterate = async () => {
      for await (const event of again.train(3)) void event;
    };
    await expect(iterate()).rejects.toThrow('step 2:');
    const good = await train(config, undefined, planted - 1);
    const { params } = await good.trainer.state();
    expect((await again.state()).params).toEqual(params);
    const { bytes, name } = await folder.readCheckpoint('last');
    const saved = decodeCheckpoint(bytes, name);
    expect(saved.step).toBe(planted - 1);
    expect(saved.state(again.model.params).params).toEqual(params);
    for (const trainer of [again, good.trainer]) trainer.dispose();
  });
});

describe('checkpoints', () => {
  /** A checkpoint's metadata and tensors, changed. */
  const changed = (
    bytes: Uint8Array,
    change: (
      tensors: ReturnType<typeof readSafetensors>['tensors'],
      metadata: Record<string, string>,
    ) => void,
  ) => {
    const { tensors, metadata } = readSafetensors(bytes, 'checkpoint');
    change(tensors, metadata);
    return writeSafetensors(tensors, metadata);
  };
  let half: Trainer;
  let bytes: Uint8Array;
  beforeAll(async () => {
    half = (await train(base, undefined, 4)).trainer;
    bytes = await checkpointOf(half);
  });
  afterAll(() => half.dispose());

  test('of format 1, which knew Adam alone, go on to the same bits', async () => {
    const first = changed(bytes, (tensors, metadata) => {
      metadata.formant = '1';
      const { step, sums, seconds } = JSON.parse(metadata.position);
      metadata.position = JSON.stringify({ step, sums, seconds });
      const config = JSON.parse(metadata.config);
      for (const key of ['optimizer', 'momentum', 'weightDecay', 'clipNorm', 'schedule', 'warmup', 'average'])
        delete config[key];
      metadata.config = JSON.stringify(config);
      for (const [name, t] of [...tensors])
        if (tensors.delete(name)) tensors.set(name.replace(/^optim\.([mv])\./, 'adam.$1.'), t);
    });
    expect([...readSafetensors(first, '').tensors.keys()]).toContain('adam.m.fc.weight');
    const { config } = decodeCheckpoint(first, 'old').info;
    expect('optimizer' in config).toBe(false);
    const [a, b] = [await train(base, bytes), await train(config, first)];
    expect(b.rows).toEqual(a.rows);
    expect((await b.trainer.state()).params).toEqual((await a.trainer.state()).params);
    for (const { trainer } of [a, b]) trainer.dispose();
  });

  test('of a later format, another kind, or damaged: refused with what to do', () => {
    const config = readSafetensors(bytes, '').metadata.config.replace('adam', 'lion');
    for (const [over, message] of [
      [{ formant: '3' }, /format version 3, this formant reads 1 to 2; update formant/],
      [{ formant: '0' }, /format version 0.*damaged/],
      [{ formant: 'x' }, /format version x.*damaged/],
      [{ formant: undefined }, /not written by formant/],
      [{ kind: 'model' }, /a model file where a checkpoint file is needed/],
      [{ position: undefined }, /position in the training is missing/],
      [{ position: '{"step":4}' }, /position in the training is missing/],
      [{ plan: undefined }, /plan of kernels is missing/],
      [{ config }, /optimizer "lion"/],
    ] as [Record<string, string | undefined>, RegExp][]) {
      const odd = changed(bytes, (_, metadata) => {
        for (const [key, text] of Object.entries(over))
          if (text === undefined) delete metadata[key];
          else metadata[key] = text;
      });
      expect(() => decodeCheckpoint(odd, 'c')).toThrow(message);
      expect(() => decodeCheckpoint(odd, 'c')).toThrow(CheckpointError);
    }
    const stray = changed(bytes, (tensors) => {
      tensors.set('adam.m.x', { dtype: 'F32', shape: [1], data: Float32Array.of(1) });
    });
    expect(() => decodeCheckpoint(stray, 'c')).toThrow(/adam\.m\.x .*not part of a checkpoint of adam/);
  });

  test('with tensors missing, extra, misshapen or of another dtype: all are named', () => {
    const broken = changed(bytes, (tensors) => {
      tensors.delete('model.fc.bias');
      tensors.set('model.extra', { dtype: 'F32', shape: [2], data: new Float32Array(2) });
      tensors.set('model.mu.bias', { dtype: 'F32', shape: [1, 3], data: new Float32Array(3) });
    });
    const load = (from: Uint8Array) => () => decodeCheckpoint(from, 'c').state(half.model.params);
    expect(load(broken)).toThrow(
      /c: model: .*3 differences: fc.bias \(16\) is missing; mu.bias has shape \(1, 3\), not \(3\); extra \(2\) is not part/,
    );
    const integers = changed(bytes, (tensors) => {
      tensors.set('model.mu.bias', { dtype: 'I32', shape: [3], data: new Int32Array(3) });
    });
    expect(load(integers)).toThrow(/mu.bias \(3\) is of dtype I32/);
    expect(load(changed(bytes, (t) => void t.delete('optim.v.mu.bias')))).toThrow(
      /optim.v: .*mu.bias \(3\) is missing/,
    );
  });

  test('of another model, of other classes, or other settings: refused before anything changes', async () => {
    const fresh = async (over: Settings, on = data) => {
      const trainer = new Trainer(engine, { ...base, ...over }, on);
      const before = (await trainer.state()).params;
      const load = () => trainer.load(decodeCheckpoint(bytes, 'c').state(trainer.model.params));
      let error: unknown;
      try {
        load();
      } catch (e) {
        error = e;
      }
      expect((await trainer.state()).params).toEqual(before);
      expect(trainer.step).toBe(0);
      trainer.dispose();
      expect(error).toBeInstanceOf(CheckpointError);
      return (error as Error).message;
    };
    expect(await fresh({ hidden: 17 })).toMatch(
      /differences: fc.weight has shape \(16, \d+\), not \(17, \d+\)/,
    );
    expect(await fresh({ model: 'vae' })).toMatch(
      /2 differences: fc.weight .* fc1.weight .*sizes or classes/,
    );
    expect(await fresh({}, { ...data, labels: ['a', 'b', 'c'] })).toMatch(/2 differences: fc.weight/);
    expect(await fresh({ average: 0.5 })).toMatch(/without averaged weights, this run has average=0.5/);
    expect(await fresh({ optimizer: 'sgd', momentum: 0.9 })).toMatch(
      /that of adam .* this is sgd with momentum/,
    );
    expect(await fresh({ optimizer: 'adamw' })).toMatch(/that of adam .* this is adamw/);
  });
});

describe('settings', () => {
  const set = (...assignments: string[]) =>
    checkConfig(assignments.reduce(setOption, presetConfig('demo', 'vae')));

  test('are reached by name, in any order', () => {
    expect(set('momentum=0.9', 'optimizer=sgd', 'clipNorm=5')).toMatchObject({
      optimizer: 'sgd',
      momentum: 0.9,
      clipNorm: 5,
    });
    expect(set('schedule=cosine', 'warmup=2.5', 'average=0.999', 'weightDecay=0.01')).toMatchObject({
      ...{ schedule: 'cosine', warmup: 2.5, average: 0.999, weightDecay: 0.01 },
    });
  });

  test.each([
    [['optimizer=lion'], /optimizer "lion": it must be adam, adamw, sgd/],
    [['schedule=step'], /schedule "step": it must be constant, linear, cosine/],
    [['momentum=1', 'optimizer=sgd'], /momentum 1: it must be at least 0 and below 1/],
    [['average=1'], /average 1: it must be at least 0 and below 1/],
    [['clipNorm=-1'], /clipNorm -1/],
    [['weightDecay=-0.1'], /weightDecay -0.1/],
    [['warmup=-1'], /warmup -1/],
    [['clipNorm='], /give a number/],
    [['momentum=0.9'], /momentum 0.9: adam has its own; set optimizer=sgd/],
    [['epochs=3', 'warmup=3'], /warmup 3: all of the 3 epochs/],
  ])('%o is refused', (assignments, message) => {
    expect(() => set(...assignments)).toThrow(message);
  });

  test('that do not go together are refused by the trainer too', () => {
    expect(() => new Trainer(engine, { ...base, momentum: 0.5 }, data)).toThrow(/set optimizer=sgd/);
  });
});

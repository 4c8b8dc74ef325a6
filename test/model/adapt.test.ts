import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { weightsOf } from '../../src/model/adaptSettings.ts';
import { decodeReplay, encodeReplay, replayOf } from '../../src/model/replay.ts';
import { Trainer } from '../../src/model/trainer.ts';
import {
  Adaptation,
  type AdaptSettings,
  buildModel,
  DataError,
  type Dataset,
  type Engine,
  evaluate,
  type HostArray,
  type ModelFile,
  NonFiniteError,
  openEngine,
  Random,
  type Split,
} from '../../src/node.ts';
import { data, frames, mels, small } from './small.ts';

const features = {
  ...{ sampleRate: 8000, length: 1920, pad: 64, nFft: 128, hopLength: 128, nMels: mels },
  ...{ fMin: 0, fMax: 4000, dynamicRange: 80, maxDb: 0 },
};
const size = mels * frames;

/** Another voice: the same two patterns, upside down in level and only in the first half of the time. */
function takesOf(count: number, stream: string): Float32Array[] {
  return Array.from({ length: count }, (_, n) => {
    const noise = new Random(7, stream).uniform(n, size);
    return noise.map((v, i) => {
      const band = Math.floor(i / frames) % mels;
      return i % frames < frames / 2 ? 0.1 * v + (band % 2 === n % 2 ? 0.3 : 0.6) : 0;
    });
  });
}

const voice = takesOf(12, 'voice');
const asSplit = (x: readonly Float32Array[]): Split => ({
  count: x.length,
  read: (i, into, at) => into.set(x[i], at),
  label: Int32Array.from(x, (_, i) => i % 2),
  names: x.map((_, i) => `${i}`),
});
const unheard = asSplit(takesOf(10, 'unheard'));

let engine: Engine;
let base: ModelFile;
beforeAll(async () => {
  engine = await openEngine();
  const config = { ...small, weight: 50, lr: 1e-2, epochs: 40 };
  const trainer = new Trainer(engine, config, { ...data, valid: null, test: null });
  for await (const _ of trainer.train());
  base = { config, features, labels: ['even', 'odd'], params: (await trainer.state()).params };
  trainer.dispose();
});
afterAll(() => engine.close());

const settings: Partial<AdaptSettings> = { steps: 60, lr: 1e-2, batch: 16 };

/** dB RMSE of some weights on a split. */
async function error(params: Record<string, HostArray>, split: Split): Promise<number> {
  const model = buildModel(engine, { ...base, params }, 'test');
  const of: Dataset = { ...data, train: split };
  const { dbRmse } = await evaluate(engine, model, of, split, base.config, 1);
  model.params.dispose();
  return dbRmse as number;
}

async function adapted(replay: Split | null, more: Partial<AdaptSettings> = {}) {
  const adaptation = new Adaptation(engine, base, replay, { ...settings, ...more });
  voice.forEach((x, i) => {
    adaptation.add({ x, label: i % 2 }, i >= 8);
  });
  while (!adaptation.done) await adaptation.takeSteps(15);
  const params = await adaptation.weights();
  adaptation.dispose();
  return params;
}

const test0 = data.test as Split;

test('adapting learns the new voice, and only with replay keeps the old ones', async () => {
  const before = { fresh: await error(base.params, unheard), old: await error(base.params, test0) };
  const [kept, alone] = [await adapted(data.train), await adapted(null)];
  expect(before.fresh).toBeGreaterThan(30);
  expect(before.old).toBeLessThan(4);
  for (const params of [kept, alone]) expect(await error(params, unheard)).toBeLessThan(20);
  expect(await error(kept, test0)).toBeLessThan(14);
  expect(await error(alone, test0)).toBeGreaterThan(24);
});

test('what counts more in the loss is kept better', async () => {
  const { data: weights } = weightsOf(3, 1, 5);
  expect([...weights]).toEqual([0.5, 0.5, 0.5, 2.5]);
  const [light, heavy] = [0.2, 20].map((oldWeight) => adapted(data.train, { oldWeight, steps: 30 }));
  const [some, more] = [await light, await heavy];
  expect(await error(more, test0)).toBeLessThan((await error(some, test0)) - 2);
  expect(await error(more, unheard)).toBeGreaterThan((await error(some, unheard)) + 2);
});

test('decoder alone: the encoder keeps its bits, the rest learns', async () => {
  const params = await adapted(data.train, { train: 'decoder' });
  const moved = Object.keys(params).filter((name) => !sameBits(params[name].data, base.params[name].data));
  expect(moved.sort()).toEqual(
    Object.keys(params)
      .filter((name) => /^(fc1|fc2|deconv)/.test(name))
      .sort(),
  );
  expect(await error(params, unheard)).toBeLessThan(await error(base.params, unheard));
});

const sameBits = (a: Float32Array, b: Float32Array) =>
  Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0;

describe('step by step', () => {
  test('takes come while it runs; restore goes back to the model and repeats the same steps', async () => {
    const adaptation = new Adaptation(engine, base, data.train, settings);
    await expect(adaptation.takeStep()).rejects.toThrow(/no take/);
    adaptation.add({ x: voice[0], label: 0 });
    const first = [await adaptation.takeStep(), await adaptation.takeStep()];
    expect(first.map(({ step }) => step)).toEqual([1, 2]);
    adaptation.add({ x: voice[1], label: 1 });
    adaptation.add({ x: voice[2], label: 0 }, true);
    expect(adaptation.counts).toEqual({ train: 2, heldOut: 1, replay: 18 });
    await adaptation.takeStep();
    expect(adaptation.step).toBe(3);
    adaptation.restore();
    const back = await adaptation.weights();
    for (const [name, { data }] of Object.entries(back))
      expect(sameBits(data, base.params[name].data)).toBe(true);
    const again = new Adaptation(engine, base, data.train, settings);
    for (const take of [0, 1]) again.add({ x: voice[take], label: take });
    for (let i = 0; i < 3; i++) expect(await adaptation.takeStep()).toEqual(await again.takeStep());
    adaptation.dispose();
    again.dispose();
  });

  test('steps in a row are the steps one by one', async () => {
    const [row, single] = [0, 1].map(
      () => new Adaptation(engine, base, data.train, { ...settings, steps: 7 }),
    );
    for (const adaptation of [row, single]) adaptation.add({ x: voice[0], label: 0 });
    expect(await row.takeSteps(0)).toEqual([]);
    const rows = [...(await row.takeSteps(5)), ...(await row.takeSteps(2))];
    expect(rows.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(row.done).toBe(true);
    for (const expected of rows) expect(await single.takeStep()).toEqual(expected);
    for (const adaptation of [row, single]) adaptation.dispose();
  });

  test('the best weights by what is held out are kept, and it ends when nothing gets better', async () => {
    const adaptation = new Adaptation(engine, base, data.train, {
      ...settings,
      steps: 60,
      patience: 2,
      lr: 0.3,
    });
    voice.forEach((x, i) => {
      adaptation.add({ x, label: i % 2 }, i >= 8);
    });
    const scores: { step: number; score: number }[] = [];
    while (!adaptation.done) {
      const { step, fresh } = await adaptation.measure();
      scores.push({ step, score: fresh?.mse ?? Number.NaN });
      for (let i = 0; i < 5 && !adaptation.done; i++) await adaptation.takeStep();
    }
    expect(adaptation.step).toBeLessThan(200);
    const best = scores.reduce((a, b) => (b.score < a.score ? b : a));
    expect(adaptation.best).toBe(best.step);
    expect(scores.at(-3)).toEqual(best);
    const heldOut = asSplit(voice.slice(8));
    const dbRmse = await error(await adaptation.weights(), heldOut);
    const file = await adaptation.file();
    expect(await error(file.params, heldOut)).toBe(dbRmse);
    adaptation.dispose();
  });

  test('a step that is not finite leaves the weights as they were', async () => {
    const adaptation = new Adaptation(engine, base, null, { ...settings, lr: 9e5 });
    adaptation.add({ x: voice[0], label: 0 });
    const steps = async () => {
      for (let i = 0; i < 40; i++) await adaptation.takeStep();
    };
    await expect(steps()).rejects.toThrow(NonFiniteError);
    for (const { data } of Object.values(await adaptation.weights()))
      expect(data.every(Number.isFinite)).toBe(true);
    adaptation.dispose();
  });

  test('takes that are none are refused by name', () => {
    const adaptation = new Adaptation(engine, base, null, settings);
    const refused = (x: Float32Array, label: number | null, said: RegExp) =>
      expect(() => adaptation.add({ x, label, name: 'a.wav' })).toThrow(said);
    refused(new Float32Array(3), 0, /a\.wav: 3 values; this model takes \(8, 16\)/);
    refused(new Float32Array(size), 0, /a\.wav: is silent/);
    refused(new Float32Array(size).fill(2), 0, /a\.wav: holds 2/);
    refused(voice[0], null, /label null; give an index below 2/);
    refused(voice[0], 2, /label 2/);
    expect(() => new Adaptation(engine, base, null, { steps: 0 })).toThrow(DataError);
    expect(() => new Adaptation(engine, base, null, { replay: 1 })).toThrow(/replay 1/);
    adaptation.dispose();
  });
});

describe('replay', () => {
  test('as many of each speaker and label as there are, at most the number asked for', () => {
    const names = Array.from({ length: 60 }, (_, i) => `${i}`);
    const speakers = names.map((_, i) => (i < 40 ? 'ann' : i < 57 ? 'bob' : 'cy'));
    const label = Int32Array.from(names, (_, i) => i % 2);
    const read = (i: number, into: Float32Array, at: number) => into.fill(i, at, at + size);
    const few = replayOf({ count: 60, names, speakers, label, read }, 24);
    expect(few.count).toBe(24);
    const count = (speaker: string) => few.speakers?.filter((s) => s === speaker).length;
    expect([count('cy'), count('bob'), count('ann')]).toEqual([3, 11, 10]);
    expect(Math.abs(few.label.filter((l) => l === 0).length - 12)).toBeLessThanOrEqual(1);
    expect(new Set(few.names).size).toBe(24);
    const into = new Float32Array(size);
    few.read(5, into, 0);
    expect(into[0]).toBe(Number(few.names[5]));
    expect(replayOf({ count: 60, names, speakers, label, read }, 100).count).toBe(60);
  });

  test('a file gives examples back to half a step of 255, silence at the end left out', () => {
    const like = { shape: [mels, frames] as const, labels: ['even', 'odd'] };
    const split = { ...asSplit(voice), speakers: voice.map((_, i) => (i === 0 ? null : 'ann')) };
    const bytes = encodeReplay(like, split);
    const back = decodeReplay(bytes, like, 'r');
    expect([back.names, back.speakers, [...back.label]]).toEqual([
      split.names,
      split.speakers,
      [...split.label],
    ]);
    const into = new Float32Array(size);
    voice.forEach((x, i) => {
      back.read(i, into, 0);
      expect(into.every((v, j) => Math.abs(v - x[j]) <= 0.5 / 255 + 1e-6)).toBe(true);
    });
    // Half of each take is silence.
    expect(bytes.length).toBeLessThan(voice.length * size * 0.5 + 1500);
    expect(() => decodeReplay(bytes, { ...like, labels: ['odd', 'even'] }, 'r')).toThrow(/r: its labels/);
    expect(() => decodeReplay(bytes, { ...like, shape: [mels, 8] }, 'r')).toThrow(/r: examples of \(8,16\)/);
    expect(() => decodeReplay(bytes.subarray(0, bytes.length - 1), like, 'r')).toThrow(/r: /);
  });
});

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { referenceFeatures } from '../../src/audio/features.ts';
import { addFrame, cutHistory, isKept, readHistory } from '../../src/history.ts';
import { decodeCheckpoint, decodeModel } from '../../src/model/checkpoint.ts';
import { epochBatches, firstExamples } from '../../src/model/dataset.ts';
import { reconstructionTerm } from '../../src/model/objective.ts';
import { checkConfig, setOption } from '../../src/model/presets.ts';
import { samplePrior } from '../../src/model/sampling.ts';
import { encodeStateDict } from '../../src/model/stateDict.ts';
import { Trainer } from '../../src/model/trainer.ts';
import { type Engine, NonFiniteError, openEngine, Random, Vae, vaeLoss } from '../../src/node.ts';
import { RunFolder } from '../../src/runFolder.ts';
import { trainRun } from '../../src/trainRun.ts';
import { closeTo } from '../close.ts';
import { sharedDevice } from '../device.ts';
import { data, frames, mels, small } from './small.ts';
import { changed, valuesOf } from './splits.ts';

let engine: Engine;
let device: GPUDevice;
let dir: string;
beforeAll(async () => {
  device = await sharedDevice();
  engine = await openEngine({ device });
  dir = mkdtempSync(join(tmpdir(), 'formant-trainer-'));
});
afterAll(() => {
  engine.close();
  rmSync(dir, { recursive: true, force: true });
});

async function finish(trainer: Trainer, pauseEvery = 0) {
  const epochs = [];
  for await (const event of trainer.train(pauseEvery)) if (event.kind === 'epoch') epochs.push(event.row);
  return epochs;
}

describe.each([
  ['cvae', 'fixed'],
  ['vae', 'optimal'],
  ['vae', 'bernoulli'],
] as const)('%s, %s likelihood', (model, likelihood) => {
  test('learns, and its test figures agree with each other', async () => {
    const trainer = new Trainer(
      engine,
      { ...small, model, likelihood, weight: 50, lr: 0.01, epochs: 40, betaWarmup: 8 },
      data,
    );
    const epochs = await finish(trainer);
    expect(epochs).toHaveLength(40);
    const [first, last] = [epochs[0], epochs[39]];
    expect(last.train.loss).toBeLessThan(first.train.loss);
    const figures = last.test;
    if (!figures) throw new Error('no test figures');
    // A noise of 0.1 wide is 2.3 dB rms of 80; telling the two patterns apart is what brings it near.
    expect(figures.dbRmse).toBeLessThan(8);
    expect(figures.dbRmse).toBeCloseTo(80 * Math.sqrt(figures.mse), 9);
    expect(figures.negElbo).toBeCloseTo(figures.recon + figures.kl, 9);
    expect(await trainer.evaluate('test')).toEqual(figures);
    trainer.dispose();
  });
});

test('beta rises linearly over the warm-up', async () => {
  const trainer = new Trainer(engine, { ...small, betaWarmup: 2, beta: 0.5, epochs: 3 }, data);
  const betas: number[] = [];
  for await (const event of trainer.train(1))
    if (event.kind === 'steps') for (const r of event.rows) betas.push((r.loss - r.recon) / r.kl);
  // Three steps an epoch, six of warm-up.
  const want = Array.from({ length: 9 }, (_, i) => 0.5 * Math.min(1, i / 6));
  closeTo(betas, want, { relative: 1e-2, ofRms: 5e-3 }, 'beta');
  trainer.dispose();
});

test('state taken in the middle of an epoch continues to the same bits', async () => {
  const whole = new Trainer(engine, { ...small, epochs: 4 }, data);
  const rows = await finish(whole);
  const half = new Trainer(engine, { ...small, epochs: 4 }, data);
  for await (const event of half.train(5)) if (event.kind === 'steps' && half.step === 5) break;
  const state = await half.state();
  expect(state.step).toBe(5);
  const rest = new Trainer(engine, { ...small, epochs: 4 }, data);
  rest.load(state);
  const resumed = await finish(rest);
  expect(resumed.map((r) => ({ ...r, seconds: 0 }))).toEqual(
    rows.slice(1).map((r) => ({ ...r, seconds: 0 })),
  );
  expect((await rest.state()).params).toEqual((await whole.state()).params);
  for (const t of [whole, half, rest]) t.dispose();
});

test('a loss that stops being finite stops training by name, with the weights of the step before', async () => {
  const bad = {
    ...data,
    train: changed(data.train, mels * frames, (v, i) => (i === 900 ? Number.NaN : v)),
  };
  const trainer = new Trainer(engine, { ...small, epochs: 5 }, bad);
  const rows: number[] = [];
  const run = async () => {
    for await (const event of trainer.train(1))
      if (event.kind === 'steps') {
        rows.push(...event.rows.map((r) => r.step));
      }
  };
  await expect(run()).rejects.toThrow(NonFiniteError);
  await expect(run()).rejects.toThrow(/step \d+: loss .*not finite.*--lr/);
  const { params } = await trainer.state();
  for (const { data: values } of Object.values(params)) expect(values.every(Number.isFinite)).toBe(true);
  trainer.dispose();
});

test('a refused step ends the events with a mark, so that nobody saves it', async () => {
  const bad = {
    ...data,
    train: changed(data.train, mels * frames, (v, i) => (i === 900 ? Number.NaN : v)),
  };
  const folder = await RunFolder.create(join(dir, 'refused'));
  const info = {
    config: { ...small, epochs: 2 },
    features: { ...referenceFeatures, maxDb: 0 },
    labels: ['even', 'odd'],
  };
  const { signal } = new AbortController();
  const run = {
    engine,
    reopen: () => openEngine(),
    folder,
    info,
    data: bad,
    from: null,
    checkpointEvery: 1,
    signal,
  };
  await expect(trainRun(run)).rejects.toThrow(NonFiniteError);
  const rows = existsSync(folder.path('metrics.jsonl'))
    ? readFileSync(folder.path('metrics.jsonl'), 'utf8').trim().split('\n').filter(Boolean)
    : [];
  expect(rows.length).toBeLessThan(3);
  if (rows.length === 0)
    await expect(folder.checkpointName('last')).rejects.toThrow(/before its first checkpoint/);
  else expect(await folder.checkpointName('last')).toBe(`step-${`${rows.length}`.padStart(8, '0')}`);
});

describe('a run in its folder', () => {
  const info = {
    config: { ...small, epochs: 6 },
    features: { ...referenceFeatures, maxDb: 0 },
    labels: ['even', 'odd'],
  };
  const start = async (name: string, over: Partial<Parameters<typeof trainRun>[0]> = {}) => {
    const folder = await RunFolder.create(join(dir, name));
    const signal = new AbortController().signal;
    const options = {
      engine,
      reopen: () => openEngine(),
      folder,
      info,
      data,
      from: null,
      checkpointEvery: 4,
      signal,
    };
    return { folder, result: await trainRun({ ...options, ...over }) };
  };

  test('a device lost on the way is opened again, and the result is the same', async () => {
    const whole = await start('whole');
    const doomed = await openEngine();
    let runs = 0;
    const record = doomed.stream.replay.bind(doomed.stream);
    doomed.stream.replay = (list, cost) => {
      if (++runs === 9) doomed.device.destroy();
      record(list, cost);
    };
    let reopened = 0;
    const reopen = () => {
      reopened++;
      return openEngine({ device });
    };
    const lost = await start('lost', { engine: doomed, reopen });
    doomed.close();
    expect(reopened).toBe(1);
    expect({ ...lost.result, run: '', msPerStep: 0 }).toEqual({ ...whole.result, run: '', msPerStep: 0 });
    const model = (folder: RunFolder) => readFileSync(folder.path('model.safetensors'));
    expect(model(lost.folder).equals(model(whole.folder))).toBe(true);
  });

  test('its history: where the test examples lie and what the same z become, epoch by epoch', async () => {
    const { folder } = await start('history');
    const history = await readHistory(folder);
    expect(history?.frames.map((f) => f.epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(history?.points).toEqual({
      split: 'test',
      names: data.test?.names,
      labels: Array.from({ length: 10 }, (_, i) => (i % 2 ? 'odd' : 'even')),
      speakers: Array(10).fill(null),
    });
    const last = history?.frames[5];
    expect(last?.mu.shape).toEqual([10, 3]);
    expect(last?.samples.shape).toEqual([2, mels, frames]);
    // The last frame is of the weights that were saved last.
    const { bytes, name } = await folder.readCheckpoint('last');
    const trainer = new Trainer(engine, info.config, data);
    trainer.load(decodeCheckpoint(bytes, name).state(trainer.model.params));
    expect(await trainer.snapshot()).toEqual({ mu: last?.mu, samples: last?.samples });
    trainer.dispose();
    await cutHistory(folder, 4);
    expect((await readHistory(folder))?.frames.map((f) => f.epoch)).toEqual([1, 2, 3, 4]);
    writeFileSync(
      folder.path('history', 'epoch-00004.safetensors'),
      encodeStateDict({ mu: last?.mu ?? { data: new Float32Array(1), shape: [1] } }),
    );
    await expect(readHistory(folder)).rejects.toThrow(/epoch-00004.safetensors: no snapshot of these points/);
  });

  test('a long history is thinned to at most 64 snapshots, evenly apart, and the last', async () => {
    const folder = await RunFolder.create(join(dir, 'long-history'));
    const kept: number[] = [];
    const one = { data: Float32Array.of(1), shape: [1, 1] };
    for (let epoch = 1; epoch <= 150; epoch++)
      if (isKept(epoch, 150)) {
        kept.push(epoch);
        await addFrame(folder, epoch, data, { mu: one, samples: one });
      }
    const there = readdirSync(folder.path('history'))
      .filter((n) => n.startsWith('epoch'))
      .sort();
    const epochs = there.map((n) => Number(n.slice(6, 11)));
    expect(epochs).toEqual([...Array.from({ length: 37 }, (_, i) => 4 * (i + 1)), 150]);
    expect(kept.slice(0, 64)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
  });

  test('the best checkpoint is chosen on the validation part, and is the model that plays', async () => {
    const { folder } = await start('best');
    const rows = readFileSync(folder.path('metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l));
    const epochs = rows.filter((r) => r.epoch);
    const best = epochs.reduce((a, b) => (b.valid.negElbo < a.valid.negElbo ? b : a));
    expect(await folder.checkpointName('best')).toBe(`step-${`${3 * best.epoch}`.padStart(8, '0')}`);
    expect(await folder.checkpointName('last')).toBe('step-00000018');
    const file = decodeModel(await folder.read('model.safetensors', ''), 'model');
    const model = new Vae(
      engine,
      {
        network: 'conv',
        inputs: mels,
        frames,
        channels: [6, 8],
        kernel: 3,
        hidden: 16,
        latent: 3,
        classes: 2,
      },
      0,
    );
    model.params.load(file.params);
    expect(existsSync(folder.path('checkpoints', 'best'))).toBe(true);
    expect(file.labels).toEqual(['even', 'odd']);
  });
});

test('a sample depends on seed, label and number, not on how many are asked for', async () => {
  const model = new Vae(
    engine,
    { network: 'conv', inputs: mels, frames, channels: [6, 8], kernel: 3, hidden: 16, latent: 3, classes: 2 },
    1,
  );
  const sample = async (label: number, indices: number[], seed = 1, temperature = 1) => {
    const t = samplePrior(engine, model, { label, indices, temperature, seed });
    const values = await t.read();
    t.dispose();
    return values;
  };
  const size = mels * frames;
  const three = await sample(0, [0, 1, 2]);
  closeTo(
    three.slice(size, 2 * size),
    await sample(0, [1]),
    { relative: 1e-6, ofRms: 0 },
    'the second alone',
  );
  expect([...(await sample(0, [1], 2))]).not.toEqual([...(await sample(0, [1]))]);
  expect([...(await sample(1, [1], 1, 0))]).toEqual([...(await sample(1, [7], 9, 0))]);
  expect(() => samplePrior(engine, model, { label: null, indices: [0], temperature: 1, seed: 1 })).toThrow(
    /2 classes/,
  );
});

test('an epoch visits every example once, in another order each time', () => {
  const flat = (epoch: number) => epochBatches(50, 8, 1, epoch).flatMap((b) => [...b]);
  expect([...flat(0)].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  expect(flat(0)).not.toEqual(flat(1));
  expect(flat(1)).toEqual(flat(1));
  expect(epochBatches(50, 8, 1, 0).map((b) => b.length)).toEqual([8, 8, 8, 8, 8, 8, 2]);
});

test('the loss is the reconstruction term plus KL, whatever the likelihood', async () => {
  const model = new Vae(
    engine,
    { network: 'conv', inputs: mels, frames, channels: [6, 8], kernel: 3, hidden: 16, latent: 3, classes: 0 },
    1,
  );
  const x = engine.tensor(valuesOf(firstExamples(data.train, 4), mels * frames), [4, mels, frames]);
  const eps = engine.tensor(new Random(1, 'eps').normal(0, 12), [4, 3]);
  const D = mels * frames;
  for (const likelihood of ['fixed', 'optimal', 'bernoulli'] as const) {
    const out = engine.noGrad(() =>
      vaeLoss(model, x, eps, null, engine.tensor([0.3]), { likelihood, weight: 7 }),
    );
    const [metrics, made, target, kl] = await engine.read([out.metrics, out.reconstruction, x, out.kl]);
    let error = 0;
    made.forEach((v, i) => {
      const t = target[i];
      error += likelihood === 'bernoulli' ? Math.log1p(Math.exp(v)) - t * v : (v - t) ** 2;
    });
    const recon = reconstructionTerm(error / 4, D, { likelihood, weight: 7 });
    const meanKl = kl.reduce((a, b) => a + b) / 4;
    closeTo(metrics, [recon + 0.3 * meanKl, recon, meanKl], { relative: 1e-4, ofRms: 0 }, likelihood);
  }
});

test('settings are checked by name and value', () => {
  expect(setOption(small, 'channels=4,5').channels).toEqual([4, 5]);
  expect(setOption(small, 'validation=true').validation).toBe(true);
  expect(setOption(small, 'likelihood=optimal').likelihood).toBe('optimal');
  for (const text of [
    'latent=0',
    'latent=1.5',
    'latent=',
    'latent',
    'kernel=4',
    'channels=',
    'lr=-1',
    'model=gan',
    'preset=x',
    'validation=1',
  ])
    expect(() => setOption(small, text), text).toThrow();
  expect(() => checkConfig({ ...small, seed: -1 })).toThrow(/seed -1/);
});

test('figures that are not finite end the training: no epoch is reported, nothing is saved', async () => {
  const folder = await RunFolder.create(join(dir, 'overshot'));
  const config = { ...small, batch: 20, epochs: 1, lr: 999_999, optimizer: 'sgd' as const };
  const info = {
    config,
    features: { ...referenceFeatures, nMels: mels, maxDb: 0 },
    labels: [...data.labels],
  };
  const signal = new AbortController().signal;
  const run = { engine, folder, info, data, from: null, checkpointEvery: 0, signal };
  const reopen = () => Promise.reject(new Error('not lost'));
  await expect(trainRun({ ...run, reopen })).rejects.toThrow(
    expect.objectContaining({
      name: 'NonFiniteError',
      message: expect.stringMatching(/epoch 1, valid split: .*not finite.*lower learning rate/),
    }),
  );
  expect(existsSync(folder.path('model.safetensors'))).toBe(false);
  expect(readFileSync(folder.path('metrics.jsonl'), 'utf8')).not.toContain('"epoch"');
});

describe('sizes are known before anything is made', () => {
  const config = {
    network: 'conv',
    inputs: 6,
    frames: 16,
    channels: [5],
    kernel: 3,
    latent: 4,
    classes: 2,
  } as const;

  test('a model too large to bind is refused with the layer that makes it so', () => {
    const before = process.cpuUsage();
    expect(() => new Vae(engine, { ...config, hidden: 1e9 }, 1)).toThrow(
      /\d+ values are \d+ bytes, this device binds \d+ at most; make.*smaller.*fc\.weight/,
    );
    expect(process.cpuUsage(before).user).toBeLessThan(1e6);
  });
});

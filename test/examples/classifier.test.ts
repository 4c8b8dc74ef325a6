// The classifier on a few embedded digits: it learns them, its file brings it back, and it judges clips.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vary } from '../../examples/classifier/augment.ts';
import { divide } from '../../examples/classifier/classifier.ts';
import { type Examples, levelled, listLabelled, readExamples } from '../../examples/classifier/clips.ts';
import { decodeClassifier, encodeClassifier } from '../../examples/classifier/file.ts';
import { figuresOf, type Heard, hear, perLabel } from '../../examples/classifier/listen.ts';
import { Classifier } from '../../examples/classifier/network.ts';
import { trainClassifier } from '../../examples/classifier/training.ts';
import {
  type Engine,
  encodeModel,
  openEngine,
  presetConfig,
  readSafetensors,
  referenceFeatures,
  writeSafetensors,
} from '../../src/node.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

describe('four digits', () => {
  const labels = ['0', '3', '6', '9'];
  const origin = { seed: 1, epochs: 6, train: 160, test: 16, accuracy: 1 };
  let model: Classifier;
  let test4: Examples;
  const losses: number[] = [];
  beforeAll(async () => {
    const files = divide(await listLabelled('digits'), undefined, 'digits');
    const of4 = (part: typeof files.train) => part.filter((f) => labels.includes(f.label));
    const train = await readExamples(engine, of4(files.train), 'digits');
    test4 = await readExamples(engine, of4(files.test), 'digits');
    expect([train.count, test4.count]).toEqual([160, 16]);
    model = await trainClassifier(engine, train, {
      seed: 1,
      epochs: 6,
      onEpoch: (_, loss) => {
        losses.push(loss);
        return true;
      },
    });
  });

  test('learns digits of voices it never heard, far above chance', async () => {
    expect(losses).toHaveLength(6);
    expect(losses[5]).toBeLessThan(0.7 * Math.log(4));
    const heard = await hear(engine, model, test4);
    const figures = figuresOf(heard, test4.label, heard);
    expect(figures.right).toBeGreaterThanOrEqual(0.75);
    expect(figures.frechet).toBeLessThan(1e-4);
    expect(figures.pairwise).toBeGreaterThan(0);
  });

  test('its file brings the same classifier back', async () => {
    const bytes = await encodeClassifier(model, origin);
    const again = decodeClassifier(engine, bytes, 'ear');
    expect(again.origin).toEqual(origin);
    expect(again.model.labels).toEqual(labels);
    const [a, b] = [await hear(engine, model, test4), await hear(engine, again.model, test4)];
    expect(Buffer.from(b.values.buffer).equals(Buffer.from(a.values.buffer))).toBe(true);
    expect(b.heard).toEqual(a.heard);
  });

  test('refuses other files, other architectures and damage', async () => {
    const bytes = await encodeClassifier(model, origin);
    const { tensors, metadata } = readSafetensors(bytes, 'ear');
    const with_ = (change: Record<string, string>) =>
      writeSafetensors(new Map(tensors), { ...metadata, ...change });
    const decode = (file: Uint8Array) => () => decodeClassifier(engine, file, 'ear');
    expect(decode(new Uint8Array(30))).toThrow(/ear/);
    expect(decode(writeSafetensors(new Map(tensors)))).toThrow(/not written by formant/);
    const vae = encodeModel({
      params: {},
      config: presetConfig('demo', 'vae'),
      features: { ...referenceFeatures, maxDb: 0 },
      labels: [],
    });
    expect(decode(vae)).toThrow(/a model file where a classifier file is needed/);
    expect(decode(with_({ architecture: '{"inputs":80}' }))).toThrow(/architecture .*80.*train it again/);
    expect(decode(with_({ labels: '"0369"' }))).toThrow(/no list of labels/);
    expect(decode(with_({ labels: '["0","3","6"]' }))).toThrow(/logits.weight .*not \(3, 64\)/);
    tensors.delete('norm.1.running_var');
    expect(decode(with_({}))).toThrow(/norm.1.running_var .*is missing/);
  });
});

test('levels do not matter, and what is 50 dB down is silence', () => {
  const db = Float32Array.of(-100, -20, 10, -40);
  expect([...levelled(db)]).toEqual([...levelled(db.map((v) => v - 20))]);
  expect(levelled(db)[2]).toBe(1);
  expect(levelled(db)[1]).toBeCloseTo(0.4, 6);
  expect(levelled(db)[3]).toBe(0);
});

test('a variation in the middle of its ranges is a delay of 6 frames at 1.025 times the speed', () => {
  const [C, T] = [4, 32];
  const x = Float32Array.from({ length: C * T }, (_, i) => (i % T) / T);
  const y = new Float32Array(C * T);
  vary(x, y, C, T, [0.5, 0.5, 0.5, 0.5, 0, 0]);
  for (let t = 0; t < T; t++) expect(y[T + t]).toBeCloseTo(Math.max(0, (1.025 * (t - 6)) / T), 6);
  vary(x, y, C, T, [0.5, 0.5, 0.5, 1, 0.5, 0.999]);
  for (let t = 0; t < T; t++) expect(y[T + t]).toBeGreaterThanOrEqual(0.3 - 1e-6);
  expect(y[T + 20]).toBeCloseTo(0.3, 6);
});

test('refuses data that cannot train or be compared', async () => {
  const files = divide(await listLabelled('digits'), 'gbm2', 'digits');
  expect(files.test).toHaveLength(20);
  expect(files.train).toHaveLength(380);
  expect(() => divide(files.train, 'nobody', 'digits')).toThrow(/no speaker nobody; there are carbelinda/);
  expect(() => divide(files.train, undefined, 'digits')).toThrow(/no clip to test with/);
  await expect(listLabelled(join(import.meta.dirname, '..', 'golden'))).rejects.toThrow(
    /no \.wav or \.mp3 file/,
  );
  const one = { count: 1, x: new Float32Array(4096), label: ['7'], intake: null as never };
  await expect(trainClassifier(engine, one, { seed: 1, epochs: 1 })).rejects.toThrow(/two labels or more/);
  const model = new Classifier(engine, ['a', 'b'], 1);
  expect(() => model.forward(engine.tensor(new Float32Array(64), [1, 8, 8]))).toThrow(
    /\(1, 8, 8\); it takes \(B, 64, 64\)/,
  );
  const items = ['a', 'a', 'b', 'b', 'b'].map((label, at) => ({ label, at }));
  expect(perLabel(items, ['b', 'a'], 2, 'clips').map(({ at }) => at)).toEqual([2, 3, 0, 1]);
  expect(() => perLabel(items, ['a', 'b'], 3, 'clips')).toThrow(
    /clips: 2 clips of label a, 3 of every label/,
  );
  expect(() => perLabel(items, ['a'], 2, 'clips')).toThrow(/label b; this classifier knows a/);
});

test('figures: clips that could not be read count as heard wrong', () => {
  const heard: Heard = {
    count: 4,
    values: Float32Array.of(0, 0, 3, 4, 1, 1, 1, 2),
    label: ['a', 'a', 'b', 'b'],
    heard: ['a', 'b', 'b', 'b'],
  };
  expect(figuresOf(heard, ['a', 'a', 'a', 'a', 'b', 'b'])).toEqual({
    clips: 6,
    audible: 4,
    right: 0.5,
    rightByLabel: { a: 0.25, b: 1 },
    frechet: null,
    pairwise: 3,
  });
});

// Figures of single examples against those of the whole split, which examples are shown, and how histories move.

import { GifReader } from 'omggif';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { latentAnimation, someFrames } from '../../src/figures/animations.ts';
import { colourings, latentMaps } from '../../src/figures/maps.ts';
import { reconstructed, shownSplit, type View, variedExamples } from '../../src/figures/view.ts';
import { exampleOf } from '../../src/model/dataset.ts';
import { evaluate, examine } from '../../src/model/evaluate.ts';
import { vaeConfig } from '../../src/model/presets.ts';
import { Vae } from '../../src/model/vae.ts';
import { openEngine } from '../../src/node.ts';
import { data, small } from '../model/small.ts';

let engine: Engine;
let view: View;
beforeAll(async () => {
  engine = await openEngine();
  const model = new Vae(engine, vaeConfig(small, data.shape, data), 3);
  const features = { height: data.shape[0], width: data.shape[1] };
  view = { engine, model, data, file: { config: small, features, labels: [...data.labels], params: {} } };
});
afterAll(() => engine.close());

const split = data.test!;
const all = [...Array(split.count).keys()];
const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;

test.each(['fixed', 'optimal', 'bernoulli'] as const)(
  'the mean over all examples is what evaluate says of the split, %s likelihood',
  async (likelihood) => {
    const objective = { likelihood, weight: 7 };
    const { examples } = await examine(engine, view.model, data, split, objective, { seed: 1 });
    const whole = await evaluate(engine, view.model, data, split, objective, 1);
    for (const key of ['negElbo', 'recon', 'kl', 'mse'] as const)
      expect(mean(examples.map((f) => f[key])) / whole[key]).toBeCloseTo(1, 6);
    for (const { negElbo, recon, kl } of examples) expect(negElbo).toBe(recon + kl);
  },
);

test('reconstructions stand beside their originals, with the error that the figures say', async () => {
  const { examples } = await examine(engine, view.model, data, split, small, { seed: 1 });
  const pairs = await reconstructed(view, split, [4, 1]);
  for (const [i, { index, x, y }] of pairs.entries()) {
    expect(index).toBe([4, 1][i]);
    expect(x).toEqual(exampleOf(data, split, index));
    expect(mean([...x].map((v, k) => (v - y[k]) ** 2))).toBeCloseTo(examples[index].mse, 6);
  }
});

test('labels take turns among the examples shown, none twice', () => {
  const shown = variedExamples(shownSplit(data));
  expect([...shown].sort((a, b) => a - b)).toEqual(all);
  expect(shown.map((i) => split.label[i])).toEqual(all.map((i) => i % 2));
});

test('classes are in a person’s order, and of single figures digits', () => {
  const [label, speaker] = colourings({ labels: ['10', '9', null], speakers: ['b', 'a', 'b'] });
  expect([label.name, label.names, [...label.classes]]).toEqual(['label', ['9', '10'], [1, 0, -1]]);
  expect([speaker.name, [...speaker.classes]]).toEqual(['speaker', [1, 0, 1]]);
  expect(colourings({ labels: ['3', null], speakers: [null, null] }).map(({ name }) => name)).toEqual([
    'digit',
  ]);
});

test('too few examples make no map, and it is said', () => {
  const { pca, tsne } = latentMaps({ data: new Float32Array(6), shape: [3, 2] });
  expect([pca, tsne]).toEqual(['only 3 examples to place', 'only 3 examples to place']);
});

test('an animation ends with the last epoch; a turned map stands still in it', async () => {
  const cloud = [0, 0, 4, 1, 2, 3, -1, 2];
  const turned = cloud.map((_, i) => (i % 2 === 0 ? -cloud[i + 1] : cloud[i - 1]));
  const frame = (epoch: number, values: number[]) => ({
    epoch,
    mu: { data: Float32Array.from(values), shape: [4, 2] },
    samples: { data: new Float32Array(1), shape: [1, 1, 1] },
  });
  const frames = [1, 2, 3, 4, 5].map((epoch) => frame(epoch, epoch % 2 ? cloud : turned));
  expect(someFrames(frames, 2).map(({ epoch }) => epoch)).toEqual([3, 5]);
  const none = [null, null, null, null];
  const points = { split: 'test' as const, names: ['a', 'b', 'c', 'd'], labels: none, speakers: none };
  const made = (await latentAnimation({ points, frames }, 'Map', { size: 200, most: 3 }))!;
  expect(made.epochs).toEqual([2, 3, 5]);
  const found = new GifReader(Buffer.from(made.gif));
  expect([found.width, found.height]).toEqual([made.still.width, made.still.height]);
  const drawn = [0, 1, 2].map((i) => {
    const canvas = new Uint8Array(4 * found.width * found.height);
    for (let k = 0; k <= i; k++) found.decodeAndBlitFrameRGBA(k, canvas);
    // Below the title, where the epoch stands.
    return Buffer.from(canvas.slice(4 * found.width * 45));
  });
  expect(drawn[0].equals(drawn[2])).toBe(true);
  expect(drawn[1].equals(drawn[2])).toBe(true);
});

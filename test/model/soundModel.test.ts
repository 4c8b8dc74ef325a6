// A model that plays from its bytes: the clips that sampling the prior makes, other labels and seeds, models without labels,
// what it refuses, and that disposing gives everything back.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CheckpointError,
  DataError,
  type Engine,
  encodeModel,
  type FeatureSettings,
  featuresToWaves,
  loadModel,
  type ModelFile,
  openEngine,
  SoundModel,
  samplePrior,
  Vae,
  vaeConfig,
} from '../../src/node.ts';
import { root } from '../launch.ts';
import { frames, mels, small } from './small.ts';

const shipped = readFileSync(join(root, 'web', 'model', 'digits.safetensors'));
let engine: Engine;
let model: SoundModel;
beforeAll(async () => {
  engine = await openEngine();
  model = loadModel(engine, shipped, 'digits.safetensors');
});
afterAll(() => engine.close());

const peakOf = (x: Float32Array) => x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const distance = (a: Float32Array, b: Float32Array) => peakOf(a.map((v, i) => v - b[i])) / peakOf(b);

test('it says what sampling the prior by the same label, seed and number gives', async () => {
  expect(model.labels).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  expect([model.sampleRate, model.shape]).toEqual([8000, [64, 64]]);
  const said = await model.speak('7', { seed: 3, index: 1 });
  expect(said).toHaveLength(8192);
  const want = engine.scope(() => {
    const clips = samplePrior(engine, model.vae, { label: 7, indices: [0, 1], temperature: 1, seed: 3 });
    return featuresToWaves(engine, clips, model.file.features as FeatureSettings);
  });
  expect(distance(said, (await want.read()).slice(8192))).toBeLessThan(1e-3);
  want.dispose();
  expect(await model.speak('7', { seed: 3, index: 1 })).toEqual(said);
  for (const [label, options] of [
    ['8', { seed: 3, index: 1 }],
    ['7', { seed: 4, index: 1 }],
    ['7', {}],
  ] as const)
    expect(distance(await model.speak(label, options), said)).toBeGreaterThan(0.1);
});

test('what it cannot say is refused by name', async () => {
  await expect(model.speak('eleven')).rejects.toThrow(
    /digits\.safetensors: no label eleven; it knows 0, 1, 2/,
  );
  await expect(model.speak(null)).rejects.toThrow(DataError);
  await expect(model.speak('7', { temperature: -1 })).rejects.toThrow(/temperature -1/);
  await expect(model.speak('7', { speaker: 'ann' })).rejects.toThrow(/no speaker ann; it knows none/);
  await expect(model.decode([1, 2], [1])).rejects.toThrow(/takes 8 numbers of z, not 2/);
  await expect(model.decode(new Float32Array(8), [1])).rejects.toThrow(
    /10 labels and 0 speakers, not 1 and 0/,
  );
  expect(() => loadModel(engine, shipped.subarray(0, 5000), 'half')).toThrow(CheckpointError);
});

const features = {
  ...{ sampleRate: 8000, length: 1920, pad: 64, nFft: 128, hopLength: 128, nMels: mels },
  ...{ fMin: 0, fMax: 4000, dynamicRange: 80, maxDb: 0 },
};
/** A model as it is drawn, in a file. */
async function drawn(config: ModelFile['config'], speakers?: string[]): Promise<ModelFile> {
  const info = { config, features, labels: ['a', 'b'], ...(speakers && { speakers }) };
  const vae = new Vae(engine, vaeConfig(config, [mels, frames], info), 1);
  const params = await vae.params.state();
  vae.params.dispose();
  return { ...info, params };
}

test('a model that knows speakers says it in the voice of one, or in the mean of all', async () => {
  const file = await drawn({ ...small, speakerDim: 2 }, ['ann', 'ben']);
  const voices = loadModel(engine, encodeModel(file));
  expect(voices.speakers).toEqual(['ann', 'ben']);
  const ben = await voices.speak('b', { speaker: 'ben' });
  const want = engine.scope(() => {
    const clip = samplePrior(engine, voices.vae, {
      label: 1,
      speaker: 1,
      indices: [0],
      temperature: 1,
      seed: 0,
    });
    return featuresToWaves(engine, clip, features);
  });
  expect(distance(ben, await want.read())).toBeLessThan(1e-3);
  want.dispose();
  expect(await voices.speak('b', { speaker: 'ann' })).not.toEqual(ben);
  const z = [0.1, -0.5, 1];
  expect(await voices.decode(z, [0, 1])).toEqual(await voices.decode(z, [0, 1], [0.5, 0.5]));
  await expect(voices.speak('b', { speaker: 'cleo' })).rejects.toThrow(/no speaker cleo; it knows ann, ben/);
  voices.dispose();
});

test('a model without labels takes null, one of images is refused, and disposing gives the memory back', async () => {
  const file = await drawn({ ...small, model: 'vae' });
  const { buffer } = encodeModel(file, 'F16');
  const play = async () => {
    const voice = loadModel(engine, buffer as ArrayBuffer);
    expect(voice.labels).toEqual([]);
    const wave = await voice.speak(null, { temperature: 0 });
    expect(wave).toHaveLength(1920);
    expect(wave).toEqual((await voice.decode(new Float32Array(3))).wave);
    await expect(voice.speak('a')).rejects.toThrow(/no label a; it knows none/);
    voice.dispose();
    await expect(voice.speak(null)).rejects.toThrow(/used after dispose/);
  };
  await play();
  const { bytes } = engine;
  await play();
  expect(engine.bytes).toBe(bytes);
  const images = { ...file, features: { height: mels, width: frames } };
  expect(() => new SoundModel(engine, images, 'pictures')).toThrow(/pictures: is a model of images/);
});

// A whole short training that every environment repeats: synthetic tones to features on the GPU, 21 captured steps of
// a small CVAE in batches of 8, 8 and 4, a checkpoint through its bytes in the middle, samples of the model file, and their sound.
// The losses are compared with those recorded once under Dawn on lavapipe: rounding differs, the training does not.

import {
  buildModel, decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel, type Engine, type FeatureSettings,
  featuresToWaves,  presetConfig, Random, referenceFeatures, samplePrior, type SpeechClip, speechDataset, Trainer, wavesToFeatures,
} from '../../src/index.ts';
import { closeTo } from '../close.ts';

/** 16 frames of 16 bands. */
const settings: FeatureSettings = { ...referenceFeatures, length: 1984, pad: 96, nFft: 256, nMels: 16 };
const config = {
  ...presetConfig('speech-ref', 'cvae'),
  channels: [8, 12], kernel: 3, hidden: 24, latent: 4, weight: 3, lr: 5e-3, batch: 8, epochs: 7, seed: 3,
};

const exact = { relative: 0, ofRms: 0 };
const recorded = [
  23.34252, 23.39659, 23.67143, 22.16971, 21.89493, 22.97573, 21.30822, 20.92208, 18.48703, 19.39979, 17.0945,
  18.37024, 17.06359, 17.81067, 15.34914, 17.26433, 16.8106, 16.16465, 16.43289, 16.96375, 15.32349,
];

/** Two kinds of tone under noise: low with one partial, high with two. */
function tones(count: number): SpeechClip[] {
  const random = new Random(7, 'tones');
  return Array.from({ length: count }, (_, i) => {
    const [pitch, phase, level] = random.uniform(i, 3);
    const high = i % 2 === 1;
    const hertz = (high ? 1200 : 300) * (1 + 0.2 * pitch);
    const samples = random.normal(count + i, settings.length).map((noise, n) => {
      const turn = 2 * Math.PI * ((hertz * n) / settings.sampleRate + phase);
      const fade = Math.exp(-n / 700);
      return 0.2 * (1 + level) * fade * (Math.sin(turn) + (high ? 0.5 * Math.sin(2 * turn) : 0)) + 0.003 * noise;
    });
    return { name: `${i}`, label: high ? 'high' : 'low', index: null, split: 'train', samples };
  });
}

/** Losses up to the end or `until`. */
async function train(trainer: Trainer, until = Number.POSITIVE_INFINITY): Promise<number[]> {
  const losses: number[] = [];
  for await (const event of trainer.train(5)) {
    if (event.kind === 'steps') losses.push(...event.rows.map((row) => row.loss));
    if (trainer.step >= until) break;
  }
  return losses;
}

/** Features to waves and to features again: below 1 dB rms off (0.58 under Dawn). */
async function soundAndBack(engine: Engine, x: Float32Array, shape: number[], features: FeatureSettings): Promise<void> {
  const waves = featuresToWaves(engine, engine.tensor(x, shape), features);
  const again = await wavesToFeatures(engine, waves, features).read();
  const db = features.dynamicRange * Math.sqrt(again.reduce((sum, v, i) => sum + (v - x[i]) ** 2, 0) / x.length);
  if (!(db < 1)) throw new Error(`features of the sound are ${db} dB off, expected less than 1`);
}

/** @throws Error with the first difference. */
export async function shortTraining(engine: Engine): Promise<void> {
  const { data, features } = await speechDataset(engine, tones(20), settings, false);
  const info = { config, features, labels: [...data.labels] };
  const make = () => new Trainer(engine, config, data);
  const whole = make();
  const losses = await train(whole);
  closeTo(losses, recorded, { relative: 1e-4, ofRms: 0 }, 'losses');
  if (!(losses[20] < 0.75 * losses[0])) throw new Error(`the loss went from ${losses[0]} to ${losses[20]} only`);

  const first = make();
  const begun = await train(first, 10);
  const plan = { adapter: engine.adapter.name, lanes: engine.lanes };
  const state = await first.state();
  const bytes = encodeCheckpoint(first.model.params, { info, state, plan, best: null });
  const second = make();
  second.load(decodeCheckpoint(bytes, 'checkpoint').state(second.model.params));
  closeTo([...begun, ...(await train(second))], losses, exact, 'losses of the resumed training');

  const params = (await second.state()).params;
  const played = buildModel(engine, decodeModel(encodeModel({ ...info, params }), 'model'), 'model');
  const options = { label: 1, indices: [0, 1], temperature: 1, seed: 1 };
  const [heard, want] = await engine.read([played, whole.model].map((model) => samplePrior(engine, model, options)));
  closeTo(heard, want, exact, 'samples of the model file');
  await soundAndBack(engine, heard, [2, ...data.shape], features);
  played.params.dispose();
  for (const trainer of [whole, first, second]) trainer.dispose();
}


// A dataset and a model small enough that an epoch takes milliseconds: 20 examples in batches of 8, 8 and 4.

import { type Dataset, inMemory, type Split } from '../../src/model/dataset.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { Random } from '../../src/node.ts';

export const mels = 8;
export const frames = 16;

/** Two kinds of pattern, told apart by their label, with noise. */
function patterns(count: number, stream: string): Split {
  const noise = new Random(5, stream).uniform(0, count * mels * frames);
  const label = Int32Array.from({ length: count }, (_, i) => i % 2);
  const x = noise.map((v, i) => {
    const example = Math.floor(i / (mels * frames));
    const band = Math.floor(i / frames) % mels;
    return 0.1 * v + (band % 2 === label[example] ? 0.8 : 0.1);
  });
  const names = Array.from({ length: count }, (_, i) => `${i}`);
  return { count, read: inMemory(x, mels * frames), label, names };
}

export const data: Dataset = {
  shape: [mels, frames],
  dynamicRange: 80,
  labels: ['even', 'odd'],
  train: patterns(20, 'train'),
  valid: patterns(6, 'valid'),
  test: patterns(10, 'test'),
};

export const small = {
  ...presetConfig('demo', 'cvae'),
  channels: [6, 8],
  kernel: 3,
  hidden: 16,
  latent: 3,
  batch: 8,
  epochs: 30,
};

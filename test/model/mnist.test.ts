// The preset for images, as it is, on images small enough that a step takes milliseconds.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { imageDataset } from '../../src/model/images.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { Trainer } from '../../src/model/trainer.ts';
import { type Engine, openEngine, Random } from '../../src/node.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

/** Images of 6 x 8 pixels, one half of each bright: the label says which. */
function halves(count: number, stream: string) {
  const noise = new Random(2, stream).uniform(0, count * 48);
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const images = Uint8Array.from(noise, (v, i) => {
    const below = i % 48 >= 24 ? 1 : 0;
    return 40 * v + (below === labels[Math.floor(i / 48)] ? 200 : 5);
  });
  return { count, images, labels };
}

test.each(['vae', 'cvae'] as const)('the mnist %s builds and learns', async (model) => {
  const splits = { train: halves(40, 'train'), test: halves(10, 'test'), rows: 6, cols: 8 };
  const { data } = imageDataset(splits, false);
  const config = { ...presetConfig('mnist', model), batch: 20, epochs: 20 };
  const trainer = new Trainer(engine, config, data);
  const losses: number[] = [];
  for await (const event of trainer.train()) if (event.kind === 'epoch') losses.push(event.row.train.loss);
  expect(losses).toHaveLength(20);
  expect(losses[19]).toBeLessThan(0.8 * losses[0]);
  expect((await trainer.evaluate('test')).negElbo).toBeGreaterThan(0);
  trainer.dispose();
});

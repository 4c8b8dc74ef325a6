// Two training steps, given the library: from the sources or from the single file.

import type * as Formant from '../../src/index.ts';

export async function tinyTraining(formant: typeof Formant): Promise<number[]> {
  const { Engine, inMemory, presetConfig, Random, Trainer } = formant;
  const engine = await Engine.open();
  const config = { ...presetConfig('demo', 'vae'), channels: [4], kernel: 3, hidden: 8, latent: 2, batch: 2 };
  const read = inMemory(new Random(1, 'tiny').uniform(0, 4 * 8 * 8), 8 * 8);
  const train = { count: 4, read, label: new Int32Array(0), names: ['a', 'b', 'c', 'd'] };
  const data = { shape: [8, 8], dynamicRange: 80, labels: [], train, valid: null, test: null } as const;
  const trainer = new Trainer(engine, { ...config, epochs: 1 }, data);
  const losses: number[] = [];
  for await (const event of trainer.train())
    if (event.kind === 'steps') losses.push(...event.rows.map((row) => row.loss));
  engine.close();
  return losses;
}

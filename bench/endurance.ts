// node dist/endurance.js [--steps 1000] [--preset speech-ref]: trains on noise for many captured steps and reports what
// must not change: engine bytes and the process's memory from step 50 on, and a hash of all losses, which two runs
// with one seed share to the last bit.

import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { inMemory } from '../src/model/dataset.ts';
import { presetConfig } from '../src/model/presets.ts';
import { Trainer } from '../src/model/trainer.ts';
import { openEngine, Random } from '../src/node.ts';

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '1000' }, preset: { type: 'string', default: 'speech-ref' } },
});
const steps = Number(values.steps);
const config = presetConfig(values.preset, 'vae');
const count = config.batch * 10;
const split = {
  count,
  read: inMemory(new Random(1, 'endurance').uniform(0, count * 4096), 4096),
  label: new Int32Array(count),
  names: Array<string>(count).fill('noise'),
};
const engine = await openEngine();
try {
  const trainer = new Trainer(
    engine,
    { ...config, epochs: Math.ceil(steps / 10) },
    { shape: [64, 64], dynamicRange: 80, labels: [], train: split, valid: null, test: null },
  );
  const hash = createHash('sha256');
  const memory: { step: number; engine: number; rss: number }[] = [];
  for await (const event of trainer.train(50)) {
    if (event.kind !== 'steps') continue;
    for (const row of event.rows) hash.update(Float64Array.of(row.loss, row.recon, row.kl, row.gradNorm));
    if (trainer.step % 50 === 0)
      memory.push({ step: trainer.step, engine: engine.bytes, rss: process.memoryUsage().rss });
  }
  const [first] = memory;
  const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const most = memory.reduce((a, b) => (b.rss > a.rss ? b : a));
  const same = memory.every((m) => m.engine === first.engine);
  process.stdout.write(
    `adapter ${engine.adapter.name}\nsteps ${trainer.step}\nlosses ${hash.digest('hex')}\n` +
      `engine bytes ${same ? `the same at every check: ${mb(first.engine)}` : 'CHANGED'}\n` +
      `process ${mb(first.rss)} at step ${first.step}, at most ${mb(most.rss)} (step ${most.step}, ` +
      `${((100 * most.rss) / first.rss - 100).toFixed(1)} % more)\n`,
  );
} finally {
  engine.close();
}

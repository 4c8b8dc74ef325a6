// node dist/leaveOneOut.js --data MNIST [--epochs 10] [--seed 1]: for each digit, trains `mnist-ref` on the training
// images of the other nine and prints the AUROC of the test images of that digit against those of the others.

import { parseArgs } from 'node:util';
import { openData } from '../src/data.ts';
import { anomalyScores, auroc, trainingNats } from '../src/model/anomaly.ts';
import { examplesAt, type Split } from '../src/model/dataset.ts';
import { presetConfig } from '../src/model/presets.ts';
import { Trainer } from '../src/model/trainer.ts';
import { openEngine } from '../src/node.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    epochs: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
});
if (!values.data) throw new Error('usage: node dist/leaveOneOut.js --data DIR [--epochs 10] [--seed 1]');
const config = {
  ...presetConfig('mnist-ref', 'vae'),
  epochs: Number(values.epochs),
  seed: Number(values.seed),
};

const engine = await openEngine();
try {
  const source = await openData(values.data);
  const { data } = await source.dataset(engine, null, false);
  const { test } = data;
  if (!test) throw new Error(`${values.data}: no test split`);
  const places = (split: Split, fits: (label: number) => boolean) =>
    Array.from(split.label.keys()).filter((i) => fits(split.label[i]));
  const areas: number[] = [];
  for (const [digit, name] of data.labels.entries()) {
    const train = examplesAt(
      data.train,
      places(data.train, (label) => label !== digit),
    );
    const trainer = new Trainer(engine, config, { ...data, train, test: null });
    for await (const event of trainer.train()) if (event.kind === 'epoch') process.stderr.write('.');
    const how = { samples: 16, seed: config.seed };
    const nats = await trainingNats(engine, trainer.model, data, train, config, how);
    const { scores } = await anomalyScores(engine, trainer.model, data, test, config, nats, how);
    const of = (anomalous: boolean) =>
      places(test, (label) => (label === digit) === anomalous).map((i) => scores[i]);
    areas.push(auroc(of(false), of(true)));
    process.stdout.write(`${name}: ${areas[digit].toFixed(3)}\n`);
    trainer.dispose();
  }
  process.stdout.write(`mean: ${(areas.reduce((a, b) => a + b) / areas.length).toFixed(3)}\n`);
} finally {
  engine.close();
}

// A nearest-neighbour listener: node dist/nearest.js CLIPS [--data digits]. Hears each clip of a folder as the digit of
// the closest recording of the data's test split, by squared distance of reference features, and prints the share
// that is heard as its file name says. The references were never trained on.

import { parseArgs } from 'node:util';
import { type FeatureSettings, referenceFeatures } from '../src/audio/features.ts';
import { openData } from '../src/data.ts';
import { exampleOf } from '../src/model/dataset.ts';
import { datasetOf } from '../src/model/speech.ts';
import { openEngine } from '../src/node.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { data: { type: 'string', default: 'digits' } },
});
const [folder] = positionals;
if (!folder) throw new Error('usage: node dist/nearest.js CLIPS [--data digits|DIR]');

const engine = await openEngine();
try {
  const table = async (from: string, settings: FeatureSettings) => {
    const source = await openData(from);
    if (!source.table) throw new Error(`${from}: these are images`);
    return source.table(engine, settings);
  };
  const known = await table(values.data, referenceFeatures);
  const { data, features } = datasetOf(known, referenceFeatures, false);
  const given = await table(folder, features);
  const clips = given.clips.map((c) => ({ ...c, split: 'train' as const }));
  const heard = datasetOf({ ...given, clips }, features, false).data;
  const references = data.test;
  if (!references) throw new Error(`${values.data}: no test split to compare with`);
  const spoken = Array.from({ length: references.count }, (_, r) => exampleOf(data, references, r));
  const right = new Map<string, [number, number]>();
  for (let i = 0; i < heard.train.count; i++) {
    let best = Number.POSITIVE_INFINITY;
    let label = -1;
    const x = exampleOf(heard, heard.train, i);
    for (const [r, reference] of spoken.entries()) {
      let distance = 0;
      for (let k = 0; k < x.length && distance < best; k++) distance += (x[k] - reference[k]) ** 2;
      if (distance < best) {
        best = distance;
        label = references.label[r];
      }
    }
    const truth = heard.labels[heard.train.label[i]];
    const [hits, all] = right.get(truth) ?? [0, 0];
    right.set(truth, [hits + (data.labels[label] === truth ? 1 : 0), all + 1]);
  }
  let hits = 0;
  for (const [label, [good, all]] of [...right].sort()) {
    process.stdout.write(`${label}: ${good} of ${all}\n`);
    hits += good;
  }
  process.stdout.write(
    `heard right: ${((100 * hits) / heard.train.count).toFixed(1)} % of ${heard.train.count}\n`,
  );
} finally {
  engine.close();
}

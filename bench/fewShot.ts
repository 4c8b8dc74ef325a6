// node dist/fewShot.js --data FSDD --cache DIR [--speakers a,b] [--takes 50] [--trials "lr=1e-3; lr=2e-3 replay=0.3"]
// [--split test|valid] [--control] [--random] [--latents]: each speaker held out in turn. A `speech-ref` VAE of the
// others (trained once, kept in the cache) is adapted to some of the speaker's training clips; prints the dB RMSE at
// z = mu on the speaker's clips and on the others', before and after, beside the model trained on all. --split valid
// takes the speaker's clips 5 to 9, which are never among the takes, for choosing settings. --control adapts to the
// clips of the next speaker instead; --random begins with random weights; --latents replays what the old model decodes
// from its own codes instead of features.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { referenceFeatures } from '../src/audio/features.ts';
import { openData } from '../src/data.ts';
import { Adaptation, type AdaptSettings } from '../src/model/adapt.ts';
import { buildModel, decodeModel, encodeModel, type ModelFile } from '../src/model/checkpoint.ts';
import { inChunks } from '../src/model/chunks.ts';
import { type Dataset, exampleOf, inMemory, type ReadExample, type Split } from '../src/model/dataset.ts';
import { evaluate } from '../src/model/evaluate.ts';
import { exampleShape } from '../src/model/inputs.ts';
import { presetConfig, vaeConfig } from '../src/model/presets.ts';
import { decodeReplay, encodeReplay, replayOf } from '../src/model/replay.ts';
import { datasetOf, type FeatureTable } from '../src/model/speech.ts';
import { Trainer } from '../src/model/trainer.ts';
import { Vae } from '../src/model/vae.ts';
import { openEngine } from '../src/node.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    cache: { type: 'string' },
    speakers: { type: 'string' },
    epochs: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    takes: { type: 'string', default: '50' },
    held: { type: 'string', default: '10' },
    every: { type: 'string', default: '10' },
    keep: { type: 'string', default: '256' },
    trials: { type: 'string', default: '' },
    split: { type: 'string', default: 'test' },
    control: { type: 'boolean', default: false },
    random: { type: 'boolean', default: false },
    latents: { type: 'boolean', default: false },
  },
});
const { data: from, cache } = values;
if (!from || !cache) throw new Error('usage: node dist/fewShot.js --data FSDD --cache DIR [...]');
await mkdir(cache, { recursive: true });
const seed = Number(values.seed);

/** Features in dB. */
type Recorded = FeatureTable & { read: ReadExample };

const engine = await openEngine();

/** Some clips of the table as a data set; features of a model that is there already, or their own. */
function setOf(table: Recorded, wanted: (i: number) => boolean, maxDb: number | null) {
  const at = table.clips.flatMap((_, i) => (wanted(i) ? [i] : []));
  const some: FeatureTable = {
    clips: at.map((i) => table.clips[i]),
    size: table.size,
    peaks: at.map((i) => table.peaks[i]),
    reader: (scale) => (i, into, to) => {
      table.read(at[i], into, to);
      for (let k = to; k < to + table.size; k++) into[k] = scale(into[k]);
    },
  };
  return datasetOf(some, { ...referenceFeatures, maxDb }, false);
}

/** The model of all speakers but one, or of all. */
async function baseOf(table: Recorded, without: string | null): Promise<ModelFile> {
  const path = join(cache as string, `${without === null ? 'all' : `without-${without}`}.safetensors`);
  if (existsSync(path)) return decodeModel(await readFile(path), path);
  const { data, features } = setOf(
    table,
    (i) => table.clips[i].speaker !== without && table.clips[i].split === 'train',
    null,
  );
  const config = { ...presetConfig('speech-ref', 'vae'), epochs: Number(values.epochs), seed };
  const trainer = new Trainer(engine, config, data);
  for await (const event of trainer.train()) if (event.kind === 'epoch') process.stderr.write('.');
  const { params } = await trainer.state();
  trainer.dispose();
  const file: ModelFile = { config, features, labels: [...data.labels], params };
  await writeFile(path, encodeModel(file));
  return file;
}

async function errorOf(file: ModelFile, data: Dataset, split: Split): Promise<number> {
  const model = buildModel(engine, file, 'model');
  const { dbRmse } = await evaluate(engine, model, data, split, file.config, seed);
  model.params.dispose();
  return dbRmse as number;
}

/** What the old model decodes from its own codes of some examples. */
async function remembered(file: ModelFile, data: Dataset, split: Split): Promise<Split> {
  const model = buildModel(engine, file, 'model');
  const [x] = await inChunks(engine, model, data, split, ({ x, label }) => [
    model.decode(model.encode(x, label).mu, label),
  ]);
  model.params.dispose();
  return { ...split, read: inMemory(x, x.length / split.count) };
}

function randomOf(file: ModelFile): Promise<ModelFile> {
  const vae = new Vae(engine, vaeConfig(file.config, exampleShape(file.features), file), seed);
  return vae.params.state().then((params) => {
    vae.params.dispose();
    return { ...file, params };
  });
}

function settingsOf(trial: string): Partial<AdaptSettings> {
  const entries = trial
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => part.split('='));
  return Object.fromEntries(entries.map(([key, value]) => [key, key === 'train' ? value : Number(value)]));
}

try {
  const source = await openData(from);
  const found = await source.table?.(engine, referenceFeatures);
  if (!found) throw new Error(`${from}: no recordings`);
  const table = { ...found, read: found.reader((db) => db) };
  const { clips } = table;
  const speakers = [...new Set(clips.map((c) => c.speaker as string))].sort();
  const chosen = values.speakers?.split(',') ?? speakers;
  const trials = values.trials.split(';').map((trial) => trial.trim());
  const gaps: Record<string, number[][]> = {};
  const isValid = (i: number) => (clips[i].index as number) >= 5 && (clips[i].index as number) <= 9;
  const judged = (i: number) => (values.split === 'test' ? clips[i].split === 'test' : isValid(i));
  for (const speaker of chosen) {
    const file = await baseOf(table, speaker);
    const { maxDb } = file.features as { maxDb: number };
    const among = (wanted: (i: number) => boolean) => {
      const { data } = setOf(table, wanted, maxDb);
      // Whatever split the clips are of, they are looked at as one.
      return { data, split: data.train.count > 0 ? data.train : (data.test as Split) };
    };
    const freshTest = among((i) => clips[i].speaker === speaker && judged(i));
    const oldTest = among((i) => clips[i].speaker !== speaker && judged(i));
    const old = among((i) => clips[i].speaker !== speaker && clips[i].split === 'train');
    const whose = values.control ? speakers[(speakers.indexOf(speaker) + 1) % speakers.length] : speaker;
    const own = among((i) => clips[i].speaker === whose && clips[i].split === 'train' && !isValid(i));
    const takes = replayOf(own.split, Number(values.takes));
    const kept = replayOf(old.split, Number(values.keep));
    const bytes = encodeReplay(old.data, kept);
    const replay = values.latents
      ? await remembered(file, old.data, kept)
      : decodeReplay(bytes, old.data, 'replay');
    const begin = values.random ? await randomOf(file) : file;
    const before = [
      await errorOf(begin, freshTest.data, freshTest.split),
      await errorOf(begin, oldTest.data, oldTest.split),
    ];
    const allPath = join(cache, 'all.safetensors');
    let all: number[] = [];
    if (existsSync(allPath) || values.split === 'test') {
      const ceiling = await baseOf(table, null);
      const top = (ceiling.features as { maxDb: number }).maxDb;
      all = [true, false].map(() => 0);
      for (const [k, same] of [true, false].entries()) {
        const { data } = setOf(table, (i) => (clips[i].speaker === speaker) === same && judged(i), top);
        all[k] = await errorOf(ceiling, data, data.train.count > 0 ? data.train : (data.test as Split));
      }
    }
    process.stdout.write(
      `${speaker}: maxDb ${maxDb.toFixed(2)}, replay ${kept.count} clips ${bytes.length} bytes; before ${before.map((v) => v.toFixed(3))}, all ${all.map((v) => v.toFixed(3))}\n`,
    );
    for (const trial of trials) {
      const started = performance.now();
      const adaptation = new Adaptation(engine, begin, replay, { seed, ...settingsOf(trial) });
      const heldEach = Number(values.held);
      for (let i = 0; i < takes.count; i++)
        adaptation.add(
          { x: exampleOf(old.data, takes, i), label: null },
          heldEach > 0 && i % heldEach === heldEach - 1,
        );
      const every = Number(values.every);
      while (!adaptation.done) {
        await adaptation.takeStep();
        if (every > 0 && adaptation.step % every === 0) await adaptation.measure();
      }
      const adapted = await adaptation.file();
      const seconds = (performance.now() - started) / 1000;
      const { best } = adaptation;
      adaptation.dispose();
      const after = [
        await errorOf(adapted, freshTest.data, freshTest.split),
        await errorOf(adapted, oldTest.data, oldTest.split),
      ];
      const closed = all.length ? (before[0] - after[0]) / (before[0] - all[0]) : Number.NaN;
      const lost = after[1] - before[1];
      gaps[trial] = [...(gaps[trial] ?? []), [after[0], closed, lost, seconds]];
      process.stdout.write(
        `  ${trial || 'defaults'}: ${after[0].toFixed(3)} (closed ${(100 * closed).toFixed(1)} %), others ${after[1].toFixed(3)} (${lost >= 0 ? '+' : ''}${lost.toFixed(3)}), best step ${best}, ${seconds.toFixed(1)} s\n`,
      );
    }
  }
  for (const [trial, rows] of Object.entries(gaps)) {
    const mean = (k: number) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length;
    process.stdout.write(
      `mean of ${rows.length}, ${trial || 'defaults'}: ${mean(0).toFixed(3)} dB, closed ${(100 * mean(1)).toFixed(1)} %, others +${mean(2).toFixed(3)} dB, ${mean(3).toFixed(1)} s\n`,
    );
  }
} finally {
  engine.close();
}

// node dist/fewShot.js --data FSDD --cache DIR [--speakers a,b] [--takes 50] [--split test|valid] [--keep 256]
//   [--trials "lr=1e-3; lr=2e-3 replay=0.3"] [--control] [--random] [--latents] [--base RUN] [--epochs 50] [--seed 1]
// Each speaker held out in turn: a `speech-ref` VAE of the others (trained once, kept in the cache) is adapted to some of
// the speaker's training clips. Prints the dB RMSE at z = mu on the speaker's clips and on the others', before and
// after, beside the model trained on all. --split valid judges the speaker's clips 5 to 9, which are never among the
// takes, for choosing settings. --control adapts to the next speaker's clips instead; --random begins with random
// weights; --latents replays what the old model decodes from its own codes; --base begins with the model of a run.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { referenceFeatures } from '../src/audio/features.ts';
import { openData } from '../src/data.ts';
import { Adaptation } from '../src/model/adapt.ts';
import type { AdaptSettings } from '../src/model/adaptSettings.ts';
import { buildModel, decodeModel, encodeModel, type ModelFile } from '../src/model/checkpoint.ts';
import { inChunks } from '../src/model/chunks.ts';
import { type Dataset, exampleOf, inMemory, type ReadExample, type Split } from '../src/model/dataset.ts';
import { evaluate } from '../src/model/evaluate.ts';
import { exampleShape } from '../src/model/inputs.ts';
import { presetConfig, vaeConfig } from '../src/model/presets.ts';
import { decodeReplay, encodeReplay, replayOf } from '../src/model/replay.ts';
import { type ClipInfo, datasetOf, type FeatureTable } from '../src/model/speech.ts';
import { Trainer } from '../src/model/trainer.ts';
import { Vae } from '../src/model/vae.ts';
import { openEngine } from '../src/node.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    cache: { type: 'string' },
    base: { type: 'string' },
    speakers: { type: 'string' },
    epochs: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    takes: { type: 'string', default: '50' },
    keep: { type: 'string', default: '256' },
    trials: { type: 'string', default: '' },
    split: { type: 'string', default: 'test' },
    control: { type: 'boolean', default: false },
    random: { type: 'boolean', default: false },
    latents: { type: 'boolean', default: false },
  },
});
const { data: from, cache, base } = values;
if (!from || (!cache && !base))
  throw new Error('usage: node dist/fewShot.js --data FSDD (--cache DIR | --base RUN) [...]');
const seed = Number(values.seed);
/** As the command has it: a tenth is held out, and measured every ten steps. */
const [heldOut, every] = [10, 10];

/** Features in dB. */
type Recorded = FeatureTable & { read: ReadExample };
interface Examples {
  data: Dataset;
  split: Split;
}

const engine = await openEngine();

/** Clips as a model takes them, whatever split they are of; maxDb null: their own. */
function setOf(table: Recorded, wanted: (clip: ClipInfo) => boolean, maxDb: number | null) {
  const at = table.clips.flatMap((clip, i) => (wanted(clip) ? [i] : []));
  const some: FeatureTable = {
    clips: at.map((i) => ({ ...table.clips[i], split: 'train' })),
    size: table.size,
    peaks: at.map((i) => table.peaks[i]),
    reader: (scale) => (i, into, to) => {
      table.read(at[i], into, to);
      for (let k = to; k < to + table.size; k++) into[k] = scale(into[k]);
    },
  };
  const { data, features } = datasetOf(some, { ...referenceFeatures, maxDb }, false);
  return { data, features, split: data.train };
}

/** The model of all speakers but one, or of all. */
async function trained(table: Recorded, without: string | null): Promise<ModelFile> {
  const path = join(cache as string, `${without === null ? 'all' : `without-${without}`}.safetensors`);
  if (existsSync(path)) return decodeModel(await readFile(path), path);
  const { data, features } = setOf(table, (c) => c.speaker !== without && c.split === 'train', null);
  const config = { ...presetConfig('speech-ref', 'vae'), epochs: Number(values.epochs), seed };
  const trainer = new Trainer(engine, config, data);
  for await (const event of trainer.train()) if (event.kind === 'epoch') process.stderr.write('.');
  const { params } = await trainer.state();
  trainer.dispose();
  const file: ModelFile = { config, features, labels: [...data.labels], params };
  await mkdir(cache as string, { recursive: true });
  await writeFile(path, encodeModel(file));
  return file;
}

async function errorOf(file: ModelFile, { data, split }: Examples): Promise<number> {
  const model = buildModel(engine, file, 'model');
  const { dbRmse } = await evaluate(engine, model, data, split, file.config, seed);
  model.params.dispose();
  return dbRmse as number;
}

/** What the old model decodes from its own codes of some examples. */
async function remembered(file: ModelFile, { data, split }: Examples): Promise<Split> {
  const model = buildModel(engine, file, 'model');
  const [x] = await inChunks(engine, model, data, split, ({ x, label }) => [
    model.decode(model.encode(x, label).mu, label),
  ]);
  model.params.dispose();
  return { ...split, read: inMemory(x, x.length / split.count) };
}

async function withRandomWeights(file: ModelFile): Promise<ModelFile> {
  const vae = new Vae(engine, vaeConfig(file.config, exampleShape(file.features), file), seed);
  const params = await vae.params.state();
  vae.params.dispose();
  return { ...file, params };
}

function settingsOf(trial: string): Partial<AdaptSettings> {
  const entries = trial.split(' ').flatMap((part) => (part === '' ? [] : [part.split('=')]));
  return Object.fromEntries(entries.map(([key, value]) => [key, key === 'train' ? value : Number(value)]));
}

async function adapted(file: ModelFile, replay: Split, takes: Examples, trial: string) {
  const started = performance.now();
  const used = process.cpuUsage();
  const adaptation = new Adaptation(engine, file, replay, { seed, ...settingsOf(trial) });
  for (let i = 0; i < takes.split.count; i++)
    adaptation.add({ x: exampleOf(takes.data, takes.split, i), label: null }, i % heldOut === heldOut - 1);
  while (!adaptation.done) {
    await adaptation.takeSteps(every);
    await adaptation.measure();
  }
  const made = await adaptation.file();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(used);
  adaptation.dispose();
  return { file: made, step: adaptation.best, seconds, processor: (user + system) / 1e6 };
}

/** What one speaker is adapted from, to and judged by. */
async function setting(table: Recorded, speakers: readonly string[], speaker: string) {
  const file = base
    ? decodeModel(await readFile(join(base, 'model.safetensors')), base)
    : await trained(table, speaker);
  const { maxDb } = file.features as { maxDb: number };
  const valid = ({ index }: ClipInfo) => index !== null && index >= 5 && index <= 9;
  const judged = (c: ClipInfo) => (values.split === 'test' ? c.split === 'test' : valid(c));
  const whose = values.control ? speakers[(speakers.indexOf(speaker) + 1) % speakers.length] : speaker;
  const own = setOf(table, (c) => c.speaker === whose && c.split === 'train' && !valid(c), maxDb);
  const old = setOf(table, (c) => c.speaker !== speaker && c.split === 'train', maxDb);
  const like = { shape: old.data.shape, labels: file.labels };
  const kept = replayOf(old.split, Number(values.keep));
  const bytes = base ? await readFile(join(base, 'replay.safetensors')) : encodeReplay(like, kept);
  return {
    ...{ file: values.random ? await withRandomWeights(file) : file, bytes: bytes.length },
    takes: { data: own.data, split: replayOf(own.split, Number(values.takes)) },
    replay: values.latents
      ? await remembered(file, { data: old.data, split: kept })
      : decodeReplay(bytes, like, 'replay'),
    judges: (top: number | null) =>
      [true, false].map((same) => setOf(table, (c) => (c.speaker === speaker) === same && judged(c), top)),
    maxDb,
  };
}

const print = (line: string) => process.stdout.write(`${line}\n`);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const signed = (value: number) => `${value < 0 ? '' : '+'}${value.toFixed(3)}`;

try {
  const found = await (await openData(from)).table?.(engine, referenceFeatures);
  if (!found) throw new Error(`${from}: no recordings`);
  const table = { ...found, read: found.reader((db) => db) };
  const speakers = [...new Set(table.clips.map((c) => c.speaker as string))].sort();
  const all = base || values.split !== 'test' ? null : await trained(table, null);
  const rows = new Map<string, number[][]>();
  for (const speaker of values.speakers?.split(',') ?? speakers) {
    const { file, bytes, takes, replay, judges, maxDb } = await setting(table, speakers, speaker);
    const errors = async (of: ModelFile, [fresh, old]: Examples[]) => [
      await errorOf(of, fresh),
      await errorOf(of, old),
    ];
    const before = await errors(file, judges(maxDb));
    const top = all && (await errors(all, judges((all.features as { maxDb: number }).maxDb)));
    const beside = top ? `; trained on all ${top[0].toFixed(3)}, ${top[1].toFixed(3)}` : '';
    print(
      `${speaker}: ${before[0].toFixed(3)}, others ${before[1].toFixed(3)}${beside}; replay of ${bytes} bytes`,
    );
    for (const trial of values.trials.split(';').map((text) => text.trim())) {
      const { file: made, step, seconds, processor } = await adapted(file, replay, takes, trial);
      const after = await errors(made, judges(maxDb));
      const closed = top ? (before[0] - after[0]) / (before[0] - top[0]) : Number.NaN;
      const lost = after[1] - before[1];
      rows.set(trial, [...(rows.get(trial) ?? []), [after[0], after[1], closed, lost, seconds]]);
      print(
        `  ${trial || 'defaults'}: ${after[0].toFixed(3)}, others ${after[1].toFixed(3)}: closed ${percent(closed)}, ` +
          `others ${signed(lost)} dB; step ${step}, ${seconds.toFixed(1)} s, of processors ${processor.toFixed(1)} s`,
      );
    }
  }
  for (const [trial, list] of rows) {
    const mean = (k: number) => list.reduce((sum, row) => sum + row[k], 0) / list.length;
    print(
      `mean of ${list.length}, ${trial || 'defaults'}: ${mean(0).toFixed(3)} dB, closed ${percent(mean(2))}, ` +
        `others ${signed(mean(3))} dB, ${mean(4).toFixed(1)} s`,
    );
  }
} finally {
  engine.close();
}

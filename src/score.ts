// formant score: how unlike its training data a model finds recordings or images; see docs/score.md. A score is the
// negative ELBO (model/anomaly.ts). Above a threshold, a quantile of the scores of training examples, an item is called
// an anomaly. With items that are known to be anomalous, the AUROC says how well the score tells them apart.

import { basename } from 'node:path';
import { fileSpeaker } from './audio/clipFiles.ts';
import { atLevel, featureLevel } from './audio/featureLevel.ts';
import { printable } from './audio/names.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  number,
  print,
  runIfMain,
  Stopped,
  wholeNumber,
  withEngine,
} from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { Intake, type IntakeSummary } from './intake.ts';
import { type AnomalyScores, anomalyScores, auroc, quantile, trainingNats } from './model/anomaly.ts';
import { type Dataset, inMemory, relabelled, type Split, spread } from './model/dataset.ts';
import { isImage } from './model/inputs.ts';
import { mostSamples } from './model/posterior.ts';
import { datasetOf, type FeatureTable } from './model/speech.ts';
import { type OpenRun, openRun } from './openRun.ts';
import { type Item, imageItems, soundItems } from './scoreItems.ts';
import { columns } from './table.ts';

export interface ScoreOptions extends CommonOptions {
  run: string;
  anomalies?: string[];
  samples: number;
  quantile: number;
  seed: number;
  data?: string;
  strict?: boolean;
}

export interface ScoredItem {
  file: string;
  /** Nats: of an image, or a frame of sound; see model/anomaly.ts. */
  score: number;
  /** Above the threshold. */
  above: boolean;
  /** Whether it was given by --anomalies. */
  anomalous?: boolean;
  /** The label that explains it best, for a conditional model. */
  label?: string;
}

export interface ScoreResult {
  run: string;
  samples: number;
  quantile: number;
  threshold: number;
  /** Training examples that the threshold is taken from. */
  trainingExamples: number;
  /** What all sound is brought to: dB, mean mel power; null for images. */
  level: number | null;
  /** Only with --anomalies. */
  auroc?: number;
  /** The most anomalous first. */
  items: ScoredItem[];
  intake: IntakeSummary;
}

/** Training examples that the threshold is taken from, at most, spread over all. */
const mostTraining = 1000;

export function score() {
  return newCommand('score', 'which recordings or images are unlike what a model was trained on')
    .argument('<items...>', 'files, or folders: WAV; for a model of images PNG, or the files of MNIST')
    .requiredOption('--run <dir>', 'run folder of the model')
    .option(
      '--anomalies <items...>',
      'items known to be anomalous; the others count as normal: gives the AUROC',
    )
    .option('--samples <n>', 'of z for each item', wholeNumber(1, mostSamples), 16)
    .option('--quantile <q>', 'of the scores of training examples, the threshold', number(0, false, 1), 0.99)
    .option('--seed <n>', 'of the noise', wholeNumber(0), 1)
    .option('--data <dir>', 'the training data, if it is no longer where the run found it')
    .option('--strict', 'the first bad file is an error, none is left out')
    .action(async (items: string[], options: ScoreOptions) => {
      const result = await runScore(items, options);
      print(options, result, text(result));
    });
}

/** The whole of `formant score`. @throws Stopped at Ctrl-C. */
export async function runScore(paths: readonly string[], options: ScoreOptions): Promise<ScoreResult> {
  const run = await openRun(options.run);
  const { features, config } = run.file;
  let level: number | null = null;
  const find = (list: readonly string[]) =>
    isImage(features) ? imageItems(list, features) : soundItems(list, features, () => level as number);
  const found = [await find(paths), ...(options.anomalies ? [await find(options.anomalies)] : [])];
  const intake = new Intake(
    found.reduce((n, part) => n + part.found, 0),
    'items',
    options.strict ?? false,
  );
  const { signal, dispose } = interruption('stopping; there is nothing to keep');
  try {
    return await withEngine(options, async (engine) => {
      const training = await trainingData(engine, run, options.data);
      level = training.level;
      const parts: Item[][] = [];
      for (const part of found) parts.push(await part.read(engine, intake));
      intake.end(paths.join(', '));
      const missing = parts.findIndex((part) => part.length === 0);
      if (missing >= 0)
        throw new DataError(
          `score: of the ${missing ? 'anomalies' : 'normal items'} none is left; the lines above say why`,
        );
      const net = run.model(engine);
      const { data, train } = training;
      const how = { samples: options.samples, seed: options.seed, signal };
      const nats = await trainingNats(engine, net, data, train, config, how);
      const of = (split: Split) => anomalyScores(engine, net, data, split, config, nats, how);
      const threshold = quantile((await of(train)).scores, options.quantile);
      const scored: ScoredItem[][] = [];
      for (const part of parts) scored.push(itemScores(part, await of(splitOf(part)), threshold, run));
      return {
        ...{ run: options.run, samples: options.samples, quantile: options.quantile, threshold },
        ...{ trainingExamples: train.count, level, ...judged(scored), intake: intake.summary },
      };
    });
  } catch (error) {
    throw signal.aborted ? new Stopped() : error;
  } finally {
    dispose();
  }
}

/** Training examples as items are scored: sound at the mean level of them all. */
async function trainingData(
  engine: Engine,
  run: OpenRun,
  from: string | undefined,
): Promise<{ data: Dataset; train: Split; level: number | null }> {
  const { features, config } = run.file;
  if (isImage(features)) {
    const { data } = await run.dataset(engine, from);
    return { data, train: spread(data.train, mostTraining), level: null };
  }
  const source = await run.source(from);
  const table = await source.table?.(engine, features);
  if (!table)
    throw new DataError('--data: these are images, and the model takes sound; give its training data');
  const frames = table.size / features.nMels;
  const read = table.reader((db) => db);
  const dbOf = (i: number) => {
    const db = new Float32Array(table.size);
    read(i, db, 0);
    return db;
  };
  let [sum, count] = [0, 0];
  for (const [i, { split }] of table.clips.entries()) {
    if (split !== 'train') continue;
    sum += featureLevel(dbOf(i), frames);
    count++;
  }
  const level = sum / count;
  const levelled: FeatureTable = {
    ...table,
    reader: (scale) => (i, into, at) => into.set(atLevel(dbOf(i), frames, level).map(scale), at),
  };
  const made = datasetOf(levelled, features, config.validation).data;
  const data = config.model === 'cvae' ? relabelled(made, run.file) : made;
  return { data, train: spread(data.train, mostTraining), level };
}

function splitOf(items: readonly Item[]): Split {
  const size = items[0].x.length;
  const x = new Float32Array(items.length * size);
  items.forEach((item, i) => {
    x.set(item.x, i * size);
  });
  const label = new Int32Array(items.length).fill(-1);
  const names = items.map(({ file }) => file);
  const speakers = names.map((name) => fileSpeaker(basename(name)));
  return { count: items.length, read: inMemory(x, size), label, names, speakers };
}

function itemScores(
  items: readonly Item[],
  { scores, labels }: AnomalyScores,
  threshold: number,
  { file }: OpenRun,
): ScoredItem[] {
  return items.map((item, i) => ({
    ...{ file: item.file, score: scores[i], above: scores[i] > threshold },
    ...(labels ? { label: file.labels[labels[i]] } : {}),
  }));
}

/** All items in order, and how well the known anomalies are told apart, if there are some. */
function judged([normal, anomalous]: ScoredItem[][]): Pick<ScoreResult, 'items' | 'auroc'> {
  const order = (items: ScoredItem[]) => items.sort((a, b) => b.score - a.score);
  if (!anomalous) return { items: order([...normal]) };
  const of = (items: ScoredItem[]) => items.map((item) => item.score);
  const known = [normal, anomalous].flatMap((items, anomaly) =>
    items.map((item) => ({ ...item, anomalous: anomaly === 1 })),
  );
  return { auroc: auroc(of(normal), of(anomalous)), items: order(known) };
}

function text(result: ScoreResult): string {
  const rows = result.items.map((item) => ({
    score: item.score.toFixed(2),
    threshold: item.above ? 'above' : 'below',
    ...(item.anomalous === undefined ? {} : { known: item.anomalous ? 'anomaly' : 'normal' }),
    ...(item.label === undefined ? {} : { label: printable(item.label) }),
    item: printable(item.file),
  }));
  const above = result.items.filter((item) => item.above).length;
  const sum =
    `${above} of ${rows.length} above the threshold ${result.threshold.toFixed(2)}, ` +
    `the ${result.quantile} quantile of ${result.trainingExamples} training examples`;
  const curve = result.auroc === undefined ? [] : [`AUROC ${result.auroc.toFixed(3)}`];
  return [columns(rows, 0), sum, ...curve].join('\n');
}

await runIfMain('score', score);

// The classifier from a shell; docs/classifier.md says what it is for.
//   node dist/examples/classifier.js train --data DIR --out DIR
//   node dist/examples/classifier.js listen --model DIR/classifier.safetensors --real DIR CLIPS
// `listen` judges generated clips, the same number of every label, beside as many real clips of the training split,
// both against the whole test split of the real ones.

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import type { ClipFile } from '../../src/audio/clipFiles.ts';
import { printable } from '../../src/audio/names.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  say,
  wholeNumber,
  withEngine,
} from '../../src/command.ts';
import { CheckpointError, DataError, Random } from '../../src/index.ts';
import { makeFolder, missingLevels } from '../../src/outFolder.ts';
import { listLabelled, readExamples } from './clips.ts';
import { decodeClassifier, encodeClassifier, type Origin } from './file.ts';
import { type Figures, figuresOf, hear, perLabel } from './listen.ts';
import { defaultEpochs, trainClassifier } from './training.ts';

interface TrainOptions extends CommonOptions {
  data: string;
  out: string;
  seed: number;
  epochs: number;
  testSpeaker?: string;
}

interface ListenOptions extends CommonOptions {
  model: string;
  real: string;
  count: number;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const fileName = 'classifier.safetensors';

/** Files to train on and to test with: by the folder's split, or all clips of one speaker to test with. */
export function divide<T extends ClipFile>(
  files: readonly T[],
  testSpeaker: string | undefined,
  data: string,
) {
  const speakers = [...new Set(files.map((f) => f.speaker ?? ''))];
  if (testSpeaker !== undefined && !speakers.includes(testSpeaker))
    throw new DataError(`${data}: no speaker ${testSpeaker}; there are ${speakers.join(', ')}`);
  const tests = (f: T) => (testSpeaker === undefined ? f.split === 'test' : f.speaker === testSpeaker);
  const split = { train: files.filter((f) => f.split === 'train' && !tests(f)), test: files.filter(tests) };
  for (const [name, part] of Object.entries(split))
    if (part.length === 0)
      throw new DataError(
        `${data}: no clip to ${name} with; index 0 to 4 tests, or the speakers of a split.json, others train`,
      );
  return split;
}

async function runTrain(options: TrainOptions): Promise<Origin & { model: string; right: Figures }> {
  const { data, out, seed, epochs } = options;
  const files = divide(await listLabelled(data), options.testSpeaker, printable(data));
  const path = join(out, fileName);
  await missingLevels(out);
  if (existsSync(path))
    throw new DataError(`${printable(path)}: exists; nothing is overwritten: give another folder by --out`);
  const { signal, dispose } = interruption('stopping after this epoch, nothing is kept');
  try {
    return await withEngine(options, async (engine) => {
      const train = await readExamples(engine, files.train, data);
      const test = await readExamples(engine, files.test, data);
      say(`classifier: ${train.count} clips to train, ${test.count} to test, ${epochs} epochs`);
      const model = await trainClassifier(engine, train, {
        seed,
        epochs,
        onEpoch: (epoch, loss) => {
          say(`epoch ${epoch}: loss ${loss.toFixed(4)}`);
          return !signal.aborted;
        },
      });
      if (signal.aborted) throw new Stopped();
      const right = figuresOf(await hear(engine, model, test), test.label);
      const origin = { seed, epochs, train: train.count, test: test.count, accuracy: right.right };
      await makeFolder(out);
      await writeFile(path, await encodeClassifier(model, origin));
      return { model: path, ...origin, right };
    });
  } finally {
    dispose();
  }
}

async function readModel(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fault = code === 'ENOENT' ? 'does not exist' : `cannot be read (${message})`;
    throw new CheckpointError(`${printable(path)}: ${fault}; give the ${fileName} that train wrote`);
  }
}

async function runListen(clips: string, options: ListenOptions): Promise<Record<string, Figures>> {
  const { real, count } = options;
  const bytes = await readModel(options.model);
  const files = {
    clips: await listLabelled(clips),
    real: divide(await listLabelled(real), undefined, printable(real)),
  };
  return withEngine(options, async (engine) => {
    const { model } = decodeClassifier(engine, bytes, printable(options.model));
    const made = perLabel(files.clips, model.labels, count, printable(clips));
    const order = new Random(1, 'real clips').permutation(0, files.real.train.length);
    const shuffled = Array.from(order, (i) => files.real.train[i]);
    const known = perLabel(shuffled, model.labels, count, `${printable(real)}, training split`);
    const listen = async (some: readonly (ClipFile & { label: string })[], where: string) =>
      hear(engine, model, await readExamples(engine, some, where));
    const test = await listen(files.real.test, real);
    const asked = (some: readonly { label: string }[]) => some.map((f) => f.label);
    return {
      clips: figuresOf(await listen(made, clips), asked(made), test),
      realTrain: figuresOf(await listen(known, real), asked(known), test),
      realTest: figuresOf(test, asked(files.real.test)),
    };
  });
}

function tableOf(figures: Record<string, Figures>): string {
  const names: Record<string, string> = {
    clips: 'these clips',
    realTrain: 'real, train',
    realTest: 'real, test',
  };
  const cell = (value: number | null) => (value === null ? '-' : value.toFixed(2)).padStart(9);
  const rows = Object.entries(figures).map(
    ([key, f]) =>
      `${names[key].padEnd(12)}${`${f.clips}`.padStart(6)}${percent(f.right).padStart(9)}${cell(f.frechet)}${cell(f.pairwise)}`,
  );
  const byLabel = Object.entries(figures.clips.rightByLabel).map(
    ([label, share]) => `${printable(label)} ${percent(share)}`,
  );
  const head = `${''.padEnd(12)}${' clips'}${'    right'}${'  Frechet'}${' pairwise'}`;
  return `heard right by label: ${byLabel.join(', ')}\n${[head, ...rows].join('\n')}`;
}

export function classifier() {
  const train = newCommand('train', 'train a classifier on recordings with labels')
    .option(
      '--data <digits|fsdd|DIR>',
      'the embedded digits, fsdd (downloaded once), or a folder of WAVs',
      'digits',
    )
    .requiredOption('--out <dir>', `where ${fileName} goes`)
    .option('--seed <n>', 'of the initial weights, the order and the variations', wholeNumber(0), 1)
    .option('--epochs <n>', 'passes over the training split', wholeNumber(1), defaultEpochs)
    .option(
      '--test-speaker <name>',
      "test with all clips of this speaker, train on the others' training split",
    )
    .action(async (options: TrainOptions) => {
      const result = await runTrain(options);
      const { test, model, accuracy } = result;
      print(options, result, `heard right: ${percent(accuracy)} of ${test} test clips\nclassifier: ${model}`);
    });
  const listen = newCommand('listen', 'judge clips named {label}_{run}_{index}.wav by a trained classifier')
    .argument('<clips>', 'folder of WAVs')
    .requiredOption('--model <file>', 'classifier.safetensors')
    .requiredOption('--real <digits|fsdd|DIR>', 'the recordings that the classifier was trained on')
    .option('--count <n>', 'clips of every label that are compared, the first of each', wholeNumber(2), 100)
    .action(async (clips: string, options: ListenOptions) => {
      const figures = await runListen(clips, options);
      print(options, figures, tableOf(figures));
    });
  return new Command('classifier')
    .description('A digit classifier on the engine: trains, and judges clips.')
    .exitOverride()
    .showHelpAfterError('(--help lists the verbs)')
    .addCommand(train)
    .addCommand(listen);
}

await runIfMain('classifier', classifier);

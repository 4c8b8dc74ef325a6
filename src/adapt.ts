// formant adapt: a trained model learns a voice from a handful of recordings; see docs/adapt.md.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { Option } from 'commander';
import { printable } from './audio/names.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  number,
  print,
  runIfMain,
  say,
  UsageError,
  wholeNumber,
  withEngine,
} from './command.ts';
import { dataName } from './data.ts';
import type { Engine } from './engine/engine.ts';
import type { IntakeSummary } from './intake.ts';
import { Adaptation } from './model/adapt.ts';
import { type AdaptSettings, adaptDefaults, type TrainedPart, trainedParts } from './model/adaptSettings.ts';
import { buildModel, encodeModel, type ModelFile } from './model/checkpoint.ts';
import { type Split, together } from './model/dataset.ts';
import { evaluate } from './model/evaluate.ts';
import { exampleShape, isImage } from './model/inputs.ts';
import { encodeReplay, replayOf } from './model/replay.ts';
import { type Take, Takes } from './model/takes.ts';
import type { LossMeans } from './model/trainStep.ts';
import { type OpenRun, openRun } from './openRun.ts';
import { nextFree } from './outFolder.ts';
import { RunFolder } from './runFolder.ts';
import { type FoundTakes, readTakes, replayOfRun, voiceOf } from './takes.ts';
import type { VoiceSelection } from './voice.ts';

export interface AdaptOptions
  extends CommonOptions,
    Partial<Pick<AdaptSettings, 'steps' | 'train' | 'lr' | 'batch' | 'replay' | 'seed'>> {
  run: string;
  data: string;
  out?: string;
  label?: string;
  speaker?: string;
  holdOut?: number;
  strict?: boolean;
}

export interface AdaptResult {
  run: string;
  parent: string;
  data: string;
  train: TrainedPart;
  /** Steps taken, and the one whose weights are kept. */
  step: number;
  best: number;
  takes: { train: number; heldOut: number; test: number; replay: number };
  /** Errors on the recordings held out, new and old, and on the test recordings of `data`. */
  before: Figures;
  after: Figures;
  seconds: number;
  finished: boolean;
  intake: IntakeSummary;
}

/** dB RMSE at z = mu; null where there is nothing to measure. */
interface Figures {
  fresh: number | null;
  old: number | null;
  test: number | null;
}

const flags = ['steps', 'train', 'lr', 'batch', 'replay', 'seed'] as const;
const defaultHoldOut = 0.1;
/** Steps between two measures; they are an epoch in metrics.jsonl. */
const measureEvery = 10;

export function adapt() {
  return newCommand(
    'adapt',
    'adapt a trained model to a voice by a handful of recordings; writes a run folder',
  )
    .requiredOption('--run <dir>', 'run folder of the model to begin with; it stays as it is')
    .requiredOption('--data <dir>', 'a folder of recordings, 10 to 100 or so')
    .option('--out <dir>', 'run folder, new or empty (default: the next free one beside the run)')
    .option('--steps <n>', `most steps (default: ${adaptDefaults.steps})`, wholeNumber(1))
    .addOption(
      new Option('--train <part>', `what learns (default: ${adaptDefaults.train})`).choices(trainedParts),
    )
    .option('--label <label>', 'of all recordings (default: as their names or folders say)')
    .option(
      '--speaker <name>',
      'who speaks, for a model that knows speakers; a known one goes on (default: as the names say, else the folder’s name)',
    )
    .option('--lr <x>', `learning rate (default: ${adaptDefaults.lr})`, number(0, true))
    .option('--batch <n>', `examples of a step (default: ${adaptDefaults.batch})`, wholeNumber(1))
    .option(
      '--replay <share>',
      `share of a batch that is of the old voices (default: ${adaptDefaults.replay})`,
      number(0, false, 0.99),
    )
    .option('--seed <n>', 'of the noise and the order', wholeNumber(0))
    .option(
      '--hold-out <share>',
      `share of the recordings that is measured by and not learnt from; 0: none (default: ${defaultHoldOut} of 5 or more)`,
      number(0, false, 0.9),
    )
    .option('--strict', 'the first bad file is an error, none is left out')
    .action(async (options: AdaptOptions) => {
      const result = await runAdapt(options);
      print(options, result, text(result));
    });
}

const inDb = (value: number | null) => (value === null ? '-' : `${value.toFixed(2)} dB`);

function text({ run, step, best, before, after, seconds, finished }: AdaptResult): string {
  const row = (name: string, key: keyof Figures) =>
    before[key] === null ? [] : [`  ${name}: ${inDb(before[key])} before, ${inDb(after[key])} now`];
  return [
    `${finished ? 'adapted' : 'stopped'} in ${step} steps, ${seconds.toFixed(1)} s; the weights of step ${best} are kept`,
    ...row('new recordings held out', 'fresh'),
    ...row('test recordings of the data', 'test'),
    ...row('old voices', 'old'),
    `run folder: ${run}`,
  ].join('\n');
}

/** The whole of `formant adapt`. Ctrl-C ends it after some steps, with what was learnt until then. */
export async function runAdapt(options: AdaptOptions): Promise<AdaptResult> {
  const parent = await openRun(options.run);
  const { file } = parent;
  if (options.speaker !== undefined && !file.speakers)
    throw new UsageError(
      `--speaker ${printable(options.speaker)}: this model knows no speakers; leave it out, or begin with one of --preset voices`,
    );
  if (isImage(file.features))
    throw new UsageError(`--run ${options.run}: a model of images; adapt takes one of sound`);
  const out = options.out ?? nextFree(`${options.run.replace(/[\\/]+$/, '')}-adapted`);
  await RunFolder.checkVacant(out);
  const { signal, dispose } = interruption('stopping after these steps; what was learnt is kept');
  try {
    return await withEngine(options, async (engine) => {
      const { holdOut = defaultHoldOut, data, label, strict } = options;
      const selection = await parent.voiceOf(data);
      const takes = await readTakes(
        engine,
        file,
        { data, voice: selection, label, holdOut, strict },
        options.holdOut !== undefined,
      );
      const replay = await replayOfRun(engine, parent);
      const voice = voiceOf(file, options.speaker, options.data, takes);
      for (const take of [...takes.train, ...takes.heldOut, ...takes.test]) take.speaker = voice;
      const given = Object.fromEntries(
        flags.filter((k) => options[k] !== undefined).map((k) => [k, options[k]]),
      );
      const adaptation = new Adaptation(
        engine,
        file,
        replay,
        { ...given, voice },
        parent.folder.path('model.safetensors'),
      );
      const folder = await RunFolder.create(out);
      const unlock = await folder.lock();
      try {
        await writeConfig(folder, parent, { ...options, selection }, adaptation, takes);
        return await learn(engine, { folder, parent, adaptation, takes, replay, signal, data });
      } finally {
        adaptation.dispose();
        await unlock();
      }
    });
  } finally {
    dispose();
  }
}

/** config.json: as of a trained run, with what it was adapted from and how. */
async function writeConfig(
  folder: RunFolder,
  { folder: from }: OpenRun,
  { data, selection }: AdaptOptions & { selection: VoiceSelection | null },
  adaptation: Adaptation,
  { train, heldOut, test }: FoundTakes,
): Promise<void> {
  const { settings, info } = adaptation;
  const sha256 = createHash('sha256')
    .update(await from.read('model.safetensors', 'it was there a moment ago'))
    .digest('hex');
  const stored = {
    ...info,
    data: dataName(data),
    ...(selection && { voice: selection }),
    parent: { run: resolve(from.dir), sha256 },
    adapt: settings,
    recordings: { train: train.length, heldOut: heldOut.map(({ name }) => name), test: test.length },
  };
  await folder.write('config.json', `${JSON.stringify(stored, null, 2)}\n`);
}

interface Learning {
  folder: RunFolder;
  parent: OpenRun;
  adaptation: Adaptation;
  takes: FoundTakes;
  replay: Split | null;
  signal: AbortSignal;
  data: string;
}

async function learn(engine: Engine, o: Learning): Promise<AdaptResult> {
  const { adaptation, takes, folder, parent, signal } = o;
  for (const take of takes.train) adaptation.add(take);
  for (const take of takes.heldOut) adaptation.add(take, true);
  const { train, heldOut, replay } = adaptation.counts;
  say(
    `${train} recording${train === 1 ? '' : 's'} to learn from, ${heldOut} held out, ${replay} old examples to replay`,
  );
  const started = performance.now();
  await adaptation.measure();
  while (!adaptation.done && !signal.aborted) await learnEpoch(adaptation, folder);
  const seconds = (performance.now() - started) / 1000;
  const file = await adaptation.file();
  await folder.write('model.safetensors', encodeModel(file));
  const kept = replayOf(together(splitOf(file, takes.train), ...(o.replay ? [o.replay] : [])));
  const shape = exampleShape(file.features);
  await folder.write('replay.safetensors', encodeReplay({ shape, labels: file.labels }, kept));
  const figures = async (of: ModelFile): Promise<Figures> => {
    const { fresh, old } = adaptation.heldOut;
    const test = splitOf(of, takes.test);
    const [a, b, c] = await errorsOn(engine, of, [fresh, old, test]);
    return { fresh: a, old: b, test: c };
  };
  return {
    ...{ run: folder.dir, parent: parent.folder.dir, data: o.data, train: adaptation.settings.train },
    ...{ step: adaptation.step, best: adaptation.best ?? adaptation.step, seconds },
    ...{ finished: !signal.aborted, intake: takes.intake },
    takes: { train, heldOut, test: takes.test.length, replay },
    before: await figures(parent.file),
    after: await figures(file),
  };
}

/** Some steps, and a measure: an epoch of metrics.jsonl. */
async function learnEpoch(adaptation: Adaptation, folder: RunFolder): Promise<void> {
  const since = performance.now();
  const left = adaptation.settings.steps - adaptation.step;
  const rows = await adaptation.takeSteps(Math.min(measureEvery, left));
  const { step, fresh, old } = await adaptation.measure();
  const mean = (key: keyof LossMeans) => rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
  const epoch = {
    epoch: Math.ceil(step / measureEvery),
    train: { loss: mean('loss'), recon: mean('recon'), kl: mean('kl') },
    ...(fresh && { valid: fresh }),
    ...(old && { old }),
    seconds: (performance.now() - since) / 1000,
  };
  await folder.log([...rows, epoch]);
  const errors = [
    ...(fresh ? [`new ${inDb(fresh.dbRmse ?? null)}`] : []),
    ...(old ? [`old ${inDb(old.dbRmse ?? null)}`] : []),
  ];
  say(
    `step ${step}: loss ${epoch.train.loss.toFixed(1)}${errors.map((e) => `, ${e}`).join('')}, ${epoch.seconds.toFixed(1)} s`,
  );
}

function splitOf({ config, features, labels }: ModelFile, list: readonly Take[]): Takes {
  const takes = new Takes(exampleShape(features), config.model === 'cvae' ? labels.length : 0);
  for (const take of list) takes.add(take);
  return takes;
}

/** dB RMSE of a model on splits, null for one that is empty. */
async function errorsOn(
  engine: Engine,
  file: ModelFile,
  splits: readonly (Split | null)[],
): Promise<(number | null)[]> {
  const model = buildModel(engine, file, 'model.safetensors');
  const { config, labels, speakers, features } = file;
  const shape = exampleShape(features);
  const dynamicRange = isImage(features) ? null : features.dynamicRange;
  const errors: (number | null)[] = [];
  for (const split of splits) {
    const of = split && { shape, dynamicRange, labels, speakers, train: split, valid: null, test: null };
    const found =
      of && split.count > 0 ? await evaluate(engine, model, of, split, config, config.seed) : null;
    errors.push(found?.dbRmse ?? null);
  }
  model.params.dispose();
  return errors;
}

await runIfMain('adapt', adapt);

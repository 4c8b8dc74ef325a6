// formant train: a VAE or CVAE on a folder of recordings.

import { Option } from 'commander';
import {
  type CommonOptions,
  engineFor,
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
import { dataName, openData } from './data.ts';
import type { Engine } from './engine/engine.ts';
import { CheckpointError } from './engine/errors.ts';
import type { IntakeSummary } from './intake.ts';
import { mediumOf } from './medium.ts';
import { type DecodedCheckpoint, decodeCheckpoint, type ModelInfo, planOf } from './model/checkpoint.ts';
import type { Dataset } from './model/dataset.ts';
import { likelihoods } from './model/objective.ts';
import {
  checkConfig,
  type DataKind,
  modelKinds,
  presetConfig,
  presetData,
  presetNames,
  setOption,
  type TrainConfig,
} from './model/presets.ts';
import { presetFeatures } from './model/speech.ts';
import { Trainer } from './model/trainer.ts';
import { openRun } from './openRun.ts';
import { nextFree } from './outFolder.ts';
import { figure } from './progress.ts';
import { writeReport } from './report.ts';
import { RunFolder } from './runFolder.ts';
import { recordingsOf, type TrainedOn } from './trainedOn.ts';
import { type TrainResult, trainRun } from './trainRun.ts';
import { flagsOf, type VoiceFlags, type VoiceSelection, voiceSelection, withVoiceFlags } from './voice.ts';

export interface TrainOptions
  extends CommonOptions,
    VoiceFlags,
    Partial<
      Pick<TrainConfig, 'model' | 'epochs' | 'batch' | 'seed' | 'lr' | 'likelihood' | 'weight' | 'beta'>
    > {
  data?: string;
  preset?: string;
  out?: string;
  resume?: string;
  checkpointEvery?: number;
  set?: string[];
  strict?: boolean;
  tune?: boolean;
  report?: boolean;
  reportEvery?: number;
}

/** Flags that change the configuration; a resumed run takes only `epochs`. */
const configFlags = ['model', 'epochs', 'batch', 'seed', 'lr', 'likelihood', 'weight', 'beta'] as const;

export function train() {
  const command = newCommand('train', 'train a VAE or CVAE on recordings or images; writes a run folder')
    .option(
      '--data <digits|fsdd|mnist|DIR>',
      'the embedded digits; fsdd or mnist, downloaded once; a folder of WAVs and MP3s, a release of Common Voice, MNIST’s ' +
        'files, or what preprocess made (default: digits)',
    )
    .addOption(
      new Option('--model <kind>', 'default: cvae for demo, speech and voices, else vae').choices(modelKinds),
    )
    .addOption(
      new Option(
        '--preset <name>',
        'default: demo for the digits, speech-ref for sound, mnist for images',
      ).choices(presetNames),
    )
    .option('--epochs <n>', 'epochs in total', wholeNumber(1))
    .option('--batch <n>', 'examples of a step', wholeNumber(1))
    .option('--seed <n>', 'of the initial weights, the noise and the order', wholeNumber(0))
    .option('--lr <x>', 'learning rate', number(0, true))
    .addOption(new Option('--likelihood <name>', 'of the reconstruction').choices(likelihoods))
    .option('--weight <x>', 'weight of the squared error under the fixed likelihood', number(0, true))
    .option('--beta <x>', 'weight of the KL', number(0))
    .option('--out <dir>', 'run folder, new or empty (default: the next free one under runs/)')
    .option('--resume <dir>', 'go on with a run from its last checkpoint')
    .option(
      '--checkpoint-every <steps>',
      'save this often (default: by time, at the end of an epoch)',
      wholeNumber(1),
    )
    .option(
      '--set <key=value...>',
      'any other setting of the preset, for example --set latent=16 betaWarmup=5',
    )
    .option('--no-tune', 'take the kernels as they are, measure none (also FORMANT_TUNE=off)')
    .option('--report-every <n>', 'write report.html each n epochs too, not at the end alone', wholeNumber(1))
    .option('--no-report', 'write no report.html at the end (also FORMANT_REPORT=off)')
    .option('--strict', 'the first bad file is an error, none is left out');
  return withVoiceFlags(command).action(async (options: TrainOptions) => {
    const result = await runTrain(options);
    const { test } = result;
    const figures = test ? `: test ${figure(test)}, KL ${test.kl.toFixed(2)} nats` : '';
    const reported = result.report === null ? '' : `\nreport: ${result.report}`;
    const how = result.finished
      ? `trained ${result.epoch} epochs, ${result.step} steps${figures}\nrun folder: ${result.run}${reported}`
      : `stopped at step ${result.step}; go on with: --resume ${JSON.stringify(result.run)}`;
    print(options, result, how);
  });
}

/** The whole of `formant train`. */
export async function runTrain(options: TrainOptions): Promise<TrainResult & { intake: IntakeSummary }> {
  if (options.report === false && options.reportEvery !== undefined)
    throw new UsageError('--no-report and --report-every: leave out one of them');
  if (options.resume !== undefined) return resume(options, options.resume);
  // Wrong flags are said before the data is looked at, which then decides what is left open.
  if (options.preset !== undefined) configOf(options, options.preset);
  const voice = voiceSelection(options);
  const source = await openData(options.data ?? 'digits', { strict: options.strict, voice });
  const config = configOf(options, options.preset ?? defaultPreset(options, source.kind));
  if (presetData(config.preset) !== source.kind)
    throw new UsageError(
      `--preset ${config.preset}: a model of ${kindText[presetData(config.preset)]}, and --data holds ` +
        `${kindText[source.kind]}; choose one of ${presetNames.filter((name) => presetData(name) === source.kind).join(', ')}`,
    );
  const out = options.out ?? nextFree(`runs/${config.preset}-${config.model}`);
  await RunFolder.checkVacant(out);
  return withEngine(options, async (engine) => {
    const settings = source.kind === 'speech' ? presetFeatures(config.preset) : null;
    const { data, features } = await source.dataset(engine, settings, config.validation);
    // A model that cannot be built is refused before anything is written.
    new Trainer(engine, config, data).dispose();
    const folder = await RunFolder.create(out);
    const where = dataName(options.data ?? 'digits');
    const known = config.speakerDim > 0 && { speakers: [...(data.speakers ?? [])] };
    const info: ModelInfo = { config, features, labels: [...data.labels], ...known };
    const unlock = await folder.lock();
    try {
      await writeConfig(folder, {
        ...info,
        data: where,
        ...(voice && { voice }),
        recordings: recordingsOf(data),
      });
      return { ...(await start(options, engine, folder, info, data, null)), intake: source.intake };
    } finally {
      await unlock();
    }
  });
}

/** config.json: the effective configuration, and what the run was trained on. */
interface StoredConfig extends ModelInfo {
  data: string;
  /** What was taken of a release of Common Voice, if not all. */
  voice?: VoiceSelection;
  recordings: TrainedOn;
}

function writeConfig(folder: RunFolder, stored: StoredConfig): Promise<void> {
  return folder.write('config.json', `${JSON.stringify(stored, null, 2)}\n`);
}

const kindText: Record<DataKind, string> = { speech: 'sound', image: 'images' };

function defaultPreset({ data = 'digits' }: TrainOptions, kind: DataKind): string {
  if (kind === 'image') return 'mnist';
  return data === 'digits' ? 'demo' : 'speech-ref';
}

/** The preset with the flags applied. */
function configOf(options: TrainOptions, preset: string): TrainConfig {
  const model = options.model ?? (['demo', 'speech', 'voices'].includes(preset) ? 'cvae' : 'vae');
  const given = Object.fromEntries(
    configFlags.filter((k) => options[k] !== undefined).map((k) => [k, options[k]]),
  );
  try {
    let config: TrainConfig = { ...presetConfig(preset, model), ...given };
    for (const assignment of options.set ?? []) config = setOption(config, assignment);
    const set = (options.set ?? []).some((assignment) => assignment.startsWith('weight='));
    if ((options.weight !== undefined || set) && config.likelihood !== 'fixed')
      throw new UsageError(
        `--weight ${config.weight}: of the fixed likelihood alone, this is ${config.likelihood}; leave it out, or give ` +
          '--likelihood fixed',
      );
    return checkConfig(config);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function resume(options: TrainOptions, dir: string): Promise<TrainResult & { intake: IntakeSummary }> {
  const refused = [
    ...[...configFlags, 'data', 'preset', 'out', 'set']
      .filter((k) => k !== 'epochs' && options[k as keyof TrainOptions] !== undefined)
      .map((k) => `--${k}`),
    ...flagsOf(voiceSelection(options) ?? {}),
  ];
  if (refused.length > 0)
    throw new UsageError(`--resume goes on with the run's own settings; leave out ${refused.join(', ')}`);
  const folder = await RunFolder.open(dir);
  const stored = (await folder.config()) as unknown as StoredConfig & { parent?: { run: string } };
  if (stored.parent)
    throw new CheckpointError(
      `${dir}: was adapted from ${stored.parent.run}, and keeps no state to go on from; adapt it again, with its own model ` +
        'to begin with (formant adapt --run)',
    );
  const { bytes, name } = await folder.readCheckpoint('last');
  const from = decodeCheckpoint(bytes, name);
  if (JSON.stringify({ ...from.info.config, epochs: 0 }) !== JSON.stringify({ ...stored.config, epochs: 0 }))
    throw new CheckpointError(
      `${name}: made with other settings than ${folder.path('config.json')}; restore that file`,
    );
  const config = { ...stored.config, ...(options.epochs === undefined ? {} : { epochs: options.epochs }) };
  try {
    checkConfig(config);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const source = await openData(stored.data, { strict: options.strict, voice: stored.voice ?? null });
  return withEngine(options, async (engine) => {
    const { features } = from.info;
    const { data } = await source.dataset(engine, features, config.validation);
    const [now, then] = [recordingsOf(data), stored.recordings];
    if (now.hash !== then?.hash)
      throw new CheckpointError(
        `${stored.data}: not the recordings this run began with (${then?.train} to train and ${then?.test} to test, ` +
          `now ${now.train} and ${now.test}, or other names); restore them, or start a new run`,
      );
    const done = Math.floor(from.step / Math.ceil(data.train.count / config.batch));
    if (config.epochs < done)
      throw new UsageError(`--epochs ${config.epochs}: this run has ${done} epochs already; give more`);
    if (config.epochs === done) say(`this run has its ${done} epochs; give more by --epochs to go on`);
    warnOfPlan(engine, from);
    const info: ModelInfo = { ...from.info, config, features };
    const unlock = await folder.lock();
    try {
      await writeConfig(folder, { ...stored, config });
      return { ...(await start(options, engine, folder, info, data, from)), intake: source.intake };
    } finally {
      await unlock();
    }
  });
}

function warnOfPlan(engine: Engine, { plan }: DecodedCheckpoint): void {
  const now = planOf(engine);
  if (now.adapter !== plan.adapter || now.lanes !== plan.lanes)
    say(`note: this run was trained on ${plan.adapter}; on another adapter it goes on, but not bit for bit`);
}

async function start(
  options: TrainOptions,
  engine: Engine,
  folder: RunFolder,
  info: ModelInfo,
  data: Dataset,
  from: DecodedCheckpoint | null,
): Promise<TrainResult> {
  const { config } = info;
  const { things } = mediumOf(info.features);
  const of = (n: number) => `${n} ${n === 1 ? things.slice(0, -1) : things}`;
  say(
    `${config.preset} ${config.model}: ${of(data.train.count)} to train, ${of(data.test?.count ?? 0)} to test, ` +
      `${data.labels.length} labels, ${config.epochs} epochs of batches of ${config.batch}`,
  );
  const { signal, dispose } = interruption('stopping after this step', 'stop without saving');
  // Of the adapter: a device that was given is the one that was lost.
  const reopen = () => engineFor({ adapter: options.adapter });
  try {
    const checkpointEvery = options.checkpointEvery ?? 0;
    const tune = options.tune !== false && process.env.FORMANT_TUNE !== 'off';
    const { reportEvery } = options;
    const reports =
      options.report !== false && (process.env.FORMANT_REPORT !== 'off' || reportEvery !== undefined);
    const report = async (now: Engine) => writeReport(now, await openRun(folder.dir), data);
    return await trainRun({
      ...{ engine, reopen, folder, info, data, from, checkpointEvery, signal, tune },
      ...(reports && { report, reportEvery }),
    });
  } finally {
    dispose();
  }
}

await runIfMain('train', train);

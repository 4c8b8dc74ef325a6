// formant evaluate: figures of a trained model on a split of its data, or of other data; see docs/evaluate.md.

import { Option } from 'commander';
import { printable } from './audio/names.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  wholeNumber,
  withEngine,
} from './command.ts';
import { DataError } from './engine/errors.ts';
import type { IntakeSummary } from './intake.ts';
import { type Dataset, firstExamples, type SplitName, splitNames } from './model/dataset.ts';
import { type Assessment, assess, type PartFigures } from './model/evaluate.ts';
import type { Likelihood } from './model/objective.ts';
import { mostSamples } from './model/posterior.ts';
import { openRun } from './openRun.ts';
import { columns } from './table.ts';

export interface EvaluateOptions extends CommonOptions {
  run: string;
  data?: string;
  split: SplitName;
  iwae?: number;
  limit?: number;
  strict?: boolean;
}

export interface EvaluateResult extends Assessment {
  run: string;
  data: string;
  split: SplitName;
  likelihood: Likelihood;
  intake: IntakeSummary;
}

export function evaluate() {
  return newCommand('evaluate', 'figures of a trained model on its test split')
    .requiredOption('--run <dir>', 'run folder of the model')
    .option('--data <dir>', 'other data than the model was trained on')
    .addOption(new Option('--split <name>', 'which part of the data').choices(splitNames).default('test'))
    .option('--iwae <k>', 'the importance-weighted bound with k samples, too', wholeNumber(1, mostSamples))
    .option('--limit <n>', 'the first n examples of the split only', wholeNumber(1))
    .option('--strict', 'the first bad file is an error, none is left out')
    .action(async (options: EvaluateOptions) => {
      const result = await runEvaluate(options);
      print(options, result, text(result));
    });
}

/** The whole of `formant evaluate`. @throws Stopped at Ctrl-C. */
export async function runEvaluate(options: EvaluateOptions): Promise<EvaluateResult> {
  const { run, split, iwae, limit } = options;
  const opened = await openRun(run);
  const { config } = opened.file;
  const { signal, dispose } = interruption('stopping; there is nothing to keep');
  try {
    return await withEngine(options, async (engine) => {
      const { data, intake } = await opened.dataset(engine, options.data, options.strict);
      const from = options.data ?? opened.data;
      const part = examplesOf(data, split, from, limit);
      const { seed } = config;
      const figures = await assess(engine, opened.model(engine), data, part, config, { seed, iwae, signal });
      return { run, data: from, split, likelihood: config.likelihood, ...figures, intake };
    });
  } catch (error) {
    throw signal.aborted ? new Stopped() : error;
  } finally {
    dispose();
  }
}

/** @throws DataError if there is no such split. */
function examplesOf(data: Dataset, split: SplitName, from: string, limit: number | undefined) {
  const part = data[split];
  if (part && part.count > 0) return firstExamples(part, limit ?? part.count);
  const there = splitNames.filter((name) => data[name]?.count);
  throw new DataError(`${printable(from)}: has no ${split} split; choose --split ${there.join(' or ')}`);
}

const figureColumns = (f: PartFigures): Record<string, string> => ({
  examples: `${f.count}`,
  '-ELBO': f.negElbo.toFixed(2),
  recon: f.recon.toFixed(2),
  KL: f.kl.toFixed(2),
  ...(f.iwae === undefined ? {} : { IWAE: f.iwae.toFixed(2) }),
  MSE: f.mse.toFixed(5),
  ...(f.dbRmse === undefined ? {} : { 'dB RMSE': f.dbRmse.toFixed(2) }),
  ...(f.bce === undefined ? {} : { BCE: f.bce.toFixed(2) }),
});

const notes: Record<Likelihood, string> = {
  bernoulli: 'nats an example',
  fixed: 'nats an example, up to a constant of the fixed variance',
  optimal: "nats an example, up to a constant; the variance is the split's own",
};

function text(result: EvaluateResult): string {
  const rows = [{ label: 'all', ...figureColumns(result) }];
  for (const part of result.labels) rows.push({ label: printable(part.label), ...figureColumns(part) });
  const units = result.unitKl.map((kl, unit) => ({ kl, unit })).sort((a, b) => b.kl - a.kl);
  return [
    `${result.split} split of ${printable(result.data)} (${notes[result.likelihood]})`,
    columns(rows, 1),
    `${result.activeUnits} of ${units.length} latent units are active; KL by unit:`,
    `  ${units.map(({ kl, unit }) => `${unit}: ${kl.toFixed(2)}`).join('  ')}`,
  ].join('\n');
}

await runIfMain('evaluate', evaluate);

// npm run bench: every kernel beside its naive version and beside what the adapter can do, sound, the training steps,
// start-up and bundle sizes; with --peers TensorFlow.js and jax-js in the same run. Run it with nothing else on the
// machine.
//   npm run bench -- [--peers] [--only REGEX] [--json FILE] [--profile]    npm run bench -- --compare A.json B.json
//   npm run bench -- --tuned

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { runIfMain, say, UsageError } from '../src/command.ts';
import { type AdapterChoice, adapterChoices, DataError, openEngine } from '../src/node.ts';
import { comparison, type Report, type Row, text } from './report.ts';
import { sizes } from './sizes.ts';
import { runSuite } from './suite.ts';
import { printTuned } from './tuned.ts';
import { peersInstalled, turns, versus } from './versus.ts';

interface BenchOptions {
  adapter?: AdapterChoice;
  only?: RegExp;
  peers?: boolean;
  profile?: boolean;
  tuned?: boolean;
  json?: string;
}

const root = join(import.meta.dirname, '..');

function pattern(source: string): RegExp {
  try {
    return new RegExp(source);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** A report as `--json` wrote it. */
function readReport(file: string): Report {
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  if (!Array.isArray(report.rows))
    throw new DataError(`${file}: not a report of npm run bench -- --json FILE`);
  return report;
}

/** Installs the peers where that has not been done; they are no part of the project's own dependencies. */
function installPeers(): void {
  if (peersInstalled()) return;
  say('peers: npm ci --prefix bench/peers');
  const { status } = spawnSync('npm', ['ci', '--prefix', join(root, 'bench', 'peers')], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new DataError('peers: npm ci --prefix bench/peers failed; see above');
}

const legend = `Medians of captured work. ceiling: the time that the work would take at the speed of the pure FMA or the copy
kernel (whichever is longer) over the time it takes; what fits a cache may exceed a copy from memory.
naive: every output by itself, from scalars, checked to give the same numbers.`;
const peersLegend = `Peers: same adapter, weights and inputs, alternating, a turn ends when its loss is read; medians of ${turns}. TensorFlow.js
runs eagerly (it has no compiled mode), jax-js jitted. Dawn spins the thread while a promise is pending, so every library
sleeps through most of the time it expects before it waits: ours by itself, the peers by the benchmark.`;

/** Prints a section as soon as the next one begins, so that columns are as wide as they must be. */
function printer() {
  const waiting: Row[] = [];
  let first = true;
  const flush = () => {
    if (waiting.length > 0) process.stdout.write(`${first ? '' : '\n'}${text(waiting)}\n`);
    if (waiting.length > 0) first = false;
    waiting.length = 0;
  };
  const add = (row: Row) => {
    if (waiting.length > 0 && waiting[0].section !== row.section) flush();
    waiting.push(row);
  };
  return { add, flush };
}

async function measureAll(options: BenchOptions): Promise<void> {
  if (options.peers) installPeers();
  const { add, flush } = printer();
  const { only } = options;
  const wanted = (section: string, name: string) => !only || only.test(`${section}: ${name}`);
  const { engine, report } = await runSuite(
    () => openEngine(options.adapter ? { adapter: options.adapter } : {}),
    {
      only,
      where: `Node ${process.version}`,
      profile: options.profile ? (table) => say(`\n${table}`) : undefined,
      opened: ({ adapter, software, lanes }) => {
        const kernels = lanes ? `subgroups of ${lanes}` : 'no subgroups';
        process.stdout.write(`adapter: ${adapter}${software ? ', SOFTWARE' : ''}, ${kernels}\n\n`);
      },
      report: add,
      progress: say,
    },
  );
  try {
    const more = async (row: Row) => {
      report.rows.push(row);
      add(row);
    };
    for (const row of await sizes()) if (wanted(row.section, row.name)) more(row);
    if (options.peers) await versus(engine, wanted, more, say);
    flush();
    process.stdout.write(`\n${legend}\n${options.peers ? `${peersLegend}\n` : ''}`);
    if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
  } finally {
    engine.close();
  }
}

async function tuned({ adapter }: BenchOptions): Promise<void> {
  const engine = await openEngine(adapter ? { adapter } : {});
  try {
    await printTuned(engine, (line) => process.stdout.write(`${line}\n`));
  } finally {
    engine.close();
  }
}

function bench(): Command {
  return new Command('bench')
    .description('times every kernel and the reference steps, beside naive versions, ceilings and peers')
    .addOption(
      new Option('--adapter <name>', 'which adapter to run on; default: FORMANT_ADAPTER, else auto')
        .choices(adapterChoices)
        .env('FORMANT_ADAPTER'),
    )
    .option('--only <regex>', 'only rows whose "section: name" matches', pattern)
    .option('--peers', 'TensorFlow.js and jax-js as well; installs them into bench/peers at first')
    .option('--tuned', 'only the variants of the steps’ kernels, timed anew, and the ones the tuner takes')
    .option('--profile', 'the time of each kernel of the training steps, on standard error')
    .option('--json <file>', 'write all rows to a file')
    .option('--compare <files...>', 'no measurement: two files of --json as a table of ratios')
    .exitOverride()
    .showHelpAfterError('(--help lists the options)')
    .action(async ({ compare, ...options }: BenchOptions & { compare?: string[] }) => {
      if (options.tuned) return tuned(options);
      if (!compare) return measureAll(options);
      if (compare.length !== 2) throw new UsageError('--compare: give two files, A and B');
      const [a, b] = compare.map(readReport);
      process.stdout.write(`${comparison(a, b)}\n`);
    });
}

await runIfMain('bench', bench);

// What all commands share: the options --adapter and --json, one clear line for an error, exit codes (0 done, or
// stopped with something kept; 1 failed, 2 wrong usage, 130 stopped with nothing kept), Ctrl-C, and an engine that is
// closed on every path so that the process exits by itself.

import { basename } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Engine } from './engine/engine.ts';
import { type AdapterChoice, adapterChoices, openEngine } from './engine/node.ts';

/** Wrong usage that the argument parser cannot see. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Stopped by Ctrl-C, with nothing kept; what there is to say was said. */
export class Stopped extends Error {
  override name = 'Stopped';
}

export interface CommonOptions {
  adapter?: AdapterChoice;
  json?: boolean;
  /** A device that is open already and stays so, for who runs several commands in one process; no adapter is chosen. */
  device?: GPUDevice;
}

/** A command that tells errors as all do, without options. */
export function plainCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) })
    .showHelpAfterError('(--help lists the options)');
}

/** A command with the options that every verb with an engine has. */
export function newCommand(name: string, description: string): Command {
  return plainCommand(name, description)
    .addOption(
      new Option('--adapter <name>', 'which adapter to run on; default: FORMANT_ADAPTER, else auto')
        .choices(adapterChoices)
        .env('FORMANT_ADAPTER'),
    )
    .option('--json', 'print the result as JSON on standard output');
}

const from = (least: number, most: number) =>
  most < Number.POSITIVE_INFINITY ? `from ${least} to ${most}` : `of at least ${least}`;

/** Parses a whole number of at least `least` and at most `most`. */
export function wholeNumber(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`give a whole number ${from(least, most)}`);
    return value;
  };
}

/** Parses a number of at least `least`, or above it, and at most `most`. */
export function number(
  least: number,
  exclusive = false,
  most = Number.POSITIVE_INFINITY,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const outside = value < least || value > most || (exclusive && value === least);
    if (text.trim() === '' || !Number.isFinite(value) || outside)
      throw new InvalidArgumentError(`give a number ${exclusive ? `above ${least}` : from(least, most)}`);
    return value;
  };
}

/** Progress and remarks; standard output stays for results. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints a result: as JSON if asked for, else as the given text. */
export function print(options: CommonOptions, result: unknown, text: string): void {
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${text}\n`);
}

/** An engine on the adapter, or the device, that the options name. */
export const engineFor = ({ adapter, device }: CommonOptions): Promise<Engine> =>
  openEngine({ ...(adapter && { adapter }), ...(device && { device }) });

/** Opens the engine, says which adapter runs, and closes it afterwards whatever happens. */
export async function withEngine<T>(
  options: CommonOptions,
  body: (engine: Engine) => Promise<T>,
): Promise<T> {
  const engine = await engineFor(options);
  const { name, software } = engine.adapter;
  say(
    software
      ? `adapter: ${name} — SOFTWARE: this runs on the processor, a GPU is far faster`
      : `adapter: ${name}`,
  );
  try {
    return await body(engine);
  } finally {
    engine.close();
  }
}

/**
 * A signal that fires at the first Ctrl-C or SIGTERM; a second one ends the process at once.
 * @param first what the first does, @param second what another would, as the user reads it
 */
export function interruption(
  first: string,
  second = 'stop at once',
): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130);
    say(`\n${first}; press Ctrl-C again to ${second}`);
    controller.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const s of signals) process.on(s, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const s of signals) process.off(s, onSignal);
    },
  };
}

/** Runs a command line to its exit code, on a device that is open already if one is given. */
export async function execute(
  command: Command,
  argv: readonly string[],
  device?: GPUDevice,
): Promise<number> {
  for (const verb of [command, ...command.commands]) verb.setOptionValue('device', device);
  try {
    await command.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Stopped) return 130;
    const { message, stack } = error as Error;
    say(`error: ${message}`);
    if (process.env.DEBUG) say(stack ?? '');
    return error instanceof UsageError ? 2 : 1;
  }
}

/** Runs a verb if Node was started with its file, `dist/NAME.js`. */
export async function runIfMain(name: string, command: () => Command): Promise<void> {
  if (basename(process.argv[1] ?? '', '.js') === name)
    process.exitCode = await execute(command(), process.argv.slice(2));
}

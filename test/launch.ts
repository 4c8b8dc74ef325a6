// The commands as a person runs them: the built ones in processes of their own, and their sources in this process, where
// all commands of a test file share a device, so that the same training is not compiled again for each.

import { type ChildProcess, spawn } from 'node:child_process';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { execute } from '../src/command.ts';
import { sharedDevice } from './device.ts';

export const root = join(import.meta.dirname, '..');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

process.env.DEBUG = '';
process.env.FORMANT_TUNE ??= 'off';
process.env.FORMANT_REPORT ??= 'off';

/** What a stream of this process is given, until it is asked for. */
export function heard(stream: NodeJS.WriteStream): () => string {
  const { write } = stream;
  let text = '';
  stream.write = (part: string | Uint8Array) => {
    text += part;
    return true;
  };
  return () => {
    stream.write = write;
    return text;
  };
}

async function commandOf(verb: string): Promise<Command> {
  const name = basename(verb);
  const path = verb === name ? `../src/${name}.ts` : `../${verb}/${name}.ts`;
  return (await import(path))[name]();
}

/**
 * Verbs in the folder `cwd` gives: `launch` starts a process, `spawned` waits for its end, `run` needs none (one at a
 * time).
 */
export function commandsIn(cwd: () => string) {
  const launch = (verb: string, ...args: string[]): { child: ChildProcess; ended: Promise<Ended> } => {
    const child = spawn('node', [join(root, 'dist', `${verb}.js`), ...args], { cwd: cwd() });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (text) => {
      stdout += text;
    });
    child.stderr?.on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, stdout, stderr })));
    return { child, ended };
  };
  const run = async (verb: string, ...args: string[]): Promise<Ended> => {
    const [command, device] = [await commandOf(verb), await sharedDevice()];
    const before = process.cwd();
    process.chdir(cwd());
    const [stdout, stderr] = [heard(process.stdout), heard(process.stderr)];
    try {
      const code = await execute(command, args, device);
      return { code, stdout: stdout(), stderr: stderr() };
    } finally {
      process.chdir(before);
    }
  };
  return { launch, spawned: (verb: string, ...args: string[]) => launch(verb, ...args).ended, run };
}

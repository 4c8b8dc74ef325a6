// The built commands in processes of their own, as a person runs them.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `launch` starts a verb in the folder `cwd` gives, `run` waits for its end. */
export function commandsIn(cwd: () => string) {
  const launch = (verb: string, ...args: string[]): { child: ChildProcess; ended: Promise<Ended> } => {
    const child = spawn('node', [join(root, 'dist', `${verb}.js`), ...args], {
      cwd: cwd(),
      env: {
        ...process.env,
        DEBUG: '',
        FORMANT_TUNE: process.env.FORMANT_TUNE ?? 'off',
        FORMANT_REPORT: process.env.FORMANT_REPORT ?? 'off',
      },
    });
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
  return { launch, run: (verb: string, ...args: string[]) => launch(verb, ...args).ended };
}

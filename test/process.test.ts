// An engine in a process of its own: it idles without using the processor, and every way out ends with the right code.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

function run(ending: string): Promise<{ code: number | null; stdout: string }> {
  const script = `
import { openEngine, sum } from 'formant/node';
const engine = await openEngine();
console.log('sum', await sum(engine.tensor([1, 2, 3])).item());
const before = process.cpuUsage();
await new Promise((done) => setTimeout(done, 1000));
const { user, system } = process.cpuUsage(before);
console.log('busy', (user + system) / 1e6);
${ending}`;
  return new Promise((done) => {
    const child = spawn('node', ['--input-type=module', '-e', script], { cwd: root });
    let stdout = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.on('close', (code) => done({ code, stdout }));
  });
}

test.each([
  ['closed', 'engine.close();', 0],
  ['closed in the middle of work', 'sum(engine.tensor([1])).read().catch(() => {}); engine.close();', 0],
  ['left open', '', 0],
  ['left by process.exit', 'process.exit(0);', 0],
  ['left by an error', 'throw new Error("on purpose");', 1],
])('%s', async (_, ending, want) => {
  const { code, stdout } = await run(ending);
  expect(stdout).toMatch(/^sum 6$/m);
  expect(code).toBe(want);
  // Spinning would be a whole second of it.
  expect(Number(/busy ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(0.5);
});

// Run by scripts/wgpu.mjs under deno: every golden file of a folder, and the short training, on wgpu's adapter.
// Prints a line for each failure and at its end "N passed, N failed". Argument: the folder.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Engine } from '../../src/index.ts';
import { runGolden } from '../golden/run.ts';
import { shortTraining } from '../golden/short.ts';

const dir = process.argv[2];
const files = readdirSync(dir)
  .filter((f) => f.endsWith('.safetensors'))
  .sort();
const started = performance.now();
const engine = await Engine.open();
console.log(`${engine.adapter.name}: ${engine.lanes ? `subgroups of ${engine.lanes}` : 'plain kernels'}`);

const tests: [string, () => Promise<void>][] = [
  ...files.map((file): [string, () => Promise<void>] => [
    file,
    () => runGolden(engine, file, readFileSync(join(dir, file))),
  ]),
  ['a short training', () => shortTraining(engine)],
];
let failed = files.length > 0 ? 0 : 1;
if (failed) console.log(`no golden files in ${dir}`);
for (const [name, test] of tests) {
  try {
    await test();
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${(error as Error).message}`);
  }
}
engine.close();
console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

// npm run bench -- --tuned: every variant of the kernels in the reference steps, timed as the tuner times them, and the
// one it takes. The winners are kept where training looks for them.

import { type Engine, type TuneRow, tune } from '../src/index.ts';
import { fileStore } from '../src/tuned.ts';
import { mnistStep, speechStep } from './models.ts';

/** Enough for all questions: here the time is the user's own. */
const budgetMs = 600_000;

/** Measures all questions of the three steps anew, and prints a line for each. */
export async function printTuned(engine: Engine, print: (line: string) => void): Promise<void> {
  const rows: TuneRow[] = [];
  for (const step of [speechStep(engine, 'vae'), speechStep(engine, 'cvae'), mnistStep(engine)]) {
    rows.push(...(await tune(engine, step.rehearse, { budgetMs })));
    step.dispose();
  }
  await fileStore.save(engine.tuningKey, engine.plan.choices);
  const width = Math.max(...rows.map((r) => r.key.length));
  for (const { key, ms, chosen } of rows) {
    const each = Object.entries(ms).map(
      ([name, t]) => `${name === chosen ? '*' : ''}${name} ${t.toFixed(2)}`,
    );
    print(`${key.padEnd(width)}  ${each.join('  ')}`);
  }
  const changed = rows.filter(({ ms, chosen }) => chosen !== Object.keys(ms)[0]).length;
  print(
    `\n${rows.length} questions in ms, the guess first, * the one taken; ${changed} differ from the guess`,
  );
}

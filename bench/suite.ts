// The whole benchmark, in Node and in a page alike: start-up, ceilings, kernels, sound, training steps. Rows are
// reported as they come. Figures are medians; run it with nothing else on the machine.

import type { Engine } from '../src/index.ts';
import type { Bench } from './cases.ts';
import { ceilings } from './ceiling.ts';
import { contractions } from './contractions.ts';
import { memory } from './memory.ts';
import type { Report, Row } from './report.ts';
import { sound } from './sound.ts';
import { type StepOptions, startUp, steps } from './steps.ts';

export interface SuiteOptions extends StepOptions {
  /** Only rows whose `section: name` matches, start-up as a whole; the ceilings are always measured. */
  only?: RegExp;
  /** What runs it: `Node v20`, a browser's name. */
  where: string;
  /** Called when the adapter is known. */
  opened?: (report: Report) => void;
  report?: (row: Row) => void;
  progress?: (text: string) => void;
}

/** Rows of a run that takes seconds, to see that everything works. */
export const quickRows = /matmul 64 x 256|KL, \(64, 32\)|mnist-ref/;

/** Runs the benchmark and gives its engine, still open, with the report. The caller closes it. */
export async function runSuite(
  open: () => Promise<Engine>,
  options: SuiteOptions,
): Promise<{ engine: Engine; report: Report }> {
  const { only, where, opened, progress = () => {} } = options;
  const rows: Row[] = [];
  const add = (row: Row) => {
    rows.push(row);
    options.report?.(row);
  };
  progress('start-up');
  const early: Row[] = [];
  const starts = !only || only.test('start-up: ');
  const engine = starts ? await startUp(open, (row) => early.push(row)) : await open();
  try {
    const { name, software } = engine.adapter;
    const report: Report = { adapter: name, software, lanes: engine.lanes, where, rows };
    opened?.(report);
    early.forEach(add);
    progress('ceilings');
    const { ceiling, rows: found } = await ceilings(engine);
    found.forEach(add);
    const wanted = (section: string, row: string) => !only || only.test(`${section}: ${row}`);
    const bench: Bench = { engine, ceiling, wanted, report: add, progress };
    await contractions(bench);
    await memory(bench);
    await sound(bench);
    await steps(bench, options);
    return { engine, report };
  } catch (error) {
    engine.close();
    throw error;
  }
}

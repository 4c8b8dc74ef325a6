// formant report: report.html in the run folder, one page with the figures of the run, its sounds and pictures. `train`
// writes it at its end.

import { statSync } from 'node:fs';
import { printable } from './audio/names.ts';
import { type CommonOptions, newCommand, print, runIfMain, withEngine } from './command.ts';
import type { Engine } from './engine/engine.ts';
import type { Dataset } from './model/dataset.ts';
import { type OpenRun, openRun } from './openRun.ts';
import { gatherContent } from './report/content.ts';
import { reportPage } from './report/page.ts';

export interface ReportOptions extends CommonOptions {
  run: string;
}

export interface ReportResult {
  file: string;
  bytes: number;
}

export function report() {
  return newCommand(
    'report',
    'the figures, pictures and sounds of a run as one page, report.html in its folder',
  )
    .requiredOption('--run <dir>', 'run folder')
    .action(async (options: ReportOptions) => {
      const result = await runReport(options);
      print(options, result, `${printable(result.file)} (${(result.bytes / 1e6).toFixed(1)} MB)`);
    });
}

/** The whole of `formant report`. */
export async function runReport(options: ReportOptions): Promise<ReportResult> {
  const run = await openRun(options.run);
  return withEngine(options, async (engine) => {
    const { data } = await run.dataset(engine);
    const file = await writeReport(engine, run, data);
    return { file, bytes: statSync(file).size };
  });
}

/** Writes a run's report, in place of one that is there. @returns its path */
export async function writeReport(engine: Engine, run: OpenRun, data: Dataset): Promise<string> {
  const model = run.model(engine);
  try {
    const content = await gatherContent(run, { engine, file: run.file, model, data });
    await run.folder.write('report.html', reportPage(content));
    return run.folder.path('report.html');
  } finally {
    if (!engine.lost) model.params.dispose();
  }
}

await runIfMain('report', report);

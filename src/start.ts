// npm start: the whole way once, on the embedded digits: train the demo, generate, say where everything lies.

import { type CommonOptions, newCommand, print, runIfMain, say } from './command.ts';
import { runGenerate } from './generate.ts';
import { nextFree } from './outFolder.ts';
import { runTrain } from './train.ts';

export function start() {
  return newCommand('start', 'train the demo on the embedded digits and let it speak').action(
    async (options: CommonOptions) => {
      const started = performance.now();
      const common = { ...(options.adapter ? { adapter: options.adapter } : {}) };
      const { run, test, finished, report } = await runTrain({
        ...common,
        preset: 'demo',
        data: 'digits',
        out: nextFree('runs/demo'),
      });
      if (!finished) {
        say(`stopped; go on with: node dist/train.js --resume ${run}`);
        return;
      }
      const made = await runGenerate({ ...common, run, count: 8, temperature: 1, seed: 1 });
      const seconds = (performance.now() - started) / 1000;
      const lines = [
        `done in ${seconds.toFixed(0)} s: a conditional VAE of spoken digits`,
        `  sounds    ${made.out}/  (${made.files.length} WAVs, {label}_{run}_{index}.wav: play some)`,
        `  picture   ${made.picture}  (a row of spectrograms for each digit)`,
        `  model     ${run}/model.safetensors`,
        ...(report === null ? [] : [`  report    ${report}  (open it in a browser, and listen)`]),
        `next: node dist/generate.js --run ${run} --label 7 --count 20 --out more`,
      ];
      print(options, { run, test, seconds, report, ...made }, lines.join('\n'));
    },
  );
}

await runIfMain('start', start);

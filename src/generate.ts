// formant generate: clips from the prior of a trained model, as WAVs and as pictures.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileStems, printable } from './audio/names.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  number,
  print,
  runIfMain,
  Stopped,
  say,
  wholeNumber,
  withEngine,
} from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { checkLabel, checkSpeaker } from './labels.ts';
import { type Medium, mediumOf, pictureOf } from './medium.ts';
import { buildModel, type ModelFile } from './model/checkpoint.ts';
import { isImage } from './model/inputs.ts';
import { type SampleOptions, samplePrior } from './model/sampling.ts';
import type { Vae } from './model/vae.ts';
import { makeFolder, missingLevels, removeEmpty, writeWhole } from './outFolder.ts';
import { type GridRow, imageGrid } from './plot/imageGrid.ts';
import { encodePng } from './plot/raster.ts';
import { RunFolder } from './runFolder.ts';
import { sayIfUnfitted } from './unfitted.ts';

export interface GenerateOptions extends CommonOptions {
  run: string;
  label?: string[];
  speaker?: string;
  count: number;
  temperature: number;
  seed: number;
  out?: string;
}

export interface GenerateResult {
  out: string;
  files: string[];
  picture: string;
}

/** Examples decoded together. */
const chunk = 64;
/** Examples of a label shown in the picture. */
const mostShown = 8;

export function generate() {
  return newCommand('generate', 'sample sounds or images from the prior of a trained model')
    .requiredOption('--run <dir>', 'run folder of the model, or a model.safetensors')
    .option('--label <label...>', 'labels to say, for a conditional model (default: every label)')
    .option('--speaker <name>', 'whose voice, for a model that knows speakers (default: the mean of all)')
    .option('--count <n>', 'of each label', wholeNumber(1), 4)
    .option('--temperature <x>', 'factor on the spread of the prior; 1 samples it', number(0), 1)
    .option('--seed <n>', 'of the noise', wholeNumber(0), 1)
    .option('--out <dir>', 'where to write (default: samples/ in the run folder)')
    .action(async (options: GenerateOptions) => {
      const result = await runGenerate(options);
      print(options, result, `${result.files.length} files in ${result.out}\npicture: ${result.picture}`);
    });
}

/** The whole of `formant generate`. @throws Stopped if Ctrl-C came before the first file. */
export async function runGenerate(options: GenerateOptions): Promise<GenerateResult> {
  const { file, name, title, dir } = await RunFolder.playable(options.run);
  const medium = mediumOf(file.features);
  sayIfUnfitted(file);
  const labels = chosenLabels(file, options.label);
  const out = options.out ?? join(dir, 'samples');
  const speaker = options.speaker === undefined ? -1 : checkSpeaker(file, options.speaker);
  const voice = options.speaker === undefined ? '' : `-${options.speaker}`;
  const run = `${title}${voice}`.replace(/[^\w.-]|_/g, '-');
  // A label comes from the model's file and may hold anything.
  const stems = fileStems(
    labels.map((label) => label ?? 'sample'),
    'label',
  );
  const files = stems.map((stem) =>
    Array.from({ length: options.count }, (_, i) => join(out, `${stem}_${run}_${i}.${medium.extension}`)),
  );
  const picture = join(out, isImage(file.features) ? 'images.png' : 'spectrograms.png');
  await missingLevels(out);
  const there = [...files.flat(), picture].find((path) => existsSync(path));
  if (there) throw new DataError(`${there}: exists; nothing is overwritten: give another folder by --out`);
  const { signal, dispose } = interruption('stopping after these; whole files stay');
  let made: string[] = [];
  let written = 0;
  try {
    await withEngine(options, async (engine) => {
      const model = buildModel(engine, file, name);
      made = await makeFolder(out);
      const shown: GridRow[] = [];
      for (const [row, label] of labels.entries()) {
        const index = label === null ? null : file.labels.indexOf(label);
        const clips = await generateLabel(
          engine,
          medium,
          model,
          { label: index, speaker },
          options,
          files[row],
          signal,
        );
        written += clips.count;
        shown.push({ pictures: clips.shown });
        if (label !== null) say(`label ${printable(label)}: ${clips.count} ${medium.things}`);
        if (signal.aborted) break;
      }
      if (written > 0) await writeWhole(picture, encodePng(await imageGrid(shown, pictureOf(file.features))));
    });
    if (written === 0) {
      say('stopped before the first file; nothing is left of it');
      throw new Stopped();
    }
    return { out, files: files.flat().filter((path) => existsSync(path)), picture };
  } finally {
    if (written === 0) await removeEmpty(made);
    dispose();
  }
}

/** The labels to say. @throws UsageError as `checkLabel`. */
function chosenLabels(file: ModelFile, wanted: string[] | undefined): (string | null)[] {
  for (const label of wanted ?? []) checkLabel(file, label);
  if (file.config.model === 'vae') return [null];
  return wanted ? [...new Set(wanted)] : file.labels;
}

async function generateLabel(
  engine: Engine,
  medium: Medium,
  model: Vae,
  who: Pick<SampleOptions, 'label' | 'speaker'>,
  { count, temperature, seed }: GenerateOptions,
  paths: string[],
  signal: AbortSignal,
): Promise<{ shown: Float32Array[]; count: number }> {
  const shown: Float32Array[] = [];
  let written = 0;
  for (let first = 0; first < count && !signal.aborted; first += chunk) {
    const indices = Array.from({ length: Math.min(chunk, count - first) }, (_, i) => first + i);
    const sample = () => samplePrior(engine, model, { ...who, indices, temperature, seed });
    for (const [i, { values, bytes }] of (await medium.encode(engine, sample)).entries()) {
      await writeWhole(paths[indices[i]], bytes);
      written++;
      if (indices[i] < mostShown) shown.push(values);
    }
  }
  return { shown, count: written };
}

await runIfMain('generate', generate);

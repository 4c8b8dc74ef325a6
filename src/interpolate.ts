// formant interpolate: a walk between two recordings or images, two labels, or over two latent dimensions. All of it is
// made before the first file is written, so that a walk that is stopped leaves nothing half.

import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import { type Joined, joinClips } from './audio/join.ts';
import { printable } from './audio/names.ts';
import { encodeWav } from './audio/wav.ts';
import {
  type CommonOptions,
  interruption,
  newCommand,
  print,
  runIfMain,
  Stopped,
  say,
  wholeNumber,
  withEngine,
} from './command.ts';
import { DataError } from './engine/errors.ts';
import { type ExampleFile, mediumOf, pictureOf } from './medium.ts';
import { isImage } from './model/inputs.ts';
import { walk, walkModes } from './model/walk.ts';
import { openRun } from './openRun.ts';
import { makeFolder, missingLevels, nextFree, removeEmpty, writeWhole } from './outFolder.ts';
import { type GridRow, imageGrid } from './plot/imageGrid.ts';
import { encodePng } from './plot/raster.ts';
import { type About, type Route, type RouteOptions, routeOf } from './route.ts';

export interface InterpolateOptions extends CommonOptions, RouteOptions {
  run: string;
  out?: string;
}

export type InterpolateResult = About & {
  out: string;
  /** In the order of the walk; of a grid row by row. */
  files: string[];
  picture: string;
  /** For sound: all clips one after the other, those of a grid to and fro so that neighbours follow each other. */
  walk?: string;
  /** Where each clip begins in it, seconds, in its order. */
  starts?: number[];
};

/** Pictures in a row of the strip; longer walks go on in the next. */
const mostInRow = 16;

export function interpolate() {
  return newCommand('interpolate', 'walk through the latent space between two sounds, images or labels')
    .requiredOption('--run <dir>', 'run folder of the model')
    .option('--from <file>', 'where to begin: a WAV file, or a PNG for a model of images')
    .option('--to <file>', 'where to end')
    .option('--from-label <label>', 'begin at this label of a conditional model, z drawn once from the prior')
    .option('--to-label <label>', 'end at this label, the same z')
    .option(
      '--from-speaker <name>',
      'begin in this voice of a model that knows speakers, z drawn once from the prior',
    )
    .option('--to-speaker <name>', 'end in this voice, the same z')
    .option('--speaker <name>', 'voice of a walk between labels, or of a grid (default: the mean of all)')
    .option(
      '--grid [i,j]',
      'over two latent dimensions (default: those of largest KL over the test data)',
      pair,
    )
    .option('--steps <n>', 'clips or images, both ends included; each way of a grid', wholeNumber(2), 8)
    .addOption(
      new Option(
        '--mode <name>',
        'between files: straight, or by angle and length (default: linear)',
      ).choices(walkModes),
    )
    .option('--label <label>', 'of both files (default: by name or folder), of a grid, or between voices')
    .option(
      '--seed <n>',
      'of z between labels or voices (default: 1); of the other dimensions of a grid',
      wholeNumber(0),
    )
    .option('--range <low,high>', 'of both dimensions of a grid (default: -2,2)', range)
    .option('--out <dir>', 'where to write (default: a new folder in walks/ in the run folder)')
    .action(async (options: InterpolateOptions) => {
      const result = await runInterpolate(options);
      const listen = result.walk ? `\nlisten: ${printable(result.walk)}` : '';
      const sum = `${result.files.length} files in ${printable(result.out)}`;
      print(options, result, `${sum}\npicture: ${printable(result.picture)}${listen}`);
    });
}

function numbers(text: string): number[] {
  return text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
}

function pair(text: string): [number, number] {
  const found = numbers(text);
  if (found.length !== 2 || found.some((v) => !Number.isSafeInteger(v) || v < 0) || found[0] === found[1])
    throw new InvalidArgumentError('give two different dimensions, counted from 0, such as 0,3');
  return found as [number, number];
}

function range(text: string): [number, number] {
  const found = numbers(text);
  if (found.length !== 2 || !found.every(Number.isFinite) || found[0] >= found[1])
    throw new InvalidArgumentError('give two numbers, the lower one first, such as -2,2');
  return found as [number, number];
}

/** The whole of `formant interpolate`. @throws Stopped if Ctrl-C came before the files were written. */
export async function runInterpolate(options: InterpolateOptions): Promise<InterpolateResult> {
  const { run, out: given, adapter, json, ...way } = options;
  const opened = await openRun(run);
  const route = routeOf(opened, way);
  const { features } = opened.file;
  const medium = mediumOf(features);
  const out = given ?? nextFree(opened.folder.path('walks', route.name));
  const files = names(route, run).map((name) => join(out, `${name}.${medium.extension}`));
  const picture = join(out, isImage(features) ? 'images.png' : 'spectrograms.png');
  const rate = isImage(features) ? null : features.sampleRate;
  const heard = join(out, 'walk.wav');
  await missingLevels(out);
  const there = [...files, picture, ...(rate ? [heard] : [])].find((path) => existsSync(path));
  if (there)
    throw new DataError(`${printable(there)}: exists; nothing is overwritten: give another folder by --out`);
  const { signal, dispose } = interruption('stopping');
  const halt = () => {
    if (!signal.aborted) return;
    say('stopped; nothing is left of it, run it again');
    throw new Stopped();
  };
  try {
    const made: ExampleFile[] = [];
    const about = await withEngine({ adapter, json }, async (engine) => {
      halt();
      const model = opened.model(engine);
      const { points, about } = await route.points(engine, model);
      for (const examples of walk(engine, model, points)) {
        made.push(...(await medium.encode(engine, () => examples)));
        halt();
      }
      return about;
    });
    const content = new Map(made.map(({ bytes }, i) => [files[i], bytes]));
    content.set(picture, encodePng(await imageGrid(rowsOf(made, route), pictureOf(features))));
    const joined = rate && inOrder(made, route, rate);
    if (joined) content.set(heard, encodeWav(joined.wave, rate));
    await writeAll(out, content, halt);
    return { ...about, out, files, picture, ...(joined && { walk: heard, starts: joined.starts }) };
  } finally {
    dispose();
  }
}

/** `step_{run}_{number}`, or `row-{number}_{run}_{column}`, numbers of one width, so that they sort. */
function names({ rows, columns }: Route, run: string): string[] {
  const of = basename(resolve(run)).replace(/[^\w.-]|_/g, '-');
  const width = `${columns - 1}`.length;
  const number = (i: number) => `${i}`.padStart(width, '0');
  return Array.from({ length: rows * columns }, (_, i) => {
    const row = rows > 1 ? `row-${number(Math.floor(i / columns))}` : 'step';
    return `${row}_${of}_${number(i % columns)}`;
  });
}

function rowsOf(made: readonly ExampleFile[], { rows, columns }: Route): GridRow[] {
  const long = rows > 1 ? columns : mostInRow;
  return Array.from({ length: Math.ceil(made.length / long) }, (_, r) => ({
    pictures: made.slice(r * long, (r + 1) * long).map(({ values }) => values),
  }));
}

/** Every other row backwards: so each clip follows one that differs by one step. */
function inOrder(made: readonly ExampleFile[], { columns }: Route, sampleRate: number): Joined {
  const clips = made.map((_, i) => {
    const row = Math.floor(i / columns);
    const at = row % 2 === 0 ? i : (2 * row + 1) * columns - 1 - i;
    return made[at].wave as Float32Array;
  });
  return joinClips(clips, sampleRate);
}

/** Writes files into a folder, all of them or none. */
async function writeAll(out: string, content: Map<string, Uint8Array>, halt: () => void): Promise<void> {
  const made = await makeFolder(out);
  const written: string[] = [];
  try {
    for (const [path, bytes] of content) {
      halt();
      written.push(path);
      await writeWhole(path, bytes);
    }
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    await removeEmpty(made);
    throw error;
  }
}

await runIfMain('interpolate', interpolate);

// Which way a walk goes, as the options of `formant interpolate` say it: between two files, between two labels at one z,
// or over the plane of two latent dimensions. Wrong usage is found before an adapter is opened; points come with it.

import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { fileStems, printable } from './audio/names.ts';
import { say, UsageError } from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { readExamples } from './examples.ts';
import { checkLabel, checkSpeaker, labelsOfFiles, speakerOfFile } from './labels.ts';
import type { ModelFile } from './model/checkpoint.ts';
import { conditionsOf } from './model/dataset.ts';
import { klPerUnit } from './model/evaluate.ts';
import { noiseOf, priorMean, priorPoint } from './model/prior.ts';
import type { Vae } from './model/vae.ts';
import { interpolate, latentPlane, type Points, type WalkMode } from './model/walk.ts';
import type { OpenRun } from './openRun.ts';
import { sayIfUnfitted } from './unfitted.ts';

export interface RouteOptions {
  from?: string;
  to?: string;
  fromLabel?: string;
  toLabel?: string;
  fromSpeaker?: string;
  toSpeaker?: string;
  /** Of a walk that has one, for a model that knows some. */
  speaker?: string;
  /** True: the dimensions are chosen. */
  grid?: [number, number] | true;
  steps: number;
  mode?: WalkMode;
  label?: string;
  seed?: number;
  range?: [number, number];
}

/** What a walk is of, as its JSON says it. */
export type About =
  | { kind: 'files'; mode: WalkMode; from: End; to: End }
  | { kind: 'labels'; from: string; to: string; seed: number }
  | { kind: 'speakers'; from: string; to: string; label: string; seed: number }
  | {
      kind: 'grid';
      /** Across, down. */
      dims: [number, number];
      /** Of every latent, nats, if the dimensions were chosen by it. */
      kl: number[] | null;
      range: [number, number];
      label: string | null;
      /** Of the other dimensions; null: they are 0. */
      seed: number | null;
    };

export interface End {
  file: string;
  label: string | null;
}

export interface Route {
  /** For the name of a folder. */
  name: string;
  rows: number;
  columns: number;
  points(engine: Engine, model: Vae): Promise<{ points: Points; about: About }>;
}

const mostSteps = 256;
const mostGridSteps = 32;

/** Options besides the kind's own, by kind. */
const kinds = {
  files: { needs: ['from', 'to'], takes: ['mode', 'label'] },
  labels: { needs: ['fromLabel', 'toLabel'], takes: ['seed', 'speaker'] },
  speakers: { needs: ['fromSpeaker', 'toSpeaker'], takes: ['seed', 'label'] },
  grid: { needs: ['grid'], takes: ['range', 'seed', 'label', 'speaker'] },
} as const;
type Kind = keyof typeof kinds;

const flag = (key: string) => `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;

/** Says where a walk needs a prior that is not fitted yet. @throws UsageError for options that make no walk. */
export function routeOf(run: OpenRun, options: RouteOptions): Route {
  const kind = kindOf(options);
  const { steps } = options;
  const most = kind === 'grid' ? mostGridSteps : mostSteps;
  if (steps > most)
    throw new UsageError(`--steps ${steps}: at most ${most}${kind === 'grid' ? ' each way of a grid' : ''}`);
  if (kind === 'files') return between(run.file, options);
  const route =
    kind === 'labels'
      ? betweenLabels(run.file, options)
      : kind === 'speakers'
        ? betweenSpeakers(run.file, options)
        : overPlane(run, options);
  sayIfUnfitted(run.file);
  return route;
}

function kindOf(options: RouteOptions): Kind {
  const given = (Object.keys(options) as (keyof RouteOptions)[]).filter((key) => options[key] !== undefined);
  const has = (key: string) => (given as string[]).includes(key);
  const meant = (Object.keys(kinds) as Kind[]).filter((kind) => kinds[kind].needs.some(has));
  if (meant.length === 0)
    throw new UsageError(
      'give --from and --to (files), --from-label and --to-label (of a conditional model), --from-speaker and --to-speaker ' +
        '(of one that knows speakers), or --grid',
    );
  if (meant.length > 1) {
    const flags = meant.map((kind) => flag(kinds[kind].needs.find(has) as string));
    throw new UsageError(`${flags.join(' and ')}: a walk is one of these; leave the others out`);
  }
  const [kind] = meant;
  const missing = kinds[kind].needs.find((key) => !has(key));
  if (missing)
    throw new UsageError(`${flag(kinds[kind].needs.find(has) as string)} needs ${flag(missing)} too`);
  const own: readonly string[] = kinds[kind].takes;
  const all = Object.values(kinds).flatMap(({ takes }) => takes as readonly string[]);
  const idle = all.find((key) => has(key) && !own.includes(key));
  if (idle) {
    const of = flag(kinds[kind].needs[0]);
    throw new UsageError(`${flag(idle)}: means nothing to a walk by ${of}; leave it out`);
  }
  return kind;
}

/** Between two files at z = mu; their labels, if they differ, are blended along the way. */
function between(file: ModelFile, options: RouteOptions): Route {
  const { steps, mode = 'linear' } = options;
  const files = [options.from as string, options.to as string];
  files.forEach((path, i) => {
    if (!existsSync(path) && file.config.model === 'cvae' && file.labels.includes(path))
      throw new UsageError(
        `${['--from', '--to'][i]} ${path}: no such file; for the label, --from-label and --to-label`,
      );
  });
  const labels = labelsOfFiles(file, files, options.label);
  const [a, b] = fileStems(
    files.map((path) => basename(path, extname(path))),
    'clip',
  );
  return {
    name: `${a}-to-${b}`,
    rows: 1,
    columns: steps,
    points: async (engine, model) => {
      const { latent, classes } = model.config;
      const indices = labels.map((l) => file.labels.indexOf(l as string));
      const who = files.map((path) => speakerOfFile(file, path));
      const hot = classes > 0 ? conditionsOf(model.config, indices, who) : null;
      const x = await readExamples(engine, files, file.features);
      const mu = engine.scope(() =>
        engine.noGrad(() => model.encode(x, hot && engine.tensor(hot.data, hot.shape)).mu),
      );
      x.dispose();
      const codes = await mu.read();
      mu.dispose();
      const z = interpolate(codes.subarray(0, latent), codes.subarray(latent), steps, mode);
      const label = hot && blended(hot.data, steps);
      const [from, to] = files.map((path, i) => ({ file: path, label: labels[i] }));
      return { points: { z, label }, about: { kind: 'files', mode, from, to } };
    },
  };
}

/**
 * One z of the prior, that of `generate --label FROM --seed N`, told to be one label and more and more the other; where
 * each label has a prior of its own, it goes to what the same noise is there.
 */
function betweenLabels(file: ModelFile, options: RouteOptions): Route {
  const { steps, seed = 1, speaker } = options;
  const from = checkLabel(file, options.fromLabel as string, '--from-label');
  const to = checkLabel(file, options.toLabel as string, '--to-label');
  if (from === to)
    throw new UsageError(`--to-label ${printable(to)}: is where the walk begins; give another label`);
  const [a, b] = fileStems([from, to], 'label');
  return {
    name: `label-${a}-to-${b}`,
    rows: 1,
    columns: steps,
    points: async (_, model) => {
      const index = file.labels.indexOf(from);
      const who = speaker === undefined ? -1 : checkSpeaker(file, speaker);
      const hot = conditionsOf(model.config, [index, file.labels.indexOf(to)], [who, who]);
      const noise = noiseOf(seed, index, 0, model.config.latent);
      const [first, last] = [from, to].map((l) => priorPoint(model.prior, file.labels.indexOf(l), noise));
      const z = interpolate(first, last, steps);
      const label = blended(hot.data, steps);
      return { points: { z, label }, about: { kind: 'labels', from, to, seed } };
    },
  };
}

/** Conditions from the first of two rows to the second. */
const blended = (rows: Float32Array, steps: number) =>
  interpolate(rows.subarray(0, rows.length / 2), rows.subarray(rows.length / 2), steps);

/** One z of the prior, that of `generate --label L --seed N`, said by one speaker and more and more by the other. */
function betweenSpeakers(file: ModelFile, options: RouteOptions): Route {
  const { steps, seed = 1, fromSpeaker: from = '', toSpeaker: to = '' } = options;
  const who = [checkSpeaker(file, from, '--from-speaker'), checkSpeaker(file, to, '--to-speaker')];
  if (from === to)
    throw new UsageError(`--to-speaker ${printable(to)}: is where the walk begins; give another speaker`);
  if (options.label === undefined)
    throw new UsageError(`--from-speaker: give --label, one of ${file.labels.map(printable).join(', ')}`);
  const label = checkLabel(file, options.label);
  const [a, b] = fileStems([from, to], 'speaker');
  return {
    name: `speaker-${a}-to-${b}`,
    rows: 1,
    columns: steps,
    points: async (_, model) => {
      const index = file.labels.indexOf(label);
      const drawn = priorPoint(model.prior, index, noiseOf(seed, index, 0, model.config.latent));
      const z = interpolate(drawn, drawn, steps);
      const rows = blended(conditionsOf(model.config, [index, index], who).data, steps);
      return { points: { z, label: rows }, about: { kind: 'speakers', from, to, label, seed } };
    },
  };
}

/** Over the plane of two latent dimensions; the others are the prior's mean, or the z of `generate --seed N`. */
function overPlane({ file, dataset }: OpenRun, options: RouteOptions): Route {
  const { steps, grid, seed = null, range = [-2, 2] } = options;
  const { config, labels } = file;
  const { latent } = config;
  if (latent < 2) throw new UsageError(`--grid: this model has ${latent} latent dimension; a grid needs two`);
  const outside = grid === true ? undefined : grid?.find((d) => d >= latent);
  if (outside !== undefined)
    throw new UsageError(`--grid: dimension ${outside}; this model has ${latent}, counted from 0`);
  if (config.model === 'cvae' && options.label === undefined)
    throw new UsageError(`--grid: give --label, one of ${labels.map(printable).join(', ')}`);
  const label = options.label === undefined ? null : checkLabel(file, options.label);
  const index = label === null ? null : labels.indexOf(label);
  const of = label === null ? [] : fileStems([`label-${label}`], 'label');
  return {
    name: ['grid', ...(Array.isArray(grid) ? grid : []), ...of].join('-'),
    rows: steps,
    columns: steps,
    points: async (engine, model) => {
      const kl = grid === true ? await activity(engine, model, dataset) : null;
      const dims = kl ? mostActive(kl) : (grid as [number, number]);
      const centre =
        seed === null
          ? priorMean(model.prior, index, latent)
          : priorPoint(model.prior, index, noiseOf(seed, index, 0, latent));
      const z = latentPlane(centre, dims, range, steps);
      const of = (value: number) => Array<number>(steps * steps).fill(value);
      const who = options.speaker === undefined ? -1 : checkSpeaker(file, options.speaker);
      const hot = index === null ? null : conditionsOf(model.config, of(index), of(who)).data;
      return { points: { z, label: hot }, about: { kind: 'grid', dims, kl, range, label, seed } };
    },
  };
}

/** KL of each latent over the run's test split, or what else it holds; nats. */
async function activity(engine: Engine, model: Vae, dataset: OpenRun['dataset']): Promise<number[]> {
  const { data } = await dataset(engine).catch((error: Error) => {
    if (error instanceof DataError)
      throw new DataError(`${error.message} (or give the dimensions, --grid I,J: then no data are needed)`);
    throw error;
  });
  const split = data.test ?? data.valid ?? data.train;
  const kl = await klPerUnit(engine, model, data, split);
  const dims = mostActive(kl).map((d) => `z${d} (${kl[d].toFixed(2)} nats)`);
  const of = split === data.test ? 'test' : split === data.valid ? 'validation' : 'training';
  say(`grid over ${dims.join(' and ')}, the latents of largest KL over ${split.count} ${of} examples`);
  return kl;
}

/** The two largest, the larger first. */
function mostActive(kl: readonly number[]): [number, number] {
  const [a, b] = kl.map((_, i) => i).sort((i, j) => kl[j] - kl[i]);
  return [a, b];
}

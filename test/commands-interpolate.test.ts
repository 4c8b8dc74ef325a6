// interpolate as a person runs it: between files, between labels, over two latents; what is told of wrong usage and bad
// files; what is left when it, or generate, is stopped. The runs are models as they were drawn, on clips of 16 frames and
// small images. Needs `npm run build` first (npm test does it).

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readExamples } from '../src/examples.ts';
import { runGenerate } from '../src/generate.ts';
import { decodeGrey, encodeGrey } from '../src/imageFile.ts';
import { runInterpolate } from '../src/interpolate.ts';
import type { InputSettings } from '../src/model/inputs.ts';
import type { TrainConfig } from '../src/model/presets.ts';
import {
  buildModel,
  decodeModel,
  decodeWav,
  encodeModel,
  encodeWav,
  exampleShape,
  featuresToWaves,
  joinClips,
  noiseOf,
  openEngine,
  presetConfig,
  priorPoint,
  Random,
  referenceFeatures,
  Vae,
  vaeConfig,
} from '../src/node.ts';
import { openRun } from '../src/openRun.ts';
import { runReconstruct } from '../src/reconstruct.ts';
import { type RouteOptions, routeOf } from '../src/route.ts';
import { sharedDevice } from './device.ts';
import { commandsIn, heard, root } from './launch.ts';

let dir: string;
let device: GPUDevice;
const { launch, run, spawned } = commandsIn(() => dir);
const at = (...parts: string[]) => join(dir, ...parts);
const size = { height: 6, width: 8 };
const sound = { ...referenceFeatures, length: 2048, nMels: 16, maxDb: 20 };
const clips = ['0_ann_7.wav', '1_ann_7.wav'];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'formant-interpolate-'));
  mkdirSync(at('data'));
  const digits = join(root, 'data', 'digits');
  for (const name of readdirSync(digits))
    if (/^[01]_(gbf1|usm1)_/.test(name)) cpSync(join(digits, name), at('data', name));
  writeFileSync(at('data', 'split.json'), '{"testSpeakers": ["gbf1"]}');
  clips.forEach((name, i) => {
    const { channels } = decodeWav(readFileSync(join(digits, `${i}_gbf1_0.wav`)), name);
    writeFileSync(at(name), encodeWav(channels[0].slice(0, 2000), 8000));
  });
  writeFileSync(at('silent.wav'), encodeWav(new Float32Array(2000), 8000));
  for (const i of [0, 1])
    writeFileSync(at(`${i}.png`), encodeGrey(new Random(1, 'image').uniform(i, 48), size));
  writeFileSync(at('large.png'), encode({ width: 9, height: 6, data: new Uint8Array(54), channels: 1 }));
  device = await sharedDevice();
  const engine = await openEngine({ device });
  const save = async (name: string, config: TrainConfig, features: InputSettings, labels: string[]) => {
    const model = new Vae(engine, vaeConfig(config, exampleShape(features), { labels }), 3);
    const info = { config, features, labels };
    mkdirSync(at(name));
    const params = await model.params.state();
    writeFileSync(at(name, 'model.safetensors'), encodeModel({ ...info, params }));
    writeFileSync(at(name, 'config.json'), JSON.stringify({ ...info, data: at('data') }));
  };
  const tiny = { channels: [8, 8, 8], hidden: 16, latent: 4 };
  await save('spoken', { ...presetConfig('demo', 'cvae'), ...tiny }, sound, ['0', '1']);
  await save('drawn', { ...presetConfig('mnist-ref', 'vae'), widths: [16], latent: 3 }, size, []);
  await save('flat', { ...presetConfig('mnist-ref', 'vae'), widths: [16], latent: 1 }, size, []);
  engine.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const wave = (path: string) => decodeWav(readFileSync(path), path).channels[0];

describe('between files', () => {
  test('the ends are the reconstructions; every clip, the whole walk and the strip are there', async () => {
    const args = ['--run', 'spoken', '--from', clips[0], '--to', clips[1], '--steps', '3', '--json'];
    const { code, stdout, stderr } = await spawned('interpolate', ...args);
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout);
    const out = join('spoken', 'walks', '0_ann_7-to-1_ann_7-1');
    const names = [0, 1, 2].map((i) => `step_spoken_${i}.wav`);
    expect(result).toMatchObject({
      kind: 'files',
      mode: 'linear',
      from: { file: clips[0], label: '0' },
      to: { file: clips[1], label: '1' },
      out,
      files: names.map((name) => join(out, name)),
      picture: join(out, 'spectrograms.png'),
      walk: join(out, 'walk.wav'),
    });
    expect(readdirSync(at(out)).sort()).toEqual(['spectrograms.png', ...names, 'walk.wav']);
    const { width, height } = decode(readFileSync(at(result.picture)));
    expect([width, height]).toEqual([3 * 34 - 2, 32]);
    expect(result.starts).toHaveLength(3);
    // In the walk each clip is as it is alone, from somewhere on: the middle of the first is found at its place.
    const [first, whole] = [wave(at(result.files[0])), wave(at(result.walk))];
    expect(whole.length / 8000).toBeGreaterThan(result.starts[2] + 0.02);
    const loudest = first.reduce((best, v, i) => (Math.abs(v) > Math.abs(first[best]) ? i : best), 0);
    expect(Math.abs(first[loudest])).toBeGreaterThan(0.01);
    const inWalk = whole.indexOf(first[loudest]);
    expect(whole.slice(inWalk - 50, inWalk + 50)).toEqual(first.slice(loudest - 50, loudest + 50));
    const back = await runReconstruct(
      clips.map((name) => at(name)),
      { run: at('spoken'), device },
    );
    for (const [step, { out: path }] of [
      [0, back.files[0]],
      [2, back.files[1]],
    ] as const) {
      const [x, y] = [wave(at(result.files[step])), wave(path)];
      expect(y).toHaveLength(2000);
      // Rounded to 16 bits, twice.
      y.forEach((v, i) => {
        expect(Math.abs(v - x[i])).toBeLessThan(2.5 / 32768);
      });
    }
  });

  test('images, by angle: PNGs, ends as reconstructed, a strip in rows of 16, a new folder each time', async () => {
    const files = [at('0.png'), at('1.png')];
    const ends = { from: files[0], to: files[1] };
    const way = { run: at('drawn'), device, ...ends, mode: 'spherical', steps: 17 } as const;
    const result = await runInterpolate(way);
    expect(result).not.toHaveProperty('walk');
    expect(result.out).toBe(at('drawn', 'walks', '0-to-1-1'));
    expect(readdirSync(result.out)).toHaveLength(18);
    const { width, height } = decode(readFileSync(result.picture));
    expect([width, height]).toEqual([16 * 18 - 2, 2 * 14 - 2]);
    const back = await runReconstruct(files, { run: at('drawn'), device });
    const image = (path: string) => decodeGrey(readFileSync(path), path, size);
    for (const [i, step] of [0, 16].entries())
      image(result.files[step]).forEach((v, k) => {
        expect(Math.abs(v - image(back.files[i].out)[k])).toBeLessThan(1.5 / 255);
      });
    expect((await runInterpolate(way)).out).toBe(at('drawn', 'walks', '0-to-1-2'));
    const out = at('drawn', 'walks', '0-to-1-1');
    await expect(runInterpolate({ ...way, out })).rejects.toThrow(
      /step_drawn_00\.png: exists; nothing is over/,
    );
  });
});

test('between labels: from the sample of the one, at the same z', async () => {
  const way = {
    run: at('spoken'),
    device,
    fromLabel: '0',
    toLabel: '1',
    seed: 5,
    steps: 2,
    out: at('labels'),
  };
  const { files, ...about } = await runInterpolate(way);
  expect(about).toMatchObject({ kind: 'labels', from: '0', to: '1', seed: 5 });
  const sample = {
    run: at('spoken'),
    device,
    label: ['0'],
    seed: 5,
    count: 1,
    temperature: 1,
    out: at('sample'),
  };
  const made = await runGenerate(sample);
  const [x, y] = [wave(files[0]), wave(made.files[0])];
  y.forEach((v, i) => {
    expect(Math.abs(v - x[i])).toBeLessThan(2.5 / 32768);
  });
  expect(wave(files[1])).not.toEqual(x);
});

test('between labels that have priors of their own: from one to the other at the same noise', async () => {
  const file = decodeModel(readFileSync(at('spoken', 'model.safetensors')), 'spoken');
  const places = Float32Array.of(2, 2, 2, 2, -2, -2, -2, -2);
  const narrow = Float32Array.from({ length: 32 }, (_, i) => ((i % 16) % 5 === 0 ? 0.1 : 0));
  const prior = {
    weight: { data: Float32Array.of(1, 1), shape: [2, 1] },
    mean: { data: places, shape: [2, 1, 4] },
    scale: { data: narrow, shape: [2, 4, 4] },
  };
  mkdirSync(at('prior'));
  cpSync(at('spoken', 'config.json'), at('prior', 'config.json'));
  writeFileSync(at('prior', 'model.safetensors'), encodeModel({ ...file, prior }));
  const labels = { fromLabel: '0', toLabel: '1', seed: 5, steps: 3 };
  const { files } = await runInterpolate({ run: at('prior'), device, ...labels, out: at('prior-labels') });
  const made = await runGenerate({
    ...{ run: at('prior'), device, label: ['0'], seed: 5, count: 1, temperature: 1 },
    out: at('prior-sample'),
  });
  const [x, y] = [wave(files[0]), wave(made.files[0])];
  y.forEach((v, i) => {
    expect(Math.abs(v - x[i])).toBeLessThan(2.5 / 32768);
  });
  // It ends at the other label's prior, at the noise of the first.
  const engine = await openEngine({ device });
  const model = buildModel(engine, { ...file, prior }, 'prior');
  const end = priorPoint(prior, 1, noiseOf(5, 0, 0, 4));
  expect(Math.abs(end[0] + 2)).toBeLessThan(0.5);
  const decoded = engine.noGrad(() =>
    featuresToWaves(engine, model.decode(engine.tensor(end, [1, 4]), engine.tensor([0, 1], [1, 2])), sound),
  );
  const last = wave(files[2]);
  (await decoded.read()).forEach((v, i) => {
    expect(Math.abs(v - last[i])).toBeLessThan(2.5 / 32768);
  });
  engine.close();
  // The plane lies around the prior's mean, not around 0.
  const grid = {
    grid: [0, 1] as [number, number],
    label: '1',
    steps: 2,
    range: [-1e-6, 1e-6] as [number, number],
  };
  const centre = await runInterpolate({ run: at('prior'), device, ...grid, out: at('prior-grid') });
  const plain = await runInterpolate({ run: at('spoken'), device, ...grid, out: at('plain-grid') });
  expect(wave(centre.files[0])).not.toEqual(wave(plain.files[0]));
});

test('that a prior is not fitted yet is said of every walk that takes z from it', async () => {
  const file = decodeModel(readFileSync(at('spoken', 'model.safetensors')), 'spoken');
  mkdirSync(at('unfitted'));
  cpSync(at('spoken', 'config.json'), at('unfitted', 'config.json'));
  const config = { ...file.config, mixture: 4 };
  writeFileSync(at('unfitted', 'model.safetensors'), encodeModel({ ...file, config }));
  const said = async (name: string, way: Partial<RouteOptions>) => {
    const opened = await openRun(at(name));
    const stderr = heard(process.stderr);
    routeOf(opened, { steps: 2, ...way });
    return stderr();
  };
  const labels = { fromLabel: '0', toLabel: '1' };
  const grid: Partial<RouteOptions> = { grid: [0, 1], label: '0' };
  for (const way of [labels, grid])
    expect(await said('unfitted', way)).toMatch(/^its prior is not fitted yet.*train --resume.*\n$/);
  expect(await said('unfitted', { from: at(clips[0]), to: at(clips[1]) })).toBe('');
  expect(await said('spoken', labels)).toBe('');
});

describe('a grid', () => {
  test('over the latents of largest KL, which the run’s data tell', async () => {
    const way = { run: at('spoken'), device, grid: true, label: '1', steps: 2, range: [-1, 1] } as const;
    const result = await runInterpolate({ ...way, range: [...way.range] });
    if (result.kind !== 'grid' || !result.kl) throw new Error('no figures');
    const { kl, dims } = result;
    expect(kl).toHaveLength(4);
    const rest = kl.filter((_, i) => !dims.includes(i));
    expect(kl[dims[0]]).toBeGreaterThanOrEqual(kl[dims[1]]);
    for (const v of rest) expect(kl[dims[1]]).toBeGreaterThanOrEqual(v);
    expect(result).toMatchObject({ label: '1', seed: null, range: [-1, 1] });
    expect(result.out).toBe(at('spoken', 'walks', 'grid-label-1-1'));
    const names = ['row-0_spoken_0', 'row-0_spoken_1', 'row-1_spoken_0', 'row-1_spoken_1'];
    expect(result.files).toEqual(names.map((name) => join(result.out, `${name}.wav`)));
    // Heard to and fro.
    const order = [0, 1, 3, 2].map((i) => wave(result.files[i]));
    const { wave: whole, starts } = joinClips(order, 8000);
    expect(result.starts).toEqual(starts);
    const heard = wave(result.walk as string);
    expect(heard).toHaveLength(whole.length);
    heard.forEach((v, i) => {
      expect(Math.abs(v - whole[i])).toBeLessThan(1.5 / 32768);
    });
  });

  test('over two given ones: corners of the picture differ as the decoder makes them', async () => {
    const way = { run: at('drawn'), device, grid: [2, 0] as [number, number], seed: 4, steps: 3 };
    const result = await runInterpolate(way);
    expect(result).toMatchObject({ dims: [2, 0], kl: null, range: [-2, 2], seed: 4, label: null });
    const { width, height } = decode(readFileSync(result.picture));
    expect([width, height]).toEqual([3 * 18 - 2, 3 * 14 - 2]);
    const turned = await runInterpolate({ ...way, grid: [0, 2] });
    for (const [row, column] of [
      [0, 1],
      [2, 0],
      [1, 1],
    ])
      expect(readFileSync(result.files[3 * row + column])).toEqual(
        readFileSync(turned.files[3 * column + row]),
      );
    expect(readFileSync(result.files[1])).not.toEqual(readFileSync(result.files[3]));
  });
});

test('stopped by Ctrl-C, nothing is left, and the code is 130', async () => {
  const args = ['--run', 'drawn', '--grid', '0,1', '--steps', '32', '--out', 'stopped/here'];
  const { child, ended } = launch('interpolate', ...args);
  child.stderr?.on('data', (text) => {
    if (`${text}`.includes('adapter:')) child.kill('SIGINT');
  });
  const { code, stderr, stdout } = await ended;
  expect([code, stdout]).toEqual([130, '']);
  expect(stderr).toContain('stopped; nothing is left of it, run it again');
  expect(existsSync(at('stopped'))).toBe(false);
});

test('generate stops at Ctrl-C with whole files, and says which', async () => {
  const out = at('many');
  const args = ['--run', 'spoken', '--count', '5000', '--out', 'many', '--json'];
  const { child, ended } = launch('generate', ...args);
  const watch = setInterval(() => {
    if (!existsSync(out) || readdirSync(out).length === 0) return;
    clearInterval(watch);
    child.kill('SIGINT');
  }, 5);
  const { code, stdout, stderr } = await ended;
  expect(code, stderr).toBe(0);
  const { files } = JSON.parse(stdout);
  expect(files.length).toBeGreaterThan(0);
  expect(files.length).toBeLessThan(10_000);
  expect(readdirSync(out)).toHaveLength(files.length + 1);
  expect(wave(at(files[files.length - 1]))).toHaveLength(2048);
});

describe('wrong usage and bad files', () => {
  const spoken = ['--run', 'spoken'];
  const drawn = ['--run', 'drawn'];
  const ends = ['--from', clips[0], '--to', clips[1]];

  test.each([
    [spoken, 2, /give --from and --to .*, --from-label and --to-label .*, or --grid/],
    [ends, 2, /required option '--run/],
    [['--run', 'data', ...ends], 1, /no config\.json in it; this is not a run folder/],
    [[...spoken, '--from', clips[0]], 2, /--from needs --to too/],
    [[...spoken, '--to', clips[0]], 2, /--to needs --from too/],
    [[...spoken, '--to-label', '1'], 2, /--to-label needs --from-label too/],
    [[...spoken, ...ends, '--to-label', '1'], 2, /--from and --to-label: a walk is one of these/],
    [[...spoken, ...ends, '--grid'], 2, /--from and --grid: a walk is one of these/],
    [[...spoken, ...ends, '--seed', '3'], 2, /--seed: means nothing to a walk by --from; leave it out/],
    [[...spoken, ...ends, '--range', '-1,1'], 2, /--range: means nothing to a walk by --from/],
    [
      [...spoken, '--grid', '--label', '0', '--mode', 'linear'],
      2,
      /--mode: means nothing to a walk by --grid/,
    ],
    [[...spoken, '--from-label', '0', '--to-label', '1', '--label', '1'], 2, /--label: means nothing to/],
    [
      [...spoken, ...ends, '--steps', '1'],
      2,
      /'--steps <n>' argument '1' is invalid. give a whole number of at least 2/,
    ],
    [[...spoken, ...ends, '--steps', '257'], 2, /--steps 257: at most 256/],
    [[...drawn, '--grid', '0,1', '--steps', '33'], 2, /--steps 33: at most 32 each way of a grid/],
    [[...spoken, ...ends, '--mode', 'cubic'], 2, /Allowed choices are linear, spherical/],
    [[...spoken, ...ends, '--label', '7'], 2, /--label 7: this model knows 0, 1/],
    [[...spoken, '--from-label', '0', '--to-label', '7'], 2, /--to-label 7: this model knows 0, 1/],
    [[...spoken, '--from-label', '0', '--to-label', '0'], 2, /--to-label 0: is where the walk begins/],
    [[...spoken, '--from', '0', '--to', '1'], 2, /--from 0: no such file; for the label, --from-label/],
    [[...spoken, '--from', 'free.wav', '--to', clips[0]], 2, /free\.wav: neither its name .* nor its folder/],
    [[...spoken, '--grid'], 2, /--grid: give --label, one of 0, 1/],
    [
      [...drawn, '--from-label', '0', '--to-label', '1'],
      2,
      /--from-label 0: this model is a vae and knows no/,
    ],
    [[...drawn, '--from', '0.png', '--to', '1.png', '--label', '0'], 2, /--label 0: this model is a vae/],
    [[...drawn, '--grid', '0,3'], 2, /--grid: dimension 3; this model has 3, counted from 0/],
    [[...drawn, '--grid', '1,1'], 2, /give two different dimensions/],
    [[...drawn, '--grid', '1'], 2, /give two different dimensions/],
    [[...drawn, '--grid', '0,1', '--range', '2,-2'], 2, /give two numbers, the lower one first/],
    [['--run', 'flat', '--grid'], 2, /this model has 1 latent dimension; a grid needs two/],
    [[...spoken, ...ends, '--out', clips[0]], 1, /0_ann_7\.wav: this is a file; give a folder/],
  ])('%j', async (args, code, message) => {
    const { stderr, ...found } = await run('interpolate', ...args);
    expect([found, stderr]).toEqual([{ code, stdout: '' }, expect.stringMatching(message)]);
    expect(stderr).not.toContain('adapter:');
  });

  test.each([
    [
      [...spoken, '--label', '1', '--from', 'silent.wav', '--to', clips[0]],
      /error: .*silent\.wav: is silent/,
    ],
    [[...spoken, '--label', '1', '--from', clips[0], '--to', '0.png'], /error: .*0\.png: is no RIFF/],
    [
      [...spoken, '--label', '1', '--from', clips[0], '--to', 'none.wav'],
      /error: .*none\.wav: does not exist/,
    ],
    [[...drawn, '--from', '0.png', '--to', 'large.png'], /error: .*large\.png: is 9 x 6 pixels where this/],
    [[...drawn, '--from', clips[0], '--to', '0.png'], /error: .*0_ann_7\.wav: is no PNG; give PNG images/],
    [[...drawn, '--grid'], /or give the dimensions, --grid I,J/],
  ])('%j', async (args, message) => {
    const before = readdirSync(dir, { recursive: true }).sort();
    const { code, stderr } = await run('interpolate', ...args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(readdirSync(dir, { recursive: true }).sort()).toEqual(before);
  });

  test('of a long recording the beginning is taken, and that is said', async () => {
    const long = new Random(1, 'long').uniform(0, 16000);
    writeFileSync(at('long.wav'), encodeWav(long, 8000));
    writeFileSync(at('short.wav'), encodeWav(long.slice(0, 2048), 8000));
    const engine = await openEngine({ device });
    const stderr = heard(process.stderr);
    const result = await readExamples(engine, [at('long.wav'), at('short.wav')], sound);
    const text = stderr();
    const x = await result.read();
    engine.close();
    expect(text).toMatch(/^note: .*long\.wav: Is 2\.00 s long; the model takes the first 0\.26 s\.\n$/);
    expect(result.shape).toEqual([2, 16, 16]);
    expect(x.slice(0, 256)).toEqual(x.slice(256));
  });
});

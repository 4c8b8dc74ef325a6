// evaluate and score as a person runs them, on small images and on recordings. Needs `npm run build` first (npm test
// does it).

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { Random } from '../src/node.ts';
import { idx } from './image/idxBytes.ts';
import { commandsIn, type Ended, root } from './launch.ts';

let dir: string;
const { run, spawned } = commandsIn(() => dir);
const told = ({ code, stdout, stderr }: Ended) => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};
const json = async (verb: string, ...args: string[]) => told(await run(verb, ...args, '--json'));

/** White above or, for every second one, below. */
const picture = (i: number) => {
  const noise = new Random(3, 'pictures').uniform(i, 48);
  return Uint8Array.from(noise, (v, at) => 40 * v + (at >= 24 === i % 2 > 0 ? 200 : 5));
};
const checkered = Uint8Array.from({ length: 48 }, (_, at) => ((at + (at >> 3)) % 2 ? 255 : 0));

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'formant-score-'));
  const folder = (name: string) => mkdirSync(join(dir, name));
  for (const name of ['idx', 'png', 'odd', 'wav']) folder(name);
  const split = (from: number, count: number) => {
    const labels = Uint8Array.from({ length: count }, (_, i) => (i % 2 ? 7 : 3));
    const pixels = Uint8Array.from(Array.from({ length: count }, (_, i) => [...picture(from + i)]).flat());
    return [idx([count, 6, 8], pixels), idx([count], labels)];
  };
  for (const [name, from, count] of [
    ['train', 0, 60],
    ['t10k', 100, 20],
  ] as const) {
    const [images, labels] = split(from, count);
    writeFileSync(join(dir, 'idx', `${name}-images-idx3-ubyte`), images);
    writeFileSync(join(dir, 'idx', `${name}-labels-idx1-ubyte`), labels);
  }
  const png = (path: string, data: Uint8Array, width = 8) =>
    writeFileSync(join(dir, path), encode({ width, height: data.length / width, data, channels: 1 }));
  for (const i of [200, 201, 202, 203]) png(`png/${i}.png`, picture(i));
  png('odd/checkered.png', checkered);
  png('odd/large.png', new Uint8Array(54), 9);
  writeFileSync(join(dir, 'odd', 'text.png'), 'no picture');
  const digits = join(root, 'data', 'digits');
  for (const name of readdirSync(digits))
    if (/^[01]_(gbf1|usm1|rpm8)_/.test(name)) cpSync(join(digits, name), join(dir, 'wav', name));
  writeFileSync(join(dir, 'wav', 'split.json'), '{"testSpeakers": ["rpm8"]}');
  const small = ['--batch', '16', '--set', 'latent=2', 'lr=0.01'];
  const trainings = [
    [
      'images',
      '--data',
      'idx',
      '--preset',
      'mnist-ref',
      '--model',
      'vae',
      '--epochs',
      '40',
      ...small,
      'widths=24',
    ],
    [
      'conditional',
      '--data',
      'idx',
      '--preset',
      'mnist-ref',
      '--model',
      'cvae',
      '--epochs',
      '20',
      ...small,
      'widths=24',
    ],
    ['sound', '--data', 'wav', '--preset', 'demo', '--model', 'vae', '--likelihood', 'optimal'].concat([
      '--epochs',
      '4',
      ...small,
      'channels=8,8,8',
      'hidden=16',
    ]),
  ];
  for (const [out, ...flags] of trainings) {
    const { code, stderr } = await run('train', ...flags, '--out', out);
    expect(code, stderr).toBe(0);
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const lastEpoch = (name: string) =>
  JSON.parse(
    readFileSync(join(dir, name, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .pop() as string,
  );

describe('evaluate', () => {
  test('images: the figures that training wrote, to the last digit, and more', async () => {
    const result = told(await spawned('evaluate', '--run', 'images', '--iwae', '50', '--json'));
    expect(result).toMatchObject({ split: 'test', count: 20, likelihood: 'bernoulli', constant: 0 });
    expect(result).toMatchObject(lastEpoch('images').test);
    expect(result.iwae).toBeLessThan(result.negElbo);
    expect(result.bce).toBeLessThan(result.recon);
    expect(result.labels.map((part: { label: string }) => part.label)).toEqual(['3', '7']);
    expect(result).not.toHaveProperty('dbRmse');
  });

  test('sound: dB at z = mu, no cross-entropy; a table as text', async () => {
    const result = await json('evaluate', '--run', 'sound');
    expect(result).toMatchObject(lastEpoch('sound').test);
    expect(result.dbRmse).toBeCloseTo(80 * Math.sqrt(result.mse), 9);
    for (const key of ['bce', 'iwae', 'iwaeSamples']) expect(result).not.toHaveProperty(key);
    const { stdout } = await run('evaluate', '--run', 'sound', '--split', 'train', '--limit', '3');
    expect(stdout).toMatch(/^train split of .*wav \(nats an example, up to a constant; the variance is/);
    expect(stdout).toMatch(/label +examples +-ELBO +recon +KL +MSE +dB RMSE\nall +3 /);
    expect(stdout).toMatch(/\d of 2 latent units are active; KL by unit:\n {2}\d: \d+\.\d\d {2}\d: /);
  });

  test.each([
    ['images', ['--iwae', '0'], 2, /give a whole number from 1 to 100000/],
    ['images', ['--iwae', '100001'], 2, /give a whole number from 1 to 100000/],
    ['images', ['--split', 'valid'], 1, /idx: has no valid split; choose --split train or test/],
    ['images', ['--data', 'wav'], 1, /wav: holds no|these are recordings, and the model takes images/],
    ['wav', [], 1, /wav: no config.json in it; this is not a run folder of formant/],
  ])('wrong use is told: --run %s %j', async (name, flags, code, message) => {
    const ended = await run('evaluate', '--run', name, ...flags);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
  });
});

interface Scored {
  file: string;
  score: number;
  above: boolean;
  anomalous?: boolean;
  label?: string;
}
const scoreOf = (items: Scored[], file: string) => items.find((item) => item.file === file) as Scored;

describe('score', () => {
  test('images: strange ones first, bad files left out by name, AUROC of known anomalies', async () => {
    const args = ['png', 'idx', '--run', 'images', '--anomalies', 'odd', '--json'];
    const result = told(await spawned('score', ...args));
    const items: Scored[] = result.items;
    expect(items).toHaveLength(4 + 80 + 1);
    expect(items[0]).toMatchObject({ file: join('odd', 'checkered.png'), above: true, anomalous: true });
    expect(result.auroc).toBe(1);
    expect(items.map((item) => item.score)).toEqual(items.map((item) => item.score).sort((a, b) => b - a));
    for (const item of items) expect(item.above).toBe(item.score > result.threshold);
    // 0.99 of the 60 training images lie below the threshold; noise differs by the item's place.
    expect(items.filter((item) => item.above).length).toBeLessThan(8);
    expect(result).toMatchObject({ samples: 16, quantile: 0.99, trainingExamples: 60, level: null });
    expect(result.intake.leftOut.map((f: { file: string; kind: string }) => [f.file, f.kind])).toEqual([
      [join('odd', 'large.png'), 'size'],
      [join('odd', 'text.png'), 'damaged'],
    ]);
  });

  test('a conditional model: by the label that explains an image best, whatever it is called', async () => {
    const files = ['png/200.png', 'png/201.png'];
    const { items } = await json('score', ...files, '--run', 'conditional', '--quantile', '0.5');
    expect(files.map((file) => scoreOf(items, file).label)).toEqual(['3', '7']);
  });

  test('sound: the level of a recording does not matter, what it is does; a table as text', async () => {
    const name = readdirSync(join(dir, 'wav')).find((file) => file.endsWith('.wav')) as string;
    const samples = decodeWav(readFileSync(join(dir, 'wav', name)), name).channels[0];
    const gained = (gain: number) =>
      encodeWav(
        samples.map((v) => v * gain),
        8000,
      );
    writeFileSync(join(dir, 'quiet.wav'), gained(0.25));
    writeFileSync(join(dir, 'as-it-is.wav'), gained(1));
    writeFileSync(
      join(dir, 'noise.wav'),
      encodeWav(
        new Random(1, 'n').normal(0, 6000).map((v) => v / 20),
        8000,
      ),
    );
    writeFileSync(join(dir, 'bad.wav'), 'no sound');
    // One item a run: the noise of z goes by the item's place.
    const one = async (file: string) => json('score', file, '--run', 'sound', '--samples', '4');
    const [quiet, same, noise] = [await one('quiet.wav'), await one('as-it-is.wav'), await one('noise.wav')];
    const [a, b, c] = [quiet, same, noise].map(({ items }) => items[0].score);
    // 16 bits of a quarter of the level are not quite the same sound.
    expect(Math.abs(a / b - 1)).toBeLessThan(0.01);
    expect(Math.abs(c / b - 1)).toBeGreaterThan(0.05);
    expect(Number.isFinite(quiet.level)).toBe(true);
    const { stdout, code } = await run(
      'score',
      'wav',
      'bad.wav',
      '--run',
      'sound',
      '--anomalies',
      'noise.wav',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^ *score +threshold +known +item\n *-?[\d.]+ +(above|below) +(anomaly|normal) +\S+.wav\n/,
    );
    expect(stdout).toMatch(/\d+ of \d+ above the threshold .*, the 0.99 quantile of \d+ training examples\n/);
    expect(stdout).toMatch(/AUROC \d\.\d{3}\n$/);
  });

  test.each([
    [['bad.wav', '--run', 'sound'], 1, /bad.wav: 0 of 1 items; left out: 1 \(1 damaged\); none is left/],
    [['png', '--run', 'sound'], 1, /png: holds no .wav or .mp3 file, but files: 4 .png/],
    [['wav', '--run', 'images'], 1, /wav: holds no .png file and none of MNIST's; give a folder of images/],
    [['png', '--run', 'images', '--anomalies', 'bad.wav'], 1, /of the anomalies none is left/],
    [['png', '--run', 'images', '--quantile', '1.1'], 2, /give a number from 0 to 1/],
    [['png', '--run', 'images', '--data', 'gone'], 1, /gone/],
    [['png', '--run', 'png'], 1, /png: no config.json in it; this is not a run folder of formant/],
  ])('wrong use is told: %j', async (args, code, message) => {
    const ended = await run('score', ...args);
    expect(ended.stderr).toMatch(message);
    expect(ended.code).toBe(code);
    expect(ended.stdout).toBe('');
  });
});

// Images through the commands as a person runs them: IDX files to a run folder, PNG pictures out of it and into it.
// Needs `npm run build` first (npm test does it).

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { decode, encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeGrey } from '../src/imageFile.ts';
import { Random } from '../src/node.ts';
import { idx } from './image/idxBytes.ts';
import { commandsIn } from './launch.ts';

let dir: string;
const { run } = commandsIn(() => dir);
const size = { height: 6, width: 8 };
const tiny = ['--preset', 'mnist-ref', '--set', 'widths=24', 'latent=2', 'lr=0.01', '--batch', '16'];

/** Images of two classes, 3 white, 7 white below, with noise. */
function images(count: number, stream: string) {
  const noise = new Random(3, stream).uniform(0, count * 48);
  const labels = Uint8Array.from({ length: count }, (_, i) => (i % 2 ? 7 : 3));
  const pixels = Uint8Array.from(noise, (v, i) => {
    const below = i % 48 >= 24;
    return 40 * v + (below === (labels[Math.floor(i / 48)] === 7) ? 200 : 5);
  });
  return { labels: idx([count], labels), images: idx([count, 6, 8], pixels) };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'formant-images-'));
  const data = join(dir, 'data');
  mkdirSync(data);
  const [train, test] = [images(60, 'train'), images(20, 'test')];
  writeFileSync(join(data, 'train-images-idx3-ubyte.gz'), gzipSync(train.images));
  writeFileSync(join(data, 'train-labels-idx1-ubyte.gz'), gzipSync(train.labels));
  writeFileSync(join(data, 't10k-images.idx3-ubyte'), test.images);
  writeFileSync(join(data, 't10k-labels.idx1-ubyte'), test.labels);
  const ended = await run(
    'train',
    '--data',
    'data',
    '--model',
    'cvae',
    '--epochs',
    '40',
    ...tiny,
    '--out',
    'cvae',
  );
  expect(ended.code, ended.stderr).toBe(0);
  expect(ended.stderr).toContain('mnist-ref cvae: 60 images to train, 20 images to test, 2 labels');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const rows = (run: string) =>
  readFileSync(join(dir, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((row) => row.epoch);

const png = (path: string) => decodeGrey(readFileSync(join(dir, path)), path, size);

test('training learns the images, and judges them in nats', () => {
  const [first, ...rest] = rows('cvae');
  const last = rest[rest.length - 1];
  expect(last.test.negElbo).toBeLessThan(0.8 * first.test.negElbo);
  expect(last.test).not.toHaveProperty('dbRmse');
  expect(last.test.negElbo).toBeCloseTo(last.test.recon + last.test.kl, 6);
  // The summed loss is the optimiser's alone: what is written is a mean.
  expect(last.train.loss / last.test.negElbo).toBeCloseTo(1, 1);
});

test('a resumed run ends where one that never stopped does', async () => {
  const flags = ['--data', 'data', '--model', 'vae', ...tiny];
  await run('train', ...flags, '--epochs', '4', '--out', 'whole');
  await run('train', ...flags, '--epochs', '2', '--out', 'half');
  const { code, stderr } = await run('train', '--resume', 'half', '--epochs', '4');
  expect(code, stderr).toBe(0);
  const weights = (name: string) => readFileSync(join(dir, name, 'model.safetensors'));
  expect(weights('half').equals(weights('whole'))).toBe(true);
});

test('images are trained by the preset mnist unless another is named', async () => {
  const { code, stderr } = await run(
    'train',
    ...['--data', 'data', '--epochs', '1', '--set', 'widths=9,5', '--no-tune', '--out', 'usual'],
  );
  expect(code, stderr).toBe(0);
  expect(stderr).toContain('mnist vae: 60 images to train, 20 images to test, 2 labels');
});

test('samples are PNG images of their label', async () => {
  const { code, stdout, stderr } = await run('generate', '--run', 'cvae', '--count', '3', '--json');
  expect(code, stderr).toBe(0);
  const { files, picture } = JSON.parse(stdout);
  expect(files).toEqual(
    ['3', '7'].flatMap((label) => [0, 1, 2].map((i) => join('cvae', 'samples', `${label}_cvae_${i}.png`))),
  );
  const { width, height } = decode(readFileSync(join(dir, picture)));
  expect(width).toBeGreaterThan(3 * 8);
  expect(height).toBeGreaterThan(2 * 6);
  for (const file of files) {
    const x = png(file);
    const mean = (part: Float32Array) => part.reduce((a, b) => a + b) / part.length;
    const [above, below] = [mean(x.slice(0, 24)), mean(x.slice(24))];
    expect(file.includes('/7_') ? below - above : above - below).toBeGreaterThan(0.5);
  }
});

describe('PNG images in', () => {
  const levels = (n: number, most: number) => Array.from({ length: n }, (_, i) => i % (most + 1));
  const grey = (bytes: Uint8Array) => decodeGrey(bytes, 'a.png', size);

  test('grey of 8 and 16 bits, with alpha, and colours become values in [0, 1]', () => {
    const to = (depth: 8 | 16, channels: number, of: (i: number) => number[]) => {
      const all = Array.from({ length: 48 }, (_, i) => of(i)).flat();
      const data = depth === 8 ? Uint8Array.from(all) : Uint16Array.from(all);
      return grey(encode({ ...size, data, depth, channels: channels as 1 }));
    };
    const want = levels(48, 255).map((v) => v / 255);
    const close = (got: Float32Array, list: number[]) =>
      got.forEach((v, i) => {
        expect(v).toBeCloseTo(list[i], 5);
      });
    close(
      to(8, 1, (i) => [i]),
      want,
    );
    close(
      to(16, 1, (i) => [i * 257]),
      want,
    );
    close(
      to(8, 3, (i) => [i, i, i]),
      want,
    );
    close(
      to(8, 3, () => [255, 0, 0]),
      Array(48).fill(0.299),
    );
    close(
      to(8, 2, (i) => [i, 51]),
      want.map((v) => v / 5),
    );
    close(
      to(8, 4, (i) => [i, i, i, 0]),
      Array(48).fill(0),
    );
  });

  test('reconstructed, each with its error; what is no image of this size is left out by name', async () => {
    writeFileSync(
      join(dir, 'large.png'),
      encode({ width: 9, height: 6, data: new Uint8Array(54), channels: 1 }),
    );
    writeFileSync(
      join(dir, 'broken.png'),
      readFileSync(join(dir, 'cvae/samples/3_cvae_0.png')).subarray(0, 60),
    );
    writeFileSync(join(dir, 'text.png'), 'no picture');
    const good = ['cvae/samples/3_cvae_0.png', 'cvae/samples/7_cvae_1.png'];
    const bad = ['large.png', 'broken.png', 'text.png', 'none.png'];
    const ended = await run('reconstruct', '--run', 'cvae', '--label', '3', ...good, ...bad, '--json');
    expect(ended.code, ended.stderr).toBe(0);
    const { files, intake, out } = JSON.parse(ended.stdout);
    expect(files.map((f: { file: string }) => f.file)).toEqual(good);
    for (const f of files) {
      const [x, y] = [png(f.file), png(f.out)];
      const mse = x.reduce((sum, v, i) => sum + (v - y[i]) ** 2, 0) / 48;
      expect(Math.abs(f.mse - mse)).toBeLessThan(2e-3);
    }
    // Told that it is a 3, the model makes of a 7 no 7.
    expect(files[0].mse).toBeLessThan(files[1].mse);
    expect(readdirSync(join(dir, out)).sort()).toEqual([
      '3_cvae_0.reconstruction.png',
      '7_cvae_1.reconstruction.png',
    ]);
    const reasons = intake.leftOut.map((f: { kind: string; reason: string }) => `${f.kind}: ${f.reason}`);
    expect(reasons).toEqual([
      expect.stringMatching(/^size: is 9 x 6 pixels where this model takes 8 x 6; scale it/),
      expect.stringMatching(/^damaged: is a damaged PNG/),
      expect.stringMatching(/^damaged: is no PNG/),
      expect.stringMatching(/^unreadable: .*none\.png|^unreadable: /),
    ]);
  });
});

test.each([
  [
    ['--preset', 'speech-ref'],
    2,
    /--preset speech-ref: a model of sound, and --data holds images; choose one of mnist-ref, mnist/,
  ],
  [['--set', 'channels=4'], 2, /--set channels=4: give key=value with a key of widths, latent/],
  [['--set', 'network=conv'], 2, /--set network=conv: give key=value/],
  [['--set', 'widths=0'], 2, /widths \[0\]: it must be a list of whole numbers of at least 1/],
  [['--set', 'reduction=median'], 2, /reduction "median": it must be mean, sum/],
])('wrong settings %j are told', async (flags, code, message) => {
  const ended = await run('train', '--data', 'data', '--epochs', '1', '--out', 'none', ...flags);
  expect(ended.stderr).toMatch(message);
  expect(ended.code).toBe(code);
  expect(readdirSync(dir)).not.toContain('none');
});

test('a preset of images does not take recordings', async () => {
  const { code, stderr } = await run('train', '--preset', 'mnist-ref', '--epochs', '1', '--out', 'none');
  expect(stderr).toMatch(
    /--preset mnist-ref: a model of images, and --data holds sound; choose one of speech-ref, speech, demo, voices$/m,
  );
  expect(code).toBe(2);
});

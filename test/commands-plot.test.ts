// The figures and the report of a run as a person makes them: of images, of sound, and of runs that lack something.
// Needs `npm run build` first (npm test does it).

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { GifReader } from 'omggif';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { Random } from '../src/node.ts';
import { idx } from './image/idxBytes.ts';
import { commandsIn } from './launch.ts';

let dir: string;
const { run, spawned } = commandsIn(() => dir);
const quick = ['--epochs', '2', '--batch', '8'];
const tiny = ['--set', 'widths=8', 'latent=3'];

/** Noise of two classes, 1 brighter than 0. */
function images(count: number, stream: string) {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const noise = new Random(3, stream).uniform(0, count * 30);
  const pixels = Uint8Array.from(noise, (v, i) => 100 * v + 120 * labels[Math.floor(i / 30)]);
  return { labels: idx([count], labels), images: idx([count, 5, 6], pixels) };
}

async function done(verb: string, ...args: string[]) {
  // The built files of what is under test here.
  const start = verb === 'train' ? run : spawned;
  const { code, stdout, stderr } = await start(verb, ...args, '--json');
  expect(code, stderr).toBe(0);
  return { ...JSON.parse(stdout), said: stderr };
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'formant-plot-'));
  mkdirSync(join(dir, 'images'));
  for (const [split, count] of [
    ['train', 16],
    ['t10k', 12],
  ] as const) {
    const made = images(count, split);
    writeFileSync(join(dir, 'images', `${split}-images-idx3-ubyte`), made.images);
    writeFileSync(join(dir, 'images', `${split}-labels-idx1-ubyte`), made.labels);
  }
  for (const [label, hertz] of [
    ['<script>alert(1)', 300],
    ['two', 900],
  ] as const) {
    mkdirSync(join(dir, 'sounds', label), { recursive: true });
    for (let i = 0; i < 15; i++) {
      const wave = Float32Array.from(
        { length: 4000 },
        (_, t) => 0.3 * Math.sin((t * (hertz + 20 * i)) / 1273),
      );
      writeFileSync(join(dir, 'sounds', label, `${i}.wav`), encodeWav(wave, 8000));
    }
  }
  const trained = await done(
    ...([
      'train',
      '--data',
      'images',
      '--preset',
      'mnist-ref',
      '--model',
      'cvae',
      ...quick,
      ...tiny,
    ] as const),
    ...['--report-every', '1', '--out', 'pictures'],
  );
  expect(trained.report).toBe(join('pictures', 'report.html'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const bytes = (...path: string[]) => readFileSync(join(dir, ...path));
const marks = (page: string) => page.match(/<path class="mark"[^>]*data-item/g) ?? [];

test('plot: every figure of a run of images, in place of old ones', async () => {
  mkdirSync(join(dir, 'pictures', 'plots'));
  writeFileSync(join(dir, 'pictures', 'plots', 'losses.svg'), 'of an earlier time');
  const { out, files, leftOut } = await done('plot', '--run', 'pictures');
  expect(leftOut.map((l: { figure: string }) => l.figure)).toEqual(['maps by speaker']);
  const names = readdirSync(join(dir, out)).sort();
  expect(files.map((f: string) => f.slice(out.length + 1)).sort()).toEqual(names);
  expect(names).toEqual([
    ...['latent-pca.png', 'latent-pca.svg', 'latent-tsne.png', 'latent-tsne.svg', 'latent.gif'],
    ...['losses.png', 'losses.svg', 'reconstructions.png', 'samples.gif', 'samples.png'],
  ]);
  for (const map of ['latent-pca.svg', 'latent-tsne.svg']) {
    // A mark for each of the 12 test images, and two in the legend.
    expect(`${bytes(out, map)}`.match(/<circle/g)).toHaveLength(14);
    expect(`${bytes(out, map)}`).toContain('>digit<');
  }
  expect(`${bytes(out, 'losses.svg')}`).toMatch(/^<svg/);
  const size = (name: string) => {
    const { width, height } = decode(bytes(out, name));
    return [width, height];
  };
  expect(size('losses.png')).toEqual([1920, 640]);
  // Rows of pictures 10 pixels high, at twice their size, 4 pixels apart.
  expect(size('reconstructions.png')[1]).toBe(2 * 10 + 4);
  expect(size('samples.png')[1]).toBe(2 * 10 + 4);
  expect(size('samples.png')[0]).toBeGreaterThan(8 * 12 + 7 * 4);
  for (const name of ['latent.gif', 'samples.gif']) {
    const found = new GifReader(bytes(out, name));
    // Two epochs, and the last stands.
    expect(found.numFrames()).toBe(2 + 8);
  }
});

test('reports in between change nothing of the training', async () => {
  await done(
    ...([
      'train',
      '--data',
      'images',
      '--preset',
      'mnist-ref',
      '--model',
      'cvae',
      ...quick,
      ...tiny,
      '--out',
      'plain',
    ] as const),
  );
  expect(readdirSync(join(dir, 'plain'))).not.toContain('report.html');
  expect(bytes('plain', 'model.safetensors').equals(bytes('pictures', 'model.safetensors'))).toBe(true);
});

test('train leaves a page of a run of images', () => {
  const page = `${bytes('pictures', 'report.html')}`;
  expect(page).toContain('<title>mnist-ref · conditional VAE · formant report</title>');
  expect(marks(page)).toHaveLength(12);
  expect(page).not.toContain('data-sound="');
  expect(page.match(/data-gif="data:image\/gif/g)).toHaveLength(2);
  const adapter = /<dt>Adapter<\/dt><dd>([^<]*)/.exec(page)?.[1];
  expect(adapter).not.toBe('not recorded');
  expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});

test('a run of sound: escaped labels, sounds that play; without history and log what there is', async () => {
  const small = ['--set', 'channels=4,4,4', 'hidden=8', 'latent=3'];
  const trained = await done(
    'train',
    '--data',
    'sounds',
    '--preset',
    'demo',
    ...quick,
    ...small,
    '--out',
    'said',
  );
  expect(trained.report).toBe(null);
  expect(readdirSync(join(dir, 'said'))).not.toContain('report.html');
  rmSync(join(dir, 'said', 'history'), { recursive: true });
  rmSync(join(dir, 'said', 'metrics.jsonl'));

  const { leftOut } = await done('plot', '--run', 'said');
  expect(leftOut.map((l: { figure: string }) => l.figure)).toEqual(
    expect.arrayContaining(['losses', 'latent.gif', 'samples.gif']),
  );
  expect(`${bytes('said', 'plots', 'latent-pca.svg')}`).toContain('&lt;script&gt;alert(1)');

  const { file, bytes: size } = await done('report', '--run', 'said');
  const page = `${bytes(file)}`;
  expect(statSync(join(dir, file)).size).toBe(size);
  expect(page).not.toContain('<script>alert');
  expect(page).toContain('&lt;script&gt;alert(1)');
  expect(marks(page).length).toBeGreaterThanOrEqual(3);
  const sounds: string[] = JSON.parse(/id="sounds">(.*?)<\/script>/s.exec(page)![1]);
  // Original and reconstruction of each example, four samples of each label.
  expect(sounds).toHaveLength(2 * JSON.parse(/id="data">(.*?)<\/script>/s.exec(page)![1]).items.length + 8);
  for (const sound of sounds) {
    const { sampleRate, channels } = decodeWav(Buffer.from(sound, 'base64'), 'sound');
    expect(sampleRate).toBe(8000);
    expect(channels[0].length).toBeGreaterThan(0);
  }
});

test('a report that cannot be written does not fail the training', async () => {
  mkdirSync(join(dir, 'taken', 'report.html'), { recursive: true });
  writeFileSync(join(dir, 'taken', 'report.html', 'a'), '');
  // The run folder must be empty, so a run is resumed that another made.
  for (const name of ['config.json', 'metrics.jsonl', 'model.safetensors'])
    writeFileSync(join(dir, 'taken', name), bytes('pictures', name));
  const last = `${bytes('pictures', 'checkpoints', 'last')}`.trim();
  mkdirSync(join(dir, 'taken', 'checkpoints', last), { recursive: true });
  for (const name of ['last', `${last}/state.safetensors`])
    writeFileSync(join(dir, 'taken', 'checkpoints', name), bytes('pictures', 'checkpoints', name));
  const trained = await done('train', '--resume', 'taken', '--epochs', '3', '--report-every', '5');
  expect(trained).toMatchObject({ finished: true, epoch: 3, report: null });
  expect(trained.said).toMatch(/no report: .*report\.html/);
});

test('--no-report with --report-every is wrong usage', async () => {
  const { code, stderr } = await run('train', '--no-report', '--report-every', '2');
  expect([code, stderr]).toEqual([2, expect.stringMatching(/leave out one of them/)]);
});

// reconstruct as a person runs it: files of any rate and length, bad ones among them, labels, names of the results.
// Needs `npm run build` first (npm test does it).

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { outputNames } from '../src/reconstruct.ts';
import { commandsIn, root } from './launch.ts';

let dir: string;
const { run, spawned } = commandsIn(() => dir);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'formant-reconstruct-'));
  const data = join(dir, 'data');
  for (const path of [data, join(dir, 'a'), join(dir, '1')]) mkdirSync(path);
  const digits = join(root, 'data', 'digits');
  for (const name of readdirSync(digits))
    if (/^[01]_(gbf1|usm1|rpm8)_/.test(name)) cpSync(join(digits, name), join(data, name));
  const samples = decodeWav(readFileSync(join(data, readdirSync(data)[0])), 'digit').channels[0];
  writeFileSync(join(data, 'split.json'), '{"testSpeakers": ["rpm8"]}');
  const long = new Float32Array(3 * 44100);
  for (let at = 0; at + samples.length < long.length; at += 20000) long.set(samples, at);
  writeFileSync(join(dir, 'a', '0_ann_7.wav'), encodeWav(samples, 8000));
  writeFileSync(join(dir, '1', '0_ann_7.WAV'), encodeWav(long, 44100));
  writeFileSync(join(dir, '1', "it's\nü.wav"), encodeWav(samples, 16000));
  writeFileSync(join(dir, '1', 'bad.wav'), 'no sound');
  writeFileSync(join(dir, '1', 'silent.wav'), encodeWav(new Float32Array(100), 8000));
  const tiny = ['--set', 'channels=8,8,8', 'hidden=16', 'latent=4', '--batch', '7', '--epochs', '1'];
  for (const model of ['vae', 'cvae']) {
    const { code, stderr } = await run(
      'train',
      '--preset',
      'demo',
      '--model',
      model,
      '--data',
      data,
      ...tiny,
      '--out',
      model,
    );
    expect(code, stderr).toBe(0);
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const files = ['a/0_ann_7.wav', '1/0_ann_7.WAV', "1/it's\nü.wav"];

describe('reconstruct', () => {
  test('each file at the model’s rate, as long as it was, under a name of its own', async () => {
    const { code, stdout, stderr } = await spawned('reconstruct', '--run', 'vae', ...files, '--json');
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout);
    const names = ['0_ann_7.reconstruction.wav', '0_ann_7-2.reconstruction.wav', 'it-s-ü.reconstruction.wav'];
    expect(result.files.map((f: { out: string }) => f.out)).toEqual(
      names.map((n) => join('vae', 'reconstructions', n)),
    );
    expect(readdirSync(join(dir, 'vae', 'reconstructions')).sort()).toEqual([...names].sort());
    for (const [i, file] of files.entries()) {
      const before = decodeWav(readFileSync(join(dir, file)), file);
      const { sampleRate, channels } = decodeWav(readFileSync(join(dir, result.files[i].out)), 'result');
      expect(sampleRate).toBe(8000);
      expect(channels[0].length).toBe(Math.ceil((8000 * before.channels[0].length) / before.sampleRate));
      expect(result.files[i]).toMatchObject({
        file,
        label: null,
        sampleRate: before.sampleRate,
        channels: 1,
      });
      expect(result.files[i].dbRmse).toBeGreaterThan(0);
    }
    expect(result.files.map((f: { windows: number }) => f.windows)).toEqual([1, 5, 1]);
    const again = await run('reconstruct', '--run', 'vae', ...files);
    expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/exists; nothing is overwritten/)]);
  });

  test('bad files are named and left out; --strict ends at the first; none left is an error', async () => {
    const mixed = ['1/bad.wav', 'a/0_ann_7.wav', '1/silent.wav', 'nowhere.wav', '1'];
    const some = await run('reconstruct', '--run', 'vae', ...mixed, '--out', 'some');
    expect(some.code, some.stderr).toBe(0);
    expect(some.stderr).toMatch(/left out: 1\/bad\.wav: is no RIFF WAVE file/);
    expect(some.stderr).toMatch(/left out: 1: is a folder; give WAV files/);
    expect(some.stderr).toContain('1 of 5 files; left out: 4 (1 damaged, 1 silent, 2 unreadable)');
    expect(some.stderr.match(/of 5 files/g)).toHaveLength(1);
    expect(some.stdout).toMatch(/\n1 of 5 files in some\n$/);
    expect(some.stdout).toMatch(
      /^file +label +seconds +windows +dB RMSE +level in +level out\na\/0_ann_7\.wav /,
    );
    const strict = await run('reconstruct', '--run', 'vae', ...mixed, '--out', 'strict', '--strict');
    expect([strict.code, strict.stdout, strict.stderr]).toEqual([
      1,
      '',
      expect.stringMatching(/error: 1\/bad\.wav: is no RIFF/),
    ]);
    const none = await run('reconstruct', '--run', 'vae', '1/bad.wav', '--out', 'none');
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/0 of 1 files; left out: 1 \(1 damaged\); none is left/),
    ]);
  });

  test('a conditional model takes its label from the name, the folder, or --label', async () => {
    const made = await run('reconstruct', '--run', 'cvae', ...files, '--json', '--out', 'labelled');
    expect(made.code, made.stderr).toBe(0);
    expect(JSON.parse(made.stdout).files.map((f: { label: string }) => f.label)).toEqual(['0', '0', '1']);
    writeFileSync(join(dir, 'free.wav'), readFileSync(join(dir, files[0])));
    const free = await run('reconstruct', '--run', 'cvae', 'free.wav', '--out', 'free');
    expect([free.code, free.stderr]).toEqual([
      2,
      expect.stringMatching(/free\.wav: neither its name .* nor its folder.*\(0, 1\); give one by --label/),
    ]);
    const given = await run(
      'reconstruct',
      '--run',
      'cvae',
      'free.wav',
      '--label',
      '1',
      '--out',
      'free',
      '--json',
    );
    expect(JSON.parse(given.stdout).files[0].label).toBe('1');
  });

  test.each([
    [['--run', 'vae', files[0], '--label', '1'], 2, /is a vae and knows no labels/],
    [['--run', 'cvae', files[0], '--label', '7'], 2, /--label 7: this model knows 0, 1/],
    [['--run', 'vae'], 2, /missing required argument 'files'/],
    [['--run', 'vae', '-dash.wav'], 2, /unknown option '-dash\.wav'[\s\S]*given as \.\/-NAME/],
    [['--run', 'vae', files[0], '--out', files[0]], 1, /0_ann_7\.wav: this is a file; give a folder/],
    [[files[0]], 2, /required option '--run/],
    [['--run', 'data', files[0]], 1, /not a run folder/],
  ])('reconstruct %j', async (args, code, message) => {
    const ended = await run('reconstruct', ...(args as string[]));
    expect([ended.code, ended.stdout, ended.stderr]).toEqual([
      code,
      '',
      expect.stringMatching(message as RegExp),
    ]);
  });
});

test('names of results: never two alike, never outside, never too long', () => {
  const names = outputNames(
    [
      'a/x.wav',
      'b/x.wav',
      'b/X.WAV',
      'x-2.wav',
      '../..wav',
      '.wav',
      '\u202eevil.wav',
      `${'é'.repeat(200)}.wav`,
    ],
    'wav',
  );
  expect(new Set(names.map((n) => n.toLowerCase())).size).toBe(names.length);
  expect(names.slice(0, 4)).toEqual(['x', 'x-2', 'X-3', 'x-2-2'].map((n) => `${n}.reconstruction.wav`));
  for (const name of names) {
    expect(name).not.toMatch(/^\.|\/|\u202e/);
    expect(Buffer.byteLength(name)).toBeLessThan(256);
  }
});

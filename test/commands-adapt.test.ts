// adapt as a person runs it, on some of the embedded digits. Needs `npm run build` first (npm test does it).

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
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { idx } from './image/idxBytes.ts';
import { commandsIn, root } from './launch.ts';

let dir: string;
const { run } = commandsIn(() => dir);
const digits = join(root, 'data', 'digits');
const names = readdirSync(digits).filter((name) => /^[017]_.*\.wav$/.test(name));
const speakers = [...new Set(names.map((name) => name.split('_')[1]))];
const [ann, bob, eve] = speakers;
const of = (...who: string[]) => names.filter((name) => who.includes(name.split('_')[1]));

const json = async (verb: string, ...args: string[]) => {
  const { code, stdout, stderr } = await run(verb, ...args, '--json');
  expect(code, stderr).toBe(0);
  return { ...JSON.parse(stdout), said: stderr };
};
const adapt = (from: string, data: string, out: string, ...more: string[]) =>
  json('adapt', '--run', from, '--data', data, '--out', out, '--batch', '8', ...more);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'formant-adapt-'));
  for (const name of ['old', 'eve', 'odd', 'idx']) mkdirSync(join(dir, name));
  for (const name of of(ann, bob)) cpSync(join(digits, name), join(dir, 'old', name));
  for (const [i, name] of of(eve).entries())
    cpSync(join(digits, name), join(dir, 'eve', name.replace(/\d+(?=\.wav)/, `${4 + i}`)));
  writeFileSync(join(dir, 'old', 'split.json'), `{"testSpeakers": []}`);
  const training = ['--preset', 'demo', '--model', 'cvae', '--epochs', '12', '--batch', '16'];
  const small = ['channels=8,8,8', 'hidden=16', 'latent=2', 'lr=0.01'];
  const { code, stderr } = await run(
    'train',
    '--data',
    'old',
    '--out',
    'base',
    ...training,
    '--set',
    ...small,
  );
  expect(code, stderr).toBe(0);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a run of its own, better with the new voice, that names its parent and plays as any other', async () => {
  const before = readFileSync(join(dir, 'base', 'model.safetensors'));
  const result = await adapt('base', 'eve', 'adapted', '--steps', '20', '--lr', '0.01');
  expect(result.after.fresh).toBeLessThan(result.before.fresh);
  expect(result.takes.train + result.takes.heldOut + result.takes.test).toBe(of(eve).length);
  expect(result.takes).toMatchObject({ heldOut: 1 });
  const config = JSON.parse(readFileSync(join(dir, 'adapted', 'config.json'), 'utf8'));
  expect(config.parent.run).toMatch(/base$/);
  expect(config.adapt).toMatchObject({ steps: 20, lr: 0.01, batch: 8, train: 'all' });
  expect(config.recordings.heldOut).toHaveLength(1);
  const lines = readFileSync(join(dir, 'adapted', 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  expect(lines.map((line) => JSON.parse(line).step ?? 'epoch').filter((s) => s === 'epoch')).toHaveLength(2);
  expect(readFileSync(join(dir, 'base', 'model.safetensors')).equals(before)).toBe(true);
  const figures = await json('evaluate', '--run', 'adapted');
  expect(figures.dbRmse).toBeCloseTo(result.after.test, 5);
  expect((await json('generate', '--run', 'adapted', '--count', '1', '--label', '7')).files).toHaveLength(1);
  const resumed = await run('train', '--resume', 'adapted');
  expect([resumed.code, resumed.stderr]).toEqual([1, expect.stringMatching(/was adapted from .*base/)]);
  // What it learnt is replayed when it is adapted again.
  const again = await adapt('adapted', 'eve', 'again', '--steps', '1');
  expect(again.takes.replay).toBeGreaterThan(result.takes.replay);
});

test('a model that knows voices: one is asked for, two are blended, a new one is an embedding more', async () => {
  const set = ['--set', 'channels=8,8,8', 'hidden=16', 'latent=2', 'lr=0.01', 'speakerDim=2'];
  const training = [
    '--data',
    'old',
    '--preset',
    'voices',
    '--epochs',
    '2',
    '--batch',
    '16',
    '--out',
    'voices',
  ];
  const trained = await run('train', ...training, ...set);
  expect(trained.code, trained.stderr).toBe(0);
  const say = ['--run', 'voices', '--count', '1', '--label', '7'];
  const [wav] = (await json('generate', ...say, '--speaker', bob, '--out', 'said')).files;
  expect(wav).toMatch(new RegExp(`7_voices-${bob}_0\\.wav$`));
  const nobody = await run('generate', ...say, '--speaker', eve);
  expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringMatching(`this model knows ${ann}, ${bob}`)]);
  const between = ['--run', 'voices', '--from-speaker', ann, '--to-speaker', bob, '--steps', '3'];
  const nothing = await run('interpolate', ...between);
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringMatching(/give --label, one of 0, 1, 7/)]);
  const walk = await json('interpolate', ...between, '--label', '7');
  expect(walk).toMatchObject({ kind: 'speakers', from: ann, to: bob, label: '7' });
  expect(walk.files).toHaveLength(3);
  const more = await adapt('voices', 'eve', 'three', '--steps', '3', '--train', 'speaker', '--lr', '0.1');
  expect(more.after.old).toBe(more.before.old);
  const { speakers: known } = JSON.parse(readFileSync(join(dir, 'three', 'config.json'), 'utf8'));
  expect(known).toEqual([ann, bob, eve]);
  expect((await json('evaluate', '--run', 'three')).dbRmse).toBeCloseTo(more.after.test, 5);
  expect(
    (await json('generate', ...say, '--run', 'three', '--speaker', eve, '--out', 'new')).files,
  ).toHaveLength(1);
  const plain = await run('adapt', '--run', 'base', '--data', 'eve', '--speaker', eve);
  expect([plain.code, plain.stderr]).toEqual([2, expect.stringMatching(/knows no speakers/)]);
});

describe('where something is missing it says so, and goes on where it can', () => {
  test('one recording, of another rate, without a label; an unknown label; silence', async () => {
    const [samples] = decodeWav(readFileSync(join(digits, of(eve)[0])), 'eve').channels;
    writeFileSync(join(dir, 'odd', 'hello.wav'), encodeWav(samples, 16000));
    const common = ['--run', 'base', '--data', 'odd', '--steps', '1', '--batch', '4'];
    const nameless = await run('adapt', ...common);
    expect([nameless.code, nameless.stderr]).toEqual([
      1,
      expect.stringMatching(/hello\.wav: neither .* \(0, 1, 7\); rename them, or give one by --label/),
    ]);
    const wrong = await run('adapt', ...common, '--label', '3');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/--label 3: this model knows 0, 1, 7/),
    ]);
    writeFileSync(join(dir, 'odd', 'nothing.wav'), encodeWav(new Float32Array(8000), 8000));
    const one = await adapt('base', 'odd', 'one', '--steps', '2', '--label', '7');
    expect(one.takes).toMatchObject({ train: 1, heldOut: 0 });
    expect(one.before.fresh).toBeNull();
    expect(one.intake.leftOut).toMatchObject([{ kind: 'silent' }]);
    expect(one.said).toMatch(/1 recording: none is held out/);
  });

  test('a run without replay takes its data, and goes on without where that is gone too', async () => {
    cpSync(join(dir, 'base'), join(dir, 'bare'), { recursive: true });
    rmSync(join(dir, 'bare', 'replay.safetensors'));
    const some = await adapt('bare', 'eve', 'some', '--steps', '1');
    expect(some.said).toMatch(/replay\.safetensors is not there; replaying examples of .*old/);
    expect(some.takes.replay).toBeGreaterThan(0);
    const config = join(dir, 'bare', 'config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace(join(dir, 'old'), join(dir, 'gone')));
    const none = await adapt('bare', 'eve', 'none', '--steps', '1');
    expect(none.said).toMatch(/no replay: .*gone/);
    expect(none.takes.replay).toBe(0);
    expect(none.before.old).toBeNull();
  });

  test('a model of images, and a folder that holds something already', async () => {
    const pixels = idx([4, 8, 8], new Uint8Array(4 * 64).fill(9));
    for (const split of ['train', 't10k']) {
      writeFileSync(join(dir, 'idx', `${split}-images-idx3-ubyte`), pixels);
      writeFileSync(join(dir, 'idx', `${split}-labels-idx1-ubyte`), idx([4], new Uint8Array(4)));
    }
    const set = ['--set', 'latent=1', 'widths=2'];
    const trained = ['--data', 'idx', '--preset', 'mnist-ref', '--epochs', '1', '--out', 'images', ...set];
    expect((await run('train', ...trained)).code).toBe(0);
    expect(existsSync(join(dir, 'images', 'replay.safetensors'))).toBe(false);
    const refused = await run('adapt', '--run', 'images', '--data', 'eve');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/a model of images/)]);
    const full = await run('adapt', '--run', 'base', '--data', 'eve', '--out', 'old');
    expect([full.code, full.stderr]).toEqual([1, expect.stringMatching(/--out old: the folder holds/)]);
  });
});

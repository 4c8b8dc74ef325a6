// Releases of Common Voice as --data: trained on through the cache, filtered, labelled; what is bad in them is named and
// the rest goes on; a cache that is damaged is mended. Needs `npm run build` first (npm test does it).

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { splitBySpeaker } from '../src/voice.ts';
import mp3s from './audio/mp3.json' with { type: 'json' };
import { commandsIn, root } from './launch.ts';

let dir: string;
let release: string;
const { run } = commandsIn(() => dir);
const tiny = ['--preset', 'demo', '--model', 'vae', '--set', 'channels=8,8,8', 'hidden=16', 'latent=4'];
const steps = ['--batch', '7', '--epochs', '1'];
const columns = 'client_id path sentence up_votes down_votes gender locale'.split(' ');
const speakers = ['aaaa', 'bbbb', 'cccc'].map((id) => id.repeat(32));
const mp3 = (name: keyof typeof mp3s) => Buffer.from(mp3s[name].mp3, 'base64');

/** Digits of an embedded speaker, one after another with pauses, at a rate that the samples are taken to have. */
function spoken(from: number, rate = 8000): Uint8Array {
  const digits = join(root, 'data', 'digits');
  const names = readdirSync(digits).filter((name) => name.endsWith('.wav'));
  const parts = [0, 1, 2].map((k) => decodeWav(readFileSync(join(digits, names[from + k])), '').channels[0]);
  const samples = new Float32Array(parts.reduce((n, p) => n + p.length + 2000, 2000));
  let at = 2000;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length + 2000;
  }
  return encodeWav(samples, rate);
}

type Clip = [name: string, bytes: Uint8Array | null, votes?: number, gender?: string];

/** Writes a language's folder: tables of clips with the speakers' numbers, null bytes for a clip that is not there. */
function write(path: string, tables: Record<string, [speaker: number, ...Clip][]>): string {
  mkdirSync(join(path, 'clips'), { recursive: true });
  for (const [table, clips] of Object.entries(tables)) {
    const rows = clips.map(([speaker, name, bytes, votes = 2, gender = 'male']) => {
      if (bytes) writeFileSync(join(path, 'clips', name), bytes);
      return [speakers[speaker], name, 'A "sentence', votes, 0, gender, 'en'].join('\t');
    });
    writeFileSync(join(path, `${table}.tsv`), `${[columns.join('\t'), ...rows].join('\n')}\n`);
  }
  return path;
}

const good = (i: number): Clip => [`good${i}.wav`, spoken(i)];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'formant-voices-'));
  process.env.FORMANT_CACHE = join(dir, 'cache');
  const changing = Buffer.concat([mp3('48k-mono'), mp3('48k-mono'), mp3('16k-mono'), mp3('16k-mono')]);
  release = write(join(dir, 'release', 'en'), {
    train: [
      [0, ...good(0)],
      [0, 'gone.mp3', null],
      [0, 'text.mp3', Buffer.from('This is no sound. '.repeat(20))],
      [0, 'empty.mp3', new Uint8Array(0)],
      [0, 'silent.wav', encodeWav(new Float32Array(8000), 8000)],
      [0, 'click.wav', encodeWav(new Float32Array(8000).fill(0.5, 4000, 4001), 8000)],
      [0, 'cut.mp3', mp3('48k-mono').subarray(0, -50)],
      [0, 'changing.mp3', changing],
      [1, 'fast.wav', spoken(4, 16000)],
      [1, 'stereo.mp3', mp3('44k-stereo-vbr')],
      [1, ...good(8)],
    ],
    dev: [[0, ...good(12)]],
    test: [[2, 'good16.wav', spoken(16), 5, 'female']],
  });
  const train = join(release, 'train.tsv');
  writeFileSync(train, `${readFileSync(train, 'utf8')}too\tfew\ncells\n`);
});
afterAll(() => {
  delete process.env.FORMANT_CACHE;
  rmSync(dir, { recursive: true, force: true });
});

const cached = () => readdirSync(join(dir, 'cache')).map((name) => join(dir, 'cache', name));
const weights = (path: string) => readFileSync(join(path, 'model.safetensors'));

describe('a release with bad clips', () => {
  let shard: string;
  const out = () => join(dir, 'run');

  test('trains on the others; each bad one is named with what to do', async () => {
    const { code, stdout, stderr } = await run(
      'train',
      '--data',
      join(dir, 'release'),
      ...tiny,
      ...steps,
      '--out',
      out(),
      '--json',
    );
    expect(code, stderr).toBe(0);
    const { intake } = JSON.parse(stdout);
    const inClips = (file: string) => file.slice(release.length + 7);
    expect(intake.leftOut.map((f: { file: string; kind: string }) => [inClips(f.file), f.kind])).toEqual([
      ['gone.mp3', 'unreadable'],
      ['text.mp3', 'damaged'],
      ['empty.mp3', 'empty'],
      ['silent.wav', 'silent'],
      ['click.wav', 'silent'],
    ]);
    for (const line of [
      /gone\.mp3: does not exist; unpack the release again/,
      /text\.mp3: .*no frame of MPEG layer III.*; /,
      /empty\.mp3: holds no bytes; fetch it again/,
      /silent\.wav: is silent/,
      /click\.wav: holds hardly any sound; record it again/,
      /train\.tsv: lines 13, 14 of another width than the head's 7 columns: left out/,
      /cut\.mp3: It breaks off 46 bytes into a frame of 96: what comes before was read/,
      /changing\.mp3: After 0\.\d+ s its rate changes from 48000 to 16000 Hz: what comes before was read/,
      /8 of 13 clips; left out: 5 \(1 unreadable, 1 damaged, 1 empty, 2 silent\); 3 with a fault/,
    ])
      expect(stderr).toMatch(line);
    const config = JSON.parse(readFileSync(join(out(), 'config.json'), 'utf8'));
    expect(config.recordings.test).toBeGreaterThan(0);
    const [folder] = cached();
    expect(cached()).toHaveLength(1);
    shard = join(folder, 'shard-00000.safetensors');
    const rows = JSON.parse(readFileSync(join(folder, 'features.json'), 'utf8'));
    expect(rows.speakers).toEqual(['aaaaaaaa', 'bbbbbbbb', 'cccccccc']);
  });

  test('a second run and a resumed one decode nothing', async () => {
    const clips = join(release, 'clips');
    const kept = join(dir, 'kept');
    cpSync(clips, kept, { recursive: true });
    // As large as they were, and no sound any more.
    for (const name of readdirSync(clips))
      writeFileSync(join(clips, name), Buffer.alloc(statSync(join(clips, name)).size, 'x'));
    const again = join(dir, 'again');
    const second = await run('train', '--data', join(dir, 'release'), ...tiny, ...steps, '--out', again);
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).toMatch(/features of .*: from /);
    expect(weights(again).equals(weights(out()))).toBe(true);
    const resumed = await run('train', '--resume', again, '--epochs', '2');
    expect(resumed.code, resumed.stderr).toBe(0);
    cpSync(kept, clips, { recursive: true });
  });

  test.each([
    ['cut short', () => truncateSync(shard, 5000), /shard-00000\.safetensors: is damaged/],
    [
      'with a damaged index',
      () => writeFileSync(join(shard, '..', 'features.json'), '{'),
      /features\.json: .*JSON.*; it is made again/,
    ],
  ])('a cache %s is mended, to the bytes it had', async (_, spoil, said) => {
    const before = readFileSync(shard);
    spoil();
    const mended = await run('evaluate', '--run', out(), '--json');
    expect(mended.code, mended.stderr).toBe(0);
    expect(mended.stderr).toMatch(said);
    expect(readFileSync(shard).equals(before)).toBe(true);
    expect(cached()).toHaveLength(1);
  });

  test('another clip makes other features', async () => {
    writeFileSync(join(release, 'clips', 'gone.mp3'), spoken(20));
    const { code, stderr } = await run('train', '--resume', out(), '--epochs', '2');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/not the recordings this run began with/)]);
    expect(cached()).toHaveLength(2);
    rmSync(join(release, 'clips', 'gone.mp3'));
  });
});

describe('flags', () => {
  test('choose and label clips, and stay with the run', async () => {
    const out = join(dir, 'labelled');
    const flags = [
      '--labels',
      'speaker',
      '--max-speakers',
      '2',
      '--min-votes',
      '1',
      '--speaker',
      'aa',
      '--speaker',
      'bb',
    ];
    const cvae = tiny.map((flag) => (flag === 'vae' ? 'cvae' : flag));
    const made = await run('train', '--data', release, ...cvae, ...steps, ...flags, '--out', out);
    expect(made.code, made.stderr).toBe(0);
    const { voice, labels } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
    const wanted = { labels: 'speaker', maxSpeakers: 2, minVotes: 1, speaker: ['aa', 'bb'] };
    expect(voice).toEqual(wanted);
    expect(labels).toEqual(['aaaaaaaa', 'bbbbbbbb']);
    const resumed = await run('train', '--resume', out, '--epochs', '2');
    expect(resumed.code, resumed.stderr).toBe(0);
    const other = await run('train', '--resume', out, '--epochs', '3', '--min-votes', '2');
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/leave out --min-votes/)]);
    const learnt = join(dir, 'labelled-adapted');
    const adapted = await run('adapt', '--run', out, '--data', release, '--steps', '2', '--out', learnt);
    expect(adapted.code, adapted.stderr).toBe(0);
    expect(JSON.parse(readFileSync(join(learnt, 'config.json'), 'utf8')).voice).toEqual({
      labels: 'speaker',
    });
  });

  test.each([
    [['--min-votes', '9'], 1, /none is left.*ask for fewer votes/],
    [['--speaker', 'dd'], 1, /no speaker whose id begins with dd/],
    [['--locale', 'de'], 1, /has no language de, but en/],
    [['--labels', 'word'], 1, /cannot label by word, no sentence is a single word/],
    [['--labels', 'digit'], 2, /Allowed choices are speaker, gender, word/],
    [['--max-speakers', '0'], 2, /whole number of at least 1/],
  ])('%s', async (flags, code, message) => {
    const got = await run('preprocess', '--data', release, '--out', join(dir, 'no'), ...flags);
    expect([got.code, got.stderr]).toEqual([code, expect.stringMatching(message)]);
    expect(existsSync(join(dir, 'no'))).toBe(false);
  });

  test('of other data are wrong usage', async () => {
    const got = await run('train', '--data', 'digits', '--min-votes', '2', '--out', join(dir, 'no'));
    expect([got.code, got.stderr]).toEqual([
      2,
      expect.stringMatching(/--min-votes: of a release of Common Voice, which digits is not/),
    ]);
  });
});

test('a table without its head, or with other columns, is named with what it has', async () => {
  const path = write(join(dir, 'headless', 'en'), { train: [[0, ...good(0)]] });
  const table = join(path, 'train.tsv');
  const text = readFileSync(table, 'utf8');
  for (const [content, message] of [
    [
      text.slice(text.indexOf('\n') + 1),
      /train\.tsv: has no column client_id, path; its first line names aaaa/,
    ],
    [text.replace('path', 'file'), /train\.tsv: has no column path; its first line names client_id, file/],
  ] as const) {
    writeFileSync(table, content);
    const { code, stderr } = await run('train', '--data', path, ...tiny, '--out', join(dir, 'no'));
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  }
});

test('one recording in a release without a split trains; --strict takes no bad one', async () => {
  const path = write(join(dir, 'one', 'en'), { validated: [[0, ...good(0)]] });
  const out = join(dir, 'one-run');
  const { code, stderr } = await run('train', '--data', path, ...tiny, ...steps, '--strict', '--out', out);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/[1-9] clips? to train, 0 clips to test/);
  const strict = await run('preprocess', '--data', release, '--out', join(dir, 'no'), '--strict');
  expect([strict.code, strict.stderr]).toEqual([1, expect.stringMatching(/gone\.mp3: does not exist/)]);
  expect(existsSync(join(dir, 'no'))).toBe(false);
});

test('a split by speaker: nobody is in two parts', () => {
  const ids = Array.from({ length: 60 }, (_, i) => `${(7 * i) % 12}`.padStart(2, '0'));
  const splits = splitBySpeaker(ids);
  const of = (split: string) => [...new Set(ids.filter((_, i) => splits[i] === split))].sort();
  expect([of('test'), of('valid')]).toEqual([
    ['00', '10'],
    ['01', '11'],
  ]);
  expect(of('train')).toEqual(['02', '03', '04', '05', '06', '07', '08', '09']);
  expect(splitBySpeaker(['b', 'a', 'b'])).toEqual(['train', 'test', 'train']);
  expect(splitBySpeaker(['a', 'a'])).toEqual(['test', 'train']);
  expect(splitBySpeaker(['a'])).toEqual(['train']);
});

// Commands on data as it is found: bad files among good ones, odd names, any rate; features made once and trained on.
// Needs `npm run build` first (npm test does it).

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { readShard } from '../src/featureShard.ts';
import { commandsIn, root } from './launch.ts';

let dir: string;
let good: string;
let bad: string;
const { launch, run, spawned } = commandsIn(() => dir);

const tiny = [
  '--preset',
  'demo',
  '--set',
  'channels=8,8,8',
  'hidden=16',
  'latent=4',
  '--batch',
  '7',
  '--epochs',
  '1',
];
const names = { odd: `1_o'b "q" ü語_7.wav`, line: '1_new\nline\x1b[31m_8.wav' };

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'formant-data-'));
  good = join(dir, 'good');
  bad = join(dir, 'bad');
  for (const path of [good, bad]) mkdirSync(path);
  const digits = join(root, 'data', 'digits');
  const some = readdirSync(digits).filter((name) => /^[01]_(gbf1|usm1|rpm8)_/.test(name));
  for (const [i, name] of some.entries()) {
    const [label, speaker] = name.split('_');
    for (const path of [good, bad]) cpSync(join(digits, name), join(path, `${label}_${speaker}_${i}.wav`));
  }
  const samples = decodeWav(readFileSync(join(digits, some[0])), 'digit').channels[0];
  // Names alike but for case, odd ones, and another rate: all good.
  cpSync(join(bad, readdirSync(bad)[0]), join(bad, '1_twice_7.wav'));
  cpSync(join(bad, readdirSync(bad)[1]), join(bad, '1_twice_7.WAV'));
  writeFileSync(join(bad, names.odd), encodeWav(samples, 44100));
  // Bad ones.
  writeFileSync(join(bad, names.line), 'no sound');
  writeFileSync(join(bad, '0_silent_9.wav'), encodeWav(new Float32Array(4000), 8000));
  writeFileSync(join(bad, '0_still_9.wav'), encodeWav(new Float32Array(4000).fill(0.5), 8000));
  writeFileSync(join(bad, '0_none_9.wav'), encodeWav(new Float32Array(0), 8000));
  symlinkSync('nowhere', join(bad, '0_gone_9.wav'));
  symlinkSync('0_loop_9.wav', join(bad, '0_loop_9.wav'));
  symlinkSync('.', join(bad, 'round'));
  // Usable with a fault.
  writeFileSync(
    join(bad, '0_loud_9.wav'),
    encodeWav(
      samples.map((v) => 40 * v),
      8000,
    ),
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const lines = (text: string, start: string) => text.split('\n').filter((line) => line.startsWith(start));

describe('bad files among good ones', () => {
  test('train names them, leaves them out, sums up, and goes on with the same data', async () => {
    const out = join(dir, 'run');
    const trained = await run('train', '--data', bad, ...tiny, '--out', out, '--json');
    expect(trained.code, trained.stderr).toBe(0);
    const { intake } = JSON.parse(trained.stdout);
    const left = Object.fromEntries(
      intake.leftOut.map((f: { file: string; kind: string }) => [f.file.slice(bad.length + 1), f.kind]),
    );
    expect(left).toEqual({
      [names.line]: 'damaged',
      '0_silent_9.wav': 'silent',
      '0_still_9.wav': 'constant',
      '0_none_9.wav': 'empty',
      '0_gone_9.wav': 'unreadable',
      '0_loop_9.wav': 'unreadable',
    });
    expect(intake.notes).toEqual([
      { file: join(bad, '0_loud_9.wav'), note: expect.stringMatching(/Is clipped/) },
    ]);
    expect(lines(trained.stderr, 'left out: ')).toHaveLength(6);
    expect(trained.stderr).toContain('1_new\\nline\\x1b[31m_8.wav: is no RIFF WAVE file');
    expect(trained.stderr).not.toContain('\x1b[31m');
    const { found, used } = intake;
    expect(found - used).toBe(6);
    expect(trained.stderr).toContain(
      `${used} of ${found} clips; left out: 6 (2 unreadable, 1 empty, 1 silent, 1 constant, 1 damaged); 1 with a fault`,
    );
    const resumed = await run('train', '--resume', out, '--epochs', '2');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr.match(/; left out: 6/g)).toHaveLength(1);
    expect(resumed.stdout).not.toMatch(/left out/);
    writeFileSync(join(bad, '0_silent_9.wav'), readFileSync(join(bad, '0_loud_9.wav')));
    const mended = await run('train', '--resume', out, '--epochs', '3');
    expect([mended.code, mended.stderr]).toEqual([
      1,
      expect.stringMatching(/not the recordings this run began with/),
    ]);
    writeFileSync(join(bad, '0_silent_9.wav'), encodeWav(new Float32Array(4000), 8000));
  });

  test.each(['train', 'preprocess'])('%s --strict ends at the first', async (verb) => {
    const out = join(dir, `strict-${verb}`);
    const args = verb === 'train' ? tiny : [];
    const { code, stdout, stderr } = await run(verb, '--data', bad, ...args, '--out', out, '--strict');
    expect([code, stdout], stderr).toEqual([1, '']);
    expect(lines(stderr, 'error: ')).toEqual([expect.stringMatching(/0_gone_9\.wav: does not exist/)]);
    expect(existsSync(out)).toBe(false);
  });

  test('of many only the first are named', async () => {
    const many = join(dir, 'many');
    cpSync(good, many, { recursive: true });
    for (let i = 0; i < 30; i++) writeFileSync(join(many, `0_x_${100 + i}.wav`), 'no sound');
    const { code, stderr } = await run('preprocess', '--data', many, '--out', join(dir, 'many-features'));
    expect(code, stderr).toBe(0);
    expect(lines(stderr, 'left out: ')).toHaveLength(10);
    expect(stderr).toMatch(/left out: 30 \(30 damaged\)/);
  });

  test('none left', async () => {
    const path = join(dir, 'hopeless');
    mkdirSync(path);
    writeFileSync(join(path, 'a.wav'), 'no sound');
    const { code, stderr } = await run('train', '--data', path, '--out', join(dir, 'hopeless-run'));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/hopeless: 0 of 1 clips; left out: 1 \(1 damaged\); none is left/),
    ]);
    expect(existsSync(join(dir, 'hopeless-run'))).toBe(false);
  });
});

describe('preprocess', () => {
  const features = () => join(dir, 'features');
  test('training on features gives the weights of training on recordings, bit for bit', async () => {
    const made = await spawned('preprocess', '--data', bad, '--out', features(), '--json');
    expect(made.code, made.stderr).toBe(0);
    const result = JSON.parse(made.stdout);
    expect(result).toMatchObject({ out: features(), labels: ['0', '1'], finished: true });
    expect(result.intake.leftOut).toHaveLength(6);
    const index = JSON.parse(readFileSync(join(features(), 'features.json'), 'utf8'));
    const shape = [index.settings.nMels, index.frames] as const;
    const { clips } = await readShard(join(features(), 'shard-00000.safetensors'), shape);
    expect(clips.map((c) => c.name)).toEqual(
      expect.arrayContaining([names.odd, '1_twice_7.wav', '1_twice_7.WAV']),
    );
    expect(index.speakers).toEqual(expect.arrayContaining(['twice', 'gbf1']));
    expect(readdirSync(features()).sort()).toEqual(['features.json', 'shard-00000.safetensors']);
    const trained = await run(
      'train',
      '--data',
      features(),
      ...tiny,
      '--out',
      join(dir, 'from-features'),
      '--json',
    );
    expect(trained.code, trained.stderr).toBe(0);
    expect(JSON.parse(trained.stdout).intake.leftOut).toHaveLength(6);
    const direct = await run('train', '--data', bad, ...tiny, '--out', join(dir, 'from-wavs'));
    expect(direct.code, direct.stderr).toBe(0);
    const weights = (run: string) => readFileSync(join(dir, run, 'model.safetensors'));
    expect(weights('from-features').equals(weights('from-wavs'))).toBe(true);
    const resumed = await run('train', '--resume', join(dir, 'from-features'), '--epochs', '2');
    expect(resumed.code, resumed.stderr).toBe(0);
  });

  const spoilt = (name: string, change: (path: string) => void) => {
    const path = join(dir, name);
    cpSync(features(), path, { recursive: true });
    change(path);
    return path;
  };
  const index = (change: (index: Record<string, never>) => void) => (path: string) => {
    const file = join(path, 'features.json');
    const content = JSON.parse(readFileSync(file, 'utf8'));
    change(content);
    writeFileSync(file, JSON.stringify(content));
  };
  const shard = (path: string) => join(path, 'shard-00000.safetensors');
  const cases: [string, (path: string) => void, RegExp][] = [
    [
      'of another version',
      index((i) => Object.assign(i, { formant: 9 })),
      /features\.json: format version 9, this formant reads 2/,
    ],
    [
      'with other settings',
      index((i) => Object.assign(i.settings, { nMels: 80, fMax: 8000 })),
      /nMels 80 where this model takes 64, fMax 8000 where this model takes 4000/,
    ],
    [
      'with a damaged index',
      (path) => writeFileSync(join(path, 'features.json'), '{"kind"'),
      /features\.json: .*JSON/,
    ],
    [
      'with an index of other things',
      index((i) => Object.assign(i, { shards: [] })),
      /features\.json: is damaged/,
    ],
    [
      'with labels that are no names',
      index((i) => Object.assign(i, { labels: [3] })),
      /features\.json: is damaged/,
    ],
    ['without a shard', (path) => rmSync(shard(path)), /shard-00000\.safetensors: is missing/],
    [
      'with one bit turned in a shard',
      (path) => {
        const bytes = readFileSync(shard(path));
        bytes[bytes.length - 2] ^= 1;
        writeFileSync(shard(path), bytes);
      },
      /shard-00000\.safetensors: is damaged/,
    ],
    [
      'with a shard cut short',
      (path) => truncateSync(shard(path), 100_000),
      /shard-00000\.safetensors: is damaged, its content is not what preprocess wrote; restore it/,
    ],
    ['that was not finished', (path) => rmSync(join(path, 'features.json')), /preprocess was interrupted/],
  ];
  test.each(cases)('train on features %s', async (name, change, message) => {
    const { code, stderr } = await run(
      'train',
      '--data',
      spoilt(name, change),
      ...tiny,
      '--out',
      join(dir, 'no'),
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
    expect(existsSync(join(dir, 'no'))).toBe(false);
  });

  test('nothing is overwritten; --strict asks for a clean preprocess', async () => {
    const over = await run('preprocess', '--data', good, '--out', features());
    expect([over.code, over.stderr]).toEqual([
      1,
      expect.stringMatching(
        /holds features of other recordings than .*good \(files \d+, now \d+\); nothing is overw/,
      ),
    ]);
    const strict = await run('train', '--data', features(), ...tiny, '--strict');
    expect([strict.code, strict.stderr]).toEqual([1, expect.stringMatching(/preprocess left out 6 files/)]);
    const usage = await run('preprocess', '--data', good);
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringMatching(/required option '--out/)]);
  });

  const many = () => join(dir, 'many-files');
  const whole = () => join(dir, 'whole');
  test('a shard is of 256 files', async () => {
    mkdirSync(many());
    const sound = readFileSync(join(good, readdirSync(good)[0]));
    for (let i = 0; i < 1500; i++) writeFileSync(join(many(), `0_x_${i}.wav`), i % 100 ? sound : 'no sound');
    expect((await run('preprocess', '--data', many(), '--out', whole())).code).toBe(0);
    expect(readdirSync(whole()).sort()).toEqual([
      'features.json',
      ...[0, 1, 2, 3, 4, 5].map((i) => `shard-0000${i}.safetensors`),
    ]);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)(
    'what %s stops stays, is no data yet, and ends with the same bytes',
    async (signal) => {
      const out = join(dir, `stopped-${signal}`);
      const { child, ended } = launch('preprocess', '--data', many(), '--out', out, '--json');
      const watch = setInterval(() => {
        if (!existsSync(join(out, 'shard-00000.safetensors'))) return;
        clearInterval(watch);
        child.kill(signal);
      }, 2);
      const { code, stdout, stderr } = await ended;
      clearInterval(watch);
      if (signal === 'SIGINT') {
        expect(code, stderr).toBe(130);
        expect(stderr).toMatch(/\nstopping; what is done stays; press Ctrl-C again to stop at once\n/);
        expect(JSON.parse(stdout).finished).toBe(false);
      }
      expect(existsSync(join(out, 'shard-00005.safetensors'))).toBe(false);
      const early = await run('train', '--data', out, ...tiny);
      expect([early.code, early.stderr]).toEqual([1, expect.stringMatching(/give its command again/)]);
      const other = await run('preprocess', '--data', good, '--out', out);
      expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/other recordings than .*good/)]);

      // What a power cut may leave, too.
      const first = statSync(join(out, 'shard-00000.safetensors')).mtimeMs;
      writeFileSync(join(out, '.shard-00001.safetensors.partial'), 'half');
      writeFileSync(join(out, '.lock'), '999999999');
      const again = await run('preprocess', '--data', many(), '--out', out, '--json');
      expect(again.code, again.stderr).toBe(0);
      expect(JSON.parse(again.stdout)).toMatchObject({ clips: 1485, finished: true });
      expect(JSON.parse(again.stdout).intake.leftOut).toHaveLength(15);
      expect(statSync(join(out, 'shard-00000.safetensors')).mtimeMs).toBe(first);
      for (const name of readdirSync(whole()))
        expect(readFileSync(join(out, name)).equals(readFileSync(join(whole(), name))), name).toBe(true);
    },
  );
});

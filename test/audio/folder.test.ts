// Folders of WAV files in every layout that is known, their order and their split, and what is said about
// folders that can't be used. Each test builds its folder in the system's temporary one.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareNames, listClips, loadClips } from '../../src/audio/folder.ts';
import { encodeWav } from '../../src/audio/wav.ts';
import { DataError } from '../../src/engine/errors.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'formant-folder-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

/** Writes files that hold nothing: listing doesn't open them. */
async function files(...names: string[]): Promise<void> {
  for (const name of names) await write(name, '');
}

async function write(name: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(dir, name)), { recursive: true });
  await writeFile(join(dir, name), content);
}

function numbered(count: number, name: (i: number) => string): string[] {
  return Array.from({ length: count }, (_, i) => name(i));
}

async function testNames(): Promise<string[]> {
  return (await listClips(dir)).filter(({ split }) => split === 'test').map(({ name }) => name);
}

async function expectDataError(call: Promise<unknown>, ...parts: string[]): Promise<void> {
  const error = await call.then(
    () => expect.fail('no error'),
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  for (const part of [...parts, '; ']) expect((error as Error).message).toContain(part);
}

describe('compareNames', () => {
  test('digits by value, text by code units', () => {
    const sorted = [
      '1_a_2.wav',
      '1_a_10.wav',
      '2_a_1.wav',
      '10_a_1.wav',
      'B',
      'a',
      'a2',
      'a02',
      'a10',
      'b',
      'ä',
    ];
    expect([...sorted].reverse().sort(compareNames)).toEqual(
      sorted.map((name) => (name === 'a2' ? 'a02' : name === 'a02' ? 'a2' : name)),
    );
    expect(compareNames(`x${'9'.repeat(40)}`, `x1${'0'.repeat(40)}`)).toBeLessThan(0);
  });

  test('is an order: antisymmetric, transitive, 0 for equal names alone', () => {
    const name = fc.string({ unit: fc.constantFrom('0', '1', '9', 'a', '_', 'Z'), maxLength: 6 });
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNames(a, b)) + Math.sign(compareNames(b, a))).toBe(0);
        expect(compareNames(a, b) === 0).toBe(a === b);
        const [x, y, z] = [a, b, c].sort(compareNames);
        expect(compareNames(x, y) <= 0 && compareNames(y, z) <= 0 && compareNames(x, z) <= 0).toBe(true);
      }),
      { seed: 5, numRuns: 1000 },
    );
  });
});

describe('FSDD naming', () => {
  test('label, speaker, index; natural order; index 0-4 is test', async () => {
    await files(
      '10_ann_0.wav',
      '2_ann_10.wav',
      '2_ann_4.wav',
      '2_ann_5.WAV',
      'two_words_bob_3.wav',
      '.2_ann_6.wav',
      'x.txt',
    );
    expect(await listClips(dir)).toEqual([
      {
        path: join(dir, '2_ann_4.wav'),
        name: '2_ann_4.wav',
        label: '2',
        speaker: 'ann',
        index: 4,
        split: 'test',
      },
      {
        path: join(dir, '2_ann_5.WAV'),
        name: '2_ann_5.WAV',
        label: '2',
        speaker: 'ann',
        index: 5,
        split: 'train',
      },
      {
        path: join(dir, '2_ann_10.wav'),
        name: '2_ann_10.wav',
        label: '2',
        speaker: 'ann',
        index: 10,
        split: 'train',
      },
      {
        path: join(dir, '10_ann_0.wav'),
        name: '10_ann_0.wav',
        label: '10',
        speaker: 'ann',
        index: 0,
        split: 'test',
      },
      {
        ...{ path: join(dir, 'two_words_bob_3.wav'), name: 'two_words_bob_3.wav' },
        ...{ label: 'two_words', speaker: 'bob', index: 3, split: 'test' },
      },
    ]);
  });

  test('split.json sets speakers aside', async () => {
    await files('1_ann_0.wav', '1_ann_9.wav', '1_bob_0.wav', '1_bob_9.wav', '1_cy_7.wav');
    await write('split.json', '{"testSpeakers": ["bob", "cy"]}');
    expect(await testNames()).toEqual(['1_bob_0.wav', '1_bob_9.wav', '1_cy_7.wav']);
    await write('split.json', '{"testSpeakers": []}');
    expect(await testNames()).toEqual([]);
  });

  test.each([
    ['{"testSpeakers": ["bob"', 'is not JSON'],
    ['{"test": ["bob"]}', 'testSpeakers is undefined'],
    ['null', 'testSpeakers is undefined'],
    ['{"testSpeakers": [1]}', 'testSpeakers is [1]'],
    ['{"testSpeakers": ["dan"]}', 'names dan, but the folder has ann, bob'],
  ])('a bad split.json: %s', async (json, part) => {
    await files('1_ann_0.wav', '1_bob_0.wav');
    await write('split.json', json);
    await expectDataError(listClips(dir), join(dir, 'split.json'), part);
  });

  test('a folder around it stands for it', async () => {
    await files('recordings/1_ann_0.wav', 'recordings/1_ann_7.wav', 'docs/a.md', 'README.md');
    const clips = await listClips(dir);
    expect(clips.map(({ name, label, split }) => [name, label, split])).toEqual([
      ['1_ann_0.wav', '1', 'test'],
      ['1_ann_7.wav', '1', 'train'],
    ]);
    expect(clips[0].path).toBe(join(dir, 'recordings', '1_ann_0.wav'));
  });

  test('a stray name among many is an error, a few that happen to fit are not', async () => {
    await files('1_ann_0.wav', '1_ann_7.wav', 'noise.wav');
    await expectDataError(listClips(dir), dir, '2 of 3 WAV files are named', 'but not noise.wav');
    await files('more.wav');
    expect((await listClips(dir)).map(({ label }) => label)).toEqual([null, null, null, null]);
  });
});

describe('other layouts', () => {
  test('plain files: no labels; the 1st, 11th, 21st is test', async () => {
    await files(...numbered(25, (i) => `take ${i}.wav`));
    const clips = await listClips(dir);
    expect(clips.map(({ name }) => name)).toEqual(numbered(25, (i) => `take ${i}.wav`));
    expect(
      clips.every(({ label, speaker, index }) => label === null && speaker === null && index === null),
    ).toBe(true);
    expect(await testNames()).toEqual(['take 0.wav', 'take 10.wav', 'take 20.wav']);
  });

  test('an only clip is for training', async () => {
    await files('alone.wav');
    expect(await testNames()).toEqual([]);
  });

  test('folders as labels, each split by itself', async () => {
    await files(...numbered(12, (i) => `kick/${i}.wav`), 'snare/a_b_1.wav', 'snare/a_b_2.wav', 'hat/x.wav');
    await files('empty/readme.txt', '.hidden/a.wav', 'kick/deeper/y.wav');
    const clips = await listClips(dir);
    expect(clips.map(({ name }) => name)).toEqual([
      ...['hat/x.wav', ...numbered(12, (i) => `kick/${i}.wav`), 'snare/a_b_1.wav', 'snare/a_b_2.wav'],
    ]);
    expect(clips[1]).toEqual({
      ...{ path: join(dir, 'kick', '0.wav'), name: 'kick/0.wav', label: 'kick' },
      ...{ speaker: null, index: null, split: 'test' },
    });
    expect(await testNames()).toEqual(['kick/0.wav', 'kick/10.wav', 'snare/a_b_1.wav']);
    await write('split.json', '{"testSpeakers": ["a"]}');
    await expectDataError(listClips(dir), 'names a, but the folder has no speakers in its names');
  });

  test('files here and in folders', async () => {
    await files('a.wav', 'kick/b.wav');
    await expectDataError(listClips(dir), dir, 'holds 1 WAV files itself and more in kick');
  });
});

describe('links', () => {
  test('loops and links that lead nowhere do not hang', async () => {
    await files('a.wav', 'b.wav');
    await symlink('.', join(dir, 'loop'));
    await symlink('..', join(dir, 'up'));
    await symlink('self', join(dir, 'self'));
    await symlink('a.wav', join(dir, 'c.wav'));
    expect((await listClips(dir)).map(({ name }) => name)).toEqual(['a.wav', 'b.wav', 'c.wav']);
    await symlink('gone', join(dir, 'd.wav'));
    await expectDataError(listClips(dir), join(dir, 'd.wav'), 'does not exist');
  });

  test('a folder of labels that links to itself', async () => {
    await files('kick/a.wav', 'snare/b.wav');
    await symlink('..', join(dir, 'kick', 'loop'));
    await symlink('../..', join(dir, 'kick', 'loop2.wav'));
    expect((await listClips(dir)).map(({ name }) => name)).toEqual(['kick/a.wav', 'snare/b.wav']);
  });
});

describe('folders that cannot be used', () => {
  test('missing, a file, empty, without WAV files', async () => {
    await expectDataError(listClips(join(dir, 'none')), join(dir, 'none'), 'does not exist');
    await write('a.wav', '');
    await expectDataError(listClips(join(dir, 'a.wav')), 'is not a folder');
    await mkdir(join(dir, 'empty'));
    await expectDataError(listClips(join(dir, 'empty')), 'holds no .wav file, it is empty');
    await files('mp3/a.mp3', 'mp3/b.mp3', 'mp3/notes', 'mp3/sub/c.flac', 'mp3/d.wav/x.txt');
    await expectDataError(
      listClips(join(dir, 'mp3')),
      'holds no .wav file, but files: 2 .mp3, 1 without an ending; folders without any: d.wav, sub',
    );
  });
});

describe('loadClips', () => {
  const tone = Float32Array.from({ length: 80 }, (_, i) => Math.round(20000 * Math.sin(i)) / 32768);

  test('reads in the order given, more files than are open at once', async () => {
    for (let i = 0; i < 70; i++) await write(`${i}.wav`, encodeWav(tone.subarray(0, i + 1), 8000));
    const clips = await loadClips(await listClips(dir), { sampleRate: 8000 });
    expect(clips.map(({ samples }) => samples.length)).toEqual(numbered(70, String).map((_, i) => i + 1));
    expect(clips[69]).toMatchObject({ name: '69.wav', samples: tone.subarray(0, 70) });
  });

  test('says what a file has and what is wanted', async () => {
    await write('a.wav', encodeWav(tone, 44100));
    const clips = await listClips(dir);
    await expectDataError(
      loadClips(clips, { sampleRate: 8000 }),
      `${join(dir, 'a.wav')}: is mono at 44100 Hz, wanted is mono 16-bit at 8000 Hz`,
    );
    const stereo = encodeWav(tone, 8000);
    stereo[22] = 2;
    stereo[32] = 4;
    await write('a.wav', stereo);
    await expectDataError(loadClips(clips, { sampleRate: 8000 }), 'is 2 channels at 8000 Hz');
    await write('a.wav', encodeWav(new Float32Array(0), 8000));
    await expectDataError(loadClips(clips, { sampleRate: 8000 }), 'holds no samples');
    await write('a.wav', 'text');
    await expectDataError(loadClips(clips, { sampleRate: 8000 }), join(dir, 'a.wav'), 'no RIFF WAVE file');
    await rm(join(dir, 'a.wav'));
    await expectDataError(loadClips(clips, { sampleRate: 8000 }), join(dir, 'a.wav'), 'does not exist');
  });
});

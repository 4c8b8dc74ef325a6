// Folders of WAV files in every layout that is known, their order and their split, and what is said about
// folders that can't be used. Each test builds its folder in the system's temporary one.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listClips } from '../../src/audio/folder.ts';
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

describe('FSDD naming', () => {
  test('MP3 as WAV', async () => {
    await files('a_ann_1.mp3', 'b_bob_7.wav', 'b_bob_8.MP3');
    expect((await listClips(dir)).map((c) => [c.name, c.label, c.speaker, c.split])).toEqual([
      ['a_ann_1.mp3', 'a', 'ann', 'test'],
      ['b_bob_7.wav', 'b', 'bob', 'train'],
      ['b_bob_8.MP3', 'b', 'bob', 'train'],
    ]);
  });

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
    await expectDataError(listClips(dir), dir, '2 of 3 recordings are named', 'but not noise.wav');
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
    await expectDataError(listClips(dir), dir, 'holds 1 recordings itself and more in kick');
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
    // Bad files among the others: reading them says so.
    await symlink('gone', join(dir, 'd.wav'));
    await symlink('e.wav', join(dir, 'e.wav'));
    expect((await listClips(dir)).map(({ name }) => name)).toEqual(numbered(5, (i) => `${'abcde'[i]}.wav`));
  });

  test('a folder of labels that links to itself', async () => {
    await files('kick/a.wav', 'snare/b.wav');
    await symlink('..', join(dir, 'kick', 'loop'));
    await symlink('../..', join(dir, 'kick', 'loop2.wav'));
    expect((await listClips(dir)).map(({ name }) => name)).toEqual(['kick/a.wav', 'snare/b.wav']);
  });
});

describe('odd names', () => {
  test('spaces, quotes, Unicode, newlines, and names alike but for case', async () => {
    const names = [
      '1_o\'b "x"_7.wav',
      '1_a\nb_8.wav',
      'süß 語_ann_9.WAV',
      '1_ann_7.wav',
      '1_ann_7.WAV',
      '1_Ann_7.wav',
    ];
    await files(...names);
    const clips = await listClips(dir);
    expect(clips.map(({ name }) => name).sort()).toEqual([...names].sort());
    expect(clips.find(({ speaker }) => speaker === 'a\nb')).toMatchObject({ label: '1', index: 8 });
    expect(clips.find(({ index }) => index === 9)).toMatchObject({ label: 'süß 語', split: 'train' });
  });

  test('errors show them on one line', async () => {
    await files('1_a_1.wav', '1_a_2.wav', 'bad\n\x1b[2Jname.wav');
    await expectDataError(listClips(dir), 'but not bad\\n\\x1b[2Jname.wav');
  });
});

describe('folders that cannot be used', () => {
  test('missing, a file, empty, without WAV files', async () => {
    await expectDataError(listClips(join(dir, 'none')), join(dir, 'none'), 'does not exist');
    await write('a.wav', '');
    await expectDataError(listClips(join(dir, 'a.wav')), 'is not a folder');
    await mkdir(join(dir, 'empty'));
    await expectDataError(listClips(join(dir, 'empty')), 'holds no .wav or .mp3 file, it is empty');
    await files('ogg/a.ogg', 'ogg/b.ogg', 'ogg/notes', 'ogg/sub/c.flac', 'ogg/d.wav/x.txt');
    await expectDataError(
      listClips(join(dir, 'ogg')),
      'holds no .wav or .mp3 file, but files: 2 .ogg, 1 without an ending; folders without any: d.wav, sub',
    );
  });
});

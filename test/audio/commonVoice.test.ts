// Releases of Common Voice written here, of several generations: what is listed, what is filtered, what is named as
// bad. The tables are fuzzed: whatever stands in them, each listed clip is a row that a second reader finds.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { isCommonVoice, readRelease, type VoiceClip } from '../../src/audio/commonVoice.ts';
import { openTsv } from '../../src/audio/tsv.ts';
import { labelsOf, soleWord } from '../../src/audio/voiceLabels.ts';
import { DataError } from '../../src/engine/errors.ts';

const dir = await mkdtemp(join(tmpdir(), 'formant-voice-'));
afterAll(() => rm(dir, { recursive: true }));

let made = 0;
/** A language's folder with these tables and clips. */
async function locale(files: Record<string, string>, clips: string[], at?: string): Promise<string> {
  const path = join(dir, at ?? `release-${made++}`);
  await mkdir(join(path, 'clips'), { recursive: true });
  for (const clip of clips) await writeFile(join(path, 'clips', clip), '');
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, `${name}.tsv`), text);
  return path;
}
const table = (columns: string[], ...rows: (string | number)[][]) =>
  `${[columns, ...rows].map((row) => row.join('\t')).join('\n')}\n`;
const v17 =
  'client_id path sentence_id sentence sentence_domain up_votes down_votes age gender accents variant locale segment';
/** A row of the columns above. */
const row = (id: string, path: string, votes = 2, sentence = 'Yes.', gender = '') => [
  ...[id, path, 'f00', sentence, '', votes, 0, 'twenties', gender, '', '', 'en', ''],
];
const names = (clips: VoiceClip[]) => clips.map((c) => c.name);
const now = v17.split(' ');

describe('tables', () => {
  test('of now: splits, votes, gender; quotes are letters', async () => {
    const path = await locale(
      {
        train: table(
          now,
          row('a', 'a1.mp3', 3, '"Unbalanced, he said', 'male_masculine'),
          row('a', 'a2.mp3', 1, '""Two""" "'),
        ),
        dev: table(now, row('b', 'b1.mp3', 2, 'l\'\u2028été"', 'female_feminine')),
        test: table(now, row('c', 'c1.mp3', 2, 'No', 'do_not_wish_to_say')),
      },
      ['a1.mp3', 'a2.mp3', 'b1.mp3', 'c1.mp3'],
    );
    const { clips, leftOut, notes } = await readRelease(path);
    expect({ leftOut, notes }).toEqual({ leftOut: [], notes: [] });
    expect(clips.map((c) => [c.name, c.speaker, c.split, c.upVotes, c.gender, c.sentence])).toEqual([
      ['a1.mp3', 'a', 'train', 3, 'male', '"Unbalanced, he said'],
      ['a2.mp3', 'a', 'train', 1, null, '""Two""" "'],
      ['b1.mp3', 'b', 'dev', 2, 'female', 'l\'\u2028été"'],
      ['c1.mp3', 'c', 'test', 2, null, 'No'],
    ]);
    expect(clips[0]).toMatchObject({
      path: join(path, 'clips', 'a1.mp3'),
      age: 'twenties',
      accents: null,
      locale: 'en',
    });
  });

  test('of years ago: other columns in another order, no .mp3, BOM, CRLF, no line end at the end', async () => {
    const text =
      '\ufeffpath\tclient_id\tsentence\tup_votes\tdown_votes\tage\tgender\taccent\r\n1f\tx\tHi\t2\t1\t\tother\tus\r\n\r\n2f\ty\t\t\t\t\tmale\t';
    const { clips, notes } = await readRelease(await locale({ train: text }, ['1f.mp3', '2f.mp3'], 'old/de'));
    expect(notes).toEqual([]);
    expect(clips).toMatchObject([
      {
        name: '1f.mp3',
        speaker: 'x',
        upVotes: 2,
        downVotes: 1,
        age: null,
        gender: 'other',
        accents: 'us',
        locale: 'de',
      },
      { name: '2f.mp3', speaker: 'y', upVotes: 0, sentence: '', gender: 'male', accents: null },
    ]);
  });

  test('bad rows are named by line and left out, the rest is used', async () => {
    const rows = [
      ...[
        row('a', 'a1.mp3'),
        ['too', 'short'],
        row('a', '../../etc/passwd'),
        row('a', 'x/y.mp3'),
        row('', 'a2.mp3'),
      ],
      ...[
        row('a', 'a1.mp3'),
        row('a', 'gone.mp3'),
        [...row('a', 'a3.mp3'), 'more'],
        row('a', '..'),
        row('a', 'a4.mp3'),
      ],
    ];
    const path = await locale({ train: table(now, ...rows) }, ['a1.mp3', 'a2.mp3', 'a3.mp3', 'a4.mp3']);
    const { clips, leftOut, notes } = await readRelease(path);
    expect(names(clips)).toEqual(['a1.mp3', 'a4.mp3']);
    expect(leftOut).toEqual([
      {
        path: join(path, 'clips', 'gone.mp3'),
        kind: 'unreadable',
        reason: 'does not exist; unpack the release again',
      },
    ]);
    expect(notes.map((n) => n.text)).toEqual([
      "lines 3, 9 of another width than the head's 13 columns: left out",
      'lines 4, 5, 10 with a path that is no file name: left out',
      'line 6 without client_id: left out',
      'line 7 with a clip that was listed before: left out',
    ]);
    expect(notes[0].path).toBe(join(path, 'train.tsv'));
  });

  test.each([
    ['empty', '', /train\.tsv: has no column client_id, path; it is empty/],
    ['without head', 'a\tb.mp3\tHi\n', /has no column client_id, path; its first line names a, b\.mp3, Hi/],
    ['another table', 'path\tsentence\n', /has no column client_id; its first line names path, sentence/],
    ['without rows', 'client_id\tpath\n', /of 0 clips in train none is left/],
    ['one endless line', 'x'.repeat(2 ** 21), /has a line of more than 2\^20 bytes/],
  ])('%s: one clear error', async (_, text, message) => {
    await expect(readRelease(await locale({ train: text }, []))).rejects.toThrow(message);
  });
});

describe('what is chosen', () => {
  const files = {
    train: table(now, row('aa', '1.mp3', 5), row('ab', '2.mp3', 2), row('b', '3.mp3', 1)),
    test: table(now, row('c', '4.mp3', 2), row('c', '5.mp3', 2)),
    validated: table(
      now,
      row('aa', '1.mp3'),
      row('c', '6.mp3', 2),
      row('d', '7.mp3', 2),
      row('d', '7.mp3', 2),
    ),
  };
  const clips = ['1', '2', '3', '4', '5', '6', '7'].map((n) => `${n}.mp3`);

  test('the rest of validated goes where its speaker is', async () => {
    const path = await locale(files, clips);
    expect(names((await readRelease(path)).clips)).toEqual(clips.slice(0, 5));
    const all = await readRelease(path, { tables: ['validated'] });
    expect(all.clips.map((c) => [c.name[0], c.split])).toEqual([
      ...[
        ['1', 'train'],
        ['2', 'train'],
        ['3', 'train'],
        ['4', 'test'],
        ['5', 'test'],
        ['6', 'test'],
        ['7', 'train'],
      ],
    ]);
    expect(all.notes.map((n) => n.text)).toEqual(['line 5 with a clip that was listed before: left out']);
    const alone = await readRelease(await locale({ validated: files.validated }, clips));
    expect(alone.clips.map((c) => [c.name[0], c.split])).toEqual([
      ['1', null],
      ['6', null],
      ['7', null],
    ]);
  });

  test('votes, speakers, most heard', async () => {
    const path = await locale(files, clips);
    const listed = async (options: object) =>
      names((await readRelease(path, options)).clips)
        .map((n) => n[0])
        .join('');
    expect(await listed({ minVotes: 2 })).toBe('1245');
    expect(await listed({ speakers: ['a', 'b'] })).toBe('123');
    expect(await listed({ speakers: ['ab'] })).toBe('2');
    expect(await listed({ maxSpeakers: 1 })).toBe('45');
    expect(await listed({ maxSpeakers: 2 })).toBe('145');
    expect(await listed({ maxSpeakers: 1, speakers: ['a', 'b'] })).toBe('1');
    expect(await listed({ tables: ['train'] })).toBe('123');
    await expect(listed({ speakers: ['zz'] })).rejects.toThrow('no speaker whose id begins with zz');
    await expect(listed({ tables: ['dev'] })).rejects.toThrow(
      'has no dev.tsv, but train.tsv, test.tsv, validated.tsv',
    );
    await expect(listed({ minVotes: 9 })).rejects.toThrow('none is left');
  });

  test('a release around languages; no release', async () => {
    await locale(files, clips, 'cv/cv-corpus-17/en');
    await locale(files, clips, 'cv/cv-corpus-17/fr');
    for (const path of ['cv', 'cv/cv-corpus-17', 'cv/cv-corpus-17/en']) {
      expect(await isCommonVoice(join(dir, path))).toBe(true);
      expect((await readRelease(join(dir, path), { locale: 'en' })).locale).toBe('en');
    }
    await expect(readRelease(join(dir, 'cv'))).rejects.toThrow(
      'has 2 languages, en, fr; choose one with --locale',
    );
    await expect(readRelease(join(dir, 'cv'), { locale: 'de' })).rejects.toThrow(
      'has no language de, but en, fr',
    );
    await mkdir(join(dir, 'plain', 'clips'), { recursive: true });
    expect(await isCommonVoice(join(dir, 'plain'))).toBe(false);
    expect(await isCommonVoice(join(dir, 'nowhere'))).toBe(false);
    await expect(readRelease(join(dir, 'plain'))).rejects.toThrow('is no release of Common Voice');
  });

  test('labels', async () => {
    const ids = ['0123456789', '0123456780', 'ff'];
    const rows = [
      row(ids[0], '1.mp3', 2, '  Éins! ', 'male'),
      row(ids[1], '2.mp3', 2, 'two words'),
      row(ids[2], '3.mp3', 2, '«3»'),
    ];
    const release = await readRelease(await locale({ train: table(now, ...rows) }, clips));
    expect(labelsOf(release.clips, 'speaker')).toEqual(ids);
    expect(labelsOf(release.clips, 'gender')).toEqual(['male', null, null]);
    expect(labelsOf(release.clips, 'word')).toEqual(['éins', null, '3']);
    expect(() => labelsOf(release.clips.slice(1, 2), 'word')).toThrow(
      'no sentence is a single word (the first is "two words")',
    );
    expect(soleWord('...')).toBe(null);
  });
});

test('any bytes: an error of ours, or rows that a second reader finds', async () => {
  const path = join(dir, 'fuzz.tsv');
  const piece = fc.constantFrom(
    'client_id',
    'path',
    '\t',
    '\n',
    '\r\n',
    '\r',
    '"',
    '\ufeff',
    '\u2028',
    '\0',
    'x.mp3',
    '',
    '..',
    'é',
  );
  const bytes = fc.oneof(
    fc.array(piece, { maxLength: 40 }).map((p) => Buffer.from(`client_id\tpath\n${p.join('')}`)),
    fc.array(piece, { maxLength: 40 }).map((p) => Buffer.from(p.join(''))),
    fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
  );
  let read = 0;
  const property = fc.asyncProperty(bytes, async (content) => {
    await writeFile(path, content);
    const lines = content.toString('utf8').split('\n');
    try {
      const { columns, rows } = await openTsv(path, ['client_id', 'path']);
      for await (const { line, cell, cells } of rows) {
        const want = lines[line - 1].replace(/\r$/, '').split('\t');
        expect(cells).toBe(want.length);
        if (cells === columns.length) expect(cell('path')).toBe(want[columns.lastIndexOf('path')]);
        read++;
      }
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
    }
  });
  await fc.assert(property, { seed: 3, numRuns: 400 });
  expect(read).toBeGreaterThan(150);
});

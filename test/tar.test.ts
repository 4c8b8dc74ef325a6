// Archives written by other hands (nanotar, and headers made here): what is wanted comes out, and whatever is damaged
// or leads out of the folder is refused as a whole.

import fc from 'fast-check';
import { createTar } from 'nanotar';
import { expect, test } from 'vitest';
import { DataError } from '../src/engine/errors.ts';
import { readTar } from '../src/tar.ts';
import { entry, pax, tarOf } from './tarBytes.ts';

const all = (_: string) => true;
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const listed = (tar: Uint8Array, wanted = all) =>
  readTar(tar, 'a.tar', wanted).map(({ name, data }) => [name, text(data)]);

test('reads what another program wrote', () => {
  const content = 'x'.repeat(700);
  const tar = createTar([
    { name: 'top/', attrs: { mode: '755' } },
    { name: 'top/a.wav', data: 'hello' },
    { name: './top/b.wav', data: content },
    { name: 'top/empty', data: new Uint8Array(512) },
  ]);
  expect(listed(tar, (path) => path.endsWith('.wav'))).toEqual([
    ['top/a.wav', 'hello'],
    ['top/b.wav', content],
  ]);
});

test('long names by pax, GNU and prefix; a comment for all', () => {
  const long = `${'d'.repeat(120)}/a.wav`;
  const tar = tarOf(
    entry('pax_global_header', pax('comment', '0123'), 'g'),
    entry('x', Buffer.concat([pax('mtime', '1'), pax('path', `pax/${long}`)]), 'x'),
    entry('short', 'one'),
    entry('././@LongLink', `gnu/${long}\0`, 'L'),
    entry('short', 'two'),
    entry('a.wav', 'three', '0', { prefix: 'first' }),
    entry('plain', 'four'),
  );
  expect(listed(tar)).toEqual([
    [`pax/${long}`, 'one'],
    [`gnu/${long}`, 'two'],
    ['first/a.wav', 'three'],
    ['plain', 'four'],
  ]);
});

const outside = /leads out of the folder; do not use this archive/;
test.each<[string, Uint8Array[], RegExp]>([
  ['an absolute name', [entry('/etc/a.wav', 'x')], outside],
  ['a climb', [entry('../a.wav', 'x')], outside],
  ['a climb within', [entry('top/recordings/../../../a.wav', 'x')], outside],
  ['a climb at the end', [entry('top/..', '', '5')], outside],
  ['a climb by backslashes', [entry('top\\..\\..\\a.wav', 'x')], outside],
  ['a drive', [entry('C:/a.wav', 'x')], outside],
  ['a climb in a prefix', [entry('a.wav', 'x', '0', { prefix: '../b' })], outside],
  ['a climb in a pax header', [entry('x', pax('path', '../a.wav'), 'x'), entry('a.wav', 'x')], outside],
  ['a climb in a long name', [entry('x', '/a.wav\0', 'L'), entry('a.wav', 'x')], outside],
  ['a link', [entry('a.wav', '', '2', { link: '/etc/passwd' })], /a\.wav is no file but a link/],
  ['a hard link', [entry('a.wav', '', '1', { link: 'b.wav' })], /is no file but a hard link/],
  ['a device', [entry('a.wav', '', '3')], /is no file but a device/],
  ['a negative size', [entry('a.wav', 'x', '0', { size: '-0000001000' })], /byte 0 does not add up/],
  ['a size of letters', [entry('a.wav', 'x', '0', { size: 'zzzzzzzzzzz' })], /byte 0 does not add up/],
  ['a size beyond the end', [entry('a.wav', 'x', '0', { size: '77777777777' })], /ends within a\.wav/],
  ['a wrong sum', [entry('a.wav', 'x'), entry('b.wav', 'x', '0', { sum: 1 })], /byte 1024 does not add up/],
])('refuses %s', (_, entries, message) => {
  expect(() => listed(tarOf(...entries))).toThrow(DataError);
  expect(() => listed(tarOf(...entries))).toThrow(message);
});

test('a link that nobody wants is passed over', () => {
  const tar = tarOf(entry('link', '', '2', { link: 'a' }), entry('a', 'x'));
  expect(listed(tar, (path) => path === 'a')).toEqual([['a', 'x']]);
});

test('every cut before the end mark is seen', () => {
  const tar = tarOf(entry('a.wav', 'hello'), entry('b.wav', 'x'.repeat(600)));
  const marked = tar.length - 1024;
  for (let cut = 0; cut < marked + 512; cut += 64)
    expect(() => listed(tar.subarray(0, cut))).toThrow(/archive is damaged; download it again/);
  expect(listed(tar.subarray(0, marked + 512)).length).toBe(2);
});

test('2,000 mutations end, with files of the archive or an error of ours', () => {
  const tar = tarOf(
    entry('x', pax('path', 'long/a.wav'), 'x'),
    entry('a.wav', 'hello'),
    entry('b.wav', 'yes'),
  );
  const outcomes = { read: 0, refused: 0 };
  fc.assert(
    fc.property(fc.nat(tar.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = tar.map((b, i) => (i === at ? b ^ flip : b));
      try {
        expect(readTar(bytes, 'a.tar', all).length).toBeLessThanOrEqual(3);
        outcomes.read++;
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        outcomes.refused++;
      }
    }),
    { seed: 4, numRuns: 2000 },
  );
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(400);
});

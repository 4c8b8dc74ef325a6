// The order of names, how odd ones are shown, and what is said of failed calls.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareNames, fileFault, printable } from '../../src/audio/names.ts';

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

test('printable: nothing that breaks a line or steers a terminal', () => {
  expect(printable('plain name é 語 "quoted" 😀.wav')).toBe('plain name é 語 "quoted" 😀.wav');
  expect(printable('a\nb\rc\td\x1b[31m\x07\x9b')).toBe('a\\nb\\rc\\td\\x1b[31m\\x07\\x9b');
  expect(printable('x\u202egpj.wav\u2028\ud800')).toBe('x\\u{202e}gpj.wav\\u{2028}\\u{d800}');
});

test.each([
  ['EACCES', /may not be read by this user/],
  ['EPERM', /may not be read by this user/],
  ['ELOOP', /link that leads back to itself/],
  ['ENOENT', /does not exist/],
  ['EISDIR', /is a folder/],
  ['EIO', /cannot be read \(i\/o error\)/],
])('a call that failed with %s', (code, words) => {
  expect(fileFault(Object.assign(new Error('i/o error'), { code }), 'a.wav')).toMatch(words);
});

test('a name that is not valid UTF-8 is not found under the name that is shown', () => {
  const error = Object.assign(new Error(), { code: 'ENOENT' });
  expect(fileFault(error, 'a\uFFFD.wav')).toMatch(/not valid UTF-8; rename it/);
});

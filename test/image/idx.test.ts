// IDX files: round trips of any shape, words for what is no such file, gzip that is damaged or a bomb, and 20,000 seeded
// mutations, each of which must be refused by an error of ours or be what the header says, by a second reading here.

import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DataError } from '../../src/engine/errors.ts';
import { decodeIdx, unpackIdx } from '../../src/image/idx.ts';
import { allocatedBy } from '../allocated.ts';
import { idx } from './idxBytes.ts';

const letters = (text: string) => new TextEncoder().encode(text);

test('any shape comes back, plain and gzipped', async () => {
  const shapes = fc.array(fc.nat(5), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(shapes, fc.infiniteStream(fc.nat(255)), async (shape, values) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const data = Uint8Array.from({ length: size }, () => values.next().value as number);
      const file = idx(shape, data);
      expect(decodeIdx(file, 'a', shape.length)).toEqual({ shape, data });
      expect(await unpackIdx(file, 'a')).toBe(file);
      expect(decodeIdx(await unpackIdx(gzipSync(file), 'a.gz'), 'a.gz')).toEqual({ shape, data });
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('a file within a larger buffer is read in its place', () => {
  const file = idx([2, 2], [1, 2, 3, 4]);
  const around = new Uint8Array(file.length + 7);
  around.set(file, 3);
  const { data } = decodeIdx(around.subarray(3, 3 + file.length), 'a');
  expect([...data]).toEqual([1, 2, 3, 4]);
  expect(data.buffer).toBe(around.buffer);
});

const images = idx([2, 1, 2], [1, 2, 3, 4]);

test.each<[string, Uint8Array, number | undefined, RegExp]>([
  ['nothing', new Uint8Array(), 3, /^a: is empty/],
  ['three bytes', images.subarray(0, 3), 3, /^a: ends after 3 bytes/],
  ['half a header', images.subarray(0, 9), 3, /ends after 9 of 16 bytes/],
  ['half the pixels', images.subarray(0, 18), 3, /ends after 18 of 20 bytes; download it again/],
  ['a byte more', idx([2, 1, 2], [1, 2, 3, 4, 5]), 3, /is 1 bytes longer than its 2 x 1 x 2 elements/],
  ['labels', idx([2], [1, 2]), 3, /holds labels where images belong/],
  ['images', images, 1, /holds images where labels belong/],
  ['a matrix', idx([1, 2], [1, 2]), 3, /holds an array of 2 dimensions where images belong/],
  ['floats', idx([2], new Uint8Array(8), 13), 1, /is IDX of 32-bit floats; only unsigned bytes/],
  ['no dimension', idx([], [1]), undefined, /begins with 0x00000800, so it is no IDX file/],
  ['an odd type', idx([1], [1], 10), undefined, /begins with 0x00000a01/],
  ['swapped bytes', Uint8Array.of(3, 8, 0, 0, 2, 0, 0, 0), 3, /with its bytes swapped/],
  ['gzip', gzipSync(images), 3, /is gzip inside; unpack it/],
  ['a ZIP', letters('PK\x03\x04....'), 3, /is a ZIP archive; unpack it/],
  ['a web page', letters('<html>sign in'), 3, /is a web page, not data/],
  ['something', letters('hello there'), 3, /begins with 0x68656c6c, so it is no IDX file/],
  ['4 G x 4 G pixels', idx([2 ** 32 - 1, 2 ** 32 - 1, 1], []), 3, /4,294,967,295 x .* more than 2 GiB/],
])('refuses %s', (_, bytes, rank, message) => {
  const decode = () => decodeIdx(bytes, 'a', rank);
  expect(decode).toThrow(DataError);
  expect(decode).toThrow(message);
});

test('names are printable, sizes allocate nothing', () => {
  expect(() => decodeIdx(letters('x\n'), 'a\nb')).toThrow(/^a\\nb: /);
  const allocated = allocatedBy(() => {
    expect(() => decodeIdx(idx([30_000, 28, 28], [1]), 'a', 3)).toThrow(DataError);
  });
  expect(allocated).toBeLessThan(1000);
});

const refused = async (bytes: Uint8Array, rank?: number) => {
  const error = await unpackIdx(bytes, 'a.gz', rank).then(
    () => null,
    (e) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message;
};

test('damaged gzips are said to be', async () => {
  const noise = Uint8Array.from({ length: 50_000 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const packed = gzipSync(idx([50_000], noise));
  for (const cut of [2, 5, 300, packed.length >> 1, packed.length - 9, packed.length - 1])
    expect(await refused(packed.subarray(0, cut))).toMatch(
      /gzip is damaged or cut short .*download it again/,
    );
  for (const at of [2, packed.length >> 1, packed.length - 6])
    expect(await refused(packed.map((b, i) => (i === at ? b ^ 0x55 : b)))).toMatch(/gzip is damaged/);
  expect(await refused(gzipSync(letters('<html>')))).toMatch(/web page/);
  expect(await refused(gzipSync(idx([1], [1])), 3)).toMatch(/holds labels where images belong/);
  expect(await refused(gzipSync(gzipSync(images)))).toMatch(/is gzip inside/);
});

test('a gzip is read no further than its header says', async () => {
  const bomb = gzipSync(Buffer.concat([idx([1000, 28, 28], []), Buffer.alloc(64 << 20)]));
  expect(bomb.length).toBeLessThan(100_000);
  const before = process.memoryUsage().arrayBuffers;
  expect(await refused(bomb)).toMatch(/unpacks to more than the 784,016 bytes of its header/);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  const lie = gzipSync(idx([2_000_000, 28, 28], [1]));
  expect(await refused(lie)).toMatch(/ends after .* of 1,568,000,016 bytes/);
});

/** What the description says of these bytes; null where it has nothing to say. */
function readAgain(bytes: number[]): { shape: number[]; data: number[] } | null {
  const hex = bytes.map((b) => b.toString(16).padStart(2, '0')).join('');
  const [, dimensions] = /^000008(..)/.exec(hex) ?? [];
  const rank = Number.parseInt(dimensions ?? '0', 16);
  if (hex.length < 8 + 8 * rank) return null;
  const shape = Array.from({ length: rank }, (_, i) => Number(`0x${hex.slice(8 + 8 * i, 16 + 8 * i)}`));
  const size = shape.reduce((a, b) => a * b, 1);
  const data = bytes.slice(4 + 4 * rank);
  return rank > 0 && data.length === size ? { shape, data } : null;
}

test('20,000 mutations', () => {
  const seeds = [images, idx([3], [7, 8, 9]), idx([0, 5], []), idx([2, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8])];
  const lies = [0, 1, 2, 3, 4, 5, 8, 9, 12, 0x7fffffff, 0x80000000, 0xffffffff];
  const edit = fc.tuple(fc.constantFrom('flip', 'set', 'cut', 'drop', 'add', 'lie'), fc.nat(30), fc.nat(255));
  const outcomes = { read: 0, refused: 0 };
  fc.assert(
    fc.property(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 3 }), (seed, edits) => {
      let bytes = [...seed];
      for (const [kind, at, value] of edits) {
        const n = lies[value % lies.length];
        if (kind === 'flip') bytes = bytes.map((b, i) => (i === at ? b ^ (1 << (value & 7)) : b));
        if (kind === 'set') bytes = bytes.map((b, i) => (i === at ? value : b));
        if (kind === 'cut') bytes = bytes.slice(0, at);
        if (kind === 'drop') bytes = bytes.toSpliced(at, 1 + (value & 3));
        if (kind === 'add') bytes = bytes.toSpliced(at, 0, value);
        if (kind === 'lie')
          bytes = bytes.toSpliced(at & 12, 4, n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255);
      }
      const expected = readAgain(bytes);
      if (expected) {
        const { shape, data } = decodeIdx(Uint8Array.from(bytes), 'fuzz');
        expect({ shape, data: [...data] }).toEqual(expected);
        outcomes.read++;
      } else {
        expect(() => decodeIdx(Uint8Array.from(bytes), 'fuzz')).toThrow(DataError);
        outcomes.refused++;
      }
    }),
    { seed: 2, numRuns: 20_000 },
  );
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(4000);
});

test('500 mutations of a gzip', async () => {
  const data = Uint8Array.from({ length: 300 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const packed = gzipSync(idx([300], data));
  await fc.assert(
    fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = packed.map((b, i) => (i === at ? b ^ flip : b));
      const result = await unpackIdx(bytes, 'a.gz')
        .then((unpacked) => Buffer.from(decodeIdx(unpacked, 'a.gz').data))
        .catch((error) => error);
      // Its time, its system and its flags for text may change unseen.
      if (Buffer.isBuffer(result)) expect(result.equals(data)).toBe(true);
      else expect(result).toBeInstanceOf(DataError);
    }),
    { seed: 3, numRuns: 500 },
  );
  expect(gunzipSync(packed).length).toBe(308);
});

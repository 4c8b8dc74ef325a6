// 20,000 mutated WAV files and as many of byte soup. Whatever decodeWav makes of one must be an error of ours that
// names the file, or what a second reader, written here from the format's description, finds in the same bytes,
// with a note wherever that reader met a fault; and no more memory than the bytes at hand account for.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeWav, type Wav } from '../../src/audio/wav.ts';
import { DataError } from '../../src/engine/errors.ts';
import { allocatedBy } from '../allocated.ts';
import { chunk, extensible, fmt, riff, sampleBytes } from './wavBytes.ts';

const RUNS = 20_000;

/** A file of every form, with odd chunks before and after the data. */
const SEEDS: Uint8Array[] = [
  ...[8, 16, 24, 32].map((bits) => ({ tag: 1, bits, isFloat: false })),
  ...[32, 64].map((bits) => ({ tag: 3, bits, isFloat: true })),
].flatMap(({ tag, bits, isFloat }) =>
  [1, 2, 3].map((channels) => {
    const values = [0, 1, -1, 100, -128, 127, 64, -64, 3, -7, 11, -13];
    const body = values.flatMap((v) => sampleBytes(isFloat ? v / 128 : v, bits, isFloat));
    const form = { channels, bits, rate: 8000 * channels };
    const format =
      channels === 2 ? fmt({ ...form, tag: 0xfffe, extra: extensible(tag, bits) }) : fmt({ ...form, tag });
    return riff(chunk('LIST', [1, 2, 3]), format, chunk('data', body), chunk('id3 ', [4]));
  }),
);

/** Numbers that sizes and counts lie with. */
const LIES = [
  0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 32, 64, 255, 256, 0x7fff, 0xfffe, 0xffff, 0x10000, 0x7fffffff,
];
const lie = fc.oneof(fc.constantFrom(...LIES, 0x80000000, 0xfffffff8, 0xfffffffe, 0xffffffff), fc.nat(100));

/** Offsets of the fields of a seed's head: sizes, then the format's. */
const FIELDS = [4, 16, 28, 32, 34, 36, 40, 44, 46, 48, 50, 56];

type Edit = (bytes: number[]) => number[];
const place = fc.nat(9999).map((n) => n / 10_000); // fc.double would mostly be next to 0
const at = (bytes: number[], share: number) => Math.floor(share * bytes.length);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(
    ([p, bit]): Edit =>
      (b) =>
        b.map((old, i) => (i === at(b, p) ? old ^ (1 << bit) : old)),
  ),
  fc.tuple(place, fc.nat(255)).map(
    ([p, byte]): Edit =>
      (b) =>
        b.length ? b.with(at(b, p), byte) : b,
  ),
  // Two bytes that make an infinity or a NaN of a float, wherever they end one.
  fc.tuple(place, fc.constantFrom(0x7f80, 0x7fc0, 0x7ff0, 0xfff8)).map(
    ([p, top]): Edit =>
      (b) =>
        b.toSpliced(at(b, p) & ~3, 2, top & 255, top >> 8),
  ),
  place.map(
    (p): Edit =>
      (b) =>
        b.slice(0, at(b, p)),
  ),
  fc.tuple(place, fc.array(fc.nat(255), { minLength: 1, maxLength: 9 })).map(
    ([p, more]): Edit =>
      (b) =>
        b.toSpliced(at(b, p), 0, ...more),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 9 })).map(
    ([p, n]): Edit =>
      (b) =>
        b.toSpliced(at(b, p), n),
  ),
  fc.tuple(place, place, fc.nat(40)).map(
    ([p, q, n]): Edit =>
      (b) =>
        b.toSpliced(at(b, p), 0, ...b.slice(at(b, q), at(b, q) + n)),
  ),
  fc.tuple(fc.constantFrom(...FIELDS), fc.constantFrom(2, 4), lie).map(
    ([field, width, value]): Edit =>
      (b) =>
        b.map((old, i) => (i >= field && i < field + width ? (value >>> (8 * (i - field))) & 255 : old)),
  ),
  lie.map(
    (value): Edit =>
      (b) => {
        const data = b.findIndex((_, i) => String.fromCharCode(...b.slice(i, i + 4)) === 'data');
        return b.map((old, i) =>
          data >= 0 && i >= data + 4 && i < data + 8 ? (value >>> (8 * (i - data - 4))) & 255 : old,
        );
      },
  ),
);

/** Text that stands in WAV files, so that soup gets beyond the first check. */
const WORDS = ['RIFF', 'RF64', 'WAVE', 'fmt ', 'data', 'ds64', 'LIST', 'fact'].map((w) =>
  [...w].map((c) => c.charCodeAt(0)),
);
const soup = fc.array(
  fc.oneof(
    fc.constantFrom(...WORDS),
    lie.map((v) => [v & 255, (v >>> 8) & 255, (v >>> 16) & 255, v >>> 24]),
    fc.array(fc.nat(255), { maxLength: 12 }),
  ),
  { maxLength: 24 },
);

/** What the second reader found: the samples interleaved, and whether it had to pass over a fault. */
interface Found {
  rate: number;
  channels: number;
  isFloat: boolean;
  values: number[];
  isFaulty: boolean;
}

const KNOWN = ['fmt ', 'data', 'fact', 'LIST', 'bext', 'JUNK', 'PEAK', 'cue ', 'smpl', 'id3 '];

/** The number that the sample of so many bits at the start of `b` is. */
function sampleAt(b: Uint8Array, bits: number, isFloat: boolean): number {
  const view = new DataView(b.buffer, b.byteOffset, b.length);
  if (isFloat) return bits === 32 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  if (bits === 8) return (b[0] - 128) / 128;
  let k = 0n;
  for (let i = 0; i < bits / 8; i++) k |= BigInt(b[i]) << BigInt(8 * i);
  return Number(BigInt.asIntN(bits, k)) / 2 ** (bits - 1);
}

/** Reads by the description, with no care for speed or for what cannot be: that is for decodeWav to refuse. */
function readAgain(bytes: Uint8Array): Found {
  const hex = (from: number, n: number) =>
    [...bytes.subarray(from, from + n)]
      .reverse()
      .map((b) => b.toString(16).padStart(2, '0'))
      .join('');
  const number = (from: number, n: number) => Number(`0x${hex(from, n) || '0'}`);
  const word = (from: number) => String.fromCharCode(...bytes.subarray(from, from + 4));
  let isFaulty = false;
  let sizes: [number, number] | null = null;
  const walk = (from: number): { id: string; from: number; size: number; next: number } => {
    const id = word(from);
    const said = number(from + 4, 4);
    const size = id === 'data' && said === 2 ** 32 - 1 && sizes ? sizes[1] : said;
    const end = from + 8 + size;
    const forgotten = size % 2 === 1 && KNOWN.includes(word(end));
    if (forgotten) isFaulty = true;
    return { id, from: from + 8, size, next: forgotten ? end : end + (size % 2) };
  };
  let part = walk(12);
  let format = 0;
  while (part.id !== 'data') {
    if (part.id === 'fmt ') format = part.from;
    if (part.id === 'ds64' && part.size >= 16) sizes = [number(part.from, 8), number(part.from + 8, 8)];
    part = walk(part.next);
  }
  const isExtended = number(format, 2) === 0xfffe;
  const isFloat = number(isExtended ? format + 24 : format, 2) === 3;
  const stated = number(format + 14, 2);
  const bits = 8 * Math.ceil(stated / 8);
  const [channels, rate, align] = [number(format + 2, 2), number(format + 4, 4), number(format + 12, 2)];
  if (number(format + 8, 4) !== (rate * align) % 2 ** 32) isFaulty = true;
  const valid = isExtended ? number(format + 18, 2) : stated;
  if (valid === 0 || valid > bits || (isFloat && valid !== bits)) isFaulty = true;
  // Up to where chunks can be followed: to the end of the file in a sound one.
  const left = bytes.length - part.from;
  let end = part.size > left ? -1 : part.next;
  while (end >= 0 && end < bytes.length) {
    const after = walk(end);
    const isPlausible = end + 8 <= bytes.length && [...word(end)].every((c) => c >= ' ' && c <= '~');
    if (after.id === 'data') isFaulty = true;
    end = isPlausible && after.from + after.size <= bytes.length ? after.next : -1;
  }
  if (end < 0) isFaulty = true;
  const takesAll = part.size > left || (part.size === 0 && end < 0);
  const there = takesAll ? left : part.size;
  const head = number(4, 4) === 2 ** 32 - 1 && sizes ? sizes[0] : number(4, 4);
  const even = (n: number) => n + (n % 2); // whether the last pad byte is there and counted says nothing
  if (even(head + 8) !== even(bytes.length) || there % align) isFaulty = true;
  const frames = Math.floor(there / align);
  const values = Array.from({ length: frames * channels }, (_, i) => {
    return sampleAt(
      bytes.subarray(part.from + (i * bits) / 8, part.from + ((i + 1) * bits) / 8),
      bits,
      isFloat,
    );
  });
  const unused = 2n ** BigInt(Math.max(0, bits - valid)) - 1n;
  if (!isFloat && valid && values.some((v) => BigInt(v * 2 ** (bits - 1)) & unused)) isFaulty = true;
  return { rate, channels, isFloat, values, isFaulty };
}

const outcomes = { refused: 0, sound: 0, noted: 0 };

function check(bytes: Uint8Array): void {
  let wav: Wav | null = null;
  let error: unknown = null;
  const allocated = allocatedBy(() => {
    try {
      wav = decodeWav(bytes, 'dir/fuzz.wav');
    } catch (thrown) {
      error = thrown;
    }
  });
  if (error) {
    if (!(error instanceof DataError)) throw error;
    if (!/^dir\/fuzz\.wav: .+; ./s.test(error.message)) throw new Error(`the message is ${error.message}`);
    // Only a file whose floats are not finite was decoded before it was refused: its samples, twice as below.
    const most = /finite/.test(error.message) ? 4 * bytes.length : 0;
    if (allocated > most) throw new Error(`${allocated} bytes for a refusal of ${bytes.length}`);
    outcomes.refused++;
    return;
  }
  const { channels, sampleRate, encoding, notes } = wav!;
  const found = readAgain(bytes);
  const samples = found.values.length;
  expect([sampleRate, channels.length, encoding]).toEqual([
    found.rate,
    found.channels,
    found.isFloat ? 'float' : 'integer',
  ]);
  for (const x of channels) expect(x.length * found.channels).toBe(samples);
  found.values.forEach((v, i) => {
    const got = channels[i % found.channels][Math.floor(i / found.channels)];
    if (!Object.is(got, Math.fround(v))) throw new Error(`sample ${i} is ${got}, in the file ${v}`);
  });
  if (!found.values.every((v) => Number.isFinite(Math.fround(v)))) throw new Error('a sample is not finite');
  if (found.isFaulty !== notes.length > 0)
    throw new Error(`faulty: ${found.isFaulty}, notes: ${notes.join(' ')}`);
  // The samples as float32 twice, for the decoder hands them over in blocks, and its input, 8 bits widened to 16.
  const most = 2 * 4 * samples + 2 * bytes.length;
  if (allocated > most)
    throw new Error(`${allocated} bytes allocated for ${bytes.length}, ${samples} samples`);
  outcomes[notes.length ? 'noted' : 'sound']++;
}

describe('decodeWav and hostile files', () => {
  test('the files that mutations begin with are sound', () => {
    for (const seed of SEEDS) expect(decodeWav(seed, 'seed').notes).toEqual([]);
    for (const seed of SEEDS) check(seed);
  });

  test(`${RUNS} mutations: an error of ours, or what a second reader finds`, () => {
    Object.assign(outcomes, { refused: 0, sound: 0, noted: 0 });
    const mutated = fc
      .tuple(fc.constantFrom(...SEEDS), fc.array(edit, { minLength: 1, maxLength: 3 }))
      .map(([seed, edits]) => Uint8Array.from(edits.reduce((b, change) => change(b), [...seed])));
    fc.assert(fc.property(mutated, check), { seed: 20250, numRuns: RUNS });
    // All three ends must be common, or the mutations test little.
    for (const [end, times] of Object.entries(outcomes)) expect(times, end).toBeGreaterThan(RUNS / 20);
  });

  test(`${RUNS} of byte soup, half of it with a head`, () => {
    const head = [...riff().subarray(0, 12)];
    const any = fc.tuple(fc.boolean(), soup).map(([isHeaded, parts]) => {
      return Uint8Array.from([...(isHeaded ? [...head, ...fmt()] : []), ...parts.flat()]);
    });
    fc.assert(fc.property(any, check), { seed: 4, numRuns: RUNS });
  });

  test('a small file with 1024 channels, and one that claims 65535', () => {
    check(riff(fmt({ channels: 1024, bits: 8 }), chunk('data', new Array(1024).fill(7))));
    check(riff(fmt({ channels: 1024, bits: 32 }), chunk('data', [], 4096)));
    check(riff(fmt({ channels: 65535, bits: 8 }), chunk('data', [])));
  });
});

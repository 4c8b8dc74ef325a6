// 20,000 mutated safetensors files and as many hostile headers. Whatever readSafetensors makes of one must be an error
// of ours that names the file, or exactly what the header says by a second reading here: every tensor the bytes at
// its offsets, each byte of the data used once, each name once; and no more memory than the file accounts for.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../../src/engine/errors.ts';
import { readSafetensors, writeSafetensors } from '../../src/model/safetensors.ts';
import { allocatedBy } from '../allocated.ts';

const RUNS = 20_000;
const WIDTHS: Record<string, number> = {
  ...{ BOOL: 1, U8: 1, I8: 1, I16: 2, U16: 2, F16: 2, BF16: 2 },
  ...{ I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8 },
};

/** The bytes of a file with this header text and these data. `announced` lies about the header's length. */
function file(header: string, data: ArrayLike<number>, announced?: bigint): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, announced ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const COUNTING = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 255);
const SEEDS = [
  writeSafetensors(
    {
      w: { shape: [2, 3], data: Float32Array.of(1, -2, 3, -4, 5, -6) },
      step: { shape: [], data: BigInt64Array.of(7n) },
      d: { shape: [1, 2], data: Float64Array.of(0.1, -0.2) },
      none: { shape: [0, 4], data: new Float32Array(0) },
      u: { shape: [3], data: Uint8Array.of(9, 8, 7) },
    },
    { kind: 'a "test" {[', __proto__x: '' },
  ),
  file(
    '{"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"b":{"dtype":"BF16","shape":[2,1],"data_offsets":[6,10]}}',
    COUNTING.subarray(0, 10),
  ),
  file(
    '{"t":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},"i":{"dtype":"I16","shape":[2],"data_offsets":[2,6]}}',
    [1, 0, 1, 2, 3, 4],
  ),
];

const outcomes = { refused: 0, read: 0 };

/** A half as its definition says, sign, exponent, fraction from the text of its bits. */
function half(value: number): number {
  const bits = value.toString(2).padStart(16, '0');
  const [e, f] = [Number.parseInt(bits.slice(1, 6), 2), Number.parseInt(bits.slice(6), 2) / 1024];
  const size =
    e === 31 ? (f ? Number.NaN : Number.POSITIVE_INFINITY) : e ? (1 + f) * 2 ** (e - 15) : f * 2 ** -14;
  return bits[0] === '1' ? -size : size;
}

/** The bytes that a tensor must have been read as: those of the file, halves widened to float32. */
function expected(dtype: string, stored: Uint8Array): Uint8Array {
  if (dtype !== 'F16' && dtype !== 'BF16') return stored;
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length);
  const out = new DataView(new ArrayBuffer(2 * stored.length));
  for (let i = 0; i < stored.length; i += 2) {
    if (dtype === 'BF16') out.setUint16(2 * i + 2, view.getUint16(i, true), true);
    else out.setFloat32(2 * i, half(view.getUint16(i, true)), true);
  }
  return new Uint8Array(out.buffer);
}

/** Every member name of every object in `json`, by a regular expression rather than a scanner: a text before a colon. */
function namesIn(json: string): string[] {
  return [...json.matchAll(/"((?:[^"\\]|\\.)*)"\s*(:?)/gs)]
    .filter((m) => m[2])
    .map((m) => JSON.parse(`"${m[1]}"`));
}

function check(bytes: Uint8Array): void {
  let result: ReturnType<typeof readSafetensors> | null = null;
  let error: unknown = null;
  const allocated = allocatedBy(() => {
    try {
      result = readSafetensors(bytes, 'dir/fuzz.safetensors');
    } catch (thrown) {
      error = thrown;
    }
  });
  if (error) {
    if (!(error instanceof CheckpointError)) throw error;
    if (!/^dir\/fuzz\.safetensors: .+; ./s.test(error.message)) throw new Error(`message: ${error.message}`);
    if (allocated > 2 * bytes.length) throw new Error(`${allocated} bytes for a refusal of ${bytes.length}`);
    outcomes.refused++;
    return;
  }
  const { tensors, metadata } = result!;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true));
  const json = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  const data = bytes.subarray(8 + length);
  const header = new Map<string, Record<string, unknown>>(Object.entries(JSON.parse(json)));
  expect(metadata).toEqual(header.get('__metadata__') ?? {});
  const texts = header.delete('__metadata__') ? 1 + Object.keys(metadata).length : 0;
  expect([...tensors.keys()].sort()).toEqual([...header.keys()].sort());
  // As many names in the text as in what was parsed: none stood twice.
  const members = [...header.values()].reduce((n, entry) => n + 1 + Object.keys(entry).length, 0);
  expect(namesIn(json).length).toBe(members + texts);
  const used = new Uint8Array(data.length);
  let results = 0;
  for (const [name, { dtype, shape, data: read }] of tensors) {
    const entry = header.get(name)!;
    const [begin, end] = entry.data_offsets as [number, number];
    expect({ dtype, shape }).toEqual({ dtype: entry.dtype, shape: entry.shape });
    expect(shape.every((n) => Number.isInteger(n) && n >= 0)).toBe(true);
    expect(end - begin).toBe(shape.reduce((n, m) => n * m, WIDTHS[dtype]));
    const got = new Uint8Array(read.buffer, read.byteOffset, read.byteLength);
    const want = expected(dtype, data.subarray(begin, end));
    // A NaN may come back with another payload from float64.
    const isSame =
      got.length === want.length && got.every((byte, i) => byte === want[i] || isNaNAt(dtype, got, want, i));
    if (!isSame) throw new Error(`tensor ${name} is ${got}, in the file ${want}`);
    for (let i = begin; i < end; i++) used[i]++;
    results += read.byteLength;
  }
  expect(used.every((times) => times === 1)).toBe(true);
  if (allocated > results + 2 * bytes.length)
    throw new Error(`${allocated} bytes allocated for ${bytes.length}`);
  outcomes.read++;
}

function isNaNAt(dtype: string, got: Uint8Array, want: Uint8Array, i: number): boolean {
  if (dtype !== 'F16') return false;
  const at = i - (i % 4);
  const value = (x: Uint8Array) => new DataView(x.buffer, x.byteOffset + at, 4).getFloat32(0, true);
  return Number.isNaN(value(got)) && Number.isNaN(value(want));
}

type Edit = (bytes: number[]) => number[];
const place = fc.nat(9999).map((n) => n / 10_000);
const at = (bytes: number[], share: number) => Math.floor(share * bytes.length);
const SIZES = [
  0n,
  1n,
  7n,
  8n,
  255n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];
const text = (s: string) => [...new TextEncoder().encode(s)];
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '\\',
  '-',
  '.5',
  'e9',
  '0',
  '9007199254740993',
  'null',
  '"w":{},',
  '[[[',
];

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(
    ([p, bit]): Edit =>
      (b) =>
        b.map((old, i) => (i === at(b, p) ? old ^ (1 << bit) : old)),
  ),
  fc.tuple(place, fc.nat(255)).map(
    ([p, byte]): Edit =>
      (b) =>
        b.map((old, i) => (i === at(b, p) ? byte : old)),
  ),
  place.map(
    (p): Edit =>
      (b) =>
        b.slice(0, at(b, p)),
  ),
  fc.tuple(place, fc.constantFrom(...PIECES)).map(
    ([p, s]): Edit =>
      (b) =>
        b.toSpliced(at(b, p), 0, ...text(s)),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 9 })).map(
    ([p, n]): Edit =>
      (b) =>
        b.toSpliced(at(b, p), n),
  ),
  fc.tuple(place, place, fc.nat(60)).map(
    ([p, q, n]): Edit =>
      (b) =>
        b.toSpliced(at(b, p), 0, ...b.slice(at(b, q), at(b, q) + n)),
  ),
  fc.constantFrom(...SIZES).map(
    (size): Edit =>
      (b) =>
        b.map((old, i) => (i < 8 ? Number((size >> BigInt(8 * i)) & 255n) : old)),
  ),
);

/** A change of the header alone, its length kept true, so that mutations get beyond the first check. */
const headerEdit: fc.Arbitrary<Edit> = edit.map(
  (change): Edit =>
    (b) => {
      const length = b[0] + 256 * b[1];
      const header = change(b.slice(8, 8 + length));
      return [header.length & 255, header.length >> 8, 0, 0, 0, 0, 0, 0, ...header, ...b.slice(8 + length)];
    },
);

/** A change of the data alone, which most dtypes take as it comes. */
const dataEdit: fc.Arbitrary<Edit> = fc.tuple(place, fc.nat(255)).map(
  ([p, byte]): Edit =>
    (b) => {
      const start = 8 + b[0] + 256 * b[1];
      return b.length
        ? b.with(Math.min(b.length - 1, start + Math.floor(p * Math.max(0, b.length - start))), byte)
        : b;
    },
);

const number = fc.oneof(
  fc.nat(12).map(String),
  fc.constantFrom(
    '-1',
    '-0',
    '0.5',
    '1.0',
    '1e0',
    '1e400',
    '9007199254740991',
    '9007199254740992',
    '4294967296',
    '"4"',
    'null',
    '[4]',
  ),
);
const list = fc.array(number, { maxLength: 4 }).map((n) => `[${n.join(',')}]`);
const names = fc.constantFrom(
  'a',
  'b',
  '\\u0061',
  '__proto__',
  '__metadata__',
  'constructor',
  '',
  '0',
  'a.b',
);
const dtypes = fc.constantFrom(...Object.keys(WIDTHS), 'F8_E4M3', 'f32', 'toString', '');

/** A header as an enemy writes it: members missing, twice, of the wrong kind; or a fair one, to be read. */
const hostile = fc.array(
  fc.record({
    name: names,
    dtype: dtypes,
    shape: list,
    offsets: list,
    kind: fc.nat(9),
    fair: fc.boolean(),
    lengths: fc.array(fc.nat(3), { maxLength: 3 }),
  }),
  { maxLength: 4 },
);

describe('readSafetensors and hostile files', () => {
  test('the files that mutations begin with are sound', () => {
    for (const seed of SEEDS) check(seed);
    for (const seed of SEEDS) expect(() => readSafetensors(seed, 'seed')).not.toThrow();
  });

  test(`${RUNS} mutations: an error of ours, or what the header says`, () => {
    Object.assign(outcomes, { refused: 0, read: 0 });
    const edits = fc.array(fc.oneof(edit, headerEdit, dataEdit), { minLength: 1, maxLength: 3 });
    const mutated = fc.tuple(fc.constantFrom(...SEEDS), edits).map(([seed, changes]) => {
      return Uint8Array.from(changes.reduce((b, change) => change(b), [...seed]));
    });
    fc.assert(fc.property(mutated, check), { seed: 20251, numRuns: RUNS });
    // Both ends must be common, or the mutations test little.
    for (const [end, times] of Object.entries(outcomes)) expect(times, end).toBeGreaterThan(RUNS / 20);
  });

  test(`${RUNS} headers written by an enemy, and byte soup`, () => {
    Object.assign(outcomes, { refused: 0, read: 0 });
    const written = fc.tuple(hostile, fc.nat(3)).map(([entries, more]) => {
      let end = 0;
      const parts = entries.map(({ name, dtype, shape, offsets, kind, fair, lengths }) => {
        // A fair one may still begin too early or too late, its size being right.
        const begin = kind === 3 ? Math.max(0, end - 2) : kind === 4 ? end + 1 : end;
        if (fair) end = begin + lengths.reduce((n, m) => n * m, WIDTHS[dtype] ?? 1);
        const place = fair ? `[${begin},${end}]` : offsets;
        const dims = fair ? `[${lengths.join(',')}]` : shape;
        const members = [`"dtype":"${dtype}"`, `"shape":${dims}`, `"data_offsets":${place}`];
        if (!fair && kind === 0) members.pop();
        if (!fair && kind === 1) members.push(`"shape":${dims}`);
        if (!fair && kind === 2) return `"${name}":${offsets}`;
        return `"${name}":{${members.join(',')}}`;
      });
      return file(
        `{${parts.join(',')}}`,
        COUNTING.map((v) => v & 1).subarray(0, Math.min(64, end + (more === 3 ? 1 : 0))),
      );
    });
    const soup = fc.array(
      fc.oneof(fc.constantFrom(...PIECES.map(text)), fc.array(fc.nat(255), { maxLength: 9 })),
      {
        maxLength: 24,
      },
    );
    const raw = soup.map((parts) => Uint8Array.from(parts.flat()));
    const headed = soup.map((parts) => file('', parts.flat(), BigInt(parts.flat().length)));
    const any = fc.oneof({ weight: 4, arbitrary: written }, raw, headed);
    fc.assert(fc.property(any, check), { seed: 5, numRuns: RUNS });
    for (const [end, times] of Object.entries(outcomes)) expect(times, end).toBeGreaterThan(RUNS / 50);
  });

  test('ten million brackets, opened and closed or not', () => {
    for (const header of [
      '['.repeat(1e7),
      '{"":'.repeat(3e6),
      `{"a":${'['.repeat(5e6)}${']'.repeat(5e6)}}`,
      `{"a":[${'[],'.repeat(1e5)}[]]}`,
      `{"a":{"shape":[${'0,'.repeat(1e6)}0]}}`,
    ]) {
      expect(() => readSafetensors(file(header, []), 'deep')).toThrow(CheckpointError);
    }
  });
});

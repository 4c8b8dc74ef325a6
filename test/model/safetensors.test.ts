// safetensors against bytes that huggingface/safetensors 0.8.0 wrote (Python, numpy), then every rule a header
// can break. safetensorsFuzz.test.ts mutates such files.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CheckpointError, ShapeError } from '../../src/engine/errors.ts';
import { readSafetensors, type TensorData, writeSafetensors } from '../../src/model/safetensors.ts';

const REFERENCE =
  '2AIAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJraW5kIjoidGVzdCBcInhcIiJ9LCJ1NjQiOnsiZHR5cGUiOiJVNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOlswLDhdfSwic3RlcCI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbOCwxNl19LCJkIjp7ImR0eXBlIjoiRjY0Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbMTYsMjRdfSwiMCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzI0LDI4XX0sImEud2VpZ2h0Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlswLDRdLCJkYXRhX29mZnNldHMiOlsyOCwyOF19LCJiLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwzXSwiZGF0YV9vZmZzZXRzIjpbMjgsNTJdfSwiaWR4Ijp7ImR0eXBlIjoiVTMyIiwic2hhcGUiOlsxLDFdLCJkYXRhX29mZnNldHMiOls1Miw1Nl19LCLDvDEwIjp7ImR0eXBlIjoiSTMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNTYsNjRdfSwidTE2Ijp7ImR0eXBlIjoiVTE2Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNjQsNjZdfSwiaTE2Ijp7ImR0eXBlIjoiSTE2Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNjYsNjhdfSwiaTgiOnsiZHR5cGUiOiJJOCIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzY4LDY5XX0sImEiOnsiZHR5cGUiOiJVOCIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzY5LDcyXX19IP//////////BwAAAAAAAACamZmZmZm5PwAAwD8AACDAAADAvwAAAL8AAAA/AADAPwAAIEAAKGvu/////wUAAAD//9T+/QECAw==';
const REFERENCE_HALF =
  'cAAAAAAAAAB7ImgiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzZdLCJkYXRhX29mZnNldHMiOlswLDEyXX0sInQiOnsiZHR5cGUiOiJCT09MIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMTIsMTRdfX0gAD4BgP97AHwABACAAQA=';

type Tensors = Record<string, { shape: number[]; data: TensorData }>;

// What REFERENCE was written from, in the order given to the reference implementation.
const TENSORS: Tensors = {
  'b.weight': { shape: [2, 3], data: Float32Array.of(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5) },
  a: { shape: [3], data: Uint8Array.of(1, 2, 3) },
  step: { shape: [], data: BigInt64Array.of(7n) },
  ü10: { shape: [2], data: Int32Array.of(-1, 5) },
  idx: { shape: [1, 1], data: Uint32Array.of(4000000000) },
  d: { shape: [1], data: Float64Array.of(0.1) },
  'a.weight': { shape: [0, 4], data: new Float32Array(0) },
  '0': { shape: [1], data: Float32Array.of(1.5) },
  i8: { shape: [1], data: Int8Array.of(-3) },
  u64: { shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) },
  i16: { shape: [1], data: Int16Array.of(-300) },
  u16: { shape: [1], data: Uint16Array.of(65535) },
};
const DTYPES: Record<string, string> = {
  ...{ 'b.weight': 'F32', a: 'U8', step: 'I64', ü10: 'I32', idx: 'U32', d: 'F64', 'a.weight': 'F32' },
  ...{ '0': 'F32', i8: 'I8', u64: 'U64', i16: 'I16', u16: 'U16' },
};

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** A file of this header, as text or as an object, and so many bytes of data. */
function file(header: unknown, dataBytes = 0, announced?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, announced ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function f32(shape: unknown, begin: unknown, end: unknown, dtype: unknown = 'F32'): object {
  return { dtype, shape, data_offsets: [begin, end] };
}

describe('against the reference implementation', () => {
  test('reads every dtype', () => {
    const { tensors, metadata } = readSafetensors(fromBase64(REFERENCE), 'reference');
    expect(metadata).toEqual({ kind: 'test "x"' });
    expect([...tensors.keys()].sort()).toEqual(Object.keys(TENSORS).sort());
    for (const [name, { shape, data }] of Object.entries(TENSORS)) {
      expect(tensors.get(name), name).toStrictEqual({ dtype: DTYPES[name], shape, data });
    }
  });

  test('writes the same bytes, in whatever order the tensors come', () => {
    expect(writeSafetensors(TENSORS, { kind: 'test "x"' })).toEqual(fromBase64(REFERENCE));
    const reversed = new Map(Object.entries(TENSORS).reverse());
    expect(writeSafetensors(reversed, { kind: 'test "x"' })).toEqual(fromBase64(REFERENCE));
  });

  test('widens F16, reads BOOL', () => {
    const { tensors } = readSafetensors(fromBase64(REFERENCE_HALF), 'half');
    const half = Float32Array.of(1.5, -(2 ** -24), 65504, Number.POSITIVE_INFINITY, 2 ** -14, -0);
    expect(tensors.get('h')).toStrictEqual({ dtype: 'F16', shape: [6], data: half });
    expect(tensors.get('t')).toStrictEqual({ dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) });
  });

  test('every half is written as it was read, and floats between two go to the nearest, ties to even', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const halves = file({ h: f32([65536], 0, 131072, 'F16') }, 131072);
    halves.set(new Uint8Array(all.buffer), halves.length - 131072);
    const read = readSafetensors(halves, 'all').tensors.get('h')!.data as Float32Array;
    const write = (data: Float32Array) => {
      const bytes = writeSafetensors({ h: { shape: [data.length], data } }, {}, 'F16');
      return new Uint16Array(bytes.slice(bytes.length - 2 * data.length).buffer);
    };
    // A NaN's payload is not kept.
    const wanted = all.map((bits, i) => (Number.isNaN(read[i]) ? (bits & 0x8000) | 0x7e00 : bits));
    const written = write(read.map((v, i) => (Number.isNaN(v) ? (all[i] & 0x8000 ? -Number.NaN : v) : v)));
    expect(written.map((bits) => ((bits & 0x7fff) > 0x7c00 ? 0x7e00 : bits))).toStrictEqual(
      wanted.map((bits) => ((bits & 0x7fff) > 0x7c00 ? 0x7e00 : bits)),
    );
    for (const [low, high] of [
      [0x3c00, 0x3c01],
      [0x3c01, 0x3c02],
      [0x0000, 0x0001],
      [0x03ff, 0x0400],
      [0x7bfe, 0x7bff],
      [0x0401, 0x0402],
    ]) {
      const [a, b] = [read[low], read[high]];
      const between = (t: number) => Math.fround(a + t * (b - a));
      const even = low % 2 === 0 ? low : high;
      expect([...write(Float32Array.of(between(0.49), between(0.5), between(0.51)))]).toEqual([
        low,
        even,
        high,
      ]);
    }
    expect([...write(Float32Array.of(65519, 2 ** -26, -1e-30))]).toEqual([0x7bff, 0, 0x8000]);
    expect(() => write(Float32Array.of(1, 65520))).toThrow(/"h": value 1 is 65520, beyond F16's 65504/);
  });

  test('widens BF16 and NaN', () => {
    const bytes = file({ b: f32([3], 0, 6, 'BF16'), h: f32([1], 6, 8, 'F16') }, 8);
    bytes.set([0xc0, 0x3f, 0x80, 0xff, 0xc1, 0x7f, 0x01, 0x7e], bytes.length - 8);
    const { tensors } = readSafetensors(bytes, 'bf16');
    expect(tensors.get('b')?.data).toEqual(Float32Array.of(1.5, Number.NEGATIVE_INFINITY, Number.NaN));
    expect(tensors.get('h')?.data).toEqual(Float32Array.of(Number.NaN));
  });
});

describe('layout', () => {
  test('data start at a multiple of 8 and the header is padded with spaces', () => {
    for (const name of ['a', 'ab', 'abc', 'abcdefgh', 'ä']) {
      const bytes = writeSafetensors({ [name]: { shape: [1], data: Float32Array.of(1) } });
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      expect(length % 8).toBe(0);
      expect(bytes.length).toBe(8 + length + 4);
      expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toMatch(/^\{.*\} *$/);
    }
  });

  test('no tensors, views into larger buffers, names JavaScript objects would lose', () => {
    expect(readSafetensors(writeSafetensors({}), 'empty')).toEqual({ tensors: new Map(), metadata: {} });
    const names = ['__proto__', 'constructor', '7', '', '"\\\n', '\u{1F3B5}', '\uff5e'];
    const whole = Float32Array.of(9, 1, 2, 9);
    const tensors = new Map(
      names.map((n, i) => [n, { shape: [2], data: i ? whole.subarray(1, 3) : whole.slice(1, 3) }]),
    );
    const metadata = Object.fromEntries(names.map((n) => [n, n]));
    const bytes = writeSafetensors(tensors, metadata);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const back = readSafetensors(shifted.subarray(3), 'names');
    expect(back.metadata).toEqual(metadata);
    expect([...back.tensors.keys()]).toEqual([
      '',
      '"\\\n',
      '7',
      '__proto__',
      'constructor',
      '\uff5e',
      '\u{1F3B5}',
    ]);
    for (const { data } of back.tensors.values()) expect(data).toEqual(Float32Array.of(1, 2));
  });

  test('what was read does not share memory with the file', () => {
    const bytes = fromBase64(REFERENCE);
    const { tensors } = readSafetensors(bytes, 'reference');
    bytes.fill(0);
    expect(tensors.get('0')?.data[0]).toBe(1.5);
  });

  test.each<[string, Tensors, string]>([
    ['too few values', { x: { shape: [2, 2], data: new Float32Array(3) } }, '[2,2] but 3 values'],
    ['a negative shape', { x: { shape: [-1, -1], data: new Float32Array(1) } }, '[-1,-1]'],
    ['a reserved name', { __metadata__: { shape: [1], data: new Float32Array(1) } }, '__metadata__'],
    ['no typed array', { x: { shape: [1], data: [1] as unknown as Float32Array } }, 'no typed array'],
  ])('refuses to write %s', (_, tensors, part) => {
    expect(() => writeSafetensors(tensors)).toThrow(ShapeError);
    expect(() => writeSafetensors(tensors)).toThrow(part);
  });
});

const ok = f32([1], 0, 4);
const DAMAGED: [string, Uint8Array, string][] = [
  ['an empty file', new Uint8Array(0), 'has 0 bytes'],
  ['7 bytes', new Uint8Array(7), 'has 7 bytes'],
  ['a header beyond the end', file('{}', 0, 3n), 'a header of 3 bytes'],
  ['a header of 2^63 bytes', file('{}', 0, 2n ** 63n), 'a header of 9223372036854775808 bytes'],
  ['an empty header', file('', 4), 'not JSON'],
  ['no JSON', file('{"a":'), 'not JSON'],
  ['no UTF-8', Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x7d), 'not JSON in UTF-8'],
  ['an array as header', file('[]'), 'no JSON object but []'],
  ['null as header', file('null'), 'no JSON object but null'],
  ['a tensor twice', file(`{"a":${JSON.stringify(ok)},"\\u0061":${JSON.stringify(ok)}}`, 4), '"a" twice'],
  [
    'a dtype twice',
    file('{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', 4),
    '"dtype" twice',
  ],
  ['metadata as text', file({ __metadata__: 'x' }), 'no object but "x"'],
  ['a number in metadata', file({ __metadata__: { k: 3 } }), '"k" is no text but 3'],
  ['a tensor that is null', file({ a: null }), 'no object but null'],
  ['a deeply nested tensor', file(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`), 'nests deeper than the 3'],
  ['brackets that never end', file(`{"a":${'[{"":'.repeat(1e5)}`), 'nests deeper than the 3'],
  ['a shape of lists', file({ a: f32([[1]], 0, 4) }, 4), 'nests deeper than the 3'],
  ['a text that never ends', file('{"a\\"[[[[[[:'), 'not JSON'],
  ['minus zero', file('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), 'shape [0]'],
  ['a BOOL of 2', file({ a: f32([3], 0, 3, 'BOOL') }, 3).with(-1, 2), '"a" is BOOL, but its value 2 is 2'],
  ['no dtype', file({ a: { shape: [1], data_offsets: [0, 4] } }, 4), 'dtype missing'],
  ['an unknown dtype', file({ a: f32([1], 0, 4, 'F8_E4M3') }, 4), '"F8_E4M3"'],
  ['a dtype of Object.prototype', file({ a: f32([1], 0, 4, 'constructor') }, 4), '"constructor"'],
  ['a shape that is no list', file({ a: f32('1', 0, 4) }, 4), 'shape "1"'],
  ['a negative length', file({ a: f32([-1], 0, 4) }, 4), 'shape [-1]'],
  ['half a length', file({ a: f32([0.5, 2], 0, 4) }, 4), 'shape [0.5,2]'],
  ['a length beyond 2^53', file({ a: f32([2 ** 53], 0, 4) }, 4), 'shape [9007199254740992]'],
  ['a shape beyond 2^53 bytes', file({ a: f32([2 ** 30, 2 ** 30, 0], 0, 4) }, 4), 'more than 2^53 bytes'],
  [
    'a huge tensor in a small file',
    file({ a: f32([2 ** 40], 0, 2 ** 42) }, 4),
    'cut off: its tensors take 4398046511104',
  ],
  ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), 'data_offsets missing'],
  ['three offsets', file({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 4] } }, 4), '[0,4,4]'],
  ['offsets backwards', file({ a: f32([1], 4, 0) }, 4), 'data_offsets [4,0]'],
  ['a negative offset', file({ a: f32([2], -4, 4) }, 4), 'data_offsets [-4,4]'],
  [
    'a shape that needs more',
    file({ a: f32([2], 0, 4) }, 4),
    'F32 [2] takes 8 bytes, but its data_offsets [0,4] span 4',
  ],
  ['an overlap', file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), '"b" at [4, 12] overlaps tensor "a"'],
  ['the same place twice', file({ a: ok, b: ok }, 4), '"b" at [0, 4] overlaps tensor "a"'],
  [
    'a gap',
    file({ a: ok, b: f32([1], 8, 12) }, 12),
    '"b" at [8, 12] leaves a gap after tensor "a", which ends at 4',
  ],
  ['a gap at the start', file({ a: f32([1], 4, 8) }, 8), 'leaves a gap after the start'],
  ['a cut-off file', file({ a: f32([2], 0, 8) }, 7), 'is cut off: its tensors take 8 bytes, but 7 follow'],
  ['bytes at the end', file({ a: ok }, 5), 'holds 5 bytes after its header, but its tensors take 4'],
];

describe('damaged files', () => {
  test.each(DAMAGED)('%s', (_, bytes, part) => {
    expect(() => readSafetensors(bytes, 'run/model.safetensors')).toThrow(CheckpointError);
    expect(() => readSafetensors(bytes, 'run/model.safetensors')).toThrow(
      /^run\/model\.safetensors: .*; .*/s,
    );
    expect(() => readSafetensors(bytes, 'run/model.safetensors')).toThrow(part);
  });

  test('every way to cut a file short', () => {
    const whole = fromBase64(REFERENCE);
    for (let length = 0; length < whole.length; length++) {
      expect(() => readSafetensors(whole.subarray(0, length), 'cut'), `${length} bytes`).toThrow(
        CheckpointError,
      );
    }
  });
});

test('whatever is written reads back', () => {
  const tensor = fc.tuple(
    fc.array(fc.nat(4), { maxLength: 3 }),
    fc.constantFrom(Float32Array, Float64Array, Int32Array, Uint8Array),
  );
  const names = fc.dictionary(fc.string({ unit: 'grapheme' }), tensor, { maxKeys: 6 });
  const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
  fc.assert(
    fc.property(names, texts, (kinds, metadata) => {
      const tensors = new Map(
        Object.entries(kinds).map(([name, [shape, array]]) => {
          const size = shape.reduce((a, b) => a * b, 1);
          return [name, { shape, data: new array(Array.from({ length: size }, (_, i) => 3 * i + 1)) }];
        }),
      );
      const back = readSafetensors(writeSafetensors(tensors, metadata), 'property');
      expect(back.metadata).toEqual({ ...metadata });
      expect(back.tensors.size).toBe(tensors.size);
      for (const [name, { shape, data }] of tensors)
        expect(back.tensors.get(name)).toMatchObject({ shape, data });
    }),
    { seed: 7, numRuns: 200 },
  );
});

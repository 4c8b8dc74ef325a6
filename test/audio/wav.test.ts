// WAV against bytes that Python's wave module wrote, files put together chunk by chunk, and mutated files: a
// DataError or the right data, never another exception.
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../../src/audio/wav.ts';
import { DataError, ShapeError } from '../../src/engine/errors.ts';

// 8 kHz, mono, 16 bits: 0, 1, -1, 32767, -32768, 256.
const PYTHON = 'UklGRjAAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQwAAAAAAAEA////fwCAAAE=';
const SAMPLES = Float32Array.of(0, 1 / 32768, -1 / 32768, 32767 / 32768, -1, 256 / 32768);

/** What a plain file without faults is said to be. */
const SOUND = { bits: 16, encoding: 'integer', notes: [] };

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** A chunk: id, size, bytes, a pad byte after an odd size. `announced` lies about the size. */
function chunk(id: string, body: number[], announced = body.length): number[] {
  const size = [0, 8, 16, 24].map((shift) => (announced >>> shift) & 255);
  return [...[...id].map((c) => c.charCodeAt(0)), ...size, ...body, ...(body.length & 1 ? [0] : [])];
}

interface Fmt {
  tag?: number;
  channels?: number;
  rate?: number;
  align?: number;
  bits?: number;
  extra?: number[];
}

function fmt({
  tag = 1,
  channels = 1,
  rate = 8000,
  bits = 16,
  align = (channels * bits) / 8,
  extra = [],
}: Fmt = {}) {
  const body = new DataView(new ArrayBuffer(16));
  body.setUint16(0, tag, true);
  body.setUint16(2, channels, true);
  body.setUint32(4, rate, true);
  body.setUint32(8, rate * align, true);
  body.setUint16(12, align, true);
  body.setUint16(14, bits, true);
  return chunk('fmt ', [...new Uint8Array(body.buffer), ...extra]);
}

function riff(...chunks: number[][]): Uint8Array {
  return Uint8Array.from(chunk('RIFF', [...[...'WAVE'].map((c) => c.charCodeAt(0)), ...chunks.flat()]));
}

/** The 24 bytes that make a fmt chunk extensible, its sub-format being `tag`. */
function extensible(tag: number): number[] {
  const guid = [tag & 255, tag >> 8, 0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];
  return [22, 0, 16, 0, 0, 0, 0, 0, ...guid];
}

describe('decodeWav', () => {
  test('reads what Python wrote, exactly', () => {
    expect(decodeWav(fromBase64(PYTHON), 'python.wav')).toEqual({
      sampleRate: 8000,
      channels: [SAMPLES],
      ...SOUND,
    });
  });

  test('reads a view into a larger buffer', () => {
    const whole = fromBase64(PYTHON);
    const shifted = new Uint8Array(whole.length + 8).fill(255);
    shifted.set(whole, 3);
    expect(decodeWav(shifted.subarray(3, 3 + whole.length), 'view.wav').channels[0]).toEqual(SAMPLES);
  });

  test('separates channels', () => {
    const bytes = riff(
      fmt({ channels: 3, rate: 44100 }),
      chunk('data', [0, 64, 0, 192, 1, 0, 0, 32, 0, 0, 255, 255]),
    );
    expect(decodeWav(bytes, 'three.wav')).toEqual({
      ...SOUND,
      sampleRate: 44100,
      channels: [
        Float32Array.of(0.5, 0.25),
        Float32Array.of(-0.5, 0),
        Float32Array.of(1 / 32768, -1 / 32768),
      ],
    });
  });

  test('passes over other chunks, odd ones with their pad byte too', () => {
    const data = chunk('data', [0, 64]);
    for (const bytes of [
      riff(chunk('LIST', [1, 2, 3]), fmt(), chunk('junk', [9]), data),
      riff(fmt({ extra: [0, 0] }), data, chunk('LIST', [1, 2, 3, 4])),
      riff(fmt(), data, chunk('LIST', [1], 1000)),
      riff(fmt({ tag: 0xfffe, extra: extensible(1) }), data),
    ]) {
      expect(decodeWav(bytes, 'chunks.wav').channels).toEqual([Float32Array.of(0.5)]);
    }
  });

  test('reads a file without samples', () => {
    expect(decodeWav(riff(fmt(), chunk('data', [])), 'empty.wav').channels).toEqual([new Float32Array(0)]);
  });

  const data = chunk('data', [0, 64]);
  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'it has 0 bytes'],
    ['an Ogg file', Uint8Array.from(chunk('OggS', new Array(40).fill(0))), 'starts with "OggS"'],
    ['binary noise', new Uint8Array(64).fill(1), 'starts with "\\x01\\x01\\x01\\x01"'],
    ['an AVI file', Uint8Array.from(chunk('RIFF', [65, 86, 73, 32, 0, 0, 0, 0])), 'no RIFF WAVE file'],
    ['RIFF alone', riff(), 'no fmt chunk and no data chunk in its 12 bytes'],
    ['no data', riff(fmt()), 'has no data chunk'],
    ['data before fmt', riff(data, fmt()), 'data chunk comes before'],
    ['a short fmt chunk', riff(chunk('fmt ', [1, 0, 1, 0]), data), 'fmt chunk has 4 bytes'],
    ['a short extensible fmt chunk', riff(fmt({ tag: 0xfffe }), data), 'extensible but has 16 bytes'],
    [
      'a cut-off data chunk',
      riff(fmt(), chunk('data', [0, 64], 1000)),
      'data chunk announces 1000 bytes and 2 are left',
    ],
    [
      'a cut-off LIST chunk',
      riff(fmt(), chunk('LIST', [0, 64], 4e9)),
      'LIST chunk announces 4000000000 bytes',
    ],
    ['half a sample', riff(fmt(), chunk('data', [0, 64, 1])), '3 bytes of data'],
    [
      'half a frame',
      riff(fmt({ channels: 2 }), data),
      '2 bytes of data, no whole number of frames of 4 bytes',
    ],
    ['no channels', riff(fmt({ channels: 0, align: 2 }), data), 'no channels'],
    ['a rate of 0', riff(fmt({ rate: 0 }), data), 'sample rate of 0 Hz'],
    ['a wrong block', riff(fmt({ align: 4 }), data), 'has 4 bytes, not 2'],
    ['8 bits', riff(fmt({ bits: 8 }), data), 'is 8-bit integer PCM, and only 16-bit integer PCM'],
    ['24 bits', riff(fmt({ bits: 24 }), data), 'is 24-bit integer PCM'],
    ['float', riff(fmt({ tag: 3, bits: 32 }), data), 'is 32-bit float PCM'],
    ['16-bit float', riff(fmt({ tag: 3 }), data), 'is 16-bit float PCM'],
    [
      'extensible float',
      riff(fmt({ tag: 0xfffe, bits: 32, extra: extensible(3) }), data),
      'is 32-bit float PCM',
    ],
    ['mu-law', riff(fmt({ tag: 7, bits: 8 }), data), 'is 8-bit mu-law'],
    ['an unknown format', riff(fmt({ tag: 0x270 }), data), 'is 16-bit format 0x0270'],
  ])('refuses %s', (_, bytes, part) => {
    expect(() => decodeWav(bytes, 'dir/a.wav')).toThrow(DataError);
    expect(() => decodeWav(bytes, 'dir/a.wav')).toThrow(/^dir\/a\.wav: [^;]*; /);
    expect(() => decodeWav(bytes, 'dir/a.wav')).toThrow(part);
  });

  test('every way to cut a file short', () => {
    const whole = fromBase64(PYTHON);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeWav(whole.subarray(0, length), 'cut.wav'), `${length} bytes`).toThrow(DataError);
    }
    expect(() => decodeWav(whole.subarray(0, -1), 'cut.wav')).toThrow('is cut off, its data chunk');
  });

  test('mutated files', () => {
    const whole = riff(
      chunk('LIST', [1, 2, 3]),
      fmt({ channels: 2 }),
      chunk('data', [0, 64, 0, 192, 1, 0, 2, 0]),
    );
    const start = whole.length - 8;
    const edit = fc.tuple(fc.nat(start - 1), fc.nat(255));
    const run = (edits: [number, number][]) => {
      const bytes = whole.slice();
      for (const [at, byte] of edits) bytes[at] = byte;
      let decoded: ReturnType<typeof decodeWav>;
      try {
        decoded = decodeWav(bytes, 'mutated.wav');
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        return;
      }
      // The samples' bytes were left alone: however they are cut into channels, they are the start of them.
      const { channels } = decoded;
      const flat = Array.from({ length: channels[0].length * channels.length }, (_, i) => {
        return channels[i % channels.length][Math.floor(i / channels.length)];
      });
      expect(flat).toEqual([0.5, -0.5, 1 / 32768, 2 / 32768].slice(0, flat.length));
    };
    fc.assert(fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), run), {
      seed: 4711,
      numRuns: 1000,
    });
  });
});

describe('in a browser', () => {
  const node = globalThis.global;
  afterEach(() => {
    globalThis.global = node;
  });

  test('decodes where there is no `global`', () => {
    Reflect.deleteProperty(globalThis, 'global');
    expect(decodeWav(fromBase64(PYTHON), 'browser.wav').channels[0]).toEqual(SAMPLES);
  });
});

describe('encodeWav', () => {
  test('writes the bytes that Python writes', () => {
    expect(encodeWav(SAMPLES, 8000)).toEqual(fromBase64(PYTHON));
  });

  test('every 16-bit value comes back exactly', () => {
    const all = Float32Array.from({ length: 65536 }, (_, i) => (i - 32768) / 32768);
    expect(decodeWav(encodeWav(all, 22050), 'all.wav')).toEqual({
      sampleRate: 22050,
      channels: [all],
      ...SOUND,
    });
  });

  test('rounds to the nearest and clips', () => {
    const x = Float32Array.of(0.4 / 32768, 0.6 / 32768, -0.4 / 32768, -0.6 / 32768, 1, -1.5, 3e38, 0.99999);
    const k = Float32Array.of(0, 1, 0, -1, 32767, -32768, 32767, 32767);
    expect(decodeWav(encodeWav(x, 8000), 'x.wav').channels[0]).toEqual(k.map((v) => v / 32768));
    fc.assert(
      fc.property(fc.float32Array({ min: -1, max: Math.fround(0.9999), noNaN: true }), (samples) => {
        const [back] = decodeWav(encodeWav(samples, 8000), 'near.wav').channels;
        expect(back.length).toBe(samples.length);
        samples.forEach((v, i) => {
          expect(Math.abs(back[i] - v)).toBeLessThanOrEqual(0.5 / 32768);
        });
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  test('refuses samples that are not finite and rates that are no rates', () => {
    expect(() => encodeWav(Float32Array.of(0, Number.NaN), 8000)).toThrow(DataError);
    expect(() => encodeWav(Float32Array.of(0, Number.NaN), 8000)).toThrow('sample 1 of 2 is NaN');
    expect(() => encodeWav(Float32Array.of(Number.NEGATIVE_INFINITY), 8000)).toThrow('is -Infinity');
    for (const rate of [0, -1, 8000.5, Number.NaN, 2 ** 32]) {
      expect(() => encodeWav(new Float32Array(1), rate)).toThrow(ShapeError);
    }
  });
});

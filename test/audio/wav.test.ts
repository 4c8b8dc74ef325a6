// WAV against bytes that Python's wave module wrote, then every form of sample, every fault that is passed over with
// a note, and every one that is refused, in files put together chunk by chunk. wavFuzz.test.ts mutates such files.
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../../src/audio/wav.ts';
import { DataError, ShapeError } from '../../src/engine/errors.ts';
import { AMBISONIC, chunk, extensible, type Fmt, fmt, riff, sampleBytes } from './wavBytes.ts';

// 8 kHz, mono, 16 bits: 0, 1, -1, 32767, -32768, 256.
const PYTHON = 'UklGRjAAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQwAAAAAAAEA////fwCAAAE=';
const SAMPLES = Float32Array.of(0, 1 / 32768, -1 / 32768, 32767 / 32768, -1, 256 / 32768);

/** What a plain file without faults is said to be. */
const SOUND = { bits: 16, encoding: 'integer', notes: [] };

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
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
      riff(fmt({ extra: [0, 0] }), data, chunk('LIST', [1, 2, 3, 4]), chunk('id3 ', [1])),
      riff(fmt({ tag: 0xfffe, extra: extensible(1) }), chunk('fact', [1, 0, 0, 0]), data),
    ]) {
      expect(decodeWav(bytes, 'chunks.wav')).toEqual({
        ...SOUND,
        sampleRate: 8000,
        channels: [Float32Array.of(0.5)],
      });
    }
  });

  test('reads a file without samples', () => {
    for (const bytes of [
      riff(fmt({ channels: 2 }), chunk('data', [])),
      riff(fmt({ channels: 2 }), chunk('data', []), chunk('LIST', [1, 2, 3])),
    ]) {
      const { channels, notes } = decodeWav(bytes, 'empty.wav');
      expect(channels).toEqual([new Float32Array(0), new Float32Array(0)]);
      expect(notes).toEqual([]);
    }
  });
});

/** Integers that a reader gets wrong first: both ends, around zero, and some between. */
function integers(bits: number): number[] {
  const top = 2 ** (bits - 1);
  return [0, 1, -1, top - 1, -top, 1 - top, 2 ** (bits - 2), -(2 ** (bits - 3)), 0x55 % top, -0x2a % top];
}

const FLOATS = [0, -0, 1, -1, 1.5, -7.25, 2 ** -149, 3.4028234663852886e38, 0.1];

describe('every form of sample', () => {
  /** Reads `values`, dealt out to the channels in turn, from a file of this form. */
  const check = (form: Fmt, values: number[], isFloat: boolean, scale: number) => {
    const channels = form.channels ?? 1;
    const bits = form.bits!;
    const whole = values.slice(0, values.length - (values.length % channels));
    const bytes = riff(
      fmt(form),
      chunk(
        'data',
        whole.flatMap((v) => sampleBytes(v, bits, isFloat)),
      ),
    );
    const got = decodeWav(bytes, 'form.wav');
    expect(got.notes).toEqual([]);
    expect(got.sampleRate).toBe(form.rate ?? 8000);
    expect(got.encoding).toBe(isFloat ? 'float' : 'integer');
    expect(got.channels.map((c) => c.length)).toEqual(new Array(channels).fill(whole.length / channels));
    const wrong = whole.findIndex((v, i) => {
      return !Object.is(got.channels[i % channels][Math.floor(i / channels)], Math.fround(v / scale));
    });
    expect(wrong, `first wrong sample of ${JSON.stringify(form)}`).toBe(-1);
    return got;
  };

  test.each([8, 16, 24, 32])('integers of %i bits, plain and extensible, 1 to 7 channels', (bits) => {
    for (const channels of [1, 2, 3, 7]) {
      const form = { bits, channels, rate: 44100 };
      check(form, integers(bits), false, 2 ** (bits - 1));
      check({ ...form, tag: 0xfffe, extra: extensible(1, bits) }, integers(bits), false, 2 ** (bits - 1));
    }
  });

  test.each([32, 64])('floats of %i bits, plain and extensible, 1 to 3 channels', (bits) => {
    for (const channels of [1, 2, 3]) {
      const form = { bits, channels, tag: 3, rate: 96000 };
      check(form, FLOATS, true, 1);
      check({ ...form, tag: 0xfffe, extra: extensible(3, bits) }, FLOATS, true, 1);
    }
  });

  test('every value of 8 and 16 bits, the neighbours of the 24-bit ends', () => {
    check(
      { bits: 8 },
      [...Array(256).keys()].map((k) => k - 128),
      false,
      128,
    );
    check(
      { bits: 16 },
      [...Array(65536).keys()].map((k) => k - 32768),
      false,
      32768,
    );
    const ends = [-8388608, -8388607, 8388607, 8388606];
    check({ bits: 24 }, ends, false, 8388608);
    expect(check({ bits: 24 }, [-8388608], false, 8388608).channels[0][0]).toBe(-1);
  });

  test('several blocks: more samples than are converted at once, channels that do not divide a block', () => {
    const values = Array.from({ length: 3 * 50001 }, (_, i) => ((i * 7919) % 65536) - 32768);
    check({ bits: 16 }, values, false, 32768);
    check({ bits: 16, channels: 3 }, values, false, 32768);
    check({ bits: 24, channels: 3 }, values, false, 8388608);
  });

  test('1024 channels, and rates from 1 Hz to 2^32 - 1', () => {
    const values = Array.from({ length: 2048 }, (_, i) => i - 1000);
    check({ bits: 16, channels: 1024 }, values, false, 32768);
    for (const rate of [1, 7350, 192000]) check({ bits: 16, rate }, values, false, 32768);
    check({ bits: 8, rate: 2 ** 32 - 1 }, [1, 2], false, 128);
  });

  test('valid bits: the upper ones of their container', () => {
    const values = [0, 16, -16, 8388592, -8388608];
    const extended = { bits: 24, tag: 0xfffe, extra: extensible(1, 20) };
    expect(check(extended, values, false, 8388608).bits).toBe(20);
    const data = chunk('data', [0x10, 0, 0, 0x80, 0xf0, 0x7f]); // 12 bits in 16, as a plain file may have them
    expect(decodeWav(riff(fmt({ bits: 12 }), data), 'twelve.wav')).toEqual({
      ...SOUND,
      sampleRate: 8000,
      bits: 12,
      channels: [Float32Array.of(1 / 2048, -1, 2047 / 2048)],
    });
  });

  test('Ambisonic sub-formats', () => {
    const form = { tag: 0xfffe, bits: 32, channels: 4 };
    check({ ...form, extra: extensible(1, 32, AMBISONIC) }, integers(32), false, 2 ** 31);
    check({ ...form, extra: extensible(3, 32, AMBISONIC) }, FLOATS, true, 1);
  });

  test.each(['RF64', 'BW64'])('%s, its sizes in ds64', (id) => {
    const sizes = new DataView(new ArrayBuffer(28));
    const bytes = riff(
      chunk('ds64', new Uint8Array(28)),
      fmt(),
      chunk('data', [0, 64], -1),
      chunk('x123', []),
    );
    sizes.setBigUint64(0, BigInt(bytes.length - 8), true);
    sizes.setBigUint64(8, 2n, true);
    bytes.set([...id].map((c) => c.charCodeAt(0)));
    bytes.fill(255, 4, 8);
    bytes.set(new Uint8Array(sizes.buffer), 20);
    expect(decodeWav(bytes, 'wide.wav')).toEqual({
      ...SOUND,
      sampleRate: 8000,
      channels: [Float32Array.of(0.5)],
    });
  });
});

/** `bytes` with the size that the head announces. */
function headSays(bytes: Uint8Array, size: number): Uint8Array {
  new DataView(bytes.buffer).setUint32(4, size, true);
  return bytes;
}

describe('faults that are passed over with a note', () => {
  const data = chunk('data', [0, 64, 0, 192]);
  const zeroSize = [...chunk('data', [0, 64, 0, 192], 0)];
  test.each<[string, Uint8Array, number, string[]]>([
    [
      'a data chunk that is cut off',
      riff(fmt(), chunk('data', [0, 64, 0, 192], 1000)),
      2,
      [
        'Its data chunk announces 1000 bytes and has 4 bytes, as when a recording or a copy breaks off: 2 frames were read.',
      ],
    ],
    [
      'a size of 2^32 - 1',
      headSays(riff(fmt(), chunk('data', [0, 64, 0, 192], -1)), 2 ** 32 - 1),
      2,
      [
        'Its data chunk announces 4294967295 bytes and has 4 bytes, as when a recording or a copy breaks off: 2 frames were read.',
      ],
    ],
    [
      'a size of 0',
      headSays(riff(fmt(), zeroSize), 0),
      2,
      [
        'Its data chunk announces 0 bytes and has 4 bytes, as when a recording or a copy breaks off: 2 frames were read.',
      ],
    ],
    [
      'cut in the middle of a frame',
      riff(fmt(), data).subarray(0, -1),
      1,
      [
        'Its data chunk announces 4 bytes and has 3 bytes, as when a recording or a copy breaks off: 1 frame was read.',
        'Its last frame has 1 of 2 bytes: it was left out.',
      ],
    ],
    [
      'half a frame',
      riff(fmt(), chunk('data', [0, 64, 0, 192, 1])),
      2,
      ['Its last frame has 1 of 2 bytes: it was left out.'],
    ],
    [
      'a head that announces less',
      headSays(riff(fmt(), data), 12),
      2,
      ['Its head announces 20 bytes in all and the file has 48: its chunks were read as they stand.'],
    ],
    [
      'a cut-off chunk after the data',
      riff(fmt(), data, chunk('LIST', [1, 2], 1000)),
      2,
      ['Its LIST chunk after the data announces 1000 bytes and has 2: it was passed over.'],
    ],
    [
      'bytes after the data that are no chunk',
      riff(fmt(), data, [0, 0, 0, 0]),
      2,
      ['4 bytes after the data are no chunk: they were passed over.'],
    ],
    [
      'more data chunks',
      riff(fmt(), data, data, data),
      2,
      ['Another data chunk follows the first: it was not read.'],
    ],
    [
      'forgotten pad bytes',
      riff(chunk('LIST', [1, 2, 3]).slice(0, -1), fmt(), chunk('fact', [1]).slice(0, -1), data),
      2,
      ['A pad byte after a chunk of odd size is missing: chunks were read from where they stand.'],
    ],
    [
      'another byte rate',
      riff(fmt({ byteRate: 32000 }), data),
      2,
      [
        'It says that a second has 32000 bytes, but 8000 Hz and frames of 2 bytes make 16000: it was read as 8000 Hz.',
      ],
    ],
    [
      'no valid bits',
      riff(fmt({ tag: 0xfffe, extra: extensible(1, 0) }), data),
      2,
      ['It says that 0 of its 16 bits are valid: all were read.'],
    ],
    [
      'more valid bits than there are',
      riff(fmt({ tag: 0xfffe, extra: extensible(1, 24) }), data),
      2,
      ['It says that 24 of its 16 bits are valid: all were read.'],
    ],
    [
      'bits that are set and not valid',
      riff(fmt({ tag: 0xfffe, extra: extensible(1, 1) }), data),
      2,
      ['It says that 1 of its 16 bits are valid, but 2 samples of 2 set lower ones: all 16 were read.'],
    ],
  ])('%s', (_, bytes, frames, notes) => {
    const got = decodeWav(bytes, 'a.wav');
    expect(got).toMatchObject({ sampleRate: 8000, bits: 16, notes });
    expect(got.channels).toEqual([Float32Array.of(0.5, -0.5).subarray(0, frames)]);
  });

  test('every way to cut a file short: an error, or the frames that are there and a note', () => {
    const whole = fromBase64(PYTHON);
    for (let length = 0; length < whole.length; length++) {
      const read = () => decodeWav(whole.subarray(0, length), 'cut.wav');
      if (length < 46) {
        expect(read, `${length} bytes`).toThrow(DataError);
        continue;
      }
      const { channels, notes } = read();
      expect(channels).toEqual([SAMPLES.subarray(0, Math.floor((length - 44) / 2))]);
      expect(notes[0]).toContain(`announces 12 bytes and has ${length - 44}`);
    }
  });
});

describe('faults that are refused', () => {
  const data = chunk('data', [0, 64]);
  const text = (at: number, what: string) => {
    const bytes = new Uint8Array(64);
    bytes.set(new TextEncoder().encode(what), at);
    return bytes;
  };
  const float = (bits: number, ...values: number[]) =>
    riff(
      fmt({ tag: 3, bits, channels: 2 }),
      chunk(
        'data',
        values.flatMap((v) => sampleBytes(v, bits, true)),
      ),
    );
  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'it has 0 bytes; fetch it again'],
    ['Ogg', text(0, 'OggS'), 'is Ogg (Vorbis or Opus), no WAV; convert it'],
    ['FLAC', text(0, 'fLaC'), 'is FLAC, no WAV; convert it, for example with ffmpeg -i IN'],
    ['MP3 with a tag', text(0, 'ID3'), 'is MP3, no WAV'],
    ['MP3', Uint8Array.of(0xff, 0xfb, ...new Array(20).fill(0)), 'is MP3, no WAV'],
    ['AIFF', text(8, 'AIFF'), 'is AIFF, no WAV'],
    ['Wave64', text(0, 'riff'), 'is Wave64, no WAV'],
    ['MP4', text(4, 'ftyp'), 'is MP4 or M4A, no WAV'],
    ['WebM', Uint8Array.of(0x1a, 0x45, 0xdf, 0xa3, ...new Array(20).fill(0)), 'is Matroska or WebM, no WAV'],
    ['RIFX', text(0, 'RIFX'), 'is RIFX, a WAV with its bytes in the other order; convert it'],
    ['binary noise', new Uint8Array(64).fill(1), 'starts with "\\x01\\x01\\x01\\x01"'],
    ['an AVI file', Uint8Array.from(chunk('RIFF', [65, 86, 73, 32, 0, 0, 0, 0])), 'of the kind "AVI "'],
    ['RIFF alone', riff(), 'no fmt chunk and no data chunk in its 12 bytes'],
    ['no data', riff(fmt()), 'has no data chunk'],
    ['data before fmt', riff(data, fmt()), 'data chunk comes before'],
    ['two formats', riff(fmt(), fmt({ bits: 8 }), data), 'has two fmt chunks before its data'],
    ['a short fmt chunk', riff(chunk('fmt ', [1, 0, 1, 0]), data), 'fmt chunk has 4 bytes'],
    ['a short extensible fmt chunk', riff(fmt({ tag: 0xfffe }), data), 'extensible but has 16 bytes'],
    [
      'a cut-off LIST chunk',
      riff(fmt(), chunk('LIST', [0, 64], 4e9)),
      'LIST chunk before the data announces 4000000000 bytes and has 2',
    ],
    ['no bytes of the data left', riff(fmt(), chunk('data', [], 8)), 'announces 8 bytes and has 0 bytes'],
    [
      'half a frame',
      riff(fmt({ channels: 2 }), data),
      'data chunk announces 2 bytes and has 2 bytes, less than a frame of 4',
    ],
    ['no channels', riff(fmt({ channels: 0, align: 2 }), data), 'no channels'],
    [
      '65535 channels',
      riff(fmt({ channels: 65535, align: 65534 }), data),
      'has 65535 channels, more than 1024',
    ],
    ['a rate of 0', riff(fmt({ rate: 0 }), data), 'sample rate of 0 Hz'],
    [
      'a wrong block',
      riff(fmt({ align: 4 }), data),
      'a frame of 1 channel of 16-bit integer PCM has 4 bytes, not 2',
    ],
    ['24 bits in 4 bytes', riff(fmt({ bits: 24, align: 4 }), data), 'has 4 bytes, not 3'],
    ['0 bits', riff(fmt({ bits: 0, align: 2 }), data), 'is 0-bit integer PCM, and only integers of 8, 16'],
    ['48 bits', riff(fmt({ bits: 48 }), data), 'is 48-bit integer PCM'],
    ['16-bit float', riff(fmt({ tag: 3 }), data), 'is 16-bit float PCM'],
    ['30-bit float', riff(fmt({ tag: 3, bits: 30 }), data), 'is 30-bit float PCM'],
    ['A-law', riff(fmt({ tag: 6, bits: 8 }), data), 'is 8-bit A-law'],
    ['mu-law', riff(fmt({ tag: 7, bits: 8 }), data), 'is 8-bit mu-law'],
    ['MP3 in a WAV', riff(fmt({ tag: 85, bits: 0 }), data), 'is 0-bit MP3'],
    ['an unknown format', riff(fmt({ tag: 0x270 }), data), 'is 16-bit format 0x0270'],
    [
      'an unknown sub-format',
      riff(fmt({ tag: 0xfffe, extra: extensible(1, 16, new Array(14).fill(7)) }), data),
      'extensible format 01000707070707',
    ],
    [
      'NaN',
      float(32, 0, 1, 0, Number.NaN, Number.NaN, 0),
      'of its 6 samples 2 are NaN, infinite or too large for a 32-bit float, the first NaN in channel 1 at sample 1',
    ],
    ['-Infinity', float(32, Number.NEGATIVE_INFINITY, 0), 'the first -Infinity in channel 0 at sample 0'],
    ['a float64 beyond float32', float(64, 0, 0, 0, -1e300), 'the first -1e+300 in channel 1 at sample 1'],
  ])('%s', (_, bytes, part) => {
    expect(() => decodeWav(bytes, 'dir/a.wav')).toThrow(DataError);
    expect(() => decodeWav(bytes, 'dir/a.wav')).toThrow(/^dir\/a\.wav: [^;]*; /);
    expect(() => decodeWav(bytes, 'dir/a.wav')).toThrow(part);
  });
});

describe('in a browser', () => {
  const node = globalThis.global;
  afterEach(() => {
    globalThis.global = node;
  });

  test('decodes where there is no `global`, and leaves none behind', () => {
    Reflect.deleteProperty(globalThis, 'global');
    expect(decodeWav(fromBase64(PYTHON), 'browser.wav').channels[0]).toEqual(SAMPLES);
    expect('global' in globalThis).toBe(false);
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

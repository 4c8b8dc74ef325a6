// MP3 against libsndfile. mp3.json holds files of a sweep, two tones' worth of noise and silence at both ends, made by
// libsndfile 1.2.2 (LAME inside) through python-soundfile 0.14, CBR ones without a LAME tag, VBR and ABR ones with one;
// beside each stands what the same library reads from it: length and every 101st sample. minimp3 gives 16 bits, so half
// a step (1.5e-5) of difference is due, and up to 1.5 steps were seen. Then damage: cut files, junk, lies, fuzz.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { FileFault } from '../../src/audio/fault.ts';
import { Mp3Decoder, openMp3 } from '../../src/audio/mp3.ts';
import { isMp3, readHeader, readMp3 } from '../../src/audio/mp3Frames.ts';
import { openRecording } from '../../src/audio/recording.ts';
import { encodeWav } from '../../src/audio/wav.ts';
import { DataError } from '../../src/engine/errors.ts';
import { allocatedBy } from '../allocated.ts';
import stored from './mp3.json' with { type: 'json' };

const wasm = await readFile(createRequire(import.meta.url).resolve('minimp3-wasm/dist/decoder.opt.wasm'));
const decoder = new Mp3Decoder(new WebAssembly.Module(wasm));
const bytesOf = (name: keyof typeof stored) => new Uint8Array(Buffer.from(stored[name].mp3, 'base64'));
const open = (bytes: Uint8Array) => openMp3(bytes, 'a.mp3', decoder);
const text = (s: string) => new Uint8Array(Buffer.from(s, 'latin1'));
const join2 = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const same = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

const dir = await mkdtemp(join(tmpdir(), 'formant-mp3-'));
afterAll(() => rm(dir, { recursive: true }));
const fileOf = async (name: string, bytes: Uint8Array) => {
  const path = join(dir, name);
  await writeFile(path, bytes);
  return path;
};

/** An ID3v2.3 tag of so many bytes, the contents given over and over. */
function tag(size: number, contents: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(10 + size);
  bytes.set(text('ID3\x03\0\0'));
  for (let i = 0; i < 4; i++) bytes[6 + i] = (size >> (7 * (3 - i))) & 127;
  for (let at = 10; at < bytes.length; at += contents.length)
    bytes.set(contents.subarray(0, bytes.length - at), at);
  return bytes;
}

describe('as libsndfile reads them', () => {
  test.each(Object.entries(stored))('%s', (name, want) => {
    const mp3 = open(bytesOf(name as keyof typeof stored));
    const { sampleRate, length, notes, channels } = mp3;
    expect({ sampleRate, length, notes, channels }).toEqual({
      ...{ sampleRate: want.sampleRate, length: want.length, notes: [], channels: want.channels.length },
    });
    const got = mp3.decode();
    want.channels.forEach((samples, c) => {
      expect(samples.length).toBe(Math.ceil(length / want.every));
      samples.forEach((x, i) => {
        expect(Math.abs(got[c][i * want.every] - x)).toBeLessThan(6e-5);
      });
    });
  });

  test('parts are those of the whole, bit for bit', () => {
    const once = bytesOf('44k-stereo-vbr');
    // Behind the first frame, which holds the tag; the rest again and again, so that the reservoir is used.
    const second = readHeader(once, 0)!.bytes;
    const mp3 = open(join2(once.subarray(second), ...Array(4).fill(once.subarray(second))));
    const whole = mp3.decode();
    expect(mp3.length).toBe(5 * 6 * 1152);
    const ranges = [
      [0, 1],
      [1151, 1153],
      [5000, 5000],
      [7001, 20011],
      [mp3.length - 1, mp3.length],
    ];
    for (const [start, end] of ranges)
      mp3.decode(start, end).forEach((part, c) => {
        expect(same(part, whole[c].slice(start, end))).toBe(true);
      });
  });
});

describe('tags', () => {
  test('around the frames change nothing, even if they look like frames', () => {
    const bytes = bytesOf('24k-vbr');
    const art = tag(300_000, join2(bytes.subarray(0, 100), text('JFIF')));
    const tail = join2(text('APETAGEX'), new Uint8Array(40), text('TAG'), new Uint8Array(125));
    const [plain, tagged] = [open(bytes), open(join2(art, tag(20, text('x')), bytes, tail))];
    expect(tagged.notes).toEqual([]);
    expect(same(tagged.decode()[0], plain.decode()[0])).toBe(true);
  });

  test('one that lies about its size is searched through', () => {
    const bytes = bytesOf('16k-mono');
    const lying = tag(30, text('x'));
    lying[7] = 100;
    const mp3 = open(join2(lying, bytes));
    expect(mp3.length).toBe(stored['16k-mono'].length);
    expect(mp3.notes).toEqual([]);
  });
});

describe('damage', () => {
  test('a file cut anywhere gives its whole frames, and says so', () => {
    const bytes = bytesOf('48k-mono');
    const size = readHeader(bytes, 0)!.bytes;
    const whole = open(bytes).decode()[0];
    for (let n = size; n < bytes.length; n++) {
      const mp3 = open(bytes.slice(0, n));
      expect(mp3.length).toBe(Math.floor(n / size) * 1152);
      const rest = n % size;
      const broken = `It breaks off ${rest} bytes into a frame of ${size}: what comes before was read.`;
      const loose = `${rest} byte${rest === 1 ? '' : 's'} in 1 place are no frames: passed over.`;
      expect(mp3.notes).toEqual(rest === 0 ? [] : [rest < 4 ? loose : broken]);
      if (n % 97 === 0) expect(same(mp3.decode()[0], whole.slice(0, mp3.length))).toBe(true);
    }
  });

  test('fewer frames than the head announces are noted, and their end is not cut', () => {
    const bytes = bytesOf('44k-stereo-vbr');
    const { starts } = readMp3(bytes, 'a');
    const cut = open(bytes.slice(0, starts[3]));
    expect(cut.notes).toEqual([
      `Its head announces ${starts.length} frames and 3 are there, as when a recording or a copy breaks off: these were read.`,
    ]);
    const delay = 1105; // LAME's 576 and the decoder's 529
    expect(cut.length).toBe(3 * 1152 - delay);
    expect(same(cut.decode()[1], open(bytes).decode()[1].slice(0, cut.length))).toBe(true);
  });

  test('a head that calls everything padding is not believed', () => {
    const bytes = bytesOf('44k-stereo-vbr');
    const at = Buffer.from(bytes).indexOf('LAME') + 21;
    bytes.set([0xff, 0xff, 0xff], at);
    const mp3 = open(bytes);
    expect(mp3.notes).toEqual([
      'Its head says that all of its samples are padding: they were read as sound.',
    ]);
    expect(mp3.length).toBe(6 * 1152);
  });

  test('what lies between frames is passed over', () => {
    const bytes = bytesOf('32k-stereo');
    const { starts, length } = readMp3(bytes, 'a');
    const junk = text('something \xff\xfb else');
    const mp3 = open(join2(bytes.subarray(0, starts[2]), junk, bytes.subarray(starts[2])));
    expect(mp3.length).toBe(length);
    expect(mp3.notes).toEqual([`${junk.length} bytes in 1 place are no frames: passed over.`]);
    expect(same(mp3.decode()[0], open(bytes).decode()[0])).toBe(true);
  });

  test('a change of rate ends it', () => {
    const mp3 = open(join2(bytesOf('16k-mono'), bytesOf('48k-mono')));
    expect(mp3.length).toBe(stored['16k-mono'].length);
    expect(mp3.notes).toEqual([
      'After 0.29 s its rate changes from 16000 to 48000 Hz: what comes before was read.',
    ]);
  });

  test.each([
    ['Ogg', text('OggS and more'), 'is Ogg (Vorbis or Opus), no MP3; convert it'],
    [
      'a page',
      text('<!DOCTYPE html>'),
      'starts with "<!DO" and has no frame of MPEG layer III in its 15 bytes',
    ],
    ['zeros', new Uint8Array(5000), 'has no frame of MPEG layer III in its 5000 bytes; the file is damaged'],
    ['a tag alone', tag(50, text('x')), 'begins as an MP3, but has no frame'],
    ['layer II', Uint8Array.of(0xff, 0xfd, 0x84, 0xc4, ...new Array(900).fill(0)), 'begins as an MP3, but'],
  ])('%s is named', async (_, bytes, message) => {
    const path = await fileOf('x.mp3', bytes);
    await expect(openRecording(path)).rejects.toThrow(message);
    await expect(openRecording(path)).rejects.toThrow(path);
  });
});

describe('openRecording', () => {
  test('takes MP3 by content and by name, a WAV by content', async () => {
    const bytes = bytesOf('32k-stereo');
    const want = open(bytes).decode();
    for (const name of ['a.mp3', 'b.MP3', 'c.wav', 'd']) {
      const recording = await openRecording(await fileOf(name, bytes));
      expect([recording.sampleRate, recording.length, recording.channels]).toEqual([32000, 4000, 2]);
      expect(same((await recording.read(0, 4000, 1)).slice(), want[1])).toBe(true);
      expect((await recording.read(100, 101))[0]).toBeCloseTo((want[0][100] + want[1][100]) / 2, 7);
      await recording.close();
    }
    const wav = await openRecording(await fileOf('wav.mp3', encodeWav(new Float32Array(10).fill(0.5), 8000)));
    expect([wav.sampleRate, wav.length]).toEqual([8000, 10]);
  });

  test('a large MP3 too, and an empty one is called so', async () => {
    const bytes = bytesOf('16k-mono');
    const large = await fileOf('large.mp3', join2(tag(2 ** 22, text('x')), bytes));
    const recording = await openRecording(large);
    expect(same(await recording.read(0, recording.length), open(bytes).decode()[0])).toBe(true);
    const error = await openRecording(await fileOf('empty.mp3', new Uint8Array())).catch((e) => e);
    expect(error).toBeInstanceOf(FileFault);
    expect(error.kind).toBe('empty');
  });
});

test('600 damaged files: an error of ours, or sound of the length told, in bounded memory', {
  timeout: 60_000,
}, () => {
  const seeds = Object.keys(stored).map((name) => bytesOf(name as keyof typeof stored));
  const place = fc.nat(9999).map((n) => n / 10_000);
  const header = fc.constantFrom(0xff, 0xfb, 0xf3, 0xe3, 0xfa, 0x90, 0x10, 0x14, 0xe4, 0xc0, 0x40, 0x00);
  const edit = fc.tuple(
    place,
    fc.constantFrom('set', 'cut', 'double', 'drop'),
    fc.oneof(header, fc.nat(255)),
  );
  let heard = 0;
  const property = fc.property(fc.nat(seeds.length - 1), fc.array(edit, { maxLength: 8 }), (seed, edits) => {
    let bytes = Array.from(seeds[seed]);
    for (const [p, what, value] of edits) {
      const at = Math.floor(p * bytes.length);
      if (what === 'set') bytes[at] = value;
      else if (what === 'cut') bytes = bytes.slice(0, Math.max(at, 50));
      else if (what === 'double') bytes.splice(at, 0, ...bytes.slice(at, at + value));
      else bytes.splice(at, value);
    }
    const file = Uint8Array.from(bytes);
    isMp3(file);
    const allocated = allocatedBy(() => {
      try {
        const mp3 = open(file);
        const channels = mp3.decode();
        expect(channels.map((c) => c.length)).toEqual(Array(mp3.channels).fill(mp3.length));
        for (const samples of channels) expect(samples.every((x) => x >= -1 && x < 1)).toBe(true);
        heard++;
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        expect(error.message).toMatch(/^a\.mp3: /);
      }
    });
    // The densest frames, 24 bytes of 576 samples in two channels, are 192 bytes of float for each of their own.
    expect(allocated).toBeLessThanOrEqual(192 * file.length + 20_000);
  });
  fc.assert(property, { seed: 7, numRuns: 600 });
  expect(heard).toBeGreaterThan(300);
});

// Files to clips: rates, channels and lengths that differ, and files that cannot be used, each with its reason.

import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Clip } from '../../src/audio/clipStream.ts';
import { readClips } from '../../src/audio/clips.ts';
import type { FaultKind } from '../../src/audio/fault.ts';
import { referenceFeatures } from '../../src/audio/features.ts';
import { listClips } from '../../src/audio/folder.ts';
import { openRecording } from '../../src/audio/recording.ts';
import { encodeWav } from '../../src/audio/wav.ts';
import { type Engine, openEngine, Random, resample } from '../../src/node.ts';
import { closeTo } from '../close.ts';
import { chunk, fmt, riff, sampleBytes } from './wavBytes.ts';

let engine: Engine;
let root: string;
let dir: string;
beforeAll(async () => {
  engine = await openEngine();
  root = await mkdtemp(join(tmpdir(), 'formant-clips-'));
  await chmod(root, 0o755);
});
beforeEach(async () => {
  dir = await mkdtemp(join(root, 'd'));
  await chmod(dir, 0o755);
});
afterAll(async () => {
  engine.close();
  await rm(root, { recursive: true, force: true });
});

const settings = { ...referenceFeatures, length: 500 };
const noise = (n: number, stream = 0) =>
  new Random(1, 'clips').uniform(stream, n).map((v) => Math.round(20000 * (v - 0.5)) / 32768);
const write = (name: string, bytes: Uint8Array | string) => writeFile(join(dir, name), bytes);

/** A WAV of several channels, 16 bits. */
function interleaved(channels: Float32Array[], rate: number): Uint8Array {
  const all = new Float32Array(channels.length * channels[0].length);
  channels.forEach((c, k) => {
    c.forEach((v, i) => {
      all[i * channels.length + k] = v;
    });
  });
  const bytes = encodeWav(all, rate);
  const view = new DataView(bytes.buffer);
  view.setUint16(22, channels.length, true);
  view.setUint32(28, 2 * channels.length * rate, true);
  view.setUint16(32, 2 * channels.length, true);
  return bytes;
}

async function read(strict = false) {
  const clips: Clip[] = [];
  const out: [string, FaultKind, string][] = [];
  const notes: [string, string][] = [];
  const report = {
    leftOut: (path: string, kind: FaultKind, reason: string) => {
      if (strict) throw new Error(`strict: ${path}`);
      out.push([path.slice(dir.length + 1), kind, reason]);
    },
    note: (path: string, text: string) => {
      notes.push([path.slice(dir.length + 1), text]);
    },
  };
  for await (const part of readClips(engine, await listClips(dir), settings, report)) clips.push(...part);
  return { clips, out, notes };
}

describe('readClips', () => {
  test('any rate, channels and length, in order, more than a chunk', async () => {
    const rates = [8000, 16000, 11025];
    for (let i = 0; i < 70; i++) await write(`${i}.wav`, encodeWav(noise(100 + 30 * i, i), rates[i % 3]));
    await write('70.wav', interleaved([noise(300, 1), noise(300, 2)], 8000));
    const { clips, out, notes } = await read();
    expect([out, notes]).toEqual([[], []]);
    expect(clips.map((c) => c.name)).toEqual(Array.from({ length: 71 }, (_, i) => `${i}.wav`));
    for (const i of [0, 1, 2, 50, 69]) {
      const whole = engine.tensor(noise(100 + 30 * i, i), [1, 100 + 30 * i]);
      const y = await engine
        .scope(() => resample(whole, rates[i % 3], 8000, { lowpassFilterWidth: 64 }))
        .read();
      const want = new Float32Array(500);
      want.set(y.subarray(0, 500));
      // Of longer files only the beginning is read: to the last bits the same.
      closeTo(clips[i].samples, want, { relative: 0, ofRms: 1e-6 }, `clip ${i}`);
    }
    const [a, b] = [noise(300, 1), noise(300, 2)];
    expect(clips[70].samples.slice(0, 300)).toEqual(a.map((v, i) => (v + b[i]) / 2));
    expect(clips[70].samples[300]).toBe(0);
  });

  test('bad files are left out by name and kind, in order; faults are noted', async () => {
    await write('a.wav', encodeWav(noise(100), 8000));
    await write('b.wav', 'text');
    await write('c.wav', encodeWav(new Float32Array(0), 8000));
    await write('d.wav', encodeWav(new Float32Array(900), 8000));
    await write('e.wav', encodeWav(new Float32Array(900).fill(0.25), 8000));
    await symlink('gone', join(dir, 'f.wav'));
    await symlink('g.wav', join(dir, 'g.wav'));
    await write(
      'h.wav',
      encodeWav(
        noise(900).map((v) => Math.min(1, Math.max(-1, 20 * v))),
        8000,
      ),
    );
    await write('i.wav', encodeWav(noise(900), 2 ** 31 - 1));
    const quiet = new Float32Array(5000);
    quiet[4000] = 0.5;
    await write('j.wav', encodeWav(quiet, 8000));
    const { clips, out, notes } = await read();
    expect(clips.map((c) => c.name)).toEqual(['a.wav', 'h.wav']);
    expect(out).toEqual([
      ['b.wav', 'damaged', expect.stringMatching(/^is no RIFF WAVE file/)],
      ['c.wav', 'empty', expect.stringMatching(/^holds no samples/)],
      ['d.wav', 'silent', expect.stringMatching(/^is silent/)],
      ['e.wav', 'constant', expect.stringMatching(/the constant value 0\.250/)],
      ['f.wav', 'unreadable', 'does not exist; check the path'],
      ['g.wav', 'unreadable', expect.stringMatching(/^is a link that leads back to itself/)],
      ['i.wav', 'rate', expect.stringMatching(/2147483647 Hz.* -r 8000 /)],
      ['j.wav', 'silent', expect.stringMatching(/silent in its first 0\.06 s/)],
    ]);
    expect(notes).toEqual([['h.wav', expect.stringMatching(/^Is clipped: \d+\.\d % of its samples/)]]);
    await expect(read(true)).rejects.toThrow(/strict: .*b\.wav/);
  });

  test('a wrong scale and channels that cancel are said by name; floats a little above 1 are fine', async () => {
    const float = (name: string, scale: number) =>
      write(
        name,
        riff(
          fmt({ tag: 3, bits: 32 }),
          chunk(
            'data',
            [...noise(300)].flatMap((v) => sampleBytes((scale * v) / 0.3, 32, true)),
          ),
        ),
      );
    await float('a.wav', 16384);
    await float('b.wav', 1e30);
    await float('c.wav', 7.5);
    const x = noise(300);
    await write('d.wav', interleaved([x, x.map((v) => -v)], 8000));
    const { clips, out } = await read();
    expect(clips.map((c) => c.name)).toEqual(['c.wav']);
    expect(out).toEqual([
      [
        'a.wav',
        'scale',
        expect.stringMatching(/samples up to 1\d{4}\S* where full scale is 1.*volume=1\/32768 /),
      ],
      ['b.wav', 'scale', expect.stringMatching(/samples up to 1\S*e\+30 where/)],
      ['d.wav', 'silent', expect.stringMatching(/mean of its 2 channels, which cancel/)],
    ]);
  });

  test('permission denied', async () => {
    await write('a.wav', encodeWav(noise(100), 8000));
    await write('b.wav', encodeWav(noise(100), 8000));
    await chmod(join(dir, 'b.wav'), 0);
    // The superuser may read anything: become nobody for a moment.
    const before = process.geteuid?.();
    if (before === 0) process.seteuid?.(65534);
    try {
      expect((await read()).out).toEqual([
        ['b.wav', 'unreadable', 'may not be read by this user; change its permissions'],
      ]);
      await expect(openRecording(join(dir, 'b.wav'))).rejects.toThrow(/b\.wav: may not be read by this user/);
    } finally {
      if (before === 0) process.seteuid?.(0);
    }
  });
});

describe('openRecording', () => {
  /** Above 4 MiB, where files are read in blocks; beginning of a chunk nobody knows, odd length, before the data. */
  function large(frames: number): { bytes: Uint8Array; mono: Float32Array } {
    const [a, b] = [noise(frames, 3), noise(frames, 4)];
    const plain = interleaved([a, b], 44100);
    const odd = new TextEncoder().encode('junk\x03\0\0\0abc\0');
    const bytes = new Uint8Array(plain.length + odd.length);
    bytes.set(plain.subarray(0, 36));
    bytes.set(odd, 36);
    bytes.set(plain.subarray(36), 36 + odd.length);
    return { bytes, mono: a.map((v, i) => (v + b[i]) / 2) };
  }

  test('a large file in blocks gives the samples of the whole', async () => {
    const { bytes, mono } = large(2 ** 20 + 1007);
    await write('large.wav', bytes);
    const recording = await openRecording(join(dir, 'large.wav'));
    expect(recording).toMatchObject({
      sampleRate: 44100,
      channels: 2,
      bits: 16,
      length: mono.length,
      notes: [],
    });
    // Not toEqual: a difference of a million numbers takes minutes to print.
    expect(Buffer.from((await recording.read(0, mono.length)).buffer).equals(Buffer.from(mono.buffer))).toBe(
      true,
    );
    expect(await recording.read(1000, 1003)).toEqual(mono.slice(1000, 1003));
    await recording.close();
  });

  test('a large file that is cut off is read as far as it goes', async () => {
    const { bytes, mono } = large(2 ** 20 + 1007);
    const left = bytes.length - 1001;
    await write('cut.wav', bytes.subarray(0, left));
    const recording = await openRecording(join(dir, 'cut.wav'));
    expect(recording.length).toBe(Math.floor((4 * mono.length - 1001) / 4));
    expect(recording.notes).toEqual([
      expect.stringMatching(/data chunk announces \d+ bytes and has \d+, as when/),
    ]);
    expect((await recording.read(recording.length - 1, recording.length))[0]).toBe(
      mono[recording.length - 1],
    );
    await recording.close();
  });

  test('a large file that decodeWav must make sense of: a pad byte is missing', async () => {
    const { bytes, mono } = large(2 ** 20 + 1007);
    await write('pad.wav', new Uint8Array([...bytes.subarray(0, 47), ...bytes.subarray(48)]));
    const recording = await openRecording(join(dir, 'pad.wav'));
    expect(recording.notes).toEqual(expect.arrayContaining([expect.stringMatching(/pad byte/)]));
    expect(await recording.read(5, 9)).toEqual(mono.slice(5, 9));
    await recording.close();
  });

  test('a pad byte missing far from the beginning', async () => {
    const { bytes, mono } = large(2 ** 20 + 1007);
    const list = chunk('LIST', new Uint8Array(70001)).slice(0, -1);
    await write('far.wav', new Uint8Array([...bytes.subarray(0, 36), ...list, ...bytes.subarray(48)]));
    const recording = await openRecording(join(dir, 'far.wav'));
    expect(recording.notes).toEqual([expect.stringMatching(/pad byte/)]);
    expect(await recording.read(5, 9)).toEqual(mono.slice(5, 9));
    expect(recording.length).toBe(mono.length);
    await recording.close();
  });

  test.each([0, 2 ** 32 - 1])('a large file whose size is unknown, %i, is noted', async (stated) => {
    const { bytes, mono } = large(2 ** 20 + 1007);
    new DataView(bytes.buffer).setUint32(52, stated, true);
    await write('unknown.wav', bytes);
    const recording = await openRecording(join(dir, 'unknown.wav'));
    expect(recording.length).toBe(mono.length);
    expect(recording.notes).toEqual([
      expect.stringMatching(new RegExp(`announces ${stated} bytes and has ${4 * mono.length}`)),
    ]);
    await recording.close();
  });

  test('what is no number in a large file is found at its place in the file', async () => {
    const frames = 2 ** 20 + 5000;
    const head = riff(fmt({ tag: 3, bits: 32 }), chunk('data', [], 4 * frames));
    const bytes = new Uint8Array(head.length + 4 * frames);
    bytes.set(head);
    const at = 2 ** 20 + 4321;
    new DataView(bytes.buffer).setFloat32(head.length + 4 * at, Number.NaN, true);
    await write('nan.wav', bytes);
    const recording = await openRecording(join(dir, 'nan.wav'));
    await expect(recording.read(0, frames)).rejects.toThrow(
      `from sample ${2 ** 20} of each channel on 1 is NaN`,
    );
    await expect(recording.read(0, frames)).rejects.toThrow(`at sample ${at},`);
    await recording.close();
  });

  test('RF64: the size is in another chunk, and what follows the samples is no sample', async () => {
    const { bytes, mono } = large(2 ** 20 + 1007);
    const ds64 = new DataView(new ArrayBuffer(36));
    new Uint8Array(ds64.buffer).set(new TextEncoder().encode('ds64'));
    ds64.setUint32(4, 28, true);
    ds64.setBigUint64(16, BigInt(4 * mono.length), true);
    const tail = new TextEncoder().encode('LIST\x04\0\0\0abcd');
    const whole = new Uint8Array([
      ...bytes.subarray(0, 12),
      ...new Uint8Array(ds64.buffer),
      ...bytes.subarray(12),
      ...tail,
    ]);
    whole.set(new TextEncoder().encode('RF64'));
    new DataView(whole.buffer).setUint32(36 + 36 + 12 + 4, 2 ** 32 - 1, true);
    await write('rf64.wav', whole);
    const recording = await openRecording(join(dir, 'rf64.wav'));
    expect(recording).toMatchObject({ length: mono.length, notes: [] });
    await recording.close();
  });

  test('a large file that is none, one without samples, a folder, a device', async () => {
    await write('zeros.wav', new Uint8Array(2 ** 22 + 1));
    await expect(openRecording(join(dir, 'zeros.wav'))).rejects.toThrow(/zeros\.wav: is no RIFF WAVE file/);
    const { bytes } = large(2 ** 20 + 1007);
    await write('empty.wav', new Uint8Array([...bytes.subarray(0, 36), ...new Uint8Array(2 ** 22)]));
    await expect(openRecording(join(dir, 'empty.wav'))).rejects.toThrow(/empty\.wav: has no/);
    await expect(openRecording(dir)).rejects.toThrow(/is a folder/);
    await expect(openRecording('/dev/zero')).rejects.toThrow(/no regular file/);
  });
});

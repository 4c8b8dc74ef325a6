// WAV files to samples and back, in Node and in browsers. Integers of b bits are k / 2^(b - 1), 8-bit ones being
// unsigned around 128; floats stay as they are. wavChunks.ts finds the samples' bytes; the package wav-decoder turns
// them into numbers, fed with plain mono files of a block of samples each. That goes around what it gets wrong: it
// takes what sizes say for true, knows no extensible format and no pad byte, divides positive samples by
// 2^(b - 1) - 1 (the option `symmetric` does not), gives 8 bits an offset of a half and 24-bit 0x800000 as +1, so
// these two are widened to 16 and 32 bits, and needs a variable `global`, which is there while it runs and no longer.
import wavDecoder from 'wav-decoder';
import { DataError, ShapeError } from '../engine/errors.ts';
import { readChunks } from './wavChunks.ts';
import { count, FLOAT, type Format, INTEGER } from './wavFormat.ts';

/** A decoded file. */
export interface Wav {
  /** Hz. */
  sampleRate: number;
  /** One array per channel, all of one length. */
  channels: Float32Array[];
  /** Bits of a sample that carry sound: of 20 valid bits in a 24-bit container, 20. */
  bits: number;
  encoding: 'integer' | 'float';
  /** What was wrong with the file and how it was read all the same, a sentence each; empty for a sound file. */
  notes: string[];
}

const HEADER_BYTES = 44;
const SAMPLES_AT_ONCE = 65536;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** The plainest mono file of so many bytes of data, all zero: RIFF, a fmt chunk of 16 bytes, data. */
function plainFile(
  tag: number,
  bits: number,
  sampleRate: number,
  dataBytes: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + dataBytes + (dataBytes & 1));
  const view = viewOf(bytes);
  writeText(bytes, 0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  writeText(bytes, 8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, tag, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, (sampleRate * bits) / 8, true);
  view.setUint16(32, bits / 8, true);
  view.setUint16(34, bits, true);
  writeText(bytes, 36, 'data');
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/** Calls `run` while there is a variable `global`, as only Node has one. */
function withGlobal<T>(run: () => T): T {
  const scope = globalThis as { global?: unknown };
  if (scope.global) return run();
  scope.global = globalThis;
  try {
    return run();
  } finally {
    delete scope.global;
  }
}

/** Calls `take` with the samples as they are interleaved, a block at a time; `first` is the index of its first. */
function eachBlock(
  format: Format,
  data: Uint8Array,
  take: (samples: Float32Array, first: number) => void,
): void {
  const width = format.container / 8;
  const isNarrow = width === 1 || width === 3; // k becomes 256 k: a byte more, below the others
  const wide = isNarrow ? width + 1 : width;
  const flip = width === 1 ? 0x80 : 0; // from unsigned to two's complement
  const total = data.length / width;
  const block = plainFile(format.tag, 8 * wide, format.sampleRate, wide * Math.min(total, SAMPLES_AT_ONCE));
  for (let first = 0; first < total; first += SAMPLES_AT_ONCE) {
    const samples = Math.min(SAMPLES_AT_ONCE, total - first);
    const some = data.subarray(first * width, (first + samples) * width);
    if (isNarrow) {
      for (let i = 0, at = HEADER_BYTES; i < some.length; ) {
        at++;
        for (const end = i + width; i < end; i++) block[at++] = some[i] ^ flip;
      }
    } else {
      block.set(some, HEADER_BYTES);
    }
    viewOf(block).setUint32(40, samples * wide, true);
    take(wavDecoder.decode.sync(block.buffer, { symmetric: true }).channelData[0], first);
  }
}

/** Throws if a float sample is NaN, infinite, or a float64 that float32 does not hold. */
function checkFinite(
  channels: Float32Array[],
  format: Format,
  data: Uint8Array,
  name: string,
  start: number,
): void {
  let bad = 0;
  let first = { channel: 0, frame: Number.POSITIVE_INFINITY };
  channels.forEach((samples, channel) => {
    for (let frame = 0; frame < samples.length; frame++) {
      if (Number.isFinite(samples[frame])) continue;
      bad++;
      if (frame < first.frame) first = { channel, frame };
    }
  });
  if (!bad) return;
  const { channel, frame } = first;
  const at = frame * format.blockAlign + (channel * format.container) / 8;
  const view = viewOf(data);
  const value = format.container === 64 ? view.getFloat64(at, true) : view.getFloat32(at, true);
  const from = start > 0 ? ` from sample ${start} of each channel on` : '';
  throw new DataError(
    `${name}: of its ${count(channels[0].length * channels.length, 'sample')}${from} ${bad} ${bad === 1 ? 'is' : 'are'} NaN, infinite or too large for a 32-bit float, the first ${value} in channel ${channel} at sample ${start + frame}, both counted from 0; mend what wrote it, or cut that part out`,
  );
}

/** How many integers have a bit set below those that the file calls valid. */
function countLowBits({ container, bits }: Format, data: Uint8Array): number {
  const width = container / 8;
  const mask = 2 ** (container - bits) - 1;
  let found = 0;
  for (let at = 0; mask && at < data.length; at += width) {
    for (let byte = 0; byte < width; byte++) {
      if (data[at + byte] & (mask >>> (8 * byte)) & 255) {
        found++;
        break;
      }
    }
  }
  return found;
}

/**
 * Decodes a WAV file held in memory: RIFF, RF64 or BW64, plain or extensible, with integers of 8, 16, 24 or 32 bits
 * or floats of 32 or 64, at any rate, of up to 1024 channels. Integers become k / 2^(bits - 1), exactly up to 24
 * bits and rounded to float32 beyond; floats may exceed 1. `name` is the file as errors should call it.
 * A file that is cut off or whose head was never completed is read as far as whole frames go; `notes` says so.
 * Throws DataError where the file is something else, holds no frame where it should, contradicts itself, or has
 * samples that are NaN or infinite. Allocates what it returns and blocks of at most 65,536 samples.
 * Where the bytes were cut out of a longer file, `start` is the frame they begin with there, for errors to count from.
 */
export function decodeWav(bytes: Uint8Array, name: string, start = 0): Wav {
  const { format, data, notes } = readChunks(bytes, name);
  const { sampleRate, container } = format;
  const frames = data.length / format.blockAlign;
  const channels = Array.from({ length: format.channels }, () => new Float32Array(frames));
  withGlobal(() =>
    eachBlock(format, data, (samples, first) => {
      if (channels.length === 1) {
        channels[0].set(samples, first);
        return;
      }
      let channel = first % channels.length;
      let frame = Math.floor(first / channels.length);
      for (let i = 0; i < samples.length; i++) {
        channels[channel][frame] = samples[i];
        if (++channel === channels.length) {
          channel = 0;
          frame++;
        }
      }
    }),
  );
  if (format.tag === FLOAT) {
    checkFinite(channels, format, data, name, start);
    return { sampleRate, channels, bits: container, encoding: 'float', notes };
  }
  const low = countLowBits(format, data);
  if (low) {
    notes.push(
      `It says that ${format.bits} of its ${container} bits are valid, but ${count(low, 'sample')} of ${frames * channels.length} set lower ones: all ${container} were read.`,
    );
  }
  return { sampleRate, channels, bits: low ? container : format.bits, encoding: 'integer', notes };
}

/**
 * Encodes samples as mono 16-bit PCM: 32768 x rounded to the nearest integer and clipped to [-32768, 32767].
 * `sampleRate` in Hz. Throws DataError for a sample that is not finite, ShapeError for a sample rate or a length
 * that the format cannot hold.
 */
export function encodeWav(samples: Float32Array, sampleRate: number): Uint8Array {
  if (!Number.isInteger(sampleRate) || sampleRate < 1 || sampleRate >= 2 ** 31) {
    throw new ShapeError(`encodeWav: sampleRate is ${sampleRate}; give a positive integer below 2^31`);
  }
  const most = (2 ** 32 - HEADER_BYTES) / 2;
  if (samples.length > most) {
    throw new ShapeError(`encodeWav: ${samples.length} samples; a WAV file holds ${most}, write several`);
  }
  const bytes = plainFile(INTEGER, 16, sampleRate, 2 * samples.length);
  const view = viewOf(bytes);
  for (let i = 0; i < samples.length; i++) {
    const x = samples[i];
    if (!Number.isFinite(x)) {
      throw new DataError(`encodeWav: sample ${i} of ${samples.length} is ${x}; check what computed it`);
    }
    const k = Math.min(32767, Math.max(-32768, Math.round(32768 * x)));
    view.setInt16(HEADER_BYTES + 2 * i, k, true);
  }
  return bytes;
}

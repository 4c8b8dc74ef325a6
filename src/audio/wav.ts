// WAV files to samples and back, in Node and in browsers. A file is RIFF: "RIFF" size "WAVE", then chunks
// {id, u32 size, bytes, a pad byte after an odd size}; "fmt " says how samples are stored, "data" holds them.
// The chunks are found and checked here, for the package wav-decoder reads what a damaged file happens to say:
// it forgets pad bytes, cuts off data in silence and allocates before it looks. It then gets a plain copy, fmt
// and data alone, and turns the bytes into numbers. 16-bit integers are read so far; k is k / 32768.
import wavDecoder from 'wav-decoder';
import { DataError, ShapeError } from '../engine/errors.ts';

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

interface Format {
  /** The format tag; of an extensible format the one its sub-format names. */
  tag: number;
  channels: number;
  sampleRate: number;
  /** Bytes of one sample of every channel. */
  blockAlign: number;
  bits: number;
}

const HEADER_BYTES = 44;
const PCM = 1;
const EXTENSIBLE = 0xfffe;
const TAG_NAMES: Record<number, string> = {
  1: 'integer PCM',
  2: 'Microsoft ADPCM',
  3: 'float PCM',
  6: 'A-law',
  7: 'mu-law',
  17: 'IMA ADPCM',
  49: 'GSM 6.10',
  80: 'MPEG',
  85: 'MP3',
};

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Four bytes as text for an error: unprintable ones as \xNN. */
function fourCharacters(bytes: Uint8Array, at: number): string {
  let text = '';
  for (const byte of bytes.subarray(at, at + 4)) {
    const printable = byte >= 0x20 && byte < 0x7f;
    text += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

/** How samples are stored, as a person would say it: "24-bit integer PCM". */
function describe({ tag, bits }: Format): string {
  return `${bits}-bit ${TAG_NAMES[tag] ?? `format 0x${tag.toString(16).padStart(4, '0')}`}`;
}

function readFormat(bytes: Uint8Array, at: number, size: number, name: string): Format {
  if (size < 16)
    throw new DataError(`${name}: its fmt chunk has ${size} bytes, fewer than 16; fetch the file again`);
  const view = viewOf(bytes);
  let tag = view.getUint16(at, true);
  if (tag === EXTENSIBLE) {
    if (size < 40) {
      throw new DataError(
        `${name}: its fmt chunk is extensible but has ${size} bytes, fewer than 40; fetch the file again`,
      );
    }
    tag = view.getUint16(at + 24, true);
  }
  return {
    tag,
    channels: view.getUint16(at + 2, true),
    sampleRate: view.getUint32(at + 4, true),
    blockAlign: view.getUint16(at + 12, true),
    bits: view.getUint16(at + 14, true),
  };
}

/** Finds fmt and data. Chunks after data, and the size that RIFF gives for the whole, change no sample and are not looked at. */
function findChunks(bytes: Uint8Array, name: string): { format: Format; data: Uint8Array } {
  const kind = fourCharacters(bytes, 0);
  if (bytes.length < 12 || kind !== 'RIFF' || fourCharacters(bytes, 8) !== 'WAVE') {
    const found = bytes.length < 12 ? `it has ${bytes.length} bytes` : `it starts with "${kind}"`;
    throw new DataError(`${name}: is no RIFF WAVE file, ${found}; convert it to 16-bit PCM WAV`);
  }
  const view = viewOf(bytes);
  let format: Format | null = null;
  let at = 12;
  while (at + 8 <= bytes.length) {
    const id = fourCharacters(bytes, at);
    const size = view.getUint32(at + 4, true);
    const left = bytes.length - at - 8;
    if (size > left) {
      throw new DataError(
        `${name}: is cut off, its ${id.trim()} chunk announces ${size} bytes and ${left} are left; fetch the file again`,
      );
    }
    if (id === 'fmt ') format = readFormat(bytes, at + 8, size, name);
    if (id === 'data') {
      if (!format)
        throw new DataError(`${name}: its data chunk comes before any fmt chunk; fetch the file again`);
      return { format, data: bytes.subarray(at + 8, at + 8 + size) };
    }
    at += 8 + size + (size & 1);
  }
  const missing = format ? 'data chunk' : 'fmt chunk and no data chunk';
  throw new DataError(`${name}: has no ${missing} in its ${bytes.length} bytes; fetch the file again`);
}

function checkFormat(format: Format, dataBytes: number, name: string): void {
  const { tag, channels, sampleRate, blockAlign, bits } = format;
  if (tag !== PCM || bits !== 16) {
    throw new DataError(
      `${name}: is ${describe(format)}, and only 16-bit integer PCM is read so far; convert it, for example with sox IN.wav -b 16 -e signed OUT.wav`,
    );
  }
  const fault =
    channels === 0
      ? 'has no channels'
      : sampleRate === 0
        ? 'has a sample rate of 0 Hz'
        : blockAlign !== 2 * channels
          ? `says that a frame of ${channels} channels of 16 bits has ${blockAlign} bytes, not ${2 * channels}`
          : dataBytes % blockAlign !== 0
            ? `has ${dataBytes} bytes of data, no whole number of frames of ${blockAlign} bytes`
            : null;
  if (fault) throw new DataError(`${name}: ${fault}; the file is damaged, fetch it again`);
}

function writeText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** The plainest file that holds these samples: RIFF, a fmt chunk of 16 bytes, data. */
function plainFile(format: Format, dataBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + dataBytes + (dataBytes & 1));
  const view = viewOf(bytes);
  writeText(bytes, 0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  writeText(bytes, 8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, format.tag, true);
  view.setUint16(22, format.channels, true);
  view.setUint32(24, format.sampleRate, true);
  view.setUint32(28, format.sampleRate * format.blockAlign, true);
  view.setUint16(32, format.blockAlign, true);
  view.setUint16(34, format.bits, true);
  writeText(bytes, 36, 'data');
  view.setUint32(40, dataBytes, true);
  return bytes;
}

/**
 * Decodes a WAV file held in memory: one Float32Array per channel, samples in [-1, 1), k / 32768 exactly.
 * `name` is the file as errors should call it. Throws DataError where the file is no WAV, damaged, cut off, or
 * not 16-bit integer PCM (plain or extensible).
 */
export function decodeWav(bytes: Uint8Array, name: string): Wav {
  const { format, data } = findChunks(bytes, name);
  checkFormat(format, data.length, name);
  const plain = plainFile(format, data.length);
  plain.set(data, HEADER_BYTES);
  (globalThis as { global?: unknown }).global ??= globalThis; // wav-decoder looks for Buffer on Node's `global`
  const { sampleRate, channelData } = wavDecoder.decode.sync(plain.buffer, { symmetric: true });
  return { sampleRate, channels: channelData, bits: format.bits, encoding: 'integer', notes: [] };
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
  const format = { tag: PCM, channels: 1, sampleRate, blockAlign: 2, bits: 16 };
  const bytes = plainFile(format, 2 * samples.length);
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

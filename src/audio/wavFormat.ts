// The fmt chunk of a WAV file: u16 tag, u16 channels, u32 rate, u32 bytes a second, u16 bytes a frame, u16 bits, and
// in an extensible one u16 size, u16 valid bits, u32 speakers, 16 bytes of sub-format, the first two a tag again. A
// sample takes up whole bytes and its valid bits are the upper ones, in plain formats of 12 or 20 bits too.
// Sources: Multimedia Programming Interface 1.0 (IBM, Microsoft 1991), Microsoft's WAVEFORMATEXTENSIBLE.
import { DataError } from '../engine/errors.ts';

export interface Format {
  /** 1 for integers, 3 for floats; of an extensible format what its sub-format names. */
  tag: number;
  channels: number;
  /** Hz. */
  sampleRate: number;
  /** Bytes of one sample of every channel. */
  blockAlign: number;
  /** Bits a sample takes up in the file. */
  container: number;
  /** Its upper bits that carry sound. */
  bits: number;
}

export const INTEGER = 1;
export const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
const MAX_CHANNELS = 1024; // as libsndfile: no array for each channel of a lie

const CONTAINERS: Record<number, number[]> = { [INTEGER]: [8, 16, 24, 32], [FLOAT]: [32, 64] };
const TAG_NAMES: Record<number, string> = {
  ...{ 1: 'integer PCM', 2: 'Microsoft ADPCM', 3: 'float PCM', 6: 'A-law', 7: 'mu-law', 17: 'IMA ADPCM' },
  ...{ 49: 'GSM 6.10', 64: 'G.721 ADPCM', 80: 'MPEG', 85: 'MP3', 255: 'AAC', 353: 'Windows Media Audio' },
};
/** Bytes 2 to 15 of a sub-format: Microsoft's, and that of Ambisonic recordings. */
const SUB_FORMATS = ['000000001000800000aa00389b71', '00002107d3118644c8c1ca000000'];

export const AGAIN = 'the file is damaged, fetch it again';
export const FFMPEG = 'convert it, for example with ffmpeg -i IN -c:a pcm_s16le OUT.wav';

/** 1 frame, 2 frames. */
export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** A file being read: the notes are what was made good so far. */
export interface FormatSource {
  bytes: Uint8Array;
  view: DataView;
  name: string;
  notes: string[];
}

/** The tag and the valid bits of an extensible format. */
function readExtension(
  { bytes, view, name }: FormatSource,
  at: number,
  size: number,
): { tag: number; bits: number } {
  if (size < 40) {
    throw new DataError(
      `${name}: its fmt chunk is extensible but has ${count(size, 'byte')}, fewer than 40; ${AGAIN}`,
    );
  }
  const guid = [...bytes.subarray(at + 24, at + 40)].map((b) => b.toString(16).padStart(2, '0')).join('');
  if (!SUB_FORMATS.includes(guid.slice(4))) {
    throw new DataError(`${name}: is of the unknown extensible format ${guid}; ${FFMPEG}`);
  }
  return { tag: view.getUint16(at + 24, true), bits: view.getUint16(at + 18, true) };
}

function checkFormat(format: Format, stated: number, name: string): void {
  const { tag, channels, sampleRate, blockAlign, container } = format;
  const what = `${stated}-bit ${TAG_NAMES[tag] ?? `format 0x${tag.toString(16).padStart(4, '0')}`}`;
  const read = 'integers of 8, 16, 24 and 32 bits and floats of 32 and 64 bits are read';
  const fits = tag === INTEGER || container === stated;
  if (!CONTAINERS[tag]?.includes(container) || !fits) {
    throw new DataError(`${name}: is ${what}, and only ${read}; ${FFMPEG}`);
  }
  const frame = (channels * container) / 8;
  const fault =
    channels === 0
      ? 'has no channels'
      : channels > MAX_CHANNELS
        ? `has ${channels} channels, more than ${MAX_CHANNELS}`
        : sampleRate === 0
          ? 'has a sample rate of 0 Hz'
          : blockAlign !== frame
            ? `says that a frame of ${count(channels, 'channel')} of ${what} has ${count(blockAlign, 'byte')}, not ${frame}`
            : null;
  if (fault) throw new DataError(`${name}: ${fault}; ${AGAIN}`);
}

/**
 * What a fmt chunk of `size` bytes at `at` says, its parts checked against each other. Adds to the notes what does
 * not fit and is passed over; throws DataError for what cannot be or is not read here.
 */
export function readFormat(source: FormatSource, at: number, size: number): Format {
  const { view, name, notes } = source;
  if (size < 16) {
    throw new DataError(`${name}: its fmt chunk has ${count(size, 'byte')}, fewer than 16; ${AGAIN}`);
  }
  const stated = view.getUint16(at + 14, true);
  const plain = { tag: view.getUint16(at, true), bits: stated };
  const { tag, bits } = plain.tag === EXTENSIBLE ? readExtension(source, at, size) : plain;
  const container = 8 * Math.ceil(stated / 8);
  const format: Format = {
    tag,
    channels: view.getUint16(at + 2, true),
    sampleRate: view.getUint32(at + 4, true),
    blockAlign: view.getUint16(at + 12, true),
    container,
    bits,
  };
  checkFormat(format, stated, name);
  if (bits === 0 || bits > container || (tag === FLOAT && bits !== container)) {
    notes.push(`It says that ${bits} of its ${container} bits are valid: all were read.`);
    format.bits = container;
  }
  const { sampleRate, blockAlign } = format;
  const rate = view.getUint32(at + 8, true);
  if (rate !== (sampleRate * blockAlign) % 2 ** 32) {
    notes.push(
      `It says that a second has ${count(rate, 'byte')}, but ${sampleRate} Hz and frames of ${count(blockAlign, 'byte')} make ${sampleRate * blockAlign}: it was read as ${sampleRate} Hz.`,
    );
  }
  return format;
}

// Where the frames of an MP3 stream (MPEG 1, 2 and 2.5, layer III) lie in a file. A frame opens with four bytes: 11 bits
// of sync, version, layer, bit rate, sample rate, padding, channels; they give its size, so frames follow each other
// without a table. A header counts only where another of the same stream follows it, so that bytes between frames
// (tags, damage) are passed over and named. An encoder makes sound longer, by its own delay and the decoder's at the
// start and by padding at the end; what LAME and Lavc write about that into a first frame without sound is taken off.
// Nothing is decoded here and nothing a file says is believed beyond the bytes that are there.
// Sources: ISO/IEC 11172-3, 13818-3; id3.org 2.4; Xing VBR header and LAME's extension of it.
import { DataError } from '../engine/errors.ts';
import { kindOf, startOf } from './wavChunks.ts';
import { AGAIN, count, FFMPEG } from './wavFormat.ts';

export interface Mp3Header {
  /** Version and rate as they stand in the header: what all frames of a stream share. */
  stream: number;
  /** Hz. */
  sampleRate: number;
  channels: 1 | 2;
  /** Of the whole frame. */
  bytes: number;
  /** Per channel: 1152, in MPEG 2 and 2.5 576. */
  samples: number;
}

/** Frames of one rate, in order. */
export interface Mp3Stream {
  sampleRate: number;
  /** Of the first frame; others may differ. */
  channels: 1 | 2;
  samplesPerFrame: number;
  /** Where each frame with sound begins. */
  starts: number[];
  /** Samples to take off at the start. */
  skip: number;
  /** Samples of sound, per channel. */
  length: number;
  /** What was wrong with the file and how it was read all the same, a sentence each. */
  notes: string[];
}

const KBPS = {
  first: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  later: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const RATES = [44100, 48000, 32000];
/** Samples that any decoder is late by: 528 of the filter bank and 1. */
const DECODER_DELAY = 529;
const LAYER_3 = 1;

/** The header at `at`, or null: no sync, another layer, a reserved value, or the "free" bit rate, which no encoder uses. */
export function readHeader(bytes: Uint8Array, at: number): Mp3Header | null {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || bytes[at + 1] < 0xe0) return null;
  const [, b1, b2, b3] = bytes.subarray(at, at + 4);
  const version = (b1 >> 3) & 3; // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
  const [rateIndex, bitRateIndex] = [(b2 >> 2) & 3, b2 >> 4];
  if (version === 1 || ((b1 >> 1) & 3) !== LAYER_3) return null;
  if (rateIndex === 3 || bitRateIndex === 0 || bitRateIndex === 15) return null;
  const first = version === 3;
  const sampleRate = RATES[rateIndex] / (first ? 1 : version === 2 ? 2 : 4);
  const kbps = (first ? KBPS.first : KBPS.later)[bitRateIndex];
  const samples = first ? 1152 : 576;
  const size = Math.floor((samples * 125 * kbps) / sampleRate) + ((b2 >> 1) & 1);
  const stream = 4 * version + rateIndex;
  return { stream, sampleRate, channels: b3 >> 6 === 3 ? 1 : 2, bytes: size, samples };
}

const textAt = (bytes: Uint8Array, at: number, text: string) =>
  [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0));

/** Where an ID3v2 tag at `at` ends: cover art can make it larger than the sound. `at` if there is none. */
function afterTag(bytes: Uint8Array, at: number): number {
  if (at + 10 > bytes.length || !textAt(bytes, at, 'ID3')) return at;
  const size = bytes.subarray(at + 6, at + 10).reduce((sum, b) => sum * 128 + (b & 127), 0);
  return at + 10 + size + (bytes[at + 5] & 0x10 ? 10 : 0);
}

const tailTags = ['TAG', 'APETAGEX', 'LYRICSBEGIN'];
const isTail = (bytes: Uint8Array, at: number) => tailTags.some((tag) => textAt(bytes, at, tag));

/** Whether `n` headers of one stream follow each other from `at` on, or as many as the bytes hold. */
function isRun(bytes: Uint8Array, at: number, n: number): boolean {
  const first = readHeader(bytes, at);
  for (let i = 1, next = first; next; i++) {
    if (i >= n) return true;
    at += next.bytes;
    if (at + 4 > bytes.length || isTail(bytes, at) || textAt(bytes, at, 'ID3')) return true;
    next = readHeader(bytes, at);
    if (next && next.stream !== first?.stream) return false;
  }
  return false;
}

/** Whether bytes begin as an MP3 file: with an ID3v2 tag, or with frames. */
export function isMp3(bytes: Uint8Array): boolean {
  return textAt(bytes, 0, 'ID3') || isRun(bytes, 0, 3);
}

interface Found {
  first: Mp3Header;
  starts: number[];
  /** Bytes between frames that are neither, and how many places they are in. */
  junk: number;
  places: number;
  /** What the file ends with of a frame, or null. */
  cut: { bytes: number; of: number } | null;
  /** The rate of the frames that follow, which are not read. */
  change: number | null;
}

/** All frames from `at` on that belong to the stream of the first. */
function findFrames(bytes: Uint8Array, at: number): Found | null {
  while (at < bytes.length && !isRun(bytes, at, 3)) at++;
  const first = readHeader(bytes, at);
  if (!first) return null;
  const found: Found = { first, starts: [], junk: 0, places: 0, cut: null, change: null };
  let inJunk = false;
  while (at < bytes.length && !isTail(bytes, at)) {
    const header = readHeader(bytes, at);
    const known = header?.stream === first.stream;
    // After junk, and where the rate changes, a header has to prove itself.
    if (header && (known && !inJunk ? true : isRun(bytes, at, 3))) {
      if (!known) {
        found.change = header.sampleRate;
        break;
      }
      inJunk = false;
      if (at + header.bytes > bytes.length) {
        found.cut = { bytes: bytes.length - at, of: header.bytes };
        break;
      }
      found.starts.push(at);
      at += header.bytes;
      continue;
    }
    const next = afterTag(bytes, at);
    if (next > at) {
      at = next;
      continue;
    }
    if (!inJunk) found.places++;
    inJunk = true;
    found.junk++;
    at++;
  }
  return found;
}

interface Tag {
  /** Frames with sound that the file was made with; null if it does not say. */
  frames: number | null;
  /** Samples put before and after the sound. */
  delay: number;
  padding: number;
}

/** What a first frame says that holds no sound but Xing's or Fraunhofer's table; null for any other. */
function readTag(bytes: Uint8Array, at: number, { samples, channels, bytes: size }: Mp3Header): Tag | null {
  const frame = bytes.subarray(at, at + size);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (textAt(frame, 36, 'VBRI') && size >= 54) return { frames: view.getUint32(50), delay: 0, padding: 0 };
  const sideInfo = samples === 1152 ? [32, 17] : [17, 9];
  // A checksum of two bytes may stand before the side information.
  const place = [4, 6]
    .map((head) => head + sideInfo[2 - channels])
    .find((p) => textAt(frame, p, 'Xing') || textAt(frame, p, 'Info'));
  if (place === undefined || place + 8 > size) return null;
  const flags = view.getUint32(place + 4);
  let p = place + 8;
  const frames = flags & 1 && p + 4 <= size ? view.getUint32(p) : null;
  for (const [bit, width] of [
    [1, 4],
    [2, 4],
    [4, 100],
    [8, 4],
  ])
    if (flags & bit) p += width;
  // The encoder's name, nine bytes, opens LAME's extension.
  if (p + 24 > size || frame[p] === 0) return { frames, delay: 0, padding: 0 };
  const [a, b, c] = frame.subarray(p + 21, p + 24);
  return { frames, delay: (a << 4) | (b >> 4), padding: ((b & 15) << 8) | c };
}

/** The samples that are sound, and what to say where the frames are not those announced. */
function trim(total: number, frames: number, tag: Tag | null, notes: string[]) {
  const whole = tag === null || tag.frames === null || tag.frames === frames;
  if (!whole && frames < tag!.frames!)
    notes.push(
      `Its head announces ${count(tag!.frames!, 'frame')} and ${frames} are there, as when a recording or a copy breaks off: these were read.`,
    );
  const skip = tag && tag.delay > 0 ? tag.delay + DECODER_DELAY : 0;
  const extra = tag && whole ? Math.max(0, tag.padding - DECODER_DELAY) : 0;
  if (skip + extra <= total) return { skip, length: total - skip - extra };
  notes.push('Its head says that all of its samples are padding: they were read as sound.');
  return { skip: 0, length: total };
}

function nothingFound(bytes: Uint8Array, name: string): DataError {
  const kind = kindOf(bytes);
  if (kind && kind !== 'MP3') return new DataError(`${name}: is ${kind}, no MP3; ${FFMPEG}`);
  const what = kind === 'MP3' ? 'begins as an MP3, but' : `starts with "${startOf(bytes)}" and`;
  return new DataError(
    `${name}: ${what} has no frame of MPEG layer III in its ${count(bytes.length, 'byte')}; ${AGAIN}`,
  );
}

/**
 * Finds the frames of an MP3 file in memory. Where the rate changes, only what comes before is taken; of a file that
 * breaks off, the whole frames; `notes` says so.
 * @param name the file as errors should call it
 * @throws DataError where there is no frame: the file is something else, or damaged.
 */
export function readMp3(bytes: Uint8Array, name: string): Mp3Stream {
  let at = 0;
  for (let next = afterTag(bytes, 0); next > at; next = afterTag(bytes, at)) at = next;
  // A tag may lie about its size.
  const found = findFrames(bytes, at) ?? findFrames(bytes, 0);
  if (!found?.starts.length) throw nothingFound(bytes, name);
  const { first, starts, junk, places, cut, change } = found;
  const notes: string[] = [];
  const tag = readTag(bytes, starts[0], first);
  if (tag) starts.shift();
  const { sampleRate, samples } = first;
  // A frame cut off is one of those that the head counts: the last one's fault is said once.
  if (cut)
    notes.push(`It breaks off ${cut.bytes} bytes into a frame of ${cut.of}: what comes before was read.`);
  if (junk) notes.push(`${count(junk, 'byte')} in ${count(places, 'place')} are no frames: passed over.`);
  if (change)
    notes.push(
      `After ${((starts.length * samples) / sampleRate).toFixed(2)} s its rate changes from ${sampleRate} to ${change} Hz: what comes before was read.`,
    );
  const range = trim(starts.length * samples, starts.length, tag, notes);
  return { sampleRate, channels: first.channels, samplesPerFrame: samples, starts, ...range, notes };
}

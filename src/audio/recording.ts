// One WAV or MP3 file as a source of mono samples. Small WAV files are decoded whole. Of a large one (an hour of sound) only the
// chunk headers are read; its samples come block by block, each as a WAV file of its own with the same format, so that
// decodeWav alone knows formats and memory does not grow with the file. An MP3 file is held as it is and decoded as far as
// it is asked for.

import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { DataError } from '../engine/errors.ts';
import { FileFault } from './fault.ts';
import { mixDown } from './level.ts';
import { openMp3 } from './mp3.ts';
import { isMp3 } from './mp3Frames.ts';
import { mp3Decoder } from './mp3Node.ts';
import { fileFault, printable } from './names.ts';
import { decodeWav, type Wav } from './wav.ts';
import { isKnownChunk, isWave, missingPad } from './wavChunks.ts';
import { count } from './wavFormat.ts';
import { ofWav, openWav, type Recording } from './wavRecording.ts';

/** Files up to this size are decoded at once. */
const wholeBytes = 2 ** 22;
const headBytes = 2 ** 16;
const mostFormatBytes = 2 ** 16;
/** A file with more chunks before its data is left to decodeWav, which looks at them in memory. */
const mostChunks = 1000;
/** Frames decoded together at most. */
const blockFrames = 2 ** 20;

/** MP3 files are held in memory; this is 18 hours at 128 kbit/s. */
const mostMp3Bytes = 2 ** 30;

/**
 * Opens a WAV or MP3 file, told apart by how it begins, then by its name; errors call it by its path.
 * @throws FileFault if it cannot be read or is an empty or too large MP3, DataError as decodeWav and openMp3.
 */
export async function openRecording(path: string): Promise<Recording> {
  const name = printable(path);
  let file: FileHandle | null = null;
  try {
    const info = await stat(path);
    // A device or a pipe would be read without end.
    if (!info.isFile() && !info.isDirectory())
      throw new FileFault(path, 'unreadable', 'is no regular file; give a WAV or MP3 file');
    if (info.size <= wholeBytes) {
      const bytes = await readFile(path);
      return isMp3Named(path, bytes) ? await ofMp3(bytes, path) : openWav(bytes, name);
    }
    file = await open(path);
    const head = new Uint8Array(headBytes);
    await readFully(file, head, 0, 0, name);
    if (!isMp3Named(path, head)) return await openLarge(file, info.size, name);
    if (info.size > mostMp3Bytes)
      throw new FileFault(path, 'size', `is an MP3 of ${info.size} bytes, more than 2^30; cut it into parts`);
    const bytes = await file.readFile();
    await file.close();
    return await ofMp3(bytes, path);
  } catch (error) {
    await file?.close();
    throw error instanceof DataError ? error : new FileFault(path, 'unreadable', fileFault(error, path));
  }
}

/** What begins as a WAV is one whatever its name. */
function isMp3Named(path: string, bytes: Uint8Array): boolean {
  return !isWave(bytes) && (/\.mp3$/i.test(path) || isMp3(bytes));
}

async function ofMp3(bytes: Uint8Array, path: string): Promise<Recording> {
  if (bytes.length === 0) throw new FileFault(path, 'empty', 'holds no bytes; fetch it again');
  const mp3 = openMp3(bytes, printable(path), await mp3Decoder());
  return {
    ...mp3,
    ...{ bits: 16, encoding: 'integer' },
    read: async (start, end, channel = 'mean') => {
      const mono = new Float32Array(end - start);
      for (let from = start; from < end; from += blockFrames) {
        const to = Math.min(end, from + blockFrames);
        mono.set(await mp3.read(from, to, channel), from - start);
      }
      return mono;
    },
    close: async () => {},
  };
}

async function openLarge(file: FileHandle, size: number, name: string): Promise<Recording> {
  const chunks = await findChunks(file, size, name);
  if (!chunks) return ofOdd(file, name);
  const { format, at, announced, stated, notes: found } = chunks;
  const view = new DataView(format.buffer, format.byteOffset, format.byteLength);
  const align = format.length >= 14 ? view.getUint16(12, true) : 0;
  const left = size - at;
  const frames = align ? Math.floor(Math.min(announced, left) / align) : 0;
  const part = async (start: number, end: number): Promise<Wav> => {
    const bytes = wavAround(format, (end - start) * align);
    await readFully(file, bytes, bytes.length - (end - start) * align, at + start * align, name);
    return decodeWav(bytes, name, start);
  };
  // decodeWav judges the format, on the first frames.
  const { sampleRate, channels, bits, encoding, notes } = await part(0, Math.min(frames, 16));
  const cut = announced > left;
  return {
    ...{ sampleRate, channels: channels.length, bits, encoding, length: frames },
    notes: [...found, ...notes, ...(cut ? [cutOff(stated, left, frames)] : [])],
    read: async (start, end, channel = 'mean') => {
      const mono = new Float32Array(end - start);
      for (let from = start; from < end; from += blockFrames)
        mono.set(
          mixDown((await part(from, Math.min(end, from + blockFrames))).channels, channel),
          from - start,
        );
      return mono;
    },
    close: () => file.close(),
  };
}

/** What programs write that do not know the size beforehand; the samples then go on to the file's end. */
const unknownSize = 2 ** 32 - 1;

const cutOff = (stated: number, left: number, frames: number) =>
  `Its data chunk announces ${stated} bytes and has ${left}, as when a recording or a copy breaks off: ` +
  `${count(frames, 'frame')} were read.`;

/** The fmt chunk and where the samples lie; null where that is not plain to see. */
async function findChunks(file: FileHandle, size: number, name: string) {
  const read = async (bytes: number, at: number) => {
    const part = new Uint8Array(bytes);
    await readFully(file, part, 0, at, name);
    return new DataView(part.buffer);
  };
  const text = (view: DataView) => String.fromCharCode(...new Uint8Array(view.buffer));
  if (!isWave(new Uint8Array((await read(12, 0)).buffer))) return null;
  let format: Uint8Array | null = null;
  let wide = unknownSize;
  const notes: string[] = [];
  for (let at = 12, n = 0; at + 8 <= size && n < mostChunks; n++) {
    const header = await read(8, at);
    const id = text(header).slice(0, 4);
    const bytes = header.getUint32(4, true);
    // Sizes of 0 and 2^32 - 1 come from programs that did not know better; a ds64 chunk may.
    const stated = bytes === unknownSize && wide !== unknownSize ? wide : bytes;
    if (id === 'data')
      return format && { format, at: at + 8, announced: stated || unknownSize, stated, notes };
    if (at + 8 + bytes > size) return null;
    if (id === 'fmt ' && bytes <= mostFormatBytes)
      format = new Uint8Array((await read(bytes, at + 8)).buffer);
    if (id === 'ds64' && bytes >= 16) wide = Number((await read(16, at + 8)).getBigUint64(8, true));
    at += 8 + bytes;
    if (bytes % 2 === 0) continue;
    if (at + 4 > size || !isKnownChunk(text(await read(4, at)))) at++;
    else if (!notes.includes(missingPad)) notes.push(missingPad);
  }
  return null;
}

/** A large file that is no WAV, as its beginning tells, or an odd one that decodeWav may still make sense of. */
async function ofOdd(file: FileHandle, name: string): Promise<Recording> {
  const head = new Uint8Array(headBytes);
  await readFully(file, head, 0, 0, name);
  // Of a WAV file, what is wrong may lie beyond the beginning.
  if (!isWave(head)) decodeWav(head, name);
  const wav = decodeWav(await file.readFile(), name);
  await file.close();
  return ofWav(wav);
}

/** A WAV file with this fmt chunk, its data still to be filled in at the end. */
function wavAround(format: Uint8Array, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(28 + format.length + (format.length & 1) + dataBytes);
  const view = new DataView(bytes.buffer);
  const text = (at: number, s: string) =>
    bytes.set(
      [...s].map((c) => c.charCodeAt(0)),
      at,
    );
  text(0, 'RIFF');
  view.setUint32(4, bytes.length - 8, true);
  text(8, 'WAVEfmt ');
  view.setUint32(16, format.length, true);
  bytes.set(format, 20);
  const at = 20 + format.length + (format.length & 1);
  text(at, 'data');
  view.setUint32(at + 4, dataBytes, true);
  return bytes;
}

/** Fills `bytes` from `offset` on with what the file holds from `position` on. */
async function readFully(
  file: FileHandle,
  bytes: Uint8Array,
  offset: number,
  position: number,
  name: string,
) {
  for (let done = offset; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done - offset);
    if (bytesRead === 0) throw new DataError(`${name}: became shorter while it was read; start again`);
    done += bytesRead;
  }
}

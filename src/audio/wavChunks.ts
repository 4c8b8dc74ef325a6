// The frame of a WAV file: "RIFF" size "WAVE", then chunks {id, u32 size, bytes, a pad byte after an odd size}, of
// which "fmt " and "data" matter; RF64 and BW64 keep sizes beyond 2^32 in a chunk "ds64". Sizes are believed only as
// far as bytes are there: interrupted recorders leave 0 or 2^32 - 1 in them, copies break off, and pad bytes get
// forgotten. What can still be read is, with a note that says so; what cannot be true is a DataError. Nothing is
// copied or allocated here.
// Sources: Multimedia Programming Interface 1.0 (IBM, Microsoft 1991), EBU Tech 3306 (RF64).
import { DataError } from '../engine/errors.ts';
import { AGAIN, count, FFMPEG, type Format, type FormatSource, readFormat } from './wavFormat.ts';

/** `wide` are the sizes of a ds64 chunk. */
interface Source extends FormatSource {
  wide: { riff: number; data: number } | null;
}

interface Chunk {
  /** Its four characters as the little-endian number they are in the file. */
  id: number;
  /** Where its bytes begin. */
  at: number;
  /** As announced, true or not. */
  size: number;
}

const UNKNOWN_SIZE = 0xffffffff;

/** Other files that carry the name by mistake: where a text stands, the text, what it is. */
const KINDS: [number, string, string][] = [
  [0, 'OggS', 'Ogg (Vorbis or Opus)'],
  [0, 'fLaC', 'FLAC'],
  [0, 'ID3', 'MP3'],
  [8, 'AIFF', 'AIFF'],
  [8, 'AIFC', 'AIFF-C'],
  [0, 'riff', 'Wave64'],
  [0, 'caff', 'Core Audio'],
  [0, '.snd', 'Sun AU'],
  [4, 'ftyp', 'MP4 or M4A'],
  [0, 'NIST', 'NIST SPHERE'],
  [0, '\\x1aE\\xdf\\xa3', 'Matroska or WebM'],
];

/** What another file is, as its first bytes tell; null where they do not. */
export function kindOf(bytes: Uint8Array): string | null {
  const known = KINDS.find(([at, start]) => text(bytes, at, 4).startsWith(start))?.[2];
  return known ?? (bytes[0] === 0xff && bytes[1] >= 0xe0 ? 'MP3' : null);
}

/** The first four bytes, for an error. */
export const startOf = (bytes: Uint8Array): string => text(bytes, 0, 4);

/** So many bytes as text for an error: unprintable ones as \xNN. */
function text(bytes: Uint8Array, at: number, length: number): string {
  let out = '';
  for (const byte of bytes.subarray(at, at + length)) {
    const printable = byte >= 0x20 && byte < 0x7f;
    out += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}

function idOf(name: string): number {
  return [...name].reduce((id, c, i) => id + c.charCodeAt(0) * 2 ** (8 * i), 0);
}

const FMT = idOf('fmt ');
const DATA = idOf('data');
const DS64 = idOf('ds64');
const COMMON = new Set(
  ['fmt ', 'data', 'fact', 'LIST', 'bext', 'JUNK', 'PEAK', 'cue ', 'smpl', 'id3 '].map(idOf),
);

/** Whether an id is one that stands in many files. */
export const isKnownChunk = (id: string): boolean => COMMON.has(idOf(id));

/** Whether bytes begin as a WAV file that is read here does. */
export function isWave(bytes: Uint8Array): boolean {
  return ['RIFF', 'RF64', 'BW64'].includes(text(bytes, 0, 4)) && text(bytes, 8, 4) === 'WAVE';
}

export const missingPad =
  'A pad byte after a chunk of odd size is missing: chunks were read from where they stand.';

function checkKind({ bytes, name }: Source): void {
  if (bytes.length < 12) {
    throw new DataError(
      `${name}: is no RIFF WAVE file, it has ${count(bytes.length, 'byte')}; fetch it again`,
    );
  }
  if (isWave(bytes)) return;
  const kind = text(bytes, 0, 4);
  if (kind === 'RIFX') {
    throw new DataError(
      `${name}: is RIFX, a WAV with its bytes in the other order; convert it, for example with sox IN.wav -L OUT.wav`,
    );
  }
  const other = kindOf(bytes);
  if (other) throw new DataError(`${name}: is ${other}, no WAV; ${FFMPEG}`);
  const found =
    kind === 'RIFF' ? `it is RIFF of the kind "${text(bytes, 8, 4)}"` : `it starts with "${kind}"`;
  throw new DataError(`${name}: is no RIFF WAVE file, ${found}; convert it to WAV`);
}

/** The chunk whose id stands at `at`; 8 bytes must be there. */
function chunkAt({ view, wide }: Source, at: number): Chunk {
  const id = view.getUint32(at, true);
  const size = view.getUint32(at + 4, true);
  return { id, at: at + 8, size: id === DATA && size === UNKNOWN_SIZE && wide ? wide.data : size };
}

/** A file may have millions of chunks with the same fault. */
function noteOnce(notes: string[], note: string): void {
  if (!notes.includes(note)) notes.push(note);
}

/** Where the next chunk begins: after the pad byte, or where a well-known id shows that it was forgotten. */
function endOf({ bytes, view, notes }: Source, { at, size }: Chunk): number {
  const end = at + size;
  if (size % 2 === 0) return end;
  const next = end + 4 <= bytes.length ? view.getUint32(end, true) : 0;
  if (!COMMON.has(next)) return end + 1;
  noteOnce(notes, missingPad);
  return end;
}

/** Looks at the chunks after the data, which change no sample. Returns whether they fill the file to its end. */
function checkRest(source: Source, from: number): boolean {
  const { bytes, notes } = source;
  let at = from;
  while (at < bytes.length) {
    const isChunk =
      at + 8 <= bytes.length && /^[ -~]{4}$/.test(String.fromCharCode(...bytes.subarray(at, at + 4)));
    if (!isChunk) {
      notes.push(`${count(bytes.length - at, 'byte')} after the data are no chunk: they were passed over.`);
      return false;
    }
    const chunk = chunkAt(source, at);
    const left = bytes.length - chunk.at;
    if (chunk.size > left) {
      notes.push(
        `Its ${text(bytes, at, 4).trim()} chunk after the data announces ${count(chunk.size, 'byte')} and has ${left}: it was passed over.`,
      );
      return false;
    }
    if (chunk.id === DATA) noteOnce(notes, 'Another data chunk follows the first: it was not read.');
    at = endOf(source, chunk);
  }
  return true;
}

/** The whole frames of the data chunk that are there. */
function readData(source: Source, { at, size }: Chunk, { blockAlign }: Format): Uint8Array {
  const { bytes, name, notes } = source;
  const left = bytes.length - at;
  const before = notes.length;
  const complete = size <= left && checkRest(source, endOf(source, { id: DATA, at, size }));
  // Recorders write 0 and mend it at the end. Where chunks follow, there are indeed no samples.
  const unfinished = size > left || (size === 0 && !complete);
  if (unfinished) notes.length = before;
  const there = unfinished ? left : size;
  const frames = Math.floor(there / blockAlign);
  const part = there % blockAlign;
  const has = `has ${count(there, 'byte')}`;
  if (frames === 0 && (unfinished || part)) {
    throw new DataError(
      `${name}: its data chunk announces ${count(size, 'byte')} and ${has}, less than a frame of ${blockAlign}; ${AGAIN}`,
    );
  }
  if (unfinished) {
    notes.push(
      `Its data chunk announces ${count(size, 'byte')} and ${has}, as when a recording or a copy breaks off: ${count(frames, 'frame')} ${frames === 1 ? 'was' : 'were'} read.`,
    );
  } else {
    checkRiffSize(source);
  }
  if (part) notes.push(`Its last frame has ${part} of ${count(blockAlign, 'byte')}: it was left out.`);
  return bytes.subarray(at, at + frames * blockAlign);
}

/** The size that the head gives for all that follows it, the pad byte at the end counted or not. */
function checkRiffSize({ bytes, view, wide, notes }: Source): void {
  const stated = view.getUint32(4, true);
  const size = stated === UNKNOWN_SIZE && wide ? wide.riff : stated;
  if (Math.ceil((size + 8) / 2) !== Math.ceil(bytes.length / 2)) {
    notes.push(
      `Its head announces ${count(size + 8, 'byte')} in all and the file has ${bytes.length}: its chunks were read as they stand.`,
    );
  }
}

/**
 * Finds the format and the data of a WAV file: `data` is a view of whole frames, `notes` a sentence for each
 * fault that was passed over. Throws DataError where there is no format that is read here, or no whole frame in a
 * data chunk that should have some.
 */
export function readChunks(
  bytes: Uint8Array,
  name: string,
): { format: Format; data: Uint8Array; notes: string[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const source: Source = { bytes, view, name, wide: null, notes: [] };
  checkKind(source);
  let format: Format | null = null;
  let at = 12;
  while (at + 8 <= bytes.length) {
    const chunk = chunkAt(source, at);
    const { id, size } = chunk;
    if (id === DATA) {
      if (!format) throw new DataError(`${name}: its data chunk comes before any fmt chunk; ${AGAIN}`);
      return { format, data: readData(source, chunk, format), notes: source.notes };
    }
    const left = bytes.length - chunk.at;
    if (size > left) {
      throw new DataError(
        `${name}: is cut off, its ${text(bytes, at, 4).trim()} chunk before the data announces ${count(size, 'byte')} and has ${left}; fetch it again`,
      );
    }
    if (id === FMT) {
      if (format) throw new DataError(`${name}: has two fmt chunks before its data; ${AGAIN}`);
      format = readFormat(source, chunk.at, size);
    }
    if (id === DS64 && size >= 16) {
      const wide = (offset: number) => Number(view.getBigUint64(chunk.at + offset, true));
      source.wide = { riff: wide(0), data: wide(8) };
    }
    at = endOf(source, chunk);
  }
  const missing = format ? 'data chunk' : 'fmt chunk and no data chunk';
  throw new DataError(`${name}: has no ${missing} in its ${count(bytes.length, 'byte')}; ${AGAIN}`);
}

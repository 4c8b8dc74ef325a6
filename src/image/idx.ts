// IDX, the format of MNIST's files: two zero bytes, the element's type, the number of dimensions, each dimension as a
// big-endian uint32, then the elements, the last dimension fastest. Only unsigned bytes are read: images are
// 0x00000803 (count, rows, cols), labels 0x00000801 (count). The files are usually gzipped, which is undone here in a
// way that browsers have too. Sizes are believed only as far as bytes are there: unpacked data is a view of the file,
// and a gzip is read no further than the size that its own first bytes announce.

import { printable } from '../audio/names.ts';
import { DataError } from '../engine/errors.ts';

export interface Idx {
  /** The dimensions, the slowest first: (count, rows, cols) for images, (count) for labels. */
  shape: number[];
  /** The elements in row-major order; a view of the bytes decoded. */
  data: Uint8Array;
}

const elements: Record<number, string> = {
  9: 'signed bytes',
  11: '16-bit integers',
  12: '32-bit integers',
  13: '32-bit floats',
  14: '64-bit floats',
};

const ranks: Record<number, string> = { 1: 'labels', 3: 'images' };

/** What other files begin with. */
const looks: [number[], string][] = [
  [[0x1f, 0x8b], 'is gzip inside; unpack it'],
  [[0x50, 0x4b], 'is a ZIP archive; unpack it'],
  [[0x3c], 'is a web page, not data: the download went wrong; download it again'],
  [[0x89, 0x50, 0x4e, 0x47], 'is a single picture; give MNIST’s IDX files'],
  [[0xff, 0xd8, 0xff], 'is a single picture; give MNIST’s IDX files'],
  [[0x93, 0x4e, 0x55], 'is a NumPy array; give MNIST’s IDX files'],
  [[3, 8, 0, 0], 'is IDX with its bytes swapped; write its header big-endian'],
  [[1, 8, 0, 0], 'is IDX with its bytes swapped; write its header big-endian'],
];

/** No IDX file is taken beyond this size, in bytes. */
const largest = 2 ** 31 - 1;
/** Deflate packs no more than this many bytes into one. */
const mostPacked = 1032;

const count = (n: number) => n.toLocaleString('en-US');

function kindOf(rank: number): string {
  return ranks[rank] ?? `an array of ${rank} dimensions`;
}

/** Bytes of the header, from its first four. @throws DataError if these begin no IDX file of unsigned bytes. */
function headerSize(bytes: Uint8Array, name: string, rank: number | undefined): number {
  const where = printable(name);
  if (bytes.length === 0) throw new DataError(`${where}: is empty; download it again`);
  const look = looks.find(([start]) => start.every((byte, i) => bytes[i] === byte));
  if (look) throw new DataError(`${where}: ${look[1]}`);
  if (bytes.length < 4) throw new DataError(`${where}: ends after ${bytes.length} bytes; download it again`);
  const [zero, alsoZero, type, dimensions] = bytes;
  if (zero === 0 && alsoZero === 0 && elements[type])
    throw new DataError(`${where}: is IDX of ${elements[type]}; only unsigned bytes (type 8) are read`);
  if (zero !== 0 || alsoZero !== 0 || type !== 8 || dimensions === 0) {
    const magic = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join('');
    throw new DataError(
      `${where}: begins with 0x${magic}, so it is no IDX file (images 0x00000803, labels 0x00000801); give MNIST’s files`,
    );
  }
  if (rank !== undefined && dimensions !== rank)
    throw new DataError(
      `${where}: holds ${kindOf(dimensions)} where ${kindOf(rank)} belong; is it misnamed? rename it or download it again`,
    );
  return 4 + 4 * dimensions;
}

/** Shape and total bytes of a file, from its whole header. */
function layout(bytes: Uint8Array, header: number, name: string): { shape: number[]; total: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape: number[] = [];
  for (let at = 4; at < header; at += 4) shape.push(view.getUint32(at));
  const total = header + shape.reduce((product, n) => product * n, 1);
  if (total > largest)
    throw new DataError(
      `${printable(name)}: its header says ${shape.map(count).join(' x ')}, more than 2 GiB; is it damaged? download it again`,
    );
  return { shape, total };
}

function cutShort(name: string, have: number, total: number): DataError {
  return new DataError(
    `${printable(name)}: ends after ${count(have)} of ${count(total)} bytes; download it again`,
  );
}

/**
 * Decodes an IDX file of unsigned bytes. Allocates nothing of the announced size.
 * @param bytes the file, unpacked (see `unpackIdx`)
 * @param name how errors call it
 * @param rank the number of dimensions it must have: 3 for images, 1 for labels; any if left out
 * @throws DataError for another format, element type or rank, and for a file that is cut short or too long.
 */
export function decodeIdx(bytes: Uint8Array, name: string, rank?: number): Idx {
  const header = headerSize(bytes, name, rank);
  if (bytes.length < header) throw cutShort(name, bytes.length, header);
  const { shape, total } = layout(bytes, header, name);
  if (bytes.length < total) throw cutShort(name, bytes.length, total);
  if (bytes.length > total)
    throw new DataError(
      `${printable(name)}: is ${count(bytes.length - total)} bytes longer than its ${shape.map(count).join(' x ')} elements; is it damaged? download it again`,
    );
  return { shape, data: bytes.subarray(header) };
}

/**
 * The bytes of an IDX file, unpacked where they are gzipped, else as they are. Unpacking stops where the header that
 * comes out first says the file ends, so a small file cannot fill the memory.
 * @throws DataError for a damaged gzip, one that unpacks to something else, and one longer than its header says.
 */
export async function unpackIdx(bytes: Uint8Array, name: string, rank?: number): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let have = 0;
  let limit: number | null = null;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw new DataError(
          `${printable(name)}: the gzip is damaged or cut short (${(error as Error).message}); download it again`,
        );
      });
      if (done) break;
      parts.push(value);
      have += value.length;
      limit ??= unpackedSize(parts, have, bytes.length, name, rank);
      if (limit !== null && have > limit)
        throw new DataError(
          `${printable(name)}: unpacks to more than the ${count(limit)} bytes of its header; is it damaged? download it again`,
        );
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  return joined(parts, have);
}

/** The size that the first bytes out of a gzip announce; null while they are too few. */
function unpackedSize(
  parts: Uint8Array[],
  have: number,
  packed: number,
  name: string,
  rank: number | undefined,
): number | null {
  const start = joined(parts, have);
  if (have < 4) return null;
  const header = headerSize(start, name, rank);
  if (have < header) return null;
  const { total } = layout(start, header, name);
  if (total > mostPacked * packed) throw cutShort(name, mostPacked * packed, total);
  return total;
}

function joined(parts: Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

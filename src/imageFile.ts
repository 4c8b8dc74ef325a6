// Grey images as PNG files and back. Colours become their luma (Rec. 601), transparent pixels what they are over black,
// as MNIST's digits are white on black.

import { readFile } from 'node:fs/promises';
import { type DecodedPng, decode, encode } from 'fast-png';
import { FileFault } from './audio/fault.ts';
import { fileFault } from './audio/names.ts';
import type { ImageSettings } from './model/inputs.ts';

/** @param values (height, width) in [0, 1]; what is outside is clipped */
export function encodeGrey(values: Float32Array, { height, width }: ImageSettings): Uint8Array {
  const data = Uint8Array.from(values, (v) => Math.round(255 * Math.min(1, Math.max(0, v))));
  return encode({ width, height, data, channels: 1, depth: 8 });
}

/** A PNG begins with eight bytes of its own and a chunk that gives width and height. */
const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * @returns (height, width) in [0, 1]
 * @throws FileFault for what is no PNG, or one of another size, which is seen before anything is unpacked.
 */
export function decodeGrey(bytes: Uint8Array, path: string, { height, width }: ImageSettings): Float32Array {
  if (bytes.length < 24 || signature.some((value, i) => bytes[i] !== value))
    throw new FileFault(path, 'damaged', 'is no PNG; give PNG images');
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [columns, rows] = [view.getUint32(16), view.getUint32(20)];
  if (columns !== width || rows !== height)
    throw new FileFault(
      path,
      'size',
      `is ${columns} x ${rows} pixels where this model takes ${width} x ${height}; scale it, for example with ` +
        `magick IN.png -resize ${width}x${height}! OUT.png`,
    );
  try {
    return greyOf(decode(bytes, { checkCrc: true }));
  } catch (error) {
    throw new FileFault(path, 'damaged', `is a damaged PNG (${(error as Error).message}); export it again`);
  }
}

const luma = (r: number, g: number, b: number) => 0.299 * r + 0.587 * g + 0.114 * b;

function greyOf(png: DecodedPng): Float32Array {
  const { width, height, channels, depth, palette } = png;
  const data = depth < 8 ? unpacked(png) : png.data;
  const most = 2 ** depth - 1;
  const pixel = (i: number): number => {
    if (palette) {
      const [r, g, b, a = 255] = palette[data[i]];
      return (luma(r, g, b) * a) / 255 ** 2;
    }
    const at = i * channels;
    const grey = channels < 3 ? data[at] : luma(data[at], data[at + 1], data[at + 2]);
    const alpha = channels % 2 === 0 ? data[at + channels - 1] / most : 1;
    return (grey / most) * alpha;
  };
  return Float32Array.from({ length: width * height }, (_, i) => pixel(i));
}

/** Samples of 1, 2 or 4 bits, which a row packs into bytes from the highest bit on. One channel. */
function unpacked({ width, height, depth, data }: DecodedPng): Uint8Array {
  const row = Math.ceil((width * depth) / 8);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * row + (bit >> 3)];
    return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  });
}

/** @throws FileFault for a file that cannot be read, or as decodeGrey. */
export async function readGrey(path: string, settings: ImageSettings): Promise<Float32Array> {
  const bytes = await readFile(path).catch((error: Error) => {
    throw new FileFault(path, 'unreadable', fileFault(error, path));
  });
  return decodeGrey(bytes, path, settings);
}

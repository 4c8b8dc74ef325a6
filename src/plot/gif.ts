// Moving pictures. One palette of 255 colours serves all frames: the colours themselves where there are no more,
// otherwise the best 255 for pixels sampled from every frame (pairwise clustering, in gifenc), each pixel taking the
// nearest. The 256th is transparent: a pixel that keeps its colour from the frame before is not drawn again, which makes
// still backgrounds nearly free.
import { createRequire } from 'node:module';
import { ShapeError } from '../engine/errors.ts';
import type { Raster } from './raster.ts';

// A CommonJS package whose names Node's import does not find.
const gifenc: typeof import('gifenc') = createRequire(import.meta.url)('gifenc');
const { applyPalette, GIFEncoder, quantize } = gifenc;

export interface GifOptions {
  /** How long each frame stands, in ms: 10 to 600,000, in steps of 10 (GIF counts hundredths); 100 if not given. */
  delayMs?: number;
  /** Whether it starts again for ever; true if not given. */
  loop?: boolean;
}

const colours = 255;
const transparentIndex = colours;
/** Pixels that the palette is chosen by. */
const sampled = 400_000;

const key = (data: Uint8Array, at: number) => (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];

/** Every colour in the frames with a number, or null if there are too many for a palette. */
function allColours(frames: Raster[]): Map<number, number> | null {
  const found = new Map<number, number>();
  for (const { data } of frames) {
    for (let at = 0; at < data.length; at += 3) {
      const colour = key(data, at);
      if (found.has(colour)) continue;
      if (found.size === colours) return null;
      found.set(colour, found.size);
    }
  }
  return found;
}

function withAlpha(data: Uint8Array, stride = 1): Uint8Array {
  const rgba = new Uint8Array(4 * Math.ceil(data.length / 3 / stride)).fill(255);
  for (let i = 0; 4 * i < rgba.length; i++)
    rgba.set(data.subarray(3 * i * stride, 3 * i * stride + 3), 4 * i);
  return rgba;
}

/** A palette, and the function that turns a frame into indices of it. */
function paletteOf(frames: Raster[]) {
  const exact = allColours(frames);
  if (exact) {
    const palette = [...exact.keys()].map((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]);
    const indices = ({ data }: Raster) =>
      Uint8Array.from({ length: data.length / 3 }, (_, i) => exact.get(key(data, 3 * i))!);
    return { palette, indices };
  }
  const pixels = frames.reduce((sum, { data }) => sum + data.length / 3, 0);
  // An odd stride does not fall into step with even widths and scales.
  const stride = Math.floor(pixels / sampled / 2) * 2 + 1;
  const parts = frames.map(({ data }) => withAlpha(data, stride));
  const palette = quantize(new Uint8Array(Buffer.concat(parts)), colours);
  return { palette, indices: ({ data }: Raster) => applyPalette(withAlpha(data), palette) };
}

function check(frames: Raster[], delayMs: number): void {
  if (frames.length === 0) throw new ShapeError('gif: there is no frame; give at least one');
  const { width, height } = frames[0];
  frames.forEach((frame, i) => {
    if (frame.width === width && frame.height === height && frame.data.length === 3 * width * height) return;
    throw new ShapeError(
      `gif: frame ${i} is ${frame.width} x ${frame.height} with ${frame.data.length} bytes, frame 0 is ${width} x ${height}; give all the same size, 3 bytes a pixel`,
    );
  });
  if (width > 65535 || height > 65535) {
    throw new ShapeError(`gif: ${width} x ${height} pixels; GIF ends at 65535, make the frames smaller`);
  }
  if (!(delayMs >= 10 && delayMs <= 600_000)) {
    throw new ShapeError(`gif: delayMs is ${delayMs}; give 10 to 600000 ms`);
  }
}

/**
 * Frames of one size as an animated GIF.
 * @returns the bytes of a GIF89a
 * @throws ShapeError if there is no frame, sizes differ, or the delay is out of its range.
 */
export function gif(frames: Raster[], { delayMs = 100, loop = true }: GifOptions = {}): Uint8Array {
  check(frames, delayMs);
  const { width, height } = frames[0];
  const { palette, indices } = paletteOf(frames);
  const table = Array.from({ length: 256 }, (_, i) => palette[i] ?? [0, 0, 0]);
  const encoder = GIFEncoder();
  let before: Uint8Array | null = null;
  for (const frame of frames) {
    const now = indices(frame);
    const last = before;
    const drawn: Uint8Array = last
      ? now.map((index, i) => (index === last[i] ? transparentIndex : index))
      : now;
    encoder.writeFrame(drawn, width, height, {
      palette: last ? undefined : table,
      delay: delayMs,
      repeat: loop ? 0 : -1,
      transparent: last !== null,
      transparentIndex,
      dispose: 1,
    });
    before = now;
  }
  encoder.finish();
  return encoder.bytes();
}

// GIFs, decoded by another program and compared pixel by pixel.
import { GifReader } from 'omggif';
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../../src/engine/errors.ts';
import { Random } from '../../src/engine/random.ts';
import { colourOf } from '../../src/plot/colours.ts';
import { gif } from '../../src/plot/gif.ts';
import { imageGrid } from '../../src/plot/imageGrid.ts';
import { latentMap } from '../../src/plot/latentMap.ts';
import { type Raster, toRaster } from '../../src/plot/raster.ts';

/** All frames as RGB, each painted over the one before it. */
function open(bytes: Uint8Array) {
  const reader = new GifReader(Buffer.from(bytes));
  const { width, height } = reader;
  const canvas = new Uint8Array(4 * width * height);
  const frames = Array.from({ length: reader.numFrames() }, (_, i) => {
    reader.decodeAndBlitFrameRGBA(i, canvas);
    return canvas.filter((_, at) => at % 4 !== 3);
  });
  const delays = frames.map((_, i) => reader.frameInfo(i).delay);
  return { width, height, frames, delays, loop: reader.loopCount() };
}

function frame(width: number, height: number, colour: (x: number, y: number) => readonly number[]): Raster {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) data.set(colour(i % width, Math.floor(i / width)), 3 * i);
  return { width, height, data };
}

describe('gif', () => {
  test('up to 255 colours come back exactly, moving and still', () => {
    for (const count of [1, 2, 255]) {
      const frames = [0, 3, 3, 8].map((shift) =>
        frame(23, 17, (x, y) => {
          const c = (x < 4 ? x + y : x + 23 * y + shift) % count;
          return [c, 255 - c, (7 * c) % 256];
        }),
      );
      const found = open(gif(frames, { delayMs: 80 }));
      expect([found.width, found.height, found.loop]).toEqual([23, 17, 0]);
      expect(found.delays).toEqual([8, 8, 8, 8]);
      found.frames.forEach((pixels, i) => {
        expect(Buffer.compare(pixels, frames[i].data), `${count} colours, frame ${i}`).toBe(0);
      });
    }
    expect(open(gif([frame(2, 1, () => [1, 2, 3])], { loop: false })).loop).toBe(null);
  });

  test('magma on white, more colours than a palette holds, stays within what the eye takes for the same', () => {
    const frames = [0, 9].map((shift) =>
      frame(64, 72, (x, y) => {
        if (y >= 64) return [4 * x, 4 * x, 4 * x];
        return colourOf(((64 * y + x + 97 * shift) % 4096) / 4095);
      }),
    );
    const found = open(gif(frames));
    found.frames.forEach((pixels, i) => {
      const errors = pixels.map((v, at) => Math.abs(v - frames[i].data[at]));
      expect(Math.max(...errors)).toBeLessThanOrEqual(16);
      expect(errors.reduce((a, b) => a + b, 0) / errors.length).toBeLessThan(2.5);
    });
  });

  test('what stands still costs next to nothing; frames of spectrograms and of maps', async () => {
    const noise = new Random(1, 'gif').uniform(0, 4096);
    const still = await imageGrid([{ pictures: [noise] }], { height: 64, width: 64, kind: 'spectrogram' });
    const one = gif([still]).length;
    expect(gif(Array(20).fill(still)).length).toBeLessThan(1.5 * one);
    const points = new Random(1, 'gif').normal(1, 400);
    const classes = Array.from({ length: 200 }, (_, i) => i % 10);
    const maps: Raster[] = [];
    for (const turn of [0, 0.1, 0.2]) {
      const moved = points.map((v, k) => v + turn * (k % 2 ? points[k - 1] : -points[k + 1]));
      const extent = { x: [-4, 4], y: [-4, 4] } as { x: [number, number]; y: [number, number] };
      maps.push(await toRaster(latentMap(moved, classes, [...'0123456789'], { extent, size: 200 })));
    }
    const bytes = gif(maps);
    expect(bytes.length).toBeLessThan(40_000);
    open(bytes).frames.forEach((pixels, i) => {
      const off = pixels.filter((v, at) => Math.abs(v - maps[i].data[at]) > 24).length;
      expect(off / pixels.length).toBeLessThan(0.001);
    });
  });

  test('what does not fit is said', () => {
    const small = frame(2, 2, () => [0, 0, 0]);
    expect(() => gif([])).toThrow(ShapeError);
    expect(() => gif([small, frame(2, 3, () => [0, 0, 0])])).toThrow('frame 1 is 2 x 3');
    expect(() => gif([small], { delayMs: 0 })).toThrow('delayMs is 0');
  });
});

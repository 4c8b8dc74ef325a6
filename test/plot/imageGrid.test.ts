// Grids of pictures, encoded, decoded again and looked at pixel by pixel; and the colours of everything.
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../../src/engine/errors.ts';
import { classColours, colourOf, greyOf, splitColours } from '../../src/plot/colours.ts';
import { type GridOptions, type GridRow, imageGrid } from '../../src/plot/imageGrid.ts';
import { encodePng } from '../../src/plot/raster.ts';

const WHITE = [255, 255, 255];

/** Size of a grid's PNG and a function that gives the colour of a pixel, from the top left. */
async function draw(rows: GridRow[], options: GridOptions) {
  const { width, height, data, channels } = decode(encodePng(await imageGrid(rows, options)));
  expect(channels).toBe(3);
  return {
    width,
    height,
    pixel: (x: number, y: number) => [...data.slice(3 * (y * width + x), 3 * (y * width + x) + 3)],
  };
}

const bytesOf = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));

describe('colours', () => {
  test('are those of magma', () => {
    // matplotlib 3: magma at 0, 1/4, 1/2, 3/4, 1; the polynomial keeps within a few levels.
    const known: [number, number[]][] = [
      [0, [0, 0, 4]],
      [0.25, [81, 18, 124]],
      [0.5, [183, 55, 121]],
      [0.75, [252, 137, 97]],
      [1, [252, 253, 191]],
    ];
    for (const [value, colour] of known) {
      colourOf(value).forEach((level, channel) => {
        expect(Math.abs(level - colour[channel]), `${value}, channel ${channel}`).toBeLessThanOrEqual(6);
      });
    }
  });

  test('get lighter all the way up; values beyond are clipped, NaN is green', () => {
    const light = Array.from({ length: 256 }, (_, i) => {
      const [red, green, blue] = colourOf(i / 255);
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    });
    for (let i = 1; i < 256; i++) expect(light[i], `${i}`).toBeGreaterThan(light[i - 1] - 0.8);
    for (let i = 8; i < 256; i++) expect(light[i], `${i}`).toBeGreaterThan(light[i - 8]);
    for (const scale of [colourOf, greyOf]) {
      expect(scale(-3)).toEqual(scale(0));
      expect(scale(Number.POSITIVE_INFINITY)).toEqual(scale(1));
      expect(scale(Number.NaN)).toEqual([0, 255, 0]);
    }
    expect([greyOf(0), greyOf(0.5), greyOf(1)]).toEqual([
      [0, 0, 0],
      [128, 128, 128],
      [255, 255, 255],
    ]);
  });

  test('classes and curves stay apart, also for the colour-blind', () => {
    // Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB; distances in CIELAB (2 is just noticed).
    const sights: Record<string, number[]> = {
      all: [1, 0, 0, 0, 1, 0, 0, 0, 1],
      protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
      deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
      tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
    };
    const times = (m: number[], v: number[]) =>
      [0, 3, 6].map((r) => m[r] * v[0] + m[r + 1] * v[1] + m[r + 2] * v[2]);
    const lab = (hex: string, sight: number[]) => {
      const linear = bytesOf(hex).map((b) => (b > 10 ? ((b / 255 + 0.055) / 1.055) ** 2.4 : b / 255 / 12.92));
      const seen = times(sight, linear).map((v) => Math.min(1, Math.max(0, v)));
      const xyz = times(
        [0.4124564, 0.3575761, 0.1804375, 0.2126729, 0.7151522, 0.072175, 0.0193339, 0.119192, 0.9503041],
        seen,
      );
      const f = xyz
        .map((v, i) => v / [0.95047, 1, 1.08883][i])
        .map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116));
      return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])];
    };
    for (const [name, sight] of Object.entries(sights)) {
      for (const set of [classColours, Object.values(splitColours)]) {
        const seen = set.map((hex) => lab(hex, sight));
        for (let i = 0; i < seen.length; i++) {
          for (let j = 0; j < i; j++) {
            const distance = Math.hypot(...seen[i].map((v, k) => v - seen[j][k]));
            expect(distance, `${name}: ${set[i]} and ${set[j]}`).toBeGreaterThan(10);
          }
        }
      }
    }
  });
});

describe('imageGrid', () => {
  const one = (value: number) => new Float32Array(6).fill(value);
  const features = Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1); // 2 rows of 3

  test('spectrograms have their first row at the bottom, grey images on top', async () => {
    const size = { height: 2, width: 3, scale: 1 };
    const spectrogram = await draw([{ pictures: [features] }], { ...size, kind: 'spectrogram' });
    const grey = await draw([{ pictures: [features] }], { ...size, kind: 'grey' });
    expect([spectrogram.width, spectrogram.height]).toEqual([3, 2]);
    for (let x = 0; x < 3; x++) {
      expect(spectrogram.pixel(x, 1)).toEqual([...colourOf(features[x])]);
      expect(spectrogram.pixel(x, 0)).toEqual([...colourOf(features[3 + x])]);
      expect(grey.pixel(x, 0)).toEqual([...greyOf(features[x])]);
      expect(grey.pixel(x, 1)).toEqual([...greyOf(features[3 + x])]);
    }
  });

  test('every value is a square of scale x scale pixels, 2 unless told', async () => {
    for (const scale of [undefined, 3]) {
      const s = scale ?? 2;
      const { width, height, pixel } = await draw([{ pictures: [features] }], {
        height: 2,
        width: 3,
        kind: 'spectrogram',
        scale,
      });
      expect([width, height]).toEqual([3 * s, 2 * s]);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const mel = 1 - Math.floor(y / s);
          expect(pixel(x, y)).toEqual([...colourOf(features[3 * mel + Math.floor(x / s)])]);
        }
      }
    }
  });

  test('a row per list, a gap between, white where a row is short', async () => {
    const { width, height, pixel } = await draw([{ pictures: [one(0), one(0.5)] }, { pictures: [one(1)] }], {
      height: 3,
      width: 2,
      kind: 'spectrogram',
      gap: 1,
    });
    expect([width, height]).toEqual([9, 13]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const row = y < 6 ? 0 : y > 6 ? 1 : -1;
        const column = x < 4 ? 0 : x > 4 ? 1 : -1;
        const value = row === 0 ? [0, 0.5][column] : row === 1 && column === 0 ? 1 : undefined;
        expect(pixel(x, y), `${x}, ${y}`).toEqual(value === undefined ? WHITE : [...colourOf(value)]);
      }
    }
  });

  test('captions are written beside their rows and leave the pictures alone', async () => {
    const picture = new Float32Array(28 * 28).map((_, i) => i / 783);
    const size = { height: 28, width: 28, kind: 'grey' } as const;
    const rows = [{ pictures: [picture] }, { caption: 'цифра Ž & <', pictures: [picture] }];
    const { width, height, pixel } = await draw(rows, size);
    const margin = width - 56;
    expect(margin).toBeGreaterThan(40);
    expect(height).toBe(114);
    const ink = [0, 58].map((top) => {
      let dark = 0;
      for (let y = top; y < top + 56; y++) for (let x = 0; x < margin; x++) if (pixel(x, y)[0] < 128) dark++;
      return dark;
    });
    expect(ink[0]).toBe(0);
    expect(ink[1]).toBeGreaterThan(40);
    for (let y = 0; y < 56; y++) {
      for (let x = 0; x < 56; x++) {
        const grey = [...greyOf(picture[28 * Math.floor(y / 2) + Math.floor(x / 2)])];
        expect(pixel(margin + x, y)).toEqual(grey);
        expect(pixel(margin + x, y + 58)).toEqual(grey);
      }
    }
    const cut = await draw([{ caption: 'm'.repeat(500), pictures: [picture] }], size);
    expect(cut.width).toBeLessThan(300);
  });

  test('the same bytes every time', async () => {
    const options = { height: 2, width: 3, kind: 'grey' } as const;
    const rows = [{ caption: 'a', pictures: [features] }];
    expect(await imageGrid(rows, options)).toEqual(await imageGrid(rows, options));
  });

  test('sizes that do not fit', async () => {
    const size = { height: 3, width: 2, kind: 'spectrogram' } as const;
    const wrong = imageGrid([{ pictures: [one(0)] }, { pictures: [new Float32Array(5)] }], size);
    await expect(wrong).rejects.toThrow(ShapeError);
    await expect(wrong).rejects.toThrow('picture 0 of row 1 has 5 values, not 3 high x 2 wide');
    await expect(imageGrid([], size)).rejects.toThrow('no picture');
    await expect(imageGrid([{ caption: 'a', pictures: [] }], size)).rejects.toThrow('no picture');
    const row = [{ pictures: [one(0)] }];
    await expect(imageGrid(row, { ...size, scale: 0 })).rejects.toThrow('scale is 0');
    await expect(imageGrid(row, { ...size, gap: -1 })).rejects.toThrow('gap is -1');
    await expect(imageGrid(row, { ...size, height: 6.5 })).rejects.toThrow('height is 6.5');
  });
});

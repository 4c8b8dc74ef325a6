// Pictures, decoded again and looked at pixel by pixel.
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../src/engine/errors.ts';
import { colourOf, sheetPng, spectrogramPng } from '../src/picture.ts';

const WHITE = [255, 255, 255];

/** Size of a PNG and a function that gives the colour of a pixel, from the top left. */
function open(png: Uint8Array) {
  const { width, height, data, channels } = decode(png);
  expect(channels).toBe(3);
  return {
    width,
    height,
    pixel: (x: number, y: number) => [...data.slice(3 * (y * width + x), 3 * (y * width + x) + 3)],
  };
}

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
    expect(colourOf(-3)).toEqual(colourOf(0));
    expect(colourOf(Number.POSITIVE_INFINITY)).toEqual(colourOf(1));
    expect(colourOf(Number.NaN)).toEqual([0, 255, 0]);
  });
});

describe('spectrogramPng', () => {
  const features = Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1); // 2 mels, 3 frames

  test('low frequencies at the bottom, time to the right', () => {
    const { width, height, pixel } = open(spectrogramPng(features, 2, 3, { scale: 1 }));
    expect([width, height]).toEqual([3, 2]);
    for (let frame = 0; frame < 3; frame++) {
      expect(pixel(frame, 1)).toEqual([...colourOf(features[frame])]);
      expect(pixel(frame, 0)).toEqual([...colourOf(features[3 + frame])]);
    }
  });

  test('every value is a square of scale x scale pixels, 2 unless told', () => {
    for (const scale of [2, 3]) {
      const png = scale === 2 ? spectrogramPng(features, 2, 3) : spectrogramPng(features, 2, 3, { scale });
      const { width, height, pixel } = open(png);
      expect([width, height]).toEqual([3 * scale, 2 * scale]);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const mel = 1 - Math.floor(y / scale);
          expect(pixel(x, y)).toEqual([...colourOf(features[3 * mel + Math.floor(x / scale)])]);
        }
      }
    }
  });

  test('the same bytes every time', () => {
    expect(spectrogramPng(features, 2, 3)).toEqual(spectrogramPng(features.slice(), 2, 3));
  });
});

describe('sheetPng', () => {
  const one = (value: number) => new Float32Array(6).fill(value);

  test('a row per list, a gap between, white where a row is short', () => {
    const { width, height, pixel } = open(
      sheetPng([[one(0), one(0.5)], [one(1)]], 3, 2, { scale: 2, gap: 1 }),
    );
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

  test('sizes that do not fit', () => {
    expect(() => sheetPng([[one(0)], [new Float32Array(5)]], 3, 2)).toThrow(ShapeError);
    expect(() => sheetPng([[one(0)], [new Float32Array(5)]], 3, 2)).toThrow(
      'spectrogram 0 of row 1 has 5 values',
    );
    expect(() => sheetPng([], 3, 2)).toThrow('no spectrogram');
    expect(() => sheetPng([[]], 3, 2)).toThrow('no spectrogram');
    expect(() => sheetPng([[one(0)]], 3, 2, { scale: 0 })).toThrow('scale is 0');
    expect(() => sheetPng([[one(0)]], 3, 2, { gap: -1 })).toThrow('gap is -1');
    expect(() => spectrogramPng(one(0), 6.5, 1)).toThrow('nMels is 6.5');
  });
});

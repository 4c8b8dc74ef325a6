// Pictures in a grid: spectrograms (time to the right, low frequencies at the bottom, magma) or grey images (from the
// top, black to white), a list per row, for example originals above reconstructions, samples of a label, a walk. Each
// value is a square of `scale` pixels, exactly; captions stand to the left of their rows, and only they need a font.
import { ShapeError } from '../engine/errors.ts';
import { colourOf, greyOf } from './colours.ts';
import { blank, overlay, type Raster } from './raster.ts';
import { element, shorten, text, textWidth } from './svg.ts';

export interface GridRow {
  /** Left of the row; longer than 24 capital letters it is cut. */
  caption?: string;
  /** Each (height, width), row-major, values in [0, 1]; values beyond are clipped, NaN is green. */
  pictures: Float32Array[];
}

export interface GridOptions {
  /** Mel bands, or pixels down. */
  height: number;
  /** Frames, or pixels across. */
  width: number;
  /** `spectrogram`: its first row is the lowest band, at the bottom, in magma. `grey`: its first row is on top. */
  kind: 'spectrogram' | 'grey';
  /** Pixels per value, each way: a positive integer, 2 if not given. */
  scale?: number;
  /** White pixels between pictures: an integer, not negative, 2 if not given. */
  gap?: number;
}

function checkInteger(what: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new ShapeError(`imageGrid: ${what} is ${value}; give an integer of at least ${min}`);
  }
}

function check(rows: GridRow[], { height, width, scale = 2, gap = 2 }: GridOptions): void {
  checkInteger('height', height, 1);
  checkInteger('width', width, 1);
  checkInteger('scale', scale, 1);
  checkInteger('gap', gap, 0);
  if (!rows.some((row) => row.pictures.length > 0)) {
    throw new ShapeError('imageGrid: there is no picture in rows; give at least one');
  }
  rows.forEach(({ pictures }, r) => {
    pictures.forEach(({ length }, column) => {
      if (length === height * width) return;
      throw new ShapeError(
        `imageGrid: picture ${column} of row ${r} has ${length} values, not ${height} high x ${width} wide = ${height * width}; check height and width`,
      );
    });
  });
}

/** Paints one picture with its top left corner at (left, top). */
function paint(raster: Raster, picture: Float32Array, left: number, top: number, options: GridOptions): void {
  const { height, width, kind, scale = 2 } = options;
  const colour = kind === 'grey' ? greyOf : colourOf;
  for (let y = 0; y < height * scale; y++) {
    const row = Math.floor(y / scale);
    const from = width * (kind === 'grey' ? row : height - 1 - row);
    let at = 3 * ((top + y) * raster.width + left);
    for (let x = 0; x < width * scale; x++, at += 3) {
      raster.data.set(colour(picture[from + Math.floor(x / scale)]), at);
    }
  }
}

/**
 * A grid of pictures, a list of them per row; shorter rows end in white. With captions, a column for them is added on
 * the left, and their size follows the pictures' height (10 to 16 px).
 * @throws ShapeError where a picture has another size, where there is none, and for a bad size, scale or gap.
 */
export async function imageGrid(rows: GridRow[], options: GridOptions): Promise<Raster> {
  check(rows, options);
  const { height, width, scale = 2, gap = 2 } = options;
  const cellHeight = height * scale + gap;
  const cellWidth = width * scale + gap;
  const size = Math.min(16, Math.max(10, (height * scale) / 6));
  const captions = rows.map((row) => shorten(row.caption ?? '', size, 16 * size));
  const margin = captions.some((caption) => caption !== '')
    ? Math.ceil(Math.max(...captions.map((caption) => textWidth(caption, size)))) + 12
    : 0;
  const columns = Math.max(...rows.map((row) => row.pictures.length));
  const raster = blank(margin + columns * cellWidth - gap, rows.length * cellHeight - gap);
  rows.forEach(({ pictures }, r) => {
    pictures.forEach((picture, c) => {
      paint(raster, picture, margin + c * cellWidth, r * cellHeight, options);
    });
  });
  if (margin === 0) return raster;
  const labels = captions.map((caption, r) =>
    text(margin - 6, r * cellHeight + (height * scale) / 2 + 0.35 * size, caption, {
      'font-size': size,
      'text-anchor': 'end',
    }),
  );
  const { width: w, height: h } = raster;
  const frame = { xmlns: 'http://www.w3.org/2000/svg', width: w, height: h };
  await overlay(raster, element('svg', frame, ...labels));
  return raster;
}

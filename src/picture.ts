// Spectrograms as PNG pictures: time to the right, low frequencies at the bottom, values from 0 to 1 coloured
// from black over purple and orange to pale yellow. The colours are matplotlib's magma, as a polynomial of
// degree 6 per channel (Matt Zucker's fit, public domain) in a table of 256.
// Values outside [0, 1] are clipped; NaN is painted green, which no value is, so that it can be seen.
import { encode } from 'fast-png';
import { ShapeError } from './engine/errors.ts';

type Colour = readonly [number, number, number];

// Coefficients of red, green and blue, highest power first.
const MAGMA: readonly Colour[] = [
  [18.65570506591883, -11.48977351997711, -5.601961508734096],
  [-50.76852536473588, 29.04658282127291, 4.23415299384598],
  [52.17613981234068, -27.94360607168351, 12.94416944238394],
  [-27.66873308576866, 14.26473078096533, -13.64921318813922],
  [8.353717279216625, -3.577719514958484, 0.3144679030132573],
  [0.2516605407371642, 0.6775232436837668, 2.494026599312351],
  [-0.002136485053939582, -0.000749655052795221, -0.005386127855323933],
];
const NOT_A_NUMBER: Colour = [0, 255, 0];
const BACKGROUND: Colour = [255, 255, 255];
const COLOURS: readonly Colour[] = Array.from({ length: 256 }, (_, i) => magma(i / 255));

function magma(v: number): Colour {
  const sums = [0, 1, 2].map((channel) => MAGMA.reduce((sum, row) => sum * v + row[channel], 0));
  const [red, green, blue] = sums.map((x) => Math.min(255, Math.max(0, Math.round(255 * x))));
  return [red, green, blue];
}

/** The colour of a value: 0 is black, 1 pale yellow, NaN green. */
export function colourOf(value: number): Colour {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  return COLOURS[Math.round(255 * Math.min(1, Math.max(0, value)))];
}

export interface PictureOptions {
  /** Pixels per bin and per frame, each way: a positive integer, 2 if not given. */
  scale?: number;
}

export interface SheetOptions extends PictureOptions {
  /** White pixels between pictures: an integer, not negative, 2 if not given. */
  gap?: number;
}

function checkInteger(where: string, what: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min) {
    throw new ShapeError(`${where}: ${what} is ${value}; give an integer of at least ${min}`);
  }
}

/**
 * A grid of spectrograms as one PNG, a list of them per row (for example a row per label); shorter rows end in
 * white. Each is (nMels, frames), row-major, values in [0, 1].
 * Throws ShapeError where a spectrogram has another size, where there is none, and for a bad scale or gap.
 */
export function sheetPng(
  rows: Float32Array[][],
  nMels: number,
  frames: number,
  { scale = 2, gap = 2 }: SheetOptions = {},
): Uint8Array {
  checkInteger('sheetPng', 'nMels', nMels, 1);
  checkInteger('sheetPng', 'frames', frames, 1);
  checkInteger('sheetPng', 'scale', scale, 1);
  checkInteger('sheetPng', 'gap', gap, 0);
  const columns = Math.max(0, ...rows.map((row) => row.length));
  if (columns === 0) throw new ShapeError('sheetPng: there is no spectrogram in rows; give at least one');
  const cellWidth = frames * scale + gap;
  const cellHeight = nMels * scale + gap;
  const width = columns * cellWidth - gap;
  const height = rows.length * cellHeight - gap;
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) data[i] = BACKGROUND[i % 3];
  rows.forEach((row, r) => {
    row.forEach((features, column) => {
      if (features.length !== nMels * frames) {
        throw new ShapeError(
          `sheetPng: spectrogram ${column} of row ${r} has ${features.length} values, not ${nMels} mels x ${frames} frames = ${nMels * frames}; check nMels and frames`,
        );
      }
      for (let y = 0; y < nMels * scale; y++) {
        const mel = nMels - 1 - Math.floor(y / scale);
        let at = 3 * ((r * cellHeight + y) * width + column * cellWidth);
        for (let x = 0; x < frames * scale; x++, at += 3) {
          data.set(colourOf(features[mel * frames + Math.floor(x / scale)]), at);
        }
      }
    });
  });
  return encode({ width, height, data, channels: 3, depth: 8 });
}

/**
 * One spectrogram (nMels, frames), row-major, values in [0, 1], as a PNG of scale * frames x scale * nMels pixels.
 * Throws ShapeError as `sheetPng` does.
 */
export function spectrogramPng(
  features: Float32Array,
  nMels: number,
  frames: number,
  options: PictureOptions = {},
): Uint8Array {
  return sheetPng([[features]], nMels, frames, options);
}

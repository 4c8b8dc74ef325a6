// SVG to pixels, by resvg compiled to WebAssembly (one file for every platform). It sees no fonts of the machine: text
// is set in PT Sans, which comes with the package (Latin, Latin extended, Cyrillic; other scripts show boxes here, though
// not in a browser), so a picture is the same bytes wherever it is made.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import { encode } from 'fast-png';
import { ShapeError } from '../engine/errors.ts';

/** Opaque pixels, three bytes each (red, green, blue), from the top left. */
export interface Raster {
  width: number;
  height: number;
  data: Uint8Array;
}

export interface DrawOptions {
  /** Pixels across: a positive integer; the SVG's own width if not given. */
  width?: number;
}

const faces = ['latin-400', 'latin-700', 'latin-ext-400', 'cyrillic-400'];
let ready: Promise<Uint8Array[]> | undefined;

/** Starts resvg once, and reads the fonts. */
function start(): Promise<Uint8Array[]> {
  ready ??= (async () => {
    const { resolve } = createRequire(import.meta.url);
    await initWasm(readFileSync(resolve('@resvg/resvg-wasm/index_bg.wasm')));
    return faces.map((face) =>
      readFileSync(resolve(`@fontsource/pt-sans/files/pt-sans-${face}-normal.woff2`)),
    );
  })();
  return ready;
}

async function render<T>(
  svg: string,
  { width }: DrawOptions,
  take: (image: ReturnType<InstanceType<typeof Resvg>['render']>) => T,
): Promise<T> {
  if (width !== undefined && (!Number.isSafeInteger(width) || width < 1)) {
    throw new ShapeError(`toPng: width is ${width}; give an integer of at least 1`);
  }
  const fontBuffers = await start();
  let drawing: InstanceType<typeof Resvg>;
  try {
    drawing = new Resvg(svg, {
      font: { fontBuffers, defaultFontFamily: 'PT Sans', sansSerifFamily: 'PT Sans' },
      fitTo: width === undefined ? { mode: 'original' } : { mode: 'width', value: width },
    });
  } catch (error) {
    throw new ShapeError(`toPng: ${String(error)}; give the text of an SVG`);
  }
  const image = drawing.render();
  try {
    return take(image);
  } finally {
    image.free();
    drawing.free();
  }
}

/** An SVG's text as a PNG with alpha. @throws ShapeError if it is no SVG, or for a bad width. */
export function toPng(svg: string, options: DrawOptions = {}): Promise<Uint8Array> {
  return render(svg, options, (image) => image.asPng());
}

/** An SVG's text as pixels on white. @throws ShapeError as `toPng`. */
export function toRaster(svg: string, options: DrawOptions = {}): Promise<Raster> {
  return render(svg, options, ({ width, height, pixels }) => {
    const raster = blank(width, height);
    blend(raster, pixels);
    return raster;
  });
}

/** White pixels. */
export function blank(width: number, height: number): Raster {
  return { width, height, data: new Uint8Array(3 * width * height).fill(255) };
}

/** Puts pixels of the same size (red, green and blue times alpha, alpha) over a raster. */
function blend(raster: Raster, over: Uint8Array) {
  const { data } = raster;
  for (let i = 0; i < over.length / 4; i++) {
    const alpha = over[4 * i + 3];
    for (let c = 0; c < 3; c++) {
      const at = 3 * i + c;
      data[at] = Math.min(255, over[4 * i + c] + Math.round(((255 - alpha) * data[at]) / 255));
    }
  }
}

/** Draws an SVG of the raster's size over it. */
export async function overlay(raster: Raster, svg: string): Promise<void> {
  await render(svg, { width: raster.width }, (image) => blend(raster, image.pixels));
}

/** The raster as a PNG of 8 bits a channel, without alpha. */
export function encodePng({ width, height, data }: Raster): Uint8Array {
  return encode({ width, height, data, channels: 3, depth: 8 });
}

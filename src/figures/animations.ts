// The history of a run as moving pictures: the map of the same examples epoch by epoch, each frame's principal components
// turned onto those of the frame after it, so that the last frame is the map of the trained model; and what the model
// made of the same few z. The epoch stands on each frame.

import type { Frame, readHistory } from '../history.ts';
import { pictureOf } from '../medium.ts';
import type { InputSettings } from '../model/inputs.ts';
import { gif } from '../plot/gif.ts';
import { imageGrid } from '../plot/imageGrid.ts';
import { type Extent, extentOf, latentMap } from '../plot/latentMap.ts';
import { align, pca } from '../plot/projection.ts';
import { blank, overlay, type Raster, toRaster } from '../plot/raster.ts';
import { element, text } from '../plot/svg.ts';
import { colourings } from './maps.ts';

export type History = NonNullable<Awaited<ReturnType<typeof readHistory>>>;

export interface Animation {
  gif: Uint8Array;
  /** The last frame. */
  still: Raster;
  epochs: number[];
}

/** How long a frame stands, and the last one, ms: the whole takes about six seconds. */
const delayOf = (frames: number) => Math.min(600, Math.max(80, Math.round(600 / frames) * 10));
const lastStands = 8;

/** Frames evenly apart, the last among them. */
export function someFrames(frames: Frame[], most: number): Frame[] {
  const n = Math.min(most, frames.length);
  return Array.from({ length: n }, (_, i) => frames[Math.round(((i + 1) * frames.length) / n) - 1]);
}

function animation(frames: Raster[], epochs: number[]): Animation {
  const still = frames[frames.length - 1];
  const held = [...frames, ...Array<Raster>(lastStands).fill(still)];
  return { gif: gif(held, { delayMs: delayOf(frames.length) }), still, epochs };
}

/** Maps of all frames, the last as its principal components lie, each earlier one turned onto the next. */
function alignedMaps(frames: Frame[]): Float32Array[] {
  const maps: Float32Array[] = [];
  for (const { mu } of [...frames].reverse()) {
    const { points } = pca(mu.data, mu.shape[0], mu.shape[1]);
    maps.unshift(maps.length > 0 ? align(maps[0], points).points : points);
  }
  return maps;
}

/** @returns null with fewer than 2 examples. */
export async function latentAnimation(
  { points, frames }: History,
  title: string,
  { size = 440, most = 64 } = {},
): Promise<Animation | null> {
  if (points.names.length < 2) return null;
  const shown = someFrames(frames, most);
  const maps = alignedMaps(shown);
  const extent: Extent = extentOf(...maps);
  const [colours] = colourings(points);
  const { classes = new Int32Array(points.names.length).fill(-1), names = [], name = '' } = colours ?? {};
  const rasters: Raster[] = [];
  for (const [i, map] of maps.entries()) {
    const options = { title: `${title}: epoch ${shown[i].epoch}`, legendTitle: name, extent, size };
    rasters.push(await toRaster(latentMap(map, classes, names, options)));
  }
  return animation(
    rasters,
    shown.map(({ epoch }) => epoch),
  );
}

const captionHeight = 28;
const columns = 5;

/** The grid of a frame's samples under a line that says the epoch. */
async function sampleFrame(
  { samples, epoch }: Frame,
  settings: InputSettings,
  zoom: number,
): Promise<Raster> {
  const [m, rows, cols] = samples.shape;
  const size = rows * cols;
  const pictures = Array.from({ length: m }, (_, i) =>
    (samples.data as Float32Array).slice(i * size, (i + 1) * size),
  );
  const grid = await imageGrid(
    Array.from({ length: Math.ceil(m / columns) }, (_, r) => ({
      pictures: pictures.slice(r * columns, (r + 1) * columns),
    })),
    { ...pictureOf(settings), scale: Math.max(1, Math.round((zoom * 128) / cols)), gap: 4 },
  );
  const width = Math.max(grid.width, 120);
  const frame = blank(width, grid.height + captionHeight);
  for (let y = 0; y < grid.height; y++)
    frame.data.set(
      grid.data.subarray(3 * y * grid.width, 3 * (y + 1) * grid.width),
      3 * (y + captionHeight) * width,
    );
  const { height } = frame;
  const caption = text(2, 19, `epoch ${epoch}`, { 'font-size': 15, 'font-weight': 700 });
  await overlay(frame, element('svg', { xmlns: 'http://www.w3.org/2000/svg', width, height }, caption));
  return frame;
}

/** Samples of the same z over the epochs; at a zoom of 1 each is about 128 pixels wide. */
export async function samplesAnimation(
  { frames }: History,
  settings: InputSettings,
  most = 64,
  zoom = 1,
): Promise<Animation> {
  const shown = someFrames(frames, most);
  const rasters: Raster[] = [];
  for (const frame of shown) rasters.push(await sampleFrame(frame, settings, zoom));
  return animation(
    rasters,
    shown.map(({ epoch }) => epoch),
  );
}

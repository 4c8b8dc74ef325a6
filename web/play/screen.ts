// The screen: a sound's spectrogram over its waveform, and a line where it plays.

import { colourOf } from '../../src/plot/colours.ts';
import { el, plainContext, sizedCanvas, styleOf } from '../dom.ts';
import type { Sound } from '../protocol.ts';

export interface Screen {
  element: HTMLElement;
  show(sound: Sound): void;
  /** @param samples into the sound, -1 where nothing plays */
  playhead(samples: number): void;
}

/** @param name what the sound is, for screen readers */
export function screen(name: string): Screen {
  const spectrum = el('canvas', { class: 'spectrum', role: 'img', 'aria-label': `Spectrogram of ${name}` });
  const wave = el('canvas', { class: 'wave', role: 'img', 'aria-label': `Waveform of ${name}` });
  let sound: Sound | null = null;
  let picture: HTMLCanvasElement | null = null;
  let at = -1;
  const line = (context: CanvasRenderingContext2D, width: number, height: number) => {
    if (at < 0 || !sound) return;
    const x = (at / sound.wave.length) * width;
    context.fillStyle = styleOf('--accent');
    context.fillRect(x - 0.75, 0, 1.5, height);
  };
  const top = sizedCanvas(spectrum, (context, width, height) => {
    if (!picture) return;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, 0, 0, width, height);
    line(context, width, height);
  });
  const bottom = sizedCanvas(wave, (context, width, height) => {
    if (sound) drawWave(context, sound.wave, width, height);
    line(context, width, height);
  });
  return {
    element: el('div', { class: 'screen' }, spectrum, wave),
    show: (next) => {
      sound = next;
      picture = spectrogram(next);
      top.redraw();
      bottom.redraw();
    },
    playhead: (samples) => {
      at = samples;
      top.redraw();
      bottom.redraw();
    },
  };
}

/** A pixel for each value, low bands at the bottom. */
export function spectrogram({ features, rows, columns }: Pick<Sound, 'features' | 'rows' | 'columns'>) {
  const canvas = el('canvas', { width: columns, height: rows });
  const context = plainContext(canvas);
  const image = context.createImageData(columns, rows);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const [red, green, blue] = colourOf(features[(rows - 1 - r) * columns + c]);
      image.data.set([red, green, blue, 255], 4 * (r * columns + c));
    }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Lowest to highest sample of each column of pixels, full scale at the loudest. */
function drawWave(
  context: CanvasRenderingContext2D,
  wave: Float32Array,
  width: number,
  height: number,
): void {
  const peak = wave.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-4);
  const columns = Math.floor(width);
  context.fillStyle = styleOf('--trace');
  for (let x = 0; x < columns; x++) {
    let [low, high] = [0, 0];
    const end = Math.ceil(((x + 1) * wave.length) / columns);
    for (let i = Math.floor((x * wave.length) / columns); i < end; i++) {
      low = Math.min(low, wave[i]);
      high = Math.max(high, wave[i]);
    }
    const [from, to] = [high, low].map((v) => height / 2 - ((v / peak) * (height - 4)) / 2);
    context.fillRect(x, from, 1, Math.max(1, to - from));
  }
}

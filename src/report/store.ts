// What a report shows and plays, each thing once. Pictures are tiles of one grey sheet, a PNG; spectrograms take their
// colours in the page, by a filter, which halves their size. Sounds are WAVs of 16 bits, silence at their end cut off.

import { encode } from 'fast-png';
import { encodeWav } from '../audio/wav.ts';
import { exampleShape, type InputSettings, isImage } from '../model/inputs.ts';

/** Tiles in a row of the sheet. */
const columns = 16;
/** Levels of a tile; the eye sees no more in a spectrogram, and they pack better. */
const levels = 64;

export class Store {
  readonly settings: InputSettings;
  readonly #tiles: Float32Array[] = [];
  /** WAV files, base64. */
  readonly sounds: string[] = [];

  constructor(settings: InputSettings) {
    this.settings = settings;
  }

  /** @param values (rows, columns) in [0, 1] @returns the tile's number */
  picture(values: Float32Array): number {
    return this.#tiles.push(values) - 1;
  }

  /** @returns the sound's number, null if there is none */
  sound(wave: Float32Array | null): number | null {
    if (!wave || isImage(this.settings)) return null;
    const { sampleRate } = this.settings;
    const bytes = encodeWav(wave.subarray(0, endOf(wave, sampleRate)), sampleRate);
    return this.sounds.push(Buffer.from(bytes).toString('base64')) - 1;
  }

  get grid(): { columns: number; rows: number } {
    return { columns, rows: Math.max(1, Math.ceil(this.#tiles.length / columns)) };
  }

  /** All tiles, the lowest band of a spectrogram at its bottom. */
  sheet(): Uint8Array {
    const [height, width] = exampleShape(this.settings);
    const image = isImage(this.settings);
    const steps = image ? 255 : levels - 1;
    const stride = columns * width;
    const data = new Uint8Array(this.grid.rows * height * stride);
    this.#tiles.forEach((tile, i) => {
      const at = Math.floor(i / columns) * height * stride + (i % columns) * width;
      for (let y = 0; y < height; y++) {
        const from = width * (image ? y : height - 1 - y);
        for (let x = 0; x < width; x++) {
          const value = Math.min(1, Math.max(0, tile[from + x]));
          data[at + y * stride + x] = Math.round((255 * Math.round(steps * value)) / steps);
        }
      }
    });
    return encode({ width: stride, height: data.length / stride, data, channels: 1, depth: 8 });
  }
}

/** Where a wave falls 40 dB below its peak for good, and 50 ms. */
function endOf(wave: Float32Array, rate: number): number {
  const floor = wave.reduce((most, v) => Math.max(most, Math.abs(v)), 0) * 10 ** (-40 / 20);
  const last = wave.findLastIndex((v) => Math.abs(v) > floor);
  return Math.min(wave.length, last + 1 + Math.round(rate / 20));
}

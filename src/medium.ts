// How examples of a model become files: sounds for spectrograms, PNG pictures for images.

import { featuresToWaves } from './audio/inverse.ts';
import { encodeWav } from './audio/wav.ts';
import type { Engine } from './engine/engine.ts';
import type { Tensor } from './engine/tensor.ts';
import { encodeGrey } from './imageFile.ts';
import { exampleShape, type InputSettings, isImage } from './model/inputs.ts';
import type { GridOptions } from './plot/imageGrid.ts';

/** One example, and the file it makes. */
export interface ExampleFile {
  /** (rows, columns) in [0, 1]. */
  values: Float32Array;
  /** Samples at the features' rate, for sound. */
  wave?: Float32Array;
  bytes: Uint8Array;
}

export interface Medium {
  extension: 'wav' | 'png';
  /** What examples are called, plural. */
  things: 'clips' | 'images';
  /** @param make gives examples (B, rows, columns) in [0, 1] */
  encode(engine: Engine, make: () => Tensor): Promise<ExampleFile[]>;
}

export function mediumOf(settings: InputSettings): Medium {
  if (isImage(settings))
    return {
      extension: 'png',
      things: 'images',
      encode: async (engine, make) => {
        const examples = engine.scope(make);
        const parts = await rowsOf(engine, [examples], examples.shape[0]);
        return parts.map(([values]) => ({ values, bytes: encodeGrey(values, settings) }));
      },
    };
  return {
    extension: 'wav',
    things: 'clips',
    encode: async (engine, make) => {
      const made = engine.scope(() => {
        const examples = make();
        return [examples, featuresToWaves(engine, examples, settings)];
      });
      const parts = await rowsOf(engine, made, made[0].shape[0]);
      return parts.map(([values, wave]) => ({ values, wave, bytes: encodeWav(wave, settings.sampleRate) }));
    },
  };
}

/** How a grid shows such examples. */
export function pictureOf(settings: InputSettings): Pick<GridOptions, 'height' | 'width' | 'kind'> {
  const [height, width] = exampleShape(settings);
  return { height, width, kind: isImage(settings) ? 'grey' : 'spectrogram' };
}

/** The rows of tensors of B rows each, read and disposed: a list for each row. */
async function rowsOf(engine: Engine, tensors: Tensor[], B: number): Promise<Float32Array[][]> {
  const all = await engine.read(tensors);
  for (const t of tensors) t.dispose();
  return Array.from({ length: B }, (_, b) =>
    all.map((values) => values.slice((b * values.length) / B, ((b + 1) * values.length) / B)),
  );
}

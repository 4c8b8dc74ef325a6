// What an example of a model is: a spectrogram of sound, by the features' settings, or a grey image of a size. Saved
// with the model under `features`.

import { type FeatureSettings, frameCount } from '../audio/features.ts';

/** Grey images, 0 black to 1 white. */
export interface ImageSettings {
  height: number;
  width: number;
}

/** What an example is. */
export type InputSettings = FeatureSettings | ImageSettings;

/** Whether settings are those of images. */
export const isImage = (settings: InputSettings): settings is ImageSettings => 'height' in settings;

/** Rows and columns of an example: (mel bands, frames) or (height, width). */
export function exampleShape(settings: InputSettings): [number, number] {
  return isImage(settings) ? [settings.height, settings.width] : [settings.nMels, frameCount(settings)];
}

type Ranges<T> = Record<keyof T, readonly [whole: boolean, least: number, most: number]>;

/** What each setting of features may be: whole or not, from, to. Far beyond any use, and far below what hangs. */
const featureRanges: Ranges<FeatureSettings> = {
  sampleRate: [true, 1, 2 ** 31],
  length: [true, 1, 2 ** 24],
  pad: [true, 0, 2 ** 20],
  nFft: [true, 2, 2 ** 16],
  hopLength: [true, 1, 2 ** 24],
  nMels: [true, 1, 4096],
  fMin: [false, 0, 2 ** 30],
  fMax: [false, 0, 2 ** 30],
  dynamicRange: [false, 1e-3, 1000],
  maxDb: [false, -1000, 1000],
};

const imageRanges: Ranges<ImageSettings> = {
  height: [true, 1, 4096],
  width: [true, 1, 4096],
};

/** What is wrong with settings that a file holds, or null. */
export function inputFault(features: InputSettings): string | null {
  const values: Record<string, unknown> = { ...features };
  const ranges = 'height' in values ? imageRanges : featureRanges;
  for (const [key, [whole, least, most]] of Object.entries(ranges)) {
    const value = values[key];
    const fine = whole ? Number.isSafeInteger(value) : Number.isFinite(value);
    if (!fine || (value as number) < least || (value as number) > most)
      return (
        `features.${key} is ${JSON.stringify(value)}, not a ${whole ? 'whole number' : 'number'} from ${least} ` +
        `to ${most}`
      );
  }
  if (isImage(features)) return null;
  const { length, pad, nFft, sampleRate, fMin, fMax } = features;
  if (length + 2 * pad < nFft)
    return `features.length ${length} and twice features.pad ${pad} are less than a frame of features.nFft ${nFft}`;
  if (!(fMin < fMax && fMax <= sampleRate / 2))
    return `features.fMin ${fMin} and features.fMax ${fMax} are no range within half of features.sampleRate ${sampleRate}`;
  return null;
}

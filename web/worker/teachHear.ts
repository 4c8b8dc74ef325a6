// From what the microphone gave to what a model learns from: brought to the model's rate, cut to where it sounds, and to
// the level of the voices that the model was trained on, so that it learns the voice and not how far the microphone was.

import { atLevel, featureLevel } from '../../src/audio/featureLevel.ts';
import { type FeatureSettings, fitLength, maximumOf } from '../../src/audio/features.ts';
import { clippedShare, measureLevel } from '../../src/audio/level.ts';
import { resampleBatch } from '../../src/audio/resample.ts';
import { trimSilence } from '../../src/audio/trim.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { DataError } from '../../src/engine/errors.ts';
import { exampleOf, type Split } from '../../src/model/dataset.ts';
import { clipFeatures, scaled } from '../../src/model/speech.ts';

export interface HeardTake {
  /** (nMels, frames) in [0, 1]. */
  x: Float32Array;
  /** At the model's rate, as the microphone gave it. */
  wave: Float32Array;
  /** The same at the model's level, within full scale. */
  played: Float32Array;
  /** What is wrong with it, or null. */
  fault: string | null;
}

/** dB below the loud part of a word that still belong to it: a room is louder than a studio. */
const topDb = 35;
/** Seconds over which both ends fade, as those of the embedded digits do. */
const fade = 0.005;
/** What clipped and was resampled on its way here has no flat tops any more, but lies at full scale for long. */
const fullScale = 0.97;
/** Seconds that a word has at least. */
const shortest = 0.05;

/**
 * @param wave mono, at `rate` samples a second
 * @param level mean level of the features, dB, that it is brought to; null leaves it as it is
 * @throws DataError if nothing sounds in it.
 */
export async function hear(
  engine: Engine,
  wave: Float32Array,
  rate: number,
  settings: FeatureSettings,
  level: number | null,
): Promise<HeardTake> {
  const { clipped, silent } = measureLevel(wave);
  const full = wave.reduce((n, v) => (Math.abs(v) >= fullScale ? n + 1 : n), 0) / wave.length;
  if (silent) throw new DataError('The take is silent: is the microphone muted?');
  const [whole] = await resampleBatch(engine, [wave], rate, settings.sampleRate);
  const own = faded(trimSilence(whole, { topDb }), settings.sampleRate);
  if (own.length < shortest * settings.sampleRate)
    throw new DataError('The take has no word in it: say it again, nearer to the microphone.');
  const clip = { name: 'take', label: null, index: null, split: 'train' as const, samples: own };
  const [db] = await clipFeatures(engine, [clip], settings);
  const frames = db.length / settings.nMels;
  const gain = level === null ? 0 : level - featureLevel(db, frames);
  const scale = scaled(maximumOf(settings), settings.dynamicRange);
  return {
    x: (level === null ? db : atLevel(db, frames, level)).map(scale),
    wave: own,
    played: amplified(fitLength(own, Math.min(own.length, settings.length)), 10 ** (gain / 20)),
    fault: Math.max(clipped, full) > clippedShare ? 'too loud for the microphone' : null,
  };
}

/** Median level of some examples of a model, dB. */
export function usualLevel(
  split: Split,
  shape: readonly [number, number],
  settings: FeatureSettings,
): number {
  const { dynamicRange } = settings;
  const maxDb = maximumOf(settings);
  const levels = Array.from({ length: split.count }, (_, i) => {
    const db = exampleOf({ shape }, split, i).map((v) => (v > 0 ? (v - 1) * dynamicRange + maxDb : -100));
    return featureLevel(db, shape[1]);
  }).filter(Number.isFinite);
  return levels.sort((a, b) => a - b)[Math.floor(levels.length / 2)];
}

function faded(wave: Float32Array, rate: number): Float32Array {
  const out = wave.slice();
  const n = Math.min(Math.round(fade * rate), Math.floor(out.length / 2));
  for (let i = 0; i < n; i++) {
    out[i] *= i / n;
    out[out.length - 1 - i] *= i / n;
  }
  return out;
}

/** By a factor, or less where that would leave full scale. */
function amplified(wave: Float32Array, factor: number): Float32Array {
  const peak = wave.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const fits = Math.min(factor, peak > 0 ? 0.97 / peak : 1);
  return wave.map((v) => v * fits);
}

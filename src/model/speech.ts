// From clips to training data: features on the GPU in batches, the training split's maximum as the top of the scale,
// labels to indices, and a validation part held out of the training split where one is wanted.

import { type FeatureSettings, fitLength, logMel } from '../audio/features.ts';
import type { Engine } from '../engine/engine.ts';
import { DataError } from '../engine/errors.ts';
import type { Dataset, Split } from './dataset.ts';

/** A decoded clip with what its name tells. */
export interface SpeechClip {
  name: string;
  label: string | null;
  index: number | null;
  split: 'train' | 'test';
  /** Mono, at the features' rate. */
  samples: Float32Array;
}

const chunk = 64;
/** dB of silence: the floor under the features' powers. */
const silence = -99.9;

/**
 * Features of all clips, scaled to [0, 1].
 * @param settings with maxDb null: it is taken from the training split, and returned
 * @throws DataError if no clip is left to train on.
 */
export async function speechDataset(
  engine: Engine,
  clips: readonly SpeechClip[],
  settings: FeatureSettings,
  validation: boolean,
): Promise<{ data: Dataset; features: FeatureSettings }> {
  const parts = divide(clips, validation);
  if (parts.train.length === 0)
    throw new DataError(
      'data: every clip is in the test split, none is left to train on (index 0 to 4 of {label}_{speaker}_{index}.wav ' +
        'tests, unless split.json names test speakers); number more clips from 5 on',
    );
  const db = await decibels(engine, clips, settings);
  const maxDb = settings.maxDb ?? loudest(parts.train.map((clip) => db.get(clip) as Float32Array));
  if (maxDb <= silence)
    throw new DataError('data: every clip to train on is silent; check the recordings and their level');
  const labels = [...new Set(clips.flatMap((c) => (c.label === null ? [] : [c.label])))];
  const scale = (value: number) => Math.min(1, Math.max(0, (value - maxDb) / settings.dynamicRange + 1));
  const size = (db.get(clips[0]) as Float32Array).length;
  const split = (part: readonly SpeechClip[]): Split => {
    const x = new Float32Array(part.length * size);
    part.forEach((clip, i) => {
      x.set((db.get(clip) as Float32Array).map(scale), i * size);
    });
    const label = Int32Array.from(part, (c) => (c.label === null ? -1 : labels.indexOf(c.label)));
    return { count: part.length, x, label, names: part.map((c) => c.name) };
  };
  const data: Dataset = {
    shape: [settings.nMels, size / settings.nMels],
    labels,
    train: split(parts.train),
    valid: parts.valid.length > 0 ? split(parts.valid) : null,
    test: parts.test.length > 0 ? split(parts.test) : null,
  };
  return { data, features: { ...settings, maxDb } };
}

/** FSDD's recordings 5 to 9 validate; where no clip has such an index, every tenth of the training split. */
function divide(clips: readonly SpeechClip[], validation: boolean) {
  const test = clips.filter((c) => c.split === 'test');
  const rest = clips.filter((c) => c.split === 'train');
  if (!validation) return { train: rest, valid: [], test };
  const indexed = (c: SpeechClip) => c.index !== null && c.index >= 5 && c.index <= 9;
  const held = rest.some(indexed) ? indexed : (c: SpeechClip) => rest.indexOf(c) % 10 === 9;
  return { train: rest.filter((c) => !held(c)), valid: rest.filter(held), test };
}

/** Log-mel features of every clip in dB, (mel bands, frames) each. */
async function decibels(
  engine: Engine,
  clips: readonly SpeechClip[],
  settings: FeatureSettings,
): Promise<Map<SpeechClip, Float32Array>> {
  const found = new Map<SpeechClip, Float32Array>();
  for (let first = 0; first < clips.length; first += chunk) {
    const some = clips.slice(first, first + chunk);
    const waves = new Float32Array(some.length * settings.length);
    some.forEach((clip, i) => {
      waves.set(fitLength(clip.samples, settings.length), i * settings.length);
    });
    const features = engine.scope(() =>
      logMel(engine, engine.tensor(waves, [some.length, settings.length]), settings),
    );
    const values = await features.read();
    features.dispose();
    const size = values.length / some.length;
    some.forEach((clip, i) => {
      found.set(clip, values.slice(i * size, (i + 1) * size));
    });
  }
  return found;
}

function loudest(features: readonly Float32Array[]): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const f of features) for (const v of f) if (v > most) most = v;
  return most;
}

// The features models are trained on: log-mel spectrograms in dB, scaled to [0, 1] over a dynamic range below the
// training set's maximum M. Reference features (DESIGN.md): 8 kHz, 8,192 samples with 192 zeros at each end, nFft
// 512, hop 128, not centred: 64 frames of 64 Slaney bands.
//   db = 10 log10(max(mel power, 1e-10))      x = clamp((db - M) / range + 1, 0, 1)
// Three dispatches for a batch: frames into real transforms, lines into powers, powers into bands (one invocation
// two frames of one band, over that band's bins only).

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { pointwise } from '../engine/primitives.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { at, dispatch, partOf, storeFrames, valueType, width } from '../shaders/fft/columns.ts';
import { powerColumns, type StftPlan, stftPlan } from '../shaders/stft.ts';
import { type MelOptions, melBands } from './mel.ts';

/** What a spectrogram is made of and how it is scaled; saved with every model of sound. */
export interface FeatureSettings {
  /** Hz. */
  sampleRate: number;
  /** Samples of a clip. */
  length: number;
  /** Zeros at each of its ends. */
  pad: number;
  /** Samples of a frame. */
  nFft: number;
  /** Samples from frame to frame. */
  hopLength: number;
  /** Bands of the filter bank. */
  nMels: number;
  /** Where the lowest band begins, Hz. */
  fMin: number;
  /** Where the highest band ends, Hz; at most half the rate. */
  fMax: number;
  /** dB below the maximum that are kept. */
  dynamicRange: number;
  /** The training set's maximum in dB; null until it is known. */
  maxDb: number | null;
}

/** The reference features of speech. */
export const referenceFeatures: FeatureSettings = {
  sampleRate: 8000,
  length: 8192,
  pad: 192,
  nFft: 512,
  hopLength: 128,
  nMels: 64,
  fMin: 0,
  fMax: 4000,
  dynamicRange: 80,
  maxDb: null,
};

/** Mel power below this counts as this, -100 dB. */
const powerFloor = 1e-10;
/** dB per unit of the natural logarithm of a power. */
const dbPerNeper = 10 / Math.LN10;

/** Frames of a clip. @throws ShapeError if the clip is shorter than one frame. */
export function frameCount({ length, pad, nFft, hopLength }: FeatureSettings): number {
  const rest = length + 2 * pad - nFft;
  if (rest < 0)
    throw new ShapeError(
      `features: ${length} samples and twice ${pad} zeros are fewer than nFft ${nFft}; pad more`,
    );
  return 1 + Math.floor(rest / hopLength);
}

/** The first `length` samples, or all of them with silence at the end. */
export function fitLength(samples: Float32Array, length: number): Float32Array {
  const fitted = new Float32Array(length);
  fitted.set(samples.subarray(0, length));
  return fitted;
}

/** The filter bank of features with these settings. */
export function melOptions(s: FeatureSettings): MelOptions {
  return { sampleRate: s.sampleRate, nFft: s.nFft, nMels: s.nMels, fMin: s.fMin, fMax: s.fMax };
}

/** Frames as `stft` cuts them, with the settings' own zeros around the clip instead of `center`. */
export function featurePlan(engine: Engine, s: FeatureSettings): StftPlan {
  const plan = stftPlan(engine, 'features', { nFft: s.nFft, hopLength: s.hopLength, center: false });
  return { ...plan, offset: s.pad };
}

/** Bands as tables: (bands, 2) first bin and offset of its weights, and the weights of all bands. */
function bandTables(engine: Engine, s: FeatureSettings): { ranges: Tensor; weights: Tensor } {
  const options = melOptions(s);
  const key = JSON.stringify(options);
  const bands = melBands(options);
  const starts = bands.map((_, m) => bands.slice(0, m).reduce((n, b) => n + b.weights.length, 0));
  const ranges = engine.constant(`mel ranges ${key}`, () => ({
    data: Float32Array.from(bands.flatMap((b, m) => [b.first, starts[m], b.weights.length, 0])),
    shape: [s.nMels, 4],
  }));
  const weights = engine.constant(`mel weights ${key}`, () => {
    const data = Float32Array.from(bands.flatMap((b) => [...b.weights]));
    return { data, shape: [data.length] };
  });
  return { ranges, weights };
}

/** Log-mel spectrogram with `last` applied to the dB value, a WGSL expression in `db`. */
function logMelWith(
  engine: Engine,
  waves: Tensor,
  s: FeatureSettings,
  last: string,
  floats: Record<string, number>,
) {
  if (waves.rank !== 2 || waves.shape[1] !== s.length)
    throw new ShapeError(
      `logMel: waves ${shapeText(waves.shape)}; clips of these features are (B, ${s.length}), see fitLength`,
    );
  return engine.scope(() => {
    const { power, columns } = powerColumns('logMel', waves, featurePlan(engine, s));
    const { B, frames } = columns;
    const y = engine.empty([B, s.nMels, frames]);
    const { ranges, weights } = bandTables(engine, s);
    const whole = frames % width === 0;
    dispatch(
      'logMel.bands',
      columns,
      s.nMels,
      [
        { reads: { power: [valueType, power], ranges: ['vec4f', ranges], weights: ['f32', weights] } },
        { writes: { y: [whole ? valueType : 'f32', y] }, floats },
      ],
      `let range = vec3u(ranges[item].xyz);
var sum = V();
for (var i = 0u; i < range.z; i++) {
  sum += weights[range.y + i] * power[${at(columns, '(range.x + i)', Math.floor(s.nFft / 2) + 1)}];
}
let db = ${dbPerNeper} * log(max(sum, V(${powerFloor})));
let result = ${last};
${
  whole
    ? `if (live) { y[(b * ${s.nMels}u + item) * u.pairs + frame / ${width}u] = result; }`
    : storeFrames(
        'y',
        (i) => partOf('result', i),
        (i) => `(b * ${s.nMels}u + item) * u.frames + frame + ${i}u`,
      )
}`,
    );
    return y;
  });
}

/**
 * Log-mel spectrograms in dB: at least -100, not clamped above.
 * @param waves (B, length) samples in [-1, 1]
 * @returns (B, nMels, frames)
 * @throws ShapeError if the clips have another length.
 */
export function logMel(engine: Engine, waves: Tensor, settings: FeatureSettings): Tensor {
  return logMelWith(engine, waves, settings, 'db', {});
}

/** The maximum, once it is known. @throws ShapeError if maxDb is null. */
export function maximumOf(s: FeatureSettings): number {
  if (s.maxDb !== null) return s.maxDb;
  throw new ShapeError('features: maxDb is null; set it to the largest dB of the training set');
}

const scaled = 'clamp((db - V(u.maxDb)) / u.range + 1.0, V(), V(1.0))';

/**
 * `normalise(logMel(waves))` without the dB spectrogram in between.
 * @param waves (B, length) @returns (B, nMels, frames) in [0, 1]
 * @throws ShapeError if the clips have another length, or maxDb is null.
 */
export function wavesToFeatures(engine: Engine, waves: Tensor, settings: FeatureSettings): Tensor {
  const floats = { maxDb: maximumOf(settings), range: settings.dynamicRange };
  return logMelWith(engine, waves, settings, scaled, floats);
}

/** dB to features in [0, 1], any shape: 1 is maxDb, 0 is dynamicRange below. @throws ShapeError if maxDb is null. */
export function normalise(db: Tensor, settings: FeatureSettings): Tensor {
  const y = db.engine.empty(db.shape);
  const low = maximumOf(settings) - settings.dynamicRange;
  const scale = 1 / settings.dynamicRange;
  pointwise('normalise', y, { db }, `clamp((db - V(u.p)) * f32(${scale}), V(), V(1.0))`, {
    params: { p: low },
  });
  return y;
}

/** Features to dB, the inverse of `normalise`. @throws ShapeError if maxDb is null. */
export function toDb(features: Tensor, settings: FeatureSettings): Tensor {
  const y = features.engine.empty(features.shape);
  const low = maximumOf(settings) - settings.dynamicRange;
  pointwise('toDb', y, { x: features }, `x * f32(${settings.dynamicRange}) + V(u.p)`, { params: { p: low } });
  return y;
}

/** Features to mel power. @throws ShapeError if maxDb is null. */
export function toPower(features: Tensor, settings: FeatureSettings): Tensor {
  const y = features.engine.empty(features.shape);
  const low = (maximumOf(settings) - settings.dynamicRange) / dbPerNeper;
  const range = settings.dynamicRange / dbPerNeper;
  pointwise('toPower', y, { x: features }, `exp(x * f32(${range}) + V(u.p))`, { params: { p: low } });
  return y;
}

// From features back to sound: mel power to linear power by non-negative least squares, then phases by fast
// Griffin-Lim. With W the mel filter bank and M a frame's mel power, NNLS repeats Lee & Seung's update, overrelaxed:
//   S <- S * r^1.5,  r = (W^T M) / (W^T (W S))      from S = W^T M
// (the exponent stays below 2, where it would cease to converge; 100 updates then do what 150 do with exponent 1).
// A bin lies in two bands at most, so one invocation sweeps over the bins of its two frames, and gathers W S for the
// next update on the way: a twentieth of the products of a dense update. The phases come from griffinLim.ts.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { sqrt } from '../shaders/elementwise.ts';
import {
  at,
  type Columns,
  columnTensor,
  dispatch,
  frameColumns,
  type Port,
  valueType,
} from '../shaders/fft/columns.ts';
import { type FeatureSettings, featurePlan, frameCount, melOptions, toPower } from './features.ts';
import { searchPhases, toColumns } from './griffinLim.ts';
import { melFilterbank, melSegments } from './mel.ts';

/** Keeps 0 / 0 at 0 in frames and bands of silence. */
const tiny = 1e-30;
const defaultUpdates = 100;
/** Updates in one dispatch: short enough for the watchdog of a slow adapter. */
const updatesAtOnce = 25;

/** Corners of the segments, and for every bin its weights in the rising and the falling band. */
function segmentTables(engine: Engine, s: FeatureSettings): { starts: Tensor; pairs: Tensor } {
  const options = melOptions(s);
  const key = JSON.stringify(options);
  const corners = melSegments(options);
  const starts = engine.constant(`mel segments ${key}`, () => ({
    data: Float32Array.from(corners),
    shape: [corners.length],
  }));
  const pairs = engine.constant(`mel pairs ${key}`, () => {
    const { data: bank, shape } = melFilterbank(options);
    const F = shape[1];
    const data = new Float32Array(2 * F);
    for (let m = 0; m <= s.nMels; m++)
      for (let k = corners[m]; k < corners[m + 1]; k++) {
        data[2 * k] = m < s.nMels ? bank[m * F + k] : 0;
        data[2 * k + 1] = m > 0 ? bank[(m - 1) * F + k] : 0;
      }
    return { data, shape: [F, 2] };
  });
  return { starts, pairs };
}

/**
 * Sweeps over the bins: S from M alone (`start`), or `updates` updates of S; leaves W S in P. Segment s lies between
 * corners s and s + 1, where band s rises and band s - 1 falls; so band s - 1 is summed up when segment s ends.
 */
function sweep(
  engine: Engine,
  c: Columns,
  s: FeatureSettings,
  t: { M: Tensor; S: Tensor; P: Tensor },
  updates: number,
  start: boolean,
): void {
  const F = Math.floor(s.nFft / 2) + 1;
  const { starts, pairs } = segmentTables(engine, s);
  const S = (k: string) => `S[${at(c, k, F)}]`;
  const band = (name: string, m: string) => `${name}[${at(c, m, s.nMels)}]`;
  const clear = (from: string, to: string) => `for (var k = ${from}; k < ${to}; k++) { ${S('k')} = V(); }`;
  const body = `for (var i = 0u; i < u.updates; i++) {
  var rising = V();
  var lowM = V();
  var lowP = V();
  for (var m = 0u; m <= ${s.nMels}u; m++) {
    var highM = V();
    var highP = V();
    if (m < ${s.nMels}u) { highM = ${band('M', 'm')}; ${start ? '' : `highP = ${band('P', 'm')};`} }
    var up = V();
    var down = V();
    let last = u32(starts[m + 1u]);
    for (var k = u32(starts[m]); k < last; k++) {
      let w = pairs[k];
      let above = w.x * highM + w.y * lowM;
      ${
        start
          ? 'let fresh = above;'
          : `let ratio = min(above / (w.x * highP + w.y * lowP + V(${tiny})), V(1e6));
      let fresh = ${S('k')} * ratio * sqrt(ratio);`
      }
      ${S('k')} = fresh;
      up += w.x * fresh;
      down += w.y * fresh;
    }
    if (m > 0u) { ${band('P', 'm - 1u')} = rising + down; }
    rising = up;
    lowM = highM;
    lowP = highP;
  }
}
${start ? `${clear('0u', 'u32(starts[0])')} ${clear(`u32(starts[${s.nMels + 1}])`, `${F}u`)}` : ''}`;
  const port: Port = {
    reads: { starts: ['f32', starts], pairs: ['vec2f', pairs], M: [valueType, t.M] },
    writes: { S: [valueType, t.S], P: [valueType, t.P] },
    sizes: { updates },
  };
  dispatch(start ? 'nnls.start' : 'nnls.update', c, 1, [port], body);
}

/**
 * Linear power from mel power, in columns of F rows (fft/columns.ts).
 * @param mel (B, nMels, frames) power
 */
function linearPower(
  engine: Engine,
  mel: Tensor,
  s: FeatureSettings,
  updates: number,
): { power: Tensor; c: Columns } {
  const [B, , frames] = mel.shape;
  const c = frameColumns(B, frames);
  const power = columnTensor(engine, c, Math.floor(s.nFft / 2) + 1, 1);
  engine.scope(() => {
    const M = toColumns(engine, mel, c);
    const t = { M, S: power, P: columnTensor(engine, c, s.nMels, 1) };
    sweep(engine, c, s, t, 1, true);
    for (let done = 0; done < updates; done += updatesAtOnce)
      sweep(engine, c, s, t, Math.min(updatesAtOnce, updates - done), false);
  });
  return { power, c };
}

/** How long magnitudes and phases are searched. */
export interface InverseOptions {
  /** Updates of the non-negative least squares; default 100. */
  updates?: number;
  /** Iterations of Griffin-Lim; default 32. */
  iterations?: number;
  /** Default 0.99. */
  momentum?: number;
}

/**
 * Sound from features, all on the GPU. The phases are sought among waves that are silent outside the clip, as the
 * features' padding is.
 * @param features (B, nMels, frames) in [0, 1]
 * @returns (B, settings.length) samples
 * @throws ShapeError if the features' shape is not that of the settings, or maxDb is null.
 */
export function featuresToWaves(
  engine: Engine,
  features: Tensor,
  settings: FeatureSettings,
  options: InverseOptions = {},
): Tensor {
  const { updates = defaultUpdates, iterations = 32, momentum = 0.99 } = options;
  const frames = frameCount(settings);
  if (features.rank !== 3 || features.shape[1] !== settings.nMels || features.shape[2] !== frames)
    throw new ShapeError(
      `featuresToWaves: features ${shapeText(features.shape)}; these settings need (B, ${settings.nMels}, ${frames})`,
    );
  return engine.scope(() => {
    const { power, c } = linearPower(engine, toPower(features, settings), settings, updates);
    const p = featurePlan(engine, settings);
    // Between silent ends zero phase comes nearer than centerPhase does.
    const search = { iterations, momentum, length: settings.length, init: 'zeroPhase' } as const;
    return searchPhases(engine, sqrt(power), c, p, search);
  });
}

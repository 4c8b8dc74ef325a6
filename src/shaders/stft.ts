// Short-time Fourier transform and its inverse, as torch.stft and torch.istft. Spectra are PyTorch's
// (..., F, frames, 2), F = floor(nFft/2) + 1 or nFft: frames stand side by side, so a column of two frames is
// transformed at once (fft/columns.ts) and nothing is ever transposed. Analysis reads the wave, windows and transforms
// in the first pass of the FFT; synthesis windows in its last pass, then adds up and divides by the sum of squared
// windows. Any nFft; powers of two are several times faster.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import type { Tensor } from '../engine/tensor.ts';
import { mul } from './binary.ts';
import { at, type Columns, columnTensor, frameColumns, valueType } from './fft/columns.ts';
import {
  type Framing,
  type OverlapAdd,
  overlapAdd,
  type PadMode,
  waveFrames,
  windowedColumns,
} from './fft/frames.ts';
import type { BinWeights } from './fft/passes.ts';
import { type Source, spectrogram, type Target, twoSided } from './fft/ports.ts';
import { binCount, checkLength, hermitianTransform, realTransform } from './fft/transform.ts';
import { type Window, windowKey, windowValues } from './fft/window.ts';
import { reshape } from './shape.ts';

/** As torch.istft. */
export interface IstftOptions {
  /** Samples of a frame, any whole number. */
  nFft: number;
  /** Samples from frame to frame; default nFft / 4. */
  hopLength?: number;
  /** Default nFft; shorter windows stand in the middle of a frame. */
  winLength?: number;
  /** A periodic window by name (default `hann`), `{kaiser: beta}`, or winLength values. */
  window?: Window;
  /** Frame f is centred at sample f hopLength, with floor(nFft / 2) samples of padding at both ends; default true. */
  center?: boolean;
  /** Spectra are divided by sqrt(nFft); default false. */
  normalized?: boolean;
  /** Spectra have bins 0 .. floor(nFft/2) (the default), or else all nFft. */
  onesided?: boolean;
}

/** As torch.stft. */
export interface StftOptions extends IstftOptions {
  /** What the padding of `center` is: torch's modes, or librosa's names `edge` and `wrap`. Default `reflect`. */
  padMode?: PadMode | 'edge' | 'wrap';
}

/** Options with their defaults, checked; windows are put in the middle of nFft values. */
export interface StftPlan extends Framing {
  /** Bins 0 .. floor(nFft/2). */
  F: number;
  onesided: boolean;
  center: boolean;
  /** Spectra are multiplied by this. */
  scale: number;
  /** The window's content as text, for keys of constants. */
  key: string;
  /** nFft window values. */
  values: Float64Array;
}

const padModes: Record<NonNullable<StftOptions['padMode']>, PadMode> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'replicate',
  edge: 'replicate',
  circular: 'circular',
  wrap: 'circular',
};

/** @throws ShapeError if a length, hop, window or padding is unknown or does not fit nFft. */
export function stftPlan(engine: Engine, op: string, o: StftOptions): StftPlan {
  const { nFft, winLength = nFft, center = true, window = 'hann', padMode = 'reflect', onesided = true } = o;
  checkLength(op, 'nFft', nFft);
  const hop = o.hopLength ?? Math.max(1, Math.floor(nFft / 4));
  if (!Number.isInteger(winLength) || winLength < 1 || winLength > nFft)
    throw new ShapeError(`${op}: winLength ${winLength}; it must be a whole number from 1 to nFft ${nFft}`);
  if (!Number.isInteger(hop) || hop < 1)
    throw new ShapeError(`${op}: hopLength ${hop}; it must be a whole number of at least 1`);
  if (!Object.hasOwn(padModes, padMode))
    throw new ShapeError(`${op}: padMode ${padMode}; it must be ${Object.keys(padModes).join(', ')}`);
  const values = new Float64Array(nFft);
  values.set(windowValues(op, window, winLength), Math.floor((nFft - winLength) / 2));
  const key = `${nFft} ${winLength} ${windowKey(window)}`;
  const data = () => ({ data: Float32Array.from(values), shape: [nFft] });
  return {
    nFft,
    hop,
    F: binCount(nFft),
    onesided,
    center,
    offset: center ? Math.floor(nFft / 2) : 0,
    padMode: center ? padModes[padMode] : 'constant',
    window: engine.constant(`window ${key}`, data),
    scale: o.normalized ? 1 / Math.sqrt(nFft) : 1,
    key,
    values,
  };
}

/** Frames of a wave of T samples. @throws ShapeError if it is too short. */
export function analysisFrames(op: string, T: number, p: StftPlan): number {
  if ((p.padMode === 'reflect' && T <= p.offset) || (p.padMode === 'circular' && T < p.offset))
    throw new ShapeError(
      `${op}: ${T} samples are too few for ${p.padMode} padding by nFft / 2 = ${p.offset}; give more, or padMode 'constant'`,
    );
  const rest = T + 2 * p.offset - p.nFft;
  if (rest < 0) throw new ShapeError(`${op}: ${T} samples are fewer than nFft ${p.nFft}; pad the wave`);
  return 1 + Math.floor(rest / p.hop);
}

/** Columns of the frames of x (B, T). @throws ShapeError if x is not (B, T) or too short. */
function analysisColumns(op: string, x: Tensor, p: StftPlan): Columns {
  if (x.rank !== 2) throw new ShapeError(`${op}: x ${x}; it must be (B, T)`);
  return frameColumns(x.shape[0], analysisFrames(op, x.shape[1], p));
}

/** Frames of x, windowed and transformed into a target of F bins. */
export function analyse(
  name: string,
  x: Tensor,
  p: StftPlan,
  columns: Columns,
  target: Target,
  weights: BinWeights = { edge: p.scale, middle: p.scale },
): void {
  realTransform(x.engine, { name, columns, n: p.nFft, weights }, waveFrames(x, p), target);
}

/** |stft(x)|^2 as real columns of F rows (fft/columns.ts). */
export function powerColumns(name: string, x: Tensor, p: StftPlan): { power: Tensor; columns: Columns } {
  const columns = analysisColumns(name, x, p);
  const power = columnTensor(x.engine, columns, p.F, 1);
  analyse(name, x, p, columns, {
    writes: { power: [valueType, power] },
    store: (e, re, im) => `power[${at(columns, e, p.F)}] = ${re} * ${re} + ${im} * ${im};`,
  });
  return { power, columns };
}

/** Windowed inverse transforms of a source of F bins, added up to a wave (B, T) as `overlapAdd` says. */
export function synthesise(
  name: string,
  p: StftPlan,
  columns: Columns,
  source: Source,
  weights: BinWeights,
  out: Pick<OverlapAdd, 'wave' | 'factor' | 'fold' | 'momentum'>,
): void {
  const { engine } = out.wave;
  engine.scope(() => {
    const frames = columnTensor(engine, columns, p.nFft, 1);
    const target = windowedColumns(frames, p.window, columns, p.nFft);
    hermitianTransform(engine, { name, columns, n: p.nFft, weights }, source, target);
    overlapAdd({ name: `${name}.overlapAdd`, frames, columns, framing: p, ...out });
  });
}

/** Weights that make `synthesise` the inverse of `analyse`. */
export const inverseWeights = (p: StftPlan): BinWeights => {
  const w = 1 / (p.nFft * p.scale);
  return { edge: w, middle: w };
};

/** Least sum of squared windows that an uncentred inverse divides by: its ends may be covered by next to nothing. */
const floor = 1e-10;
/** Below this PyTorch refuses to divide. */
const refused = 1e-11;

/**
 * (1, length): 1 / (sum of squared windows) for `length` samples from the plan's offset on.
 * @throws ShapeError where a centred inverse would divide by less than 1e-11.
 */
export function overlapFactor(
  engine: Engine,
  op: string,
  p: StftPlan,
  frames: number,
  length: number,
): Tensor {
  const { nFft, hop, offset, values } = p;
  return engine.constant(`overlap ${p.key} ${hop} ${offset} ${p.center} ${frames} ${length}`, () => {
    const sums = new Float64Array(nFft + hop * (frames - 1));
    for (let f = 0; f < frames; f++)
      for (let e = 0; e < nFft; e++) sums[f * hop + e] += values[e] * values[e];
    const covered = sums.subarray(offset, offset + length);
    const least = covered.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    if (p.center && least < refused)
      throw new ShapeError(
        `${op}: the squared windows add up to ${least} somewhere; use a smaller hopLength than ${hop} or another window`,
      );
    // Beyond the last frame nothing is added up, so any factor will do.
    const data = Float32Array.from({ length }, (_, t) => 1 / Math.max(covered[t] ?? 1, floor));
    return { data, shape: [1, length] };
  });
}

/** Samples of a wave from `frames` frames when no length is given, as torch.istft. */
export function synthesisLength(p: StftPlan, frames: number): number {
  return p.nFft + p.hop * (frames - 1) - 2 * p.offset;
}

/** x (..., L) as (B, L), and the shape of the leading axes. */
function flattened(op: string, x: Tensor, own: number): { flat: Tensor; lead: readonly number[] } {
  if (x.rank < own) throw new ShapeError(`${op}: the input ${x} has fewer than ${own} axes`);
  const lead = x.shape.slice(0, x.rank - own);
  return { flat: lead.length === 1 ? x : reshape(x, [-1, ...x.shape.slice(x.rank - own)]), lead };
}

const restored = (y: Tensor, lead: readonly number[]): Tensor =>
  lead.length === 1 ? y : reshape(y, [...lead, ...y.shape.slice(1)]);

/**
 * Short-time Fourier transform of real waves, as torch.stft.
 * @param x (..., T)
 * @returns (..., F, frames, 2), F = floor(nFft/2) + 1, or nFft if not onesided; frames = 1 + floor((T + padding -
 * nFft) / hopLength), with padding = 2 floor(nFft/2) if centred
 * @throws ShapeError if x is too short for nFft or the padding, or an option does not fit.
 */
export function stft(x: Tensor, options: StftOptions): Tensor {
  const { engine } = x;
  const p = stftPlan(engine, 'stft', options);
  const { flat, lead } = flattened('stft', x, 1);
  const columns = analysisColumns('stft', flat, p);
  const bins = p.onesided ? p.F : p.nFft;
  const X = engine.empty([columns.B, bins, columns.frames, 2]);
  const ports = (t: Tensor) => (p.onesided ? spectrogram('X', t, bins) : twoSided('X', t, bins, 'conjugate'));
  analyse('stft', flat, p, columns, ports(X).target);
  record('stft', [flat], [X], (g) => {
    const weights = { edge: p.scale, middle: p.onesided ? p.scale / 2 : p.scale };
    synthesise('stft.dx', p, columns, ports(g.out()).source, weights, { wave: g.into(0), fold: p.padMode });
  });
  return restored(X, lead);
}

/**
 * The real wave whose short-time Fourier transform comes nearest to X, as torch.istft: frames are windowed, added up
 * and divided by the sum of squared windows. Uncentred, where torch refuses most windows, that sum counts as 1e-10 at
 * least, so ends that next to nothing covers come out near zero, as in librosa.
 * @param X (..., F, frames, 2), F = floor(nFft/2) + 1; or nFft if not onesided, of which only the first F are read
 * @returns (..., length), by default hopLength (frames - 1) and, uncentred, nFft more
 * @throws ShapeError if X or an option does not fit, hopLength exceeds winLength, or a centred sum of squared windows is below 1e-11.
 */
export function istft(X: Tensor, options: IstftOptions & { length?: number }): Tensor {
  const { engine } = X;
  const p = stftPlan(engine, 'istft', { ...options, padMode: 'constant' });
  const { flat, lead } = flattened('istft', X, 3);
  const [B, bins, frames, complex] = flat.shape;
  if (bins !== (p.onesided ? p.F : p.nFft) || complex !== 2)
    throw new ShapeError(
      `istft: X ${X}; nFft ${p.nFft} needs (..., ${p.onesided ? p.F : p.nFft}, frames, 2), the complex parts last`,
    );
  const { winLength = p.nFft } = options;
  if (p.hop > winLength)
    throw new ShapeError(
      `istft: hopLength ${p.hop} leaves gaps between windows of ${winLength}; make it smaller`,
    );
  const columns = frameColumns(B, frames);
  const length = options.length ?? synthesisLength(p, frames);
  if (!Number.isInteger(length) || length < 1)
    throw new ShapeError(`istft: length ${length} from ${frames} frames; give a whole number of at least 1`);
  const factor = overlapFactor(engine, 'istft', p, frames, length);
  const y = engine.empty([B, length]);
  const { source } = spectrogram('X', flat, bins);
  synthesise('istft', p, columns, source, inverseWeights(p), { wave: y, factor });
  record('istft', [flat], [y], (g) => {
    const { edge } = inverseWeights(p);
    const dy = mul(g.out(), factor);
    const dX = g.into(0);
    const { target } = p.onesided ? spectrogram('X', dX, bins) : twoSided('X', dX, bins, 'zero');
    analyse('istft.dX', dy, p, columns, target, { edge, middle: 2 * edge });
  });
  return restored(y, lead);
}

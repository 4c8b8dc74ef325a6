// Short-time Fourier transform and its inverse, as torch.stft and torch.istft (one-sided). Spectra are PyTorch's
// (B, F, frames, 2), F = nFft/2 + 1: frames stand side by side, so a column of two frames is transformed at once
// (fft/columns.ts) and nothing is ever transposed. Analysis reads the wave, windows and transforms in the first pass
// of the FFT; synthesis windows in its last pass, then adds up and divides by the sum of squared windows.
// Limits: nFft a power of two.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { mul } from './binary.ts';
import { at, type Columns, columnTensor, frameColumns, valueType } from './fft/columns.ts';
import { checkPowerOfTwo } from './fft/fft.ts';
import { type Framing, type OverlapAdd, overlapAdd, waveFrames, windowedColumns } from './fft/frames.ts';
import { type BinWeights, hermitianTransform, realTransform } from './fft/passes.ts';
import { type Source, spectrogram, type Target } from './fft/ports.ts';

export interface IstftOptions {
  nFft: number;
  /** Samples from frame to frame; default nFft / 4. */
  hopLength?: number;
  /** Default nFft; shorter windows stand in the middle of a frame. */
  winLength?: number;
  /** `hann` (periodic, the default), `ones`, or winLength values. */
  window?: 'hann' | 'ones' | Float32Array;
  /** Frame f is centred at sample f hopLength, with nFft / 2 samples of padding at both ends; default true. */
  center?: boolean;
  /** Spectra are divided by sqrt(nFft); default false. */
  normalized?: boolean;
}

export interface StftOptions extends IstftOptions {
  /** What the padding of `center` is; default `reflect`. */
  padMode?: 'reflect' | 'constant';
}

/** Options with their defaults, checked; windows are put in the middle of nFft values. */
export interface StftPlan extends Framing {
  F: number;
  center: boolean;
  /** Spectra are multiplied by this. */
  scale: number;
  /** The window's content as text, for keys of constants. */
  key: string;
  /** nFft window values. */
  values: Float64Array;
}

/** @throws ShapeError if nFft is no power of two, or a length, hop or window does not fit it. */
export function stftPlan(engine: Engine, op: string, o: StftOptions): StftPlan {
  const { nFft, winLength = nFft, center = true, window = 'hann', padMode = 'reflect' } = o;
  checkPowerOfTwo(op, nFft);
  const hop = o.hopLength ?? Math.max(1, Math.floor(nFft / 4));
  if (!Number.isInteger(winLength) || winLength < 1 || winLength > nFft)
    throw new ShapeError(`${op}: winLength ${winLength}; it must be a whole number from 1 to nFft ${nFft}`);
  if (!Number.isInteger(hop) || hop < 1)
    throw new ShapeError(`${op}: hopLength ${hop}; it must be a whole number of at least 1`);
  if (typeof window !== 'string' && window.length !== winLength)
    throw new ShapeError(`${op}: a window of ${window.length} values for winLength ${winLength}`);
  const values = new Float64Array(nFft);
  const left = Math.floor((nFft - winLength) / 2);
  for (let i = 0; i < winLength; i++)
    values[left + i] =
      window === 'ones' ? 1 : window === 'hann' ? Math.sin((Math.PI * i) / winLength) ** 2 : window[i];
  const key = `${nFft} ${winLength} ${typeof window === 'string' ? window : window.join()}`;
  const data = () => ({ data: Float32Array.from(values), shape: [nFft] });
  return {
    nFft,
    hop,
    F: Math.floor(nFft / 2) + 1,
    center,
    offset: center ? Math.floor(nFft / 2) : 0,
    reflect: center && padMode === 'reflect',
    window: engine.constant(`window ${key}`, data),
    scale: o.normalized ? 1 / Math.sqrt(nFft) : 1,
    key,
    values,
  };
}

/** Frames of a wave of T samples. @throws ShapeError if it is too short. */
export function analysisFrames(op: string, T: number, p: StftPlan): number {
  if (p.reflect && T <= p.offset)
    throw new ShapeError(
      `${op}: ${T} samples cannot be mirrored over nFft / 2 = ${p.offset}; give more, or padMode 'constant'`,
    );
  const rest = T + 2 * p.offset - p.nFft;
  if (rest < 0) throw new ShapeError(`${op}: ${T} samples are fewer than nFft ${p.nFft}; pad the wave`);
  return 1 + Math.floor(rest / p.hop);
}

/** Columns of the frames of x (B, T). @throws ShapeError if x is not (B, T) or too short. */
function analysisColumns(op: string, x: Tensor, p: StftPlan): Columns {
  if (x.rank !== 2) throw new ShapeError(`${op}: x ${shapeText(x.shape)}; it must be (B, T)`);
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
    store: (e, re, im) => `power[${at(columns, e, p.F, 1)}] = ${re} * ${re} + ${im} * ${im};`,
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

/**
 * Short-time Fourier transform, as torch.stft with onesided=True.
 * @param x (B, T)
 * @returns (B, nFft/2 + 1, frames, 2), frames = 1 + floor((T + padding - nFft) / hopLength)
 * @throws ShapeError if nFft is no power of two, x is too short, or an option does not fit.
 */
export function stft(x: Tensor, options: StftOptions): Tensor {
  const { engine } = x;
  const p = stftPlan(engine, 'stft', options);
  const columns = analysisColumns('stft', x, p);
  const X = engine.empty([columns.B, p.F, columns.frames, 2]);
  analyse('stft', x, p, columns, spectrogram('X', X, p.F).target);
  return record('stft', [x], [X], (g) => {
    const weights = { edge: p.scale, middle: p.scale / 2 };
    const { source } = spectrogram('X', g.out(), p.F);
    synthesise('stft.dx', p, columns, source, weights, { wave: g.into(0), fold: p.reflect });
  });
}

/**
 * The wave whose short-time Fourier transform comes nearest to X, as torch.istft: frames are windowed, added up and
 * divided by the sum of squared windows (uncentred: by 1e-10 at least).
 * @param X (B, nFft/2 + 1, frames, 2)
 * @returns (B, length), by default hopLength (frames - 1), uncentred + nFft
 * @throws ShapeError if X or an option does not fit, or a centred sum of squared windows is below 1e-11.
 */
export function istft(X: Tensor, options: IstftOptions & { length?: number }): Tensor {
  const { engine } = X;
  const p = stftPlan(engine, 'istft', { ...options, padMode: 'constant' });
  if (X.rank !== 4 || X.shape[1] !== p.F || X.shape[3] !== 2)
    throw new ShapeError(
      `istft: X ${shapeText(X.shape)}; nFft ${p.nFft} needs (B, ${p.F}, frames, 2), the complex parts last`,
    );
  const [B, , frames] = X.shape;
  const columns = frameColumns(B, frames);
  const length = options.length ?? synthesisLength(p, frames);
  if (!Number.isInteger(length) || length < 1)
    throw new ShapeError(`istft: length ${length} from ${frames} frames; give a whole number of at least 1`);
  const factor = overlapFactor(engine, 'istft', p, frames, length);
  const y = engine.empty([B, length]);
  const { source } = spectrogram('X', X, p.F);
  synthesise('istft', p, columns, source, inverseWeights(p), { wave: y, factor });
  return record('istft', [X], [y], (g) => {
    const { edge } = inverseWeights(p);
    const dy = mul(g.out(), factor);
    const { target } = spectrogram('X', g.into(0), p.F);
    analyse('istft.dX', dy, p, columns, target, { edge, middle: 2 * edge });
  });
}

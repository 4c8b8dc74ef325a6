// Phases for magnitudes: fast Griffin-Lim (Perraudin, Balazs & Sondergaard 2013), as torchaudio.functional.griffinlim
// applies its momentum m. With S the magnitudes, P the projection onto spectra of waves (STFT of the inverse STFT):
//   R <- P(S angle(Y)),  Y <- R - m / (1 + m) R of the iteration before
// An iteration is five dispatches for a power of two: two passes there, overlap-add, two passes back. The result is
// a wave whose spectrogram is about S; its phases are one local optimum of many.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { copyInto, fill } from '../engine/primitives.ts';
import { Random } from '../engine/random.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { type Columns, columnTensor, dispatch, frameColumns } from '../shaders/fft/columns.ts';
import { complexColumns, realColumns, realGrid, type Source } from '../shaders/fft/ports.ts';
import type { Window } from '../shaders/fft/window.ts';
import {
  analyse,
  analysisFrames,
  inverseWeights,
  overlapFactor,
  type StftPlan,
  stftPlan,
  synthesise,
  synthesisLength,
} from '../shaders/stft.ts';

/** (B, rows, frames) as real columns. */
export function toColumns(engine: Engine, x: Tensor, c: Columns): Tensor {
  const rows = x.shape[1];
  const y = columnTensor(engine, c, rows, 1);
  const source = realGrid('x', x, rows);
  const { target } = realColumns('y', y, c, rows);
  dispatch(
    'toColumns',
    c,
    rows,
    [source, target],
    `${source.load('v', 'item')} ${target.store('item', 'vr', '')}`,
  );
  return y;
}

type Init = 'centerPhase' | 'zeroPhase' | 'random';

/** S with the phases of X, or without X, with those of an impulse at the frames' middle (`centerPhase`) or start. */
function phased(S: Tensor, c: Columns, F: number, X: Tensor | null, init: Init): Source {
  const magnitude = realColumns('S', S, c, F).source;
  if (!X) {
    const sign = (e: string) => (init === 'centerPhase' ? `select(-1.0, 1.0, ${e} % 2u == 0u)` : '1.0');
    const load = (x: string, e: string) =>
      `${magnitude.load(`${x}s`, e)} let ${x}r = ${x}sr * ${sign(e)}; let ${x}i = V();`;
    return { ...magnitude, load };
  }
  const phase = complexColumns('X', X, c, F).source;
  return {
    reads: { ...magnitude.reads, ...phase.reads },
    load: (x, e) => `${magnitude.load(`${x}s`, e)} ${phase.load(`${x}p`, e)}
let ${x}f = ${x}sr / (sqrt(${x}pr * ${x}pr + ${x}pi * ${x}pi) + V(1e-16));
let ${x}r = ${x}pr * ${x}f; let ${x}i = ${x}pi * ${x}f;`,
  };
}

interface Search {
  iterations: number;
  momentum: number;
  length: number;
  init: Init;
  seed?: number;
}

/**
 * Fast Griffin-Lim from magnitudes in columns. torchaudio subtracts m times the previous spectrum from the rebuilt one;
 * both are transforms of waves, so here the waves are subtracted, which moves half as many numbers.
 * @returns (B, length)
 */
export function searchPhases(engine: Engine, S: Tensor, c: Columns, p: StftPlan, o: Search): Tensor {
  const wave = engine.empty([c.B, o.length]);
  const factor = overlapFactor(engine, 'griffinLim', p, c.frames, o.length);
  const m = o.momentum / (1 + o.momentum);
  const weights = inverseWeights(p);
  engine.scope(() => {
    const ahead = engine.empty(wave.shape);
    const X = columnTensor(engine, c, p.F, 2);
    let hasPhases = o.init === 'random';
    if (hasPhases) {
      // The angle of two normal numbers is uniform, and only the angle of X counts.
      const random = new Random(o.seed ?? 1, 'griffinLim');
      const noise = engine.feed(X.shape, () => random.normal(0, X.size));
      copyInto(X, noise);
    }
    fill(wave, 0);
    for (let i = 0; i < o.iterations; i++) {
      const source = phased(S, c, p.F, hasPhases ? X : null, o.init);
      synthesise('griffinLim.synthesis', p, c, source, weights, { wave, factor, momentum: { m, ahead } });
      analyse('griffinLim.analysis', ahead, p, c, complexColumns('X', X, c, p.F).target);
      hasPhases = true;
    }
    const source = phased(S, c, p.F, hasPhases ? X : null, o.init);
    synthesise('griffinLim.synthesis', p, c, source, weights, { wave, factor });
  });
  return wave;
}

/** Frames and search of phases. */
export interface GriffinLimOptions {
  nFft: number;
  /** Default nFft / 4. */
  hopLength?: number;
  /** Default 32. */
  iterations?: number;
  /** 0 (plain Griffin-Lim) to 1; default 0.99. */
  momentum?: number;
  /** Frames are centred, with mirrored padding; default true. */
  center?: boolean;
  /** Samples of the result; default: as many as the frames cover. */
  length?: number;
  /** Default nFft; shorter windows stand in the middle of a frame. */
  winLength?: number;
  /** Default `hann`. */
  window?: Window;
  /**
   * The phases to start from: `centerPhase` (default), those of an impulse in the middle of each frame; `zeroPhase`,
   * torchaudio's rand_init False, an impulse at its start; or `random`, uniform.
   */
  init?: Init;
  /** Seed of random phases, a whole number; default 1. */
  seed?: number;
}

/**
 * A wave whose spectrogram has about the given magnitudes, as torchaudio.functional.griffinlim with power 1 but for
 * the phases it starts from. Perraudin, Balazs & Sondergaard 2013.
 * @param magnitude (B, nFft/2 + 1, frames), not negative
 * @returns (B, length)
 * @throws ShapeError if the magnitudes do not fit nFft or the length, or an option is out of range.
 */
export function griffinLim(magnitude: Tensor, options: GriffinLimOptions): Tensor {
  const { engine } = magnitude;
  const { iterations = 32, momentum = 0.99, init = 'centerPhase', seed } = options;
  const { nFft, hopLength, winLength, window, center } = options;
  const p = stftPlan(engine, 'griffinLim', { nFft, hopLength, winLength, window, center });
  if (magnitude.rank !== 3 || magnitude.shape[1] !== p.F)
    throw new ShapeError(
      `griffinLim: magnitude ${shapeText(magnitude.shape)}; nFft ${p.nFft} needs (B, ${p.F}, frames)`,
    );
  if (
    !Number.isInteger(iterations) ||
    iterations < 0 ||
    !(momentum >= 0 && momentum <= 1) ||
    !['centerPhase', 'zeroPhase', 'random'].includes(init)
  )
    throw new ShapeError(
      `griffinLim: ${iterations} iterations, momentum ${momentum}, init ${init}; they must be a whole number, 0 to 1, and centerPhase, zeroPhase or random`,
    );
  const [B, , frames] = magnitude.shape;
  const length = options.length ?? synthesisLength(p, frames);
  return engine.scope(() => {
    const c = frameColumns(B, frames);
    const found = analysisFrames('griffinLim', length, p);
    if (found !== frames)
      throw new ShapeError(
        `griffinLim: ${frames} frames of magnitudes, but ${length} samples have ${found}; leave length out or change it`,
      );
    const search = { iterations, momentum, length, init, seed };
    return searchPhases(engine, toColumns(engine, magnitude, c), c, p, search);
  });
}

// Distance of waves by their spectra at several resolutions (Yamamoto, Song & Kim 2020, "Parallel WaveGAN"). With X
// and Y the magnitudes of prediction and target at one resolution, D values an example, floored at 3.2e-4:
//   loss = ||Y - X|| / ||Y|| + 1/D sum |log Y - log X|      (norms and sums over one example)
// and the result is the mean over resolutions. Gradients are written out: one kernel an input and resolution. Where
// X = Y, or a magnitude lies under the floor, they are zero.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { pointwise } from '../engine/primitives.ts';
import { perItem } from '../engine/run.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { add, mul } from '../shaders/binary.ts';
import type { Window } from '../shaders/fft/window.ts';
import { fold } from '../shaders/fold.ts';
import { checkSame } from '../shaders/shape.ts';
import { stft } from '../shaders/stft.ts';

/** One of the transforms that a loss compares by, in samples. */
export interface Resolution {
  nFft: number;
  hopLength: number;
  winLength: number;
}

/** The transforms and weights of `multiResolutionStftLoss`. */
export interface SpectralLossOptions {
  /** Default nFft 1024, 2048, 512 with hops of 120, 240, 50 and windows of 600, 1200, 240, made for 24 kHz. */
  resolutions?: readonly Resolution[];
  /** Default `hann`. */
  window?: Window;
}

const resolutionsOfPaper: readonly Resolution[] = [
  { nFft: 1024, hopLength: 120, winLength: 600 },
  { nFft: 2048, hopLength: 240, winLength: 1200 },
  { nFft: 512, hopLength: 50, winLength: 240 },
];

/** Least power of a bin, as in the authors' code: its logarithm and the root's derivative stay finite. */
const leastPower = '1e-7';

/** sqrt(max(|X|^2, floor)) of (..., 2). */
function magnitude(X: Tensor): Tensor {
  const M = X.engine.empty(X.shape.slice(0, -1));
  const power = 'let power = dot(X[i], X[i]);';
  perItem(M.size, {
    name: 'magnitude',
    reads: { X: ['vec2f', X] },
    writes: { M },
    body: `${power} M[i] = sqrt(select(power, ${leastPower}, power < ${leastPower}));`,
  });
  return record('magnitude', [X], [M], (g) => {
    const scale = `select(0.0, dM[i] / M[i], power > ${leastPower})`;
    perItem(M.size, {
      name: 'magnitude.dX',
      reads: { X: ['vec2f', X], M, dM: g.out() },
      writes: { dX: ['vec2f', g.into(0)] },
      body: `${power} dX[i] = ${scale} * X[i];`,
    });
  });
}

/** Derivatives of an example's loss by one magnitude; d2 = ||Y - X||^2, y2 = ||Y||^2, and 0 / 0 is 0. */
const derivatives = {
  x: '(x - y) / max(sqrt(d2) * sqrt(y2), 1e-30) + sign(x - y) * u.share / x',
  y: '(y - x) / max(sqrt(d2) * sqrt(y2), 1e-30) - sqrt(d2 / y2) * y / y2 + sign(y - x) * u.share / y',
};

/** Spectral convergence plus mean log distance of magnitudes (B, F, frames), for each example: (B). */
function distance(x: Tensor, y: Tensor): Tensor {
  const { engine } = x;
  const B = x.shape[0];
  const D = x.size / B;
  const total = (name: string, inputs: Record<string, Tensor>, expression: string) =>
    fold([B], { name: `spectralLoss.${name}`, inputs, expression, outer: B, reduced: D, inner: 1 });
  const d2 = total('difference', { x, y }, '(y - x) * (y - x)');
  const y2 = total('target', { y }, 'y * y');
  const logs = total('logs', { x, y }, 'abs(log(y) - log(x))');
  const loss = engine.empty([B]);
  pointwise('spectralLoss', loss, { d2, y2, logs }, 'sqrt(d2 / y2) + logs * u.share', {
    params: { share: 1 / D },
  });
  return record('spectralLoss', [x, y], [loss], (g) => {
    (['x', 'y'] as const).forEach((by, i) => {
      if (!g.needs(i)) return;
      perItem(x.size, {
        name: `spectralLoss.d${by}`,
        reads: { xs: x, ys: y, d2s: d2, y2s: y2, dLoss: g.out() },
        writes: { result: g.into(i) },
        sizes: { D },
        floats: { share: 1 / D },
        body: `let b = i / u.D;
let x = xs[i];
let y = ys[i];
let d2 = d2s[b];
let y2 = y2s[b];
result[i] = dLoss[b] * (${derivatives[by]});`,
      });
    });
  });
}

/**
 * Multi-resolution STFT loss of each example: spectral convergence plus the mean absolute difference of log magnitudes,
 * averaged over resolutions; differentiable in both. Yamamoto et al. 2020, whose code takes the norms over the whole
 * batch: with one example the numbers are the same.
 * @param x (B, T) predicted waves
 * @param y (B, T) the waves they should be
 * @returns (B); `mean` of it is a loss to train on
 * @throws ShapeError if the shapes differ, no resolution is given, T is not above nFft / 2, or an option does not fit.
 */
export function multiResolutionStftLoss(x: Tensor, y: Tensor, options: SpectralLossOptions = {}): Tensor {
  const { resolutions = resolutionsOfPaper, window = 'hann' } = options;
  checkSame('multiResolutionStftLoss', x, y, 'x and y');
  if (x.rank !== 2 || resolutions.length === 0)
    throw new ShapeError(
      `multiResolutionStftLoss: waves ${shapeText(x.shape)} at ${resolutions.length} resolutions; give (B, T) and one at least`,
    );
  const each = resolutions.map((r) => {
    const [X, Y] = [x, y].map((wave) => magnitude(stft(wave, { ...r, window })));
    return distance(X, Y);
  });
  return mul(each.reduce(add), 1 / each.length);
}

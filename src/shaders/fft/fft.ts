// fft, ifft, rfft and irfft along the last axis, as torch.fft, for any length. The gradient of a transform is the
// transform the other way; with G the gradient of the two real parts and s the scale that `norm` asks for,
//   fft    dx = s sum of G[k] e^(2 pi i k t / n)     ifft   dx = s sum of G[t] e^(-2 pi i k t / n)
//   rfft   dx = s sum over k = 0 .. n/2 of Re(G[k] e^(2 pi i k t / n)): irfft without 1/n, middle bins halved
//   irfft  dX = rfft(G) times s at the edges (bin 0, and n/2 of an even n), 2 s between
// An x longer than n is cut, a shorter one is padded with zeros while it is read.

import { ShapeError } from '../../engine/errors.ts';
import { record } from '../../engine/op.ts';
import { fill } from '../../engine/primitives.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { rowColumns } from './columns.ts';
import type { BinWeights } from './passes.ts';
import { complexRows, realRows } from './ports.ts';
import { binCount, checkLength, complexTransform, hermitianTransform, realTransform } from './transform.ts';

/** Which direction is scaled: `backward`, the inverse by 1/n; `forward`, the forward one; `ortho`, both by 1/sqrt(n). */
export type FftNorm = 'backward' | 'ortho' | 'forward';

function scaleOf(op: string, norm: FftNorm, n: number, direction: 'forward' | 'backward'): number {
  if (norm === 'ortho') return 1 / Math.sqrt(n);
  if (norm === 'forward' || norm === 'backward') return norm === direction ? 1 / n : 1;
  throw new ShapeError(`${op}: norm ${norm}; it must be backward, ortho or forward`);
}

/** The shape without the last axis of 2. */
function complexShape(op: string, x: Tensor): number[] {
  if (x.rank < 2 || x.shape[x.rank - 1] !== 2)
    throw new ShapeError(`${op}: x ${x}; it must be (..., n, 2), real and imaginary part last`);
  return x.shape.slice(0, -1);
}

interface Job {
  name: string;
  n: number;
  /** Elements of a row of the input and of the output. */
  from: number;
  to: number;
}

/** Clears the part of y's rows that a transform of `count` elements leaves alone. */
function clearRest(y: Tensor, length: number, count: number): void {
  if (length > count) fill(y, 0);
}

function complexInto(y: Tensor, x: Tensor, j: Job, sign: 1 | -1, scale: number): void {
  const columns = rowColumns(x.size / (2 * j.from));
  clearRest(y, j.to, j.n);
  const { source } = complexRows('x', x, j.from, j.n);
  const { target } = complexRows('y', y, j.to, j.n);
  complexTransform(x.engine, { name: j.name, columns, n: j.n, sign, scale }, source, target);
}

function complexOp(name: string, x: Tensor, n: number | undefined, norm: FftNorm, sign: 1 | -1): Tensor {
  const shape = complexShape(name, x);
  const length = shape[shape.length - 1];
  const size = n ?? length;
  checkLength(name, 'n', size);
  const scale = scaleOf(name, norm, size, sign < 0 ? 'forward' : 'backward');
  const y = x.engine.empty([...shape.slice(0, -1), size, 2]);
  complexInto(y, x, { name, n: size, from: length, to: size }, sign, scale);
  return record(name, [x], [y], (g) => {
    const job = { name: `${name}.dx`, n: size, from: size, to: length };
    complexInto(g.into(0), g.out(), job, -sign as 1 | -1, scale);
  });
}

/**
 * Discrete Fourier transform along the last axis of complex numbers, as torch.fft.fft.
 * @param x (..., length, 2) real and imaginary parts
 * @param n points of the transform; x is cut or padded with zeros. Default: length
 * @param norm default `backward`: not scaled
 * @returns (..., n, 2)
 * @throws ShapeError if x's last axis is not 2, n is not from 1 to 2^24, or norm is none of the three.
 */
export const fft = (x: Tensor, n?: number, norm: FftNorm = 'backward'): Tensor =>
  complexOp('fft', x, n, norm, -1);

/** The inverse of `fft` with the same n and norm, as torch.fft.ifft; scaled by 1/n by default. */
export const ifft = (x: Tensor, n?: number, norm: FftNorm = 'backward'): Tensor =>
  complexOp('ifft', x, n, norm, 1);

function realInto(X: Tensor, x: Tensor, j: Job, weights: BinWeights): void {
  const columns = rowColumns(x.size / j.from);
  const bins = binCount(j.n);
  clearRest(X, j.to, bins);
  const { source } = realRows('x', x, j.from, j.n);
  const { target } = complexRows('X', X, j.to, bins);
  realTransform(x.engine, { name: j.name, columns, n: j.n, weights }, source, target);
}

function hermitianInto(x: Tensor, X: Tensor, j: Job, weights: BinWeights): void {
  const columns = rowColumns(x.size / j.to);
  clearRest(x, j.to, j.n);
  const { source } = complexRows('X', X, j.from, binCount(j.n));
  const { target } = realRows('x', x, j.to, j.n);
  hermitianTransform(X.engine, { name: j.name, columns, n: j.n, weights }, source, target);
}

/**
 * Discrete Fourier transform of real numbers along the last axis, as torch.fft.rfft.
 * @param x (..., length)
 * @param n points of the transform; x is cut or padded with zeros. Default: length
 * @param norm default `backward`: not scaled
 * @returns (..., floor(n/2) + 1, 2)
 * @throws ShapeError if n is not from 1 to 2^24, or norm is none of the three.
 */
export function rfft(x: Tensor, n?: number, norm: FftNorm = 'backward'): Tensor {
  const length = x.shape[x.rank - 1];
  const size = n ?? length;
  checkLength('rfft', 'n', size);
  const s = scaleOf('rfft', norm, size, 'forward');
  const bins = binCount(size);
  const X = x.engine.empty([...x.shape.slice(0, -1), bins, 2]);
  realInto(X, x, { name: 'rfft', n: size, from: length, to: bins }, { edge: s, middle: s });
  return record('rfft', [x], [X], (g) => {
    const job = { name: 'rfft.dx', n: size, from: bins, to: length };
    hermitianInto(g.into(0), g.out(), job, { edge: s, middle: s / 2 });
  });
}

/**
 * The inverse of `rfft` with the same n and norm, as torch.fft.irfft; scaled by 1/n by default. The imaginary parts of
 * bin 0, and of bin n/2 of an even n, are ignored.
 * @param X (..., bins, 2), cut or padded with zeros to floor(n/2) + 1 bins
 * @param n length of the result; default 2 (bins - 1)
 * @returns (..., n)
 * @throws ShapeError if X's last axis is not 2, n is not from 1 to 2^24, or norm is none of the three.
 */
export function irfft(X: Tensor, n?: number, norm: FftNorm = 'backward'): Tensor {
  const shape = complexShape('irfft', X);
  const bins = shape[shape.length - 1];
  const size = n ?? 2 * (bins - 1);
  checkLength('irfft', 'n', size);
  const s = scaleOf('irfft', norm, size, 'backward');
  const x = X.engine.empty([...shape.slice(0, -1), size]);
  hermitianInto(x, X, { name: 'irfft', n: size, from: bins, to: size }, { edge: s, middle: s });
  return record('irfft', [X], [x], (g) => {
    const job = { name: 'irfft.dX', n: size, from: size, to: bins };
    realInto(g.into(0), g.out(), job, { edge: s, middle: 2 * s });
  });
}

// fft, ifft, rfft and irfft along the last axis, as torch.fft, for powers of two. The gradient of a transform is the
// transform the other way: with G the gradient of the two real parts,
//   fft    dx = n ifft(G)                    ifft   dx = fft(G) / n
//   rfft   dx = sum over k = 0 .. n/2 of Re(G[k] e^(2 pi i k t / n)): irfft without 1/n, middle bins halved
//   irfft  dX = rfft(G) times 1/n at the first and last bin, 2/n between

import { ShapeError } from '../../engine/errors.ts';
import { record } from '../../engine/op.ts';
import { shapeText, type Tensor } from '../../engine/tensor.ts';
import { rowColumns } from './columns.ts';
import { type BinWeights, complexTransform, hermitianTransform, realTransform } from './passes.ts';
import { complexRows, realRows } from './ports.ts';

/** Throws a ShapeError unless n is a power of two. */
export function checkPowerOfTwo(op: string, n: number): void {
  if (Number.isInteger(n) && n >= 1 && n <= 2 ** 24 && 2 ** Math.round(Math.log2(n)) === n) return;
  throw new ShapeError(`${op}: length ${n}; only powers of two so far, pad or cut the signal`);
}

function checkComplex(op: string, x: Tensor): number[] {
  if (x.rank < 2 || x.shape[x.rank - 1] !== 2)
    throw new ShapeError(
      `${op}: x ${shapeText(x.shape)}; it must be (..., n, 2), real and imaginary part last`,
    );
  return x.shape.slice(0, -1);
}

function complexInto(name: string, y: Tensor, x: Tensor, sign: 1 | -1, scale: number): void {
  const n = x.shape[x.rank - 2];
  const columns = rowColumns(x.size / (2 * n));
  const { source } = complexRows('x', x, n);
  const { target } = complexRows('y', y, n);
  complexTransform(x.engine, { name, columns, n, sign, scale }, source, target);
}

function complexOp(name: string, x: Tensor, sign: 1 | -1, normalise: boolean): Tensor {
  const n = checkComplex(name, x).at(-1) as number;
  checkPowerOfTwo(name, n);
  const scale = normalise ? 1 / n : 1;
  const y = x.engine.empty(x.shape);
  complexInto(name, y, x, sign, scale);
  return record(name, [x], [y], (g) => complexInto(`${name}.dx`, g.into(0), g.out(), -sign as 1 | -1, scale));
}

/**
 * Discrete Fourier transform along the last axis of complex numbers, as torch.fft.fft.
 * @param x (..., n, 2) real and imaginary parts, n a power of two
 * @throws ShapeError for another n or a last axis that is not 2.
 */
export const fft = (x: Tensor): Tensor => complexOp('fft', x, -1, false);

/** The inverse of `fft`, scaled by 1/n, as torch.fft.ifft. @param x (..., n, 2), n a power of two */
export const ifft = (x: Tensor): Tensor => complexOp('ifft', x, 1, true);

function realInto(name: string, X: Tensor, x: Tensor, n: number, weights: BinWeights): void {
  const columns = rowColumns(x.size / n);
  const { source } = realRows('x', x, n);
  const { target } = complexRows('X', X, Math.floor(n / 2) + 1);
  realTransform(x.engine, { name, columns, n, weights }, source, target);
}

function hermitianInto(name: string, x: Tensor, X: Tensor, n: number, weights: BinWeights): void {
  const columns = rowColumns(x.size / n);
  const { source } = complexRows('X', X, Math.floor(n / 2) + 1);
  const { target } = realRows('x', x, n);
  hermitianTransform(X.engine, { name, columns, n, weights }, source, target);
}

/**
 * Discrete Fourier transform of real numbers along the last axis, as torch.fft.rfft.
 * @param x (..., n), n a power of two
 * @returns (..., n/2 + 1, 2)
 * @throws ShapeError for another n.
 */
export function rfft(x: Tensor): Tensor {
  const n = x.shape[x.rank - 1];
  checkPowerOfTwo('rfft', n);
  const X = x.engine.empty([...x.shape.slice(0, -1), Math.floor(n / 2) + 1, 2]);
  realInto('rfft', X, x, n, { edge: 1, middle: 1 });
  return record('rfft', [x], [X], (g) =>
    hermitianInto('rfft.dx', g.into(0), g.out(), n, { edge: 1, middle: 0.5 }),
  );
}

/**
 * The inverse of `rfft`, scaled by 1/n, as torch.fft.irfft. The imaginary parts of the first and last bin are ignored.
 * @param X (..., n/2 + 1, 2)
 * @param n length of the result, a power of two
 * @returns (..., n)
 * @throws ShapeError for another n, or a number of bins that is not n/2 + 1.
 */
export function irfft(X: Tensor, n: number): Tensor {
  const shape = checkComplex('irfft', X);
  checkPowerOfTwo('irfft', n);
  const F = Math.floor(n / 2) + 1;
  if (shape.at(-1) !== F)
    throw new ShapeError(`irfft: X ${shapeText(X.shape)} has ${shape.at(-1)} bins, n = ${n} needs ${F}`);
  const lead = shape.slice(0, -1);
  const x = X.engine.empty([...lead, n]);
  hermitianInto('irfft', x, X, n, { edge: 1 / n, middle: 1 / n });
  return record('irfft', [X], [x], (g) =>
    realInto('irfft.dX', g.into(0), g.out(), n, { edge: 1 / n, middle: 2 / n }),
  );
}

// From many dimensions to two, and from one map to the next. PCA: eigenvectors of the covariance (n - 1 in the
// denominator). Procrustes (Schoenemann 1966): the rotation or reflection, and on request the scale, that brings one set
// of points closest to another in the sum of squares, by the singular values of their cross-covariance.
// Decompositions are ml-matrix's, in float64.
import { EigenvalueDecomposition, Matrix, SingularValueDecomposition } from 'ml-matrix';
import { DataError, ShapeError } from '../engine/errors.ts';

export interface Pca {
  /** (n, k): the points projected. */
  points: Float32Array;
  /** (d): subtracted before projecting. */
  mean: Float64Array;
  /** (k, d): orthonormal directions, by falling variance; the largest component of each is positive. */
  basis: Float64Array;
  /** (k): variance along each direction. */
  variance: Float64Array;
  /** (k): the same as a share of the total variance; 0 where there is none. */
  explained: Float64Array;
  /** Projects other points (m, d) into (m, k). @throws ShapeError if the values are no multiple of d. */
  project(points: ArrayLike<number>): Float32Array;
}

/** @throws ShapeError for sizes that do not fit, DataError for values that are not finite. */
export function checkMatrix(where: string, z: ArrayLike<number>, n: number, d: number, least: number): void {
  if (!Number.isSafeInteger(n) || n < least || !Number.isSafeInteger(d) || d < 1) {
    throw new ShapeError(`${where}: n is ${n} and d is ${d}; give at least ${least} points of 1 dimension`);
  }
  if (z.length !== n * d) {
    throw new ShapeError(`${where}: ${z.length} values, not n ${n} x d ${d} = ${n * d}; check n and d`);
  }
  for (let i = 0; i < z.length; i++) {
    if (Number.isFinite(z[i])) continue;
    throw new DataError(
      `${where}: value ${i % d} of point ${Math.floor(i / d)} is ${z[i]}; leave such points out`,
    );
  }
}

function meanOf(z: ArrayLike<number>, n: number, d: number): Float64Array {
  const mean = new Float64Array(d);
  for (let i = 0; i < n * d; i++) mean[i % d] += z[i] / n;
  return mean;
}

function covarianceOf(z: ArrayLike<number>, mean: Float64Array, n: number, d: number): Matrix {
  const sums = Matrix.zeros(d, d);
  const row = new Float64Array(d);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < d; j++) row[j] = z[i * d + j] - mean[j];
    for (let a = 0; a < d; a++) {
      for (let b = 0; b <= a; b++) sums.set(a, b, sums.get(a, b) + row[a] * row[b]);
    }
  }
  for (let a = 0; a < d; a++) {
    for (let b = 0; b <= a; b++) {
      const value = sums.get(a, b) / (n - 1);
      sums.set(a, b, value).set(b, a, value);
    }
  }
  return sums;
}

/**
 * Principal components.
 * @param z (n, d), row-major
 * @param k directions to keep; 2 if not given (where d is 1, the second is zero)
 * @throws ShapeError for sizes that do not fit or fewer than 2 points, DataError for values that are not finite.
 */
export function pca(z: ArrayLike<number>, n: number, d: number, k = 2): Pca {
  checkMatrix('pca', z, n, d, 2);
  if (!Number.isSafeInteger(k) || k < 1) throw new ShapeError(`pca: k is ${k}; give a number of directions`);
  const mean = meanOf(z, n, d);
  const covariance = covarianceOf(z, mean, n, d);
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance, {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  const total = covariance.trace();
  const [basis, variance, explained] = [k * d, k, k].map((length) => new Float64Array(length));
  order.slice(0, k).forEach((column, c) => {
    const direction = eigenvectorMatrix.getColumn(column);
    const largest = direction.reduce((best, v) => (Math.abs(v) > Math.abs(best) + 1e-9 ? v : best), 0);
    basis.set(
      direction.map((v) => (largest < 0 ? -v : v)),
      c * d,
    );
    variance[c] = Math.max(0, realEigenvalues[column]);
    explained[c] = total > 0 ? variance[c] / total : 0;
  });
  const project = (points: ArrayLike<number>) => {
    if (points.length % d !== 0) {
      throw new ShapeError(`pca: ${points.length} values are no whole number of points of ${d} dimensions`);
    }
    const out = new Float32Array((points.length / d) * k);
    for (let i = 0; i < points.length / d; i++) {
      for (let c = 0; c < k; c++) {
        let sum = 0;
        for (let j = 0; j < d; j++) sum += basis[c * d + j] * (points[i * d + j] - mean[j]);
        out[i * k + c] = sum;
      }
    }
    return out;
  };
  return { points: project(z), mean, basis, variance, explained, project };
}

export interface Aligned {
  /** (n, 2): `next`, moved onto `previous`. */
  points: Float32Array;
  /** (2, 2), row-major: a moved point is scale * (p - mean of next) * rotation + mean of previous. */
  rotation: [number, number, number, number];
  /** 1 unless asked for. */
  scale: number;
  /** Root of the mean squared distance that is left. */
  residual: number;
}

/**
 * Moves a map onto the one before it, point i onto point i, by orthogonal Procrustes: translation, rotation or
 * reflection, and with `scale` one factor for both axes.
 * @param previous (n, 2)
 * @param next (n, 2)
 * @throws ShapeError if the counts differ or there is none, DataError for values that are not finite.
 */
export function align(
  previous: ArrayLike<number>,
  next: ArrayLike<number>,
  { scale: scaled = false }: { scale?: boolean } = {},
): Aligned {
  const n = previous.length / 2;
  checkMatrix('align', previous, n, 2, 1);
  checkMatrix('align', next, n, 2, 1);
  const to = meanOf(previous, n, 2);
  const from = meanOf(next, n, 2);
  const cross = Matrix.zeros(2, 2);
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const [x, y] = [next[2 * i] - from[0], next[2 * i + 1] - from[1]];
    const [u, v] = [previous[2 * i] - to[0], previous[2 * i + 1] - to[1]];
    cross.set(0, 0, cross.get(0, 0) + x * u).set(0, 1, cross.get(0, 1) + x * v);
    cross.set(1, 0, cross.get(1, 0) + y * u).set(1, 1, cross.get(1, 1) + y * v);
    squares += x * x + y * y;
  }
  const svd = new SingularValueDecomposition(cross);
  const [a, b, c, d] = svd.leftSingularVectors.mmul(svd.rightSingularVectors.transpose()).to1DArray();
  const sum = svd.diagonal.reduce((total, value) => total + value, 0);
  const scale = scaled && squares > 0 && sum > 0 ? sum / squares : 1;
  const points = new Float32Array(2 * n);
  let left = 0;
  for (let i = 0; i < n; i++) {
    const [x, y] = [next[2 * i] - from[0], next[2 * i + 1] - from[1]];
    points[2 * i] = scale * (x * a + y * c) + to[0];
    points[2 * i + 1] = scale * (x * b + y * d) + to[1];
    left += (points[2 * i] - previous[2 * i]) ** 2 + (points[2 * i + 1] - previous[2 * i + 1]) ** 2;
  }
  return { points, rotation: [a, b, c, d], scale, residual: Math.sqrt(left / n) };
}

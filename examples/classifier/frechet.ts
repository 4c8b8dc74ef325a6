// Two figures of sets of feature vectors, in float64. The Frechet distance between the Gaussians of their moments
//   |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2)
// (Dowson & Landau 1982; Heusel et al. 2017 use it for images) says how far the generated are from the real as a whole;
// the mean pairwise distance says how much the vectors of a set differ from each other. The trace of the root is
// the sum of the roots of the eigenvalues of R C2 R, R = C1^1/2: symmetric, so that real eigenvalues of at least 0 are
// all there is, also where covariances have no full rank. What rounding leaves below 0 counts as 0; nothing is added.

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { DataError } from '../../src/index.ts';

/** Vectors of one set, row by row. */
export interface Vectors {
  count: number;
  /** (count, size) */
  values: Float32Array | Float64Array;
}

interface Moments {
  mean: Float64Array;
  /** Divided by count - 1. */
  covariance: Matrix;
}

function moments({ count, values }: Vectors): Moments {
  const D = values.length / count;
  if (!(count >= 2) || !Number.isInteger(D) || D < 1)
    throw new DataError(
      `frechet: ${values.length} values for ${count} vectors; give two vectors or more, all of one size`,
    );
  if (!values.every(Number.isFinite)) throw new DataError('frechet: a feature is not finite');
  const mean = new Float64Array(D);
  for (let n = 0; n < count; n++) for (let i = 0; i < D; i++) mean[i] += values[n * D + i] / count;
  const covariance = Matrix.zeros(D, D);
  for (let i = 0; i < D; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let n = 0; n < count; n++) sum += (values[n * D + i] - mean[i]) * (values[n * D + j] - mean[j]);
      covariance.set(i, j, sum / (count - 1));
      covariance.set(j, i, sum / (count - 1));
    }
  return { mean, covariance };
}

const eigen = (m: Matrix) => new EigenvalueDecomposition(m, { assumeSymmetric: true });
const rootOf = (values: readonly number[]) => values.map((v) => Math.sqrt(Math.max(0, v)));

/**
 * Frechet distance between the Gaussians of two sets of vectors; at least 0. It falls with the number of vectors, so
 * only figures of equal counts compare.
 * @throws DataError for fewer than two vectors, other sizes, or values that are not finite.
 */
export function frechetDistance(a: Vectors, b: Vectors): number {
  const [first, second] = [moments(a), moments(b)];
  if (first.mean.length !== second.mean.length)
    throw new DataError(
      `frechet: vectors of ${first.mean.length} and of ${second.mean.length} values; they must be of one network`,
    );
  const { realEigenvalues, eigenvectorMatrix: V } = eigen(first.covariance);
  const root = V.mmul(Matrix.diag(rootOf(realEigenvalues))).mmul(V.transpose());
  const inner = root.mmul(second.covariance).mmul(root);
  const symmetric = Matrix.add(inner, inner.transpose()).mul(0.5);
  const trace = rootOf(eigen(symmetric).realEigenvalues).reduce((sum, v) => sum + v, 0);
  const shift = first.mean.reduce((sum, m, i) => sum + (m - second.mean[i]) ** 2, 0);
  return Math.max(0, shift + first.covariance.trace() + second.covariance.trace() - 2 * trace);
}

/** Mean Euclidean distance over all pairs of a set. @throws DataError for fewer than two vectors. */
export function pairwiseDistance({ count, values }: Vectors): number {
  if (!(count >= 2)) throw new DataError(`pairwise: ${count} vectors; give two or more`);
  const D = values.length / count;
  let sum = 0;
  for (let a = 1; a < count; a++)
    for (let b = 0; b < a; b++) {
      let square = 0;
      for (let i = 0; i < D; i++) square += (values[a * D + i] - values[b * D + i]) ** 2;
      sum += Math.sqrt(square);
    }
  return (2 * sum) / (count * (count - 1));
}

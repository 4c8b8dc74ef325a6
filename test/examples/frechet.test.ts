// The Frechet distance against closed forms, and the mean pairwise distance.

import { describe, expect, test } from 'vitest';
import { frechetDistance, pairwiseDistance } from '../../examples/classifier/frechet.ts';
import { Random } from '../../src/node.ts';

const set = (count: number, values: ArrayLike<number>) => ({ count, values: Float64Array.from(values) });

/** Vectors of 2 D rows whose mean is `mean` and whose covariance is exactly diag(variance): +-s e_i around the mean. */
function cross(mean: number[], variance: number[]) {
  const D = mean.length;
  const rows: number[] = [];
  for (let i = 0; i < D; i++)
    for (const sign of [1, -1])
      rows.push(...mean.map((m, j) => m + (i === j ? sign * Math.sqrt((variance[i] * (2 * D - 1)) / 2) : 0)));
  return set(2 * D, rows);
}

describe('frechet', () => {
  const random = new Random(1, 'frechet');
  const noise = set(50, random.normal(0, 50 * 12));

  test('a set to itself is 0, also where its covariance has no full rank', () => {
    expect(frechetDistance(noise, noise)).toBeLessThan(1e-10);
    const flat = set(5, random.normal(1, 5 * 12));
    expect(frechetDistance(flat, flat)).toBeLessThan(1e-6);
    const constant = set(3, [1, 2, 1, 2, 1, 2]);
    expect(frechetDistance(constant, constant)).toBe(0);
  });

  test('a shifted set is the squared shift away', () => {
    const shift = Array.from({ length: 12 }, (_, i) => i / 4 - 1);
    const moved = set(
      50,
      noise.values.map((v, i) => v + shift[i % 12]),
    );
    const square = shift.reduce((sum, s) => sum + s * s, 0);
    expect(frechetDistance(noise, moved)).toBeCloseTo(square, 8);
    expect(frechetDistance(moved, noise)).toBeCloseTo(square, 8);
  });

  test('diagonal covariances: squared shift plus squared differences of the deviations', () => {
    const a = cross([0, 1, 2], [1, 4, 0.25]);
    const b = cross([1, 1, -1], [9, 1, 0]);
    const expected = 1 + 0 + 9 + (1 - 3) ** 2 + (2 - 1) ** 2 + (0.5 - 0) ** 2;
    expect(frechetDistance(a, b)).toBeCloseTo(expected, 10);
  });

  test('covariances that do not commute, by the trace of a 2 x 2 root: sqrt(tr M + 2 sqrt(det M)), M = C1 C2', () => {
    // (x, y) of 4 points around 0: C1 = diag(6, 2) / 3 ..., C2 turned by 30 degrees.
    const a = cross([0, 0], [4, 1]);
    const [c, s] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
    const straight = cross([0, 0], [9, 0.5]).values;
    const b = set(
      4,
      straight.map((_, i) => {
        const [x, y] = [straight[i - (i % 2)], straight[i - (i % 2) + 1]];
        return i % 2 === 0 ? c * x - s * y : s * x + c * y;
      }),
    );
    const xx = 9 * c * c + 0.5 * s * s;
    const yy = 9 * s * s + 0.5 * c * c;
    const root = Math.sqrt(4 * xx + 1 * yy + 2 * Math.sqrt(4 * 1 * 9 * 0.5));
    expect(frechetDistance(a, b)).toBeCloseTo(4 + 1 + 9 + 0.5 - 2 * root, 10);
  });

  test('refuses what has no covariance', () => {
    expect(() => frechetDistance(set(1, [1, 2]), noise)).toThrow(/two vectors or more/);
    expect(() => frechetDistance(set(2, [1, 2, 3]), noise)).toThrow(/all of one size/);
    expect(() => frechetDistance(set(2, [1, 2, 3, 4]), noise)).toThrow(/of 2 and of 12 values/);
    expect(() => frechetDistance(set(2, [1, Number.NaN]), set(2, [1, 2]))).toThrow(/not finite/);
  });
});

test('pairwise: the mean over all pairs', () => {
  expect(pairwiseDistance(set(3, [0, 0, 3, 4, 6, 8]))).toBeCloseTo((5 + 5 + 10) / 3, 12);
  expect(pairwiseDistance(set(2, [1, 1]))).toBe(0);
  expect(() => pairwiseDistance(set(1, [1]))).toThrow(/two or more/);
});

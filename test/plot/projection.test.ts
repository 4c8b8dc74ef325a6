// Projections against data whose answer is known.
import { describe, expect, test } from 'vitest';
import { DataError, ShapeError } from '../../src/engine/errors.ts';
import { Random } from '../../src/engine/random.ts';
import { align, pca } from '../../src/plot/projection.ts';
import { tsne } from '../../src/plot/tsne.ts';

describe('pca', () => {
  test('finds the axes and variances of a covariance made to measure', () => {
    // Points at plus and minus sqrt(variance (n - 1) / 2) along orthonormal axes: their covariance is exact.
    const axes = [
      [2 / 3, -2 / 3, 1 / 3],
      [1 / 3, 2 / 3, 2 / 3],
      [2 / 3, 1 / 3, -2 / 3],
    ];
    const variances = [1, 9, 4];
    const mean = [10, -20, 30];
    const z = axes.flatMap((axis, a) =>
      [1, -1].flatMap((s) => axis.map((v, j) => mean[j] + s * v * Math.sqrt((variances[a] * 5) / 2))),
    );
    const { points, mean: found, basis, variance, explained, project } = pca(z, 6, 3);
    found.forEach((v, j) => {
      expect(v).toBeCloseTo(mean[j], 10);
    });
    expect(variance[0]).toBeCloseTo(9, 10);
    expect(variance[1]).toBeCloseTo(4, 10);
    expect(explained[0]).toBeCloseTo(9 / 14, 10);
    expect(explained[1]).toBeCloseTo(4 / 14, 10);
    // The largest component is positive: (1, 2, 2) / 3 has two of the same size, (2, 1, -2) / 3 two of other signs.
    const cosines = [1, 2].map((a, k) => axes[a].reduce((sum, v, j) => sum + v * basis[3 * k + j], 0));
    expect(cosines[0]).toBeCloseTo(1, 10);
    expect(Math.abs(cosines[1])).toBeCloseTo(1, 10);
    const first = Math.sqrt((9 * 5) / 2);
    expect(points[2 * 2]).toBeCloseTo(first, 5);
    expect(points[2 * 2 + 1]).toBeCloseTo(0, 5);
    expect(project(z)).toEqual(points);
    expect([...project(mean)].map((v) => Math.abs(v))).toEqual([expect.closeTo(0), expect.closeTo(0)]);
  });

  test('one dimension, equal points, wrong sizes', () => {
    const line = pca([1, 2, 6], 3, 1);
    expect([...line.points]).toEqual([-2, 0, -1, 0, 3, 0]);
    expect([...pca(new Float32Array(8).fill(3), 4, 2).explained]).toEqual([0, 0]);
    expect(() => pca([1, 2, 3], 2, 2)).toThrow(ShapeError);
    expect(() => pca([1, 2], 1, 2)).toThrow('at least 2 points');
    expect(() => pca([1, Number.NaN, 3, 4], 2, 2)).toThrow(DataError);
    expect(() => pca([1, Number.NaN, 3, 4], 2, 2)).toThrow('value 1 of point 0 is NaN');
    expect(() => line.project(new Float32Array(0))).not.toThrow();
    expect(() => pca([1, 2, 3, 5], 2, 2).project([1, 2, 3])).toThrow('3 values');
  });
});

describe('align', () => {
  const cloud = new Random(1, 'cloud').normal(0, 60);
  const moved = (angle: number, mirror: boolean, scale: number) =>
    Float32Array.from({ length: 60 }, (_, k) => {
      const [x, y] = [cloud[k - (k % 2)], (mirror ? -1 : 1) * cloud[k - (k % 2) + 1]];
      const turned = [
        Math.cos(angle) * x - Math.sin(angle) * y + 5,
        Math.sin(angle) * x + Math.cos(angle) * y - 7,
      ];
      return scale * turned[k % 2];
    });

  test('undoes rotation, reflection, translation and, if asked, scale', () => {
    for (const mirror of [false, true]) {
      const { points, rotation, scale, residual } = align(cloud, moved(2.3, mirror, 1));
      expect(residual).toBeLessThan(1e-5);
      expect(scale).toBe(1);
      points.forEach((v, k) => {
        expect(v).toBeCloseTo(cloud[k], 5);
      });
      const [a, b, c, d] = rotation;
      expect(a * d - b * c).toBeCloseTo(mirror ? -1 : 1, 10);
      if (!mirror) expect(Math.atan2(b, a)).toBeCloseTo(-2.3, 5);
      const scaled = align(cloud, moved(-1, mirror, 3), { scale: true });
      expect(scaled.scale).toBeCloseTo(1 / 3, 5);
      expect(scaled.residual).toBeLessThan(1e-5);
      expect(align(cloud, moved(-1, mirror, 3)).residual).toBeGreaterThan(1);
    }
  });

  test('no rotation comes closer', () => {
    const noisy = moved(0.4, false, 1).map((v, k) => v + 0.3 * cloud[59 - k]);
    const { points, residual } = align(cloud, noisy);
    for (const angle of [-0.02, 0.02]) {
      const turned = moved(0, false, 1).map((_, k) => {
        const [x, y] = [points[k - (k % 2)], points[k - (k % 2) + 1]];
        return k % 2 ? Math.sin(angle) * x + Math.cos(angle) * y : Math.cos(angle) * x - Math.sin(angle) * y;
      });
      const sum = turned.reduce((total, v, k) => total + (v - cloud[k]) ** 2, 0);
      expect(Math.sqrt(sum / 30)).toBeGreaterThan(residual);
    }
  });

  test('equal points, wrong sizes', () => {
    const still = align([1, 2, 1, 2], [3, 3, 3, 3], { scale: true });
    expect([...still.points]).toEqual([1, 2, 1, 2]);
    expect(() => align([1, 2], [1, 2, 3, 4])).toThrow(ShapeError);
    expect(() => align([], [])).toThrow(ShapeError);
  });
});

describe('tsne', () => {
  const [n, d] = [90, 6];
  const z = new Random(3, 'clusters')
    .normal(0, n * d)
    .map((v, k) => v + (k % d === Math.floor(k / d) % 3 ? 12 : 0));
  const options = { perplexity: 10, steps: 400 };
  const map = tsne(z, n, d, { ...options, seed: 5 });

  test('three clusters come apart: every nearest neighbour is of the same one', () => {
    const { points, divergence } = map;
    expect(points.every(Number.isFinite)).toBe(true);
    const between: number[] = [];
    for (let i = 0; i < n; i++) {
      let best = [Number.POSITIVE_INFINITY, -1];
      for (let j = 0; j < n; j++) {
        const distance = Math.hypot(points[2 * i] - points[2 * j], points[2 * i + 1] - points[2 * j + 1]);
        if (j !== i && distance < best[0]) best = [distance, j];
        if (j % 3 !== i % 3) between.push(distance);
      }
      expect(best[1] % 3).toBe(i % 3);
      expect(best[0]).toBeLessThan(Math.min(...between));
    }
    expect(divergence).toBeGreaterThan(0);
    expect(divergence).toBeLessThan(0.6);
  });

  test('the same bytes for the same seed, others for another', () => {
    expect(tsne(z, n, d, { ...options, seed: 5 })).toEqual(map);
    expect(tsne(z, n, d, { ...options, seed: 6 }).points).not.toEqual(map.points);
  });

  test('descends its own divergence, keeps the layout of PCA, and goes on from a map', () => {
    const short = tsne(z, n, d, { ...options, seed: 5, steps: 251 });
    expect(map.divergence).toBeLessThan(short.divergence);
    const flat = pca(z, n, d).points;
    const size = Math.hypot(...flat);
    expect((align(flat, map.points, { scale: true }).residual * Math.sqrt(n)) / size).toBeLessThan(0.5);
    expect(align(flat, map.points).rotation[0]).toBeGreaterThan(0.9);
    const mirrored = map.points.map((v, k) => (k % 2 ? v : -v));
    const on = tsne(z, n, d, { ...options, init: mirrored, steps: 100 });
    const { rotation, residual } = align(mirrored, on.points);
    expect(rotation[0]).toBeGreaterThan(0.99);
    expect(residual).toBeLessThan(0.2 * (Math.hypot(...mirrored) / Math.sqrt(n)));
    expect(on.divergence).toBeLessThan(map.divergence + 0.02);
  });

  test('of more points than it maps, a choice; equal points; few points', () => {
    const some = tsne(z, n, d, { ...options, most: 20, steps: 20 });
    expect(some.indices.length).toBe(20);
    expect(new Set(some.indices).size).toBe(20);
    expect([...some.indices]).toEqual([...some.indices].sort((a, b) => a - b));
    expect(some.points.length).toBe(40);
    for (const [points, count] of [
      [new Float32Array(40), 10],
      [new Random(9, 'few').normal(0, 16), 4],
    ] as const) {
      expect(tsne(points, count, 4).points.every(Number.isFinite)).toBe(true);
    }
    expect(() => tsne(z.subarray(0, 3 * d), 3, d)).toThrow('at least 4 points');
    expect(() => tsne(z, n, d, { perplexity: 0 })).toThrow('perplexity is 0');
    expect(() => tsne(z, n, d, { init: z })).toThrow('tsne, init');
  });
});

// Philox against the known answers of Random123 (kat_vectors), the inverse normal against Python's
// statistics.NormalDist, then moments, independence and pinned values: a run must see the same numbers for ever.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../../src/engine/errors.ts';
import { fnv1a, inverseNormal, philox4x32, Random, type Word2, type Word4 } from '../../src/engine/random.ts';

const F = 0xffffffff;
const KNOWN: [Word2, Word4, Word4][] = [
  [
    [0, 0],
    [0, 0, 0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [F, F],
    [F, F, F, F],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0xa4093822, 0x299f31d0],
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test.each(KNOWN)('philox4x32 key %j counter %j', (key, counter, words) => {
  expect(philox4x32(key, counter)).toEqual(words);
});

test('fnv1a gives the published values', () => {
  expect([fnv1a(''), fnv1a('a'), fnv1a('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test('inverseNormal agrees with Python in the centre and both tails', () => {
  const known: [number, number][] = [
    [0.5, 0],
    [0.1, -1.2815515655446008],
    [0.925, 1.439531470938456],
    [0.9250001, 1.4395321773759004],
    [0.01, -2.3263478740408408],
    [1e-5, -4.2648907939228256],
    [2 ** -33, -6.337957754553789],
    [1e-11, -6.706023155495136],
    [1e-12, -7.034483825301132],
  ];
  for (const [p, z] of known) expect(Math.abs(inverseNormal(p) - z)).toBeLessThanOrEqual(4e-15);
});

/** Mean, variance, skewness and kurtosis. */
function moments(x: Float32Array): number[] {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const central = [2, 3, 4].map((k) => x.reduce((sum, v) => sum + (v - mean) ** k, 0) / x.length);
  const [variance, third, fourth] = central;
  return [mean, variance, third / variance ** 1.5, fourth / variance ** 2];
}

function correlation(a: Float32Array, b: Float32Array): number {
  const [meanA, varA] = moments(a);
  const [meanB, varB] = moments(b);
  return a.reduce((sum, v, i) => sum + (v - meanA) * (b[i] - meanB), 0) / (a.length * Math.sqrt(varA * varB));
}

describe('distribution', () => {
  const n = 200_000;
  const five = 5 / Math.sqrt(n); // five standard errors of a mean of unit variance

  test('uniform: range, grid, moments and every bin of 64 alike', () => {
    const x = new Random(1, 'uniform').uniform(0, n);
    const bins = new Float64Array(64);
    for (const v of x) {
      if (v < 0 || v >= 1 || !Number.isInteger(v * 2 ** 24)) expect.fail(`${v} is off the grid`);
      bins[Math.floor(v * 64)]++;
    }
    const [mean, variance, skewness, kurtosis] = moments(x);
    expect(Math.abs(mean - 0.5)).toBeLessThan(five / Math.sqrt(12));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(five / Math.sqrt(180));
    expect(Math.abs(skewness)).toBeLessThan(0.02);
    expect(Math.abs(kurtosis - 1.8)).toBeLessThan(0.02);
    const chiSquare = bins.reduce((sum, count) => sum + (count - n / 64) ** 2 / (n / 64), 0);
    expect(chiSquare).toBeGreaterThan(63 - 5 * Math.sqrt(126));
    expect(chiSquare).toBeLessThan(63 + 5 * Math.sqrt(126));
  });

  test('normal: moments and share beyond 1, 2 and 3', () => {
    const x = new Random(2, 'normal').normal(9, n);
    const [mean, variance, skewness, kurtosis] = moments(x);
    expect(Math.abs(mean)).toBeLessThan(five);
    expect(Math.abs(variance - 1)).toBeLessThan(five * Math.SQRT2);
    expect(Math.abs(skewness)).toBeLessThan(five * Math.sqrt(6));
    expect(Math.abs(kurtosis - 3)).toBeLessThan(five * Math.sqrt(24));
    for (const [z, share] of [
      [1, 0.317311],
      [2, 0.0455],
      [3, 0.0027],
    ]) {
      const beyond = x.filter((v) => Math.abs(v) > z).length / n;
      expect(Math.abs(beyond - share)).toBeLessThan(five * Math.sqrt(share));
    }
  });

  test('steps, streams, seeds and kinds do not correlate, near or beyond 2^32', () => {
    const base = new Random(5, 'noise').normal(0, n);
    const others = [
      new Random(5, 'noise').normal(1, n),
      new Random(5, 'noise').normal(2 ** 32, n),
      new Random(5, 'order').normal(0, n),
      new Random(6, 'noise').normal(0, n),
      new Random(5 + 2 ** 32, 'noise').normal(0, n),
      new Random(5, 'noise').uniform(0, n),
      base.slice(1).map((v) => v), // lag one
    ];
    for (const other of others) {
      expect(Math.abs(correlation(base.subarray(0, other.length), other))).toBeLessThan(five);
    }
  });
});

describe('keys', () => {
  test('a step is the same whatever was drawn before, and a short draw starts a long one', () => {
    const random = new Random(11, 'noise');
    const before = random.normal(7, 10);
    for (let step = 0; step < 7; step++) random.normal(step, 33);
    expect(random.normal(7, 10)).toEqual(before);
    expect(new Random(11, 'noise').normal(7, 101).subarray(0, 10)).toEqual(before);
    expect(random.uniform(7, 5)).toEqual(random.uniform(7, 9).subarray(0, 5));
  });

  test('a stream of words and its hash are one', () => {
    expect(new Random(3, 'abc').uniform(1, 4)).toEqual(new Random(3, fnv1a('abc')).uniform(1, 4));
  });

  test('values outside their ranges', () => {
    for (const make of [
      () => new Random(-1, 'a'),
      () => new Random(0.5, 'a'),
      () => new Random(2 ** 53, 'a'),
      () => new Random(1, 2 ** 32),
      () => new Random(1, 'a').uniform(-1, 1),
      () => new Random(1, 'a').normal(0, 1.5),
      () => new Random(1, 'a').permutation(0, Number.NaN),
    ]) {
      expect(make).toThrow(ShapeError);
    }
    expect(() => new Random(-1, 'a')).toThrow('seed is -1; give an integer from 0 to 9007199254740991');
  });

  test('empty draws', () => {
    const random = new Random(0, 0);
    expect([
      random.uniform(0, 0).length,
      random.normal(0, 0).length,
      random.permutation(0, 0).length,
    ]).toEqual([0, 0, 0]);
  });
});

describe('permutation', () => {
  test('holds every number once, in another order each step', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(), (n, step) => {
        const order = new Random(4, 'order').permutation(step, n);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      }),
      { seed: 1, numRuns: 200 },
    );
    const random = new Random(4, 'order');
    expect(random.permutation(0, 50)).not.toEqual(random.permutation(1, 50));
  });

  test('all 24 orders of four are alike', () => {
    const random = new Random(8, 'order');
    const counts = new Map<string, number>();
    const n = 12_000;
    for (let step = 0; step < n; step++) {
      const key = random.permutation(step, 4).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce((sum, c) => sum + (c - n / 24) ** 2 / (n / 24), 0);
    expect(chiSquare).toBeLessThan(23 + 5 * Math.sqrt(46));
  });
});

// Computed by a separate implementation in Python (integers of any size, statistics.NormalDist).
test('pinned values: these must never change', () => {
  const random = new Random(2024, 'noise');
  expect([...random.uniform(3, 5)].map((v) => v * 2 ** 24)).toEqual([
    706819, 9561923, 637635, 12431389, 3101101,
  ]);
  expect([...new Uint32Array(random.normal(3, 6).buffer)]).toEqual([
    1056886367, 3218510438, 3197731433, 3217812046, 3202159566, 3209566712,
  ]);
  expect([...random.permutation(3, 10)]).toEqual([8, 0, 1, 5, 4, 9, 7, 2, 3, 6]);
  // Long enough for 12 words to be redrawn, each of which moves all draws after it.
  expect([...new Random(2024, 'order').permutation(1, 300_000).subarray(0, 6)]).toEqual([
    173497, 95360, 96229, 9272, 4026, 253864,
  ]);
  const far = new Random(2 ** 40 + 2024, 7).uniform(2 ** 45 + 3, 3);
  expect([...far].map((v) => v * 2 ** 24)).toEqual([8858015, 10040507, 4214841]);
});

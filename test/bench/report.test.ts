// The benchmark's tables and comparisons, the check of a kernel against its naive version, and the entry point without
// models that it weighs.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCase, values } from '../../bench/cases.ts';
import { difference, median } from '../../bench/measure.ts';
import { naiveMatmul } from '../../bench/naive.ts';
import { comparison, type Report, type Row, tables, text } from '../../bench/report.ts';
import * as alone from '../../src/engine.ts';
import * as whole from '../../src/index.ts';
import { type Engine, matmul, openEngine } from '../../src/node.ts';
import * as operations from '../../src/shaders/index.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine();
});
afterAll(() => engine.close());

const rows: Row[] = [
  { section: 'kernels', name: 'a', ms: 2, gflop: 0.5, naive: 30, share: 0.25 },
  { section: 'kernels', name: 'long name', ms: 1234.5, gb: 0.1 },
  { section: 'sizes', name: 'b', gzipped: 12_340, note: 'small' },
];
const report = (adapter: string, of: Row[]): Report => ({
  adapter,
  software: true,
  lanes: 8,
  where: 'here',
  rows: of,
});

test('a table has a column for what some row of its section tells', () => {
  expect(tables(rows).map((t) => t.headers)).toEqual([
    ['ms', 'GFLOP/s', 'GB/s', 'ceiling', 'naive ms', 'gain'],
    ['gzipped', ''],
  ]);
  expect(text(rows)).toBe(
    [
      'kernels       ms  GFLOP/s  GB/s  ceiling  naive ms    gain',
      'a           2.00      250           25 %      30.0  15.0 x',
      'long name  1,235           0.08',
      '',
      'sizes  gzipped',
      'b      12.3 KB  small',
    ].join('\n'),
  );
});

test('a comparison divides B by A and names what only one has', () => {
  const faster = [{ ...rows[0], ms: 1 }, rows[2], { section: 'kernels', name: 'new', ms: 3 }];
  expect(comparison(report('one', rows), report('two', faster))).toBe(
    [
      'A: one (here)',
      'B: two (here)',
      '',
      'kernels     A     B  B / A',
      'a        2.00  1.00   0.50',
      '',
      'sizes       A       B  B / A',
      'b      12,340  12,340   1.00',
      '',
      'only in A: long name',
      'only in B: new',
    ].join('\n'),
  );
});

test('medians and differences', () => {
  expect(median([5, 1, 3])).toBe(3);
  const of = (...x: number[]) => Float32Array.from(x);
  expect(difference(of(1, 2), of(1, 4))).toBe(0.5);
  expect(difference(of(Number.NaN, 1), of(1, 1))).toBe(Number.POSITIVE_INFINITY);
  expect(difference(of(1, 1), of(1, Number.NaN))).toBe(Number.POSITIVE_INFINITY);
  expect(difference(of(1), of(1, 1))).toBe(Number.POSITIVE_INFINITY);
});

test('a case is timed only if its kernel agrees with the naive version', async () => {
  const found: Row[] = [];
  const bench = {
    engine,
    ceiling: { gflops: 10, gbs: 1 },
    wanted: (_: string, name: string) => name !== 'left out',
    report: (row: Row) => found.push(row),
    progress: () => {},
  };
  const product = (transposed: boolean) => () => {
    const [a, b] = [values(engine, [9, 9]), values(engine, [9, 9], 100)];
    return { flops: 2 * 9 ** 3, ours: () => matmul(a, b), naive: () => naiveMatmul(a, b, transposed) };
  };
  await runCase(bench, 'test', 'left out', product(true));
  await runCase(bench, 'test', 'right', product(false));
  await expect(runCase(bench, 'test', 'wrong', product(true))).rejects.toThrow(/wrong: result 0 differs/);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ section: 'test', name: 'right', dispatches: 1, gflop: 2 * 9 ** 3 * 1e-9 });
  expect(found[0].share).toBeCloseTo((2 * 9 ** 3) / 1e7 / (found[0].ms as number), 12);
});

test('the entry point without models gives every operation, the same ones', () => {
  expect(Object.keys(alone)).toEqual(expect.arrayContaining(Object.keys(operations)));
  const all = new Map<string, unknown>(Object.entries(whole));
  for (const [name, value] of Object.entries(alone)) expect(all.get(name)).toBe(value);
  expect(alone).not.toHaveProperty('Trainer');
});

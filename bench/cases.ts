// A kernel's case: the operation and, where there is one, its naive version, checked against it before either is timed.

import { backwardFrom, type Engine, Random, type Shape, type Tensor } from '../src/index.ts';
import { type Ceiling, shareOf } from './ceiling.ts';
import { difference, measure } from './measure.ts';
import type { Row } from './report.ts';

export interface Bench {
  engine: Engine;
  ceiling: Ceiling;
  /** Whether a row is asked for. */
  wanted: (section: string, name: string) => boolean;
  report: (row: Row) => void;
  progress: (text: string) => void;
}

type Made = Tensor | readonly Tensor[];

export interface Case {
  /** Floating-point operations, and bytes that have to be read and written at least. */
  flops?: number;
  bytes?: number;
  ours: () => Made;
  /** The same results in the same order. */
  naive?: () => Made;
  /** Largest difference of the two, relative to the largest value; default 1e-4. */
  tolerance?: number;
  /** Of sound, for the speed in times real time. */
  seconds?: number;
}

/** Makes a tensor of normal numbers that is given back when its case is over. */
export type Make = (...shape: number[]) => Tensor;

/** Normal numbers; a prime count of them, repeated. */
const normals = new Random(1, 'bench').normal(0, 65_521);

export function values(engine: Engine, shape: Shape, shift = 0): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(size);
  for (let i = 0; i < size; i++) data[i] = normals[(i + shift) % normals.length];
  return engine.tensor(data, shape);
}

/** Bytes of tensors. */
export const bytesOf = (...tensors: Tensor[]): number => tensors.reduce((sum, t) => sum + 4 * t.size, 0);

/**
 * The gradient of one input alone: the forward pass is done here and now; `run` does what `backward` does for that
 * input, from the output's gradient `dy`.
 */
export function gradient(
  make: Make,
  forward: () => Tensor,
  x: Tensor,
): { run: () => Tensor[]; dy: Tensor; y: Tensor } {
  const wanting = <T>(body: () => T): T => {
    x.requiresGrad = true;
    try {
      return body();
    } finally {
      x.requiresGrad = false;
    }
  };
  const y = wanting(forward);
  const dy = make(...y.shape);
  return { run: () => wanting(() => backwardFrom([[y, dy]], [x])), dy, y };
}

const flat = (made: Made): readonly Tensor[] => ('shape' in made ? [made] : made);

/** Checks, times and reports a case, if it is asked for; only then it is set up. */
export async function runCase(
  bench: Bench,
  section: string,
  name: string,
  setUp: (make: Make) => Case,
): Promise<void> {
  const { engine, ceiling } = bench;
  if (!bench.wanted(section, name)) return;
  bench.progress(`${section}: ${name}`);
  const tensors: Tensor[] = [];
  const c = setUp((...shape) => {
    const t = values(engine, shape, 977 * tensors.length);
    tensors.push(t);
    return t;
  });
  if (c.naive) await check(engine, `${section}: ${name}`, c);
  const { ms, dispatches } = await measure(engine, name, c.ours);
  const row: Row = { section, name, ms, dispatches };
  if (c.flops) row.gflop = c.flops / 1e9;
  if (c.bytes) row.gb = c.bytes / 1e9;
  if (c.flops || c.bytes) row.share = shareOf(ceiling, ms, row.gflop, row.gb);
  if (c.seconds) row.realTime = (1000 * c.seconds) / ms;
  if (c.naive) row.naive = (await measure(engine, `${name}.naive`, c.naive, 3)).ms;
  bench.report(row);
  for (const t of tensors) t.dispose();
}

async function check(engine: Engine, name: string, c: Case): Promise<void> {
  const [fast, slow] = [flat(c.ours()), flat(c.naive?.() ?? [])];
  const found = await engine.read([...fast, ...slow]);
  slow.forEach((_, i) => {
    const off = difference(found[i], found[fast.length + i]);
    if (!(off <= (c.tolerance ?? 1e-4)))
      throw new Error(`${name}: result ${i} differs from the naive version by ${off} of its largest value`);
  });
  for (const t of slow) t.dispose();
}

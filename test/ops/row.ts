// One row describes one operation: how it is called, what it computes in float64, and on which shapes it is tried.

import type { Random, Tensor } from '../../src/node.ts';
import type { Tolerance } from '../close.ts';
import { type Arr, sizeOf } from './array.ts';

/** What an input is filled with. Only real-valued ones have gradients. */
export type Fill =
  | 'normal'
  | 'positive'
  | 'unit'
  | { indexBelow: (shapes: Shapes) => number }
  | { values: (random: Random, n: number) => Float32Array; gradient: boolean };

export type Shapes = Record<string, readonly number[]>;
// biome-ignore lint/suspicious/noExplicitAny: attributes are each operation's own
export type Attrs = any;

export interface Case {
  shapes: Shapes;
  attrs?: Attrs;
}

export interface OpRow {
  /** For the table: what is computed. */
  about: string;
  inputs: Record<string, Fill>;
  run: (x: Record<string, Tensor>, attrs: Attrs) => Tensor | Record<string, Tensor>;
  reference: (x: Record<string, Arr>, attrs: Attrs) => Arr | Record<string, Arr>;
  cases: Case[];
  /** No input has a gradient. */
  noGradient?: boolean;
  /** Files of golden vectors, by the name of their `op`; default the row's own name. */
  golden?: string;
  /** Where the default is too narrow, with the cause. */
  tolerance?: { forward?: Tolerance; gradient?: Tolerance; cause: string };
}

export const hasGradient = (fill: Fill): boolean =>
  typeof fill === 'string' ? true : 'values' in fill ? fill.gradient : false;

export function fillWith(
  fill: Fill,
  shape: readonly number[],
  shapes: Shapes,
  random: Random,
  step: number,
): Float32Array {
  const n = sizeOf(shape);
  if (fill === 'normal') return random.normal(step, n);
  if (fill === 'unit') return random.uniform(step, n);
  if (fill === 'positive') return random.uniform(step, n).map((x) => 0.1 + 3 * x);
  if ('values' in fill) return fill.values(random, n);
  const most = fill.indexBelow(shapes);
  return random.uniform(step, n).map((x) => Math.floor(x * most));
}

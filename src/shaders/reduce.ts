// Reductions over any axes: sum, mean, max, min, logSumExp. Neighbouring axes are reduced together, run by run from the
// last one, each run by `fold`.
//   sum, mean   dx = dy spread over the axes (over n for the mean)
//   max, min    dx = dy at the extreme, shared evenly among equals, as torch.amax
//   logSumExp   m + log(sum of exp(x - m)), m the maximum; dx = dy exp(x - y)

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { type Shape, sameShape, sizeOf, Tensor } from '../engine/tensor.ts';
import { neg } from './elementwise.ts';
import { fold } from './fold.ts';
import { zip } from './zip.ts';

/** The axes of one reduction and the shapes that follow. */
interface Axes {
  picked: ReadonlySet<number>;
  /** The result's shape with the reduced axes as 1. */
  kept: Shape;
  /** The result's shape as asked for. */
  shape: Shape;
  /** Elements that fold into one. */
  count: number;
}

/** @throws ShapeError for an axis the tensor lacks. */
function axesOf(op: string, x: Tensor, axes: readonly number[] | null, keepDims: boolean): Axes {
  const named = axes?.map((axis) => normaliseAxis(op, axis, x)) ?? [];
  const picked = new Set(named.length === 0 ? x.shape.keys() : named);
  if (named.length > 0 && picked.size < named.length)
    throw new ShapeError(`${op}: axes ${axes} of a tensor of shape ${x}; name each axis once`);
  const kept = x.shape.map((d, i) => (picked.has(i) ? 1 : d));
  const left = x.shape.filter((_, i) => !picked.has(i));
  const shape = keepDims ? kept : left.length ? left : [1];
  return { picked, kept, shape, count: sizeOf(x.shape) / sizeOf(kept) };
}

/** Counts negative axes from the last. @throws ShapeError for an axis the tensor lacks. */
export function normaliseAxis(op: string, axis: number, x: Tensor): number {
  const i = axis < 0 ? axis + x.rank : axis;
  if (!Number.isInteger(i) || i < 0 || i >= x.rank)
    throw new ShapeError(
      `${op}: axis ${axis} of a tensor of shape ${x}; it must be from ${-x.rank} to ${x.rank - 1}`,
    );
  return i;
}

const view = (x: Tensor, shape: Shape): Tensor => new Tensor(x.engine, shape, x.storage, x.offset);

/** Folds run by run of neighbouring axes, from the last: the result has the shape (1 along them) reshaped to `shape`. */
function foldAxes(
  name: string,
  x: Tensor,
  { picked, shape }: Pick<Axes, 'picked' | 'shape'>,
  { by = 'sum', scale = 1 }: { by?: 'sum' | 'max'; scale?: number } = {},
): Tensor {
  return x.engine.scope(() => {
    let y = x;
    let factor = scale;
    for (let last = x.rank - 1; last >= 0; last--) {
      if (!picked.has(last)) continue;
      let first = last;
      while (picked.has(first - 1)) first--;
      const outer = sizeOf(y.shape.slice(0, first));
      const reduced = sizeOf(y.shape.slice(first, last + 1));
      const inner = sizeOf(y.shape.slice(last + 1));
      const next = y.shape.map((d, i) => (i >= first && i <= last ? 1 : d));
      y = fold(next, { name, inputs: { x: y }, expression: 'x', by, outer, reduced, inner, scale: factor });
      factor = 1;
      last = first;
    }
    return view(y, shape);
  });
}

function linear(
  op: string,
  x: Tensor,
  axes: readonly number[] | null,
  keepDims: boolean,
  mean: boolean,
): Tensor {
  const a = axesOf(op, x, axes, keepDims);
  const scale = mean ? 1 / a.count : 1;
  const y = foldAxes(op, x, a, { scale });
  return record(op, [x], [y], (g) => {
    const dy = view(g.out(), a.kept);
    g.pass(0, zip(`${op}.dx`, x.shape, { dy }, 'dy * u.scale', { params: { scale } }));
  });
}

/** Sum over `axes` (null: all, giving shape (1)). @throws ShapeError for an axis x lacks. */
export function sum(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  return linear('sum', x, axes, keepDims, false);
}

/** Mean over `axes` (null: all, giving shape (1)). @throws ShapeError for an axis x lacks. */
export function mean(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  return linear('mean', x, axes, keepDims, true);
}

/**
 * Largest element over `axes` (null: all, giving shape (1)); equal ones share the gradient, as torch.amax.
 * @throws ShapeError for an axis x lacks.
 */
export function max(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  const a = axesOf('max', x, axes, keepDims);
  const y = foldAxes('max', x, a, { by: 'max' });
  return record('max', [x], [y], (g) => {
    const top = view(y, a.kept);
    const mask = zip('max.mask', x.shape, { x, top }, 'select(V(), V(1.0), x == top)');
    const ties = foldAxes('max.ties', mask, { picked: a.picked, shape: a.kept });
    g.pass(0, zip('max.dx', x.shape, { mask, ties, dy: view(g.out(), a.kept) }, 'mask * dy / ties'));
  });
}

/**
 * Smallest element over `axes` (null: all, giving shape (1)); equal ones share the gradient, as torch.amin.
 * @throws ShapeError for an axis x lacks.
 */
export function min(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  return neg(max(neg(x), axes, keepDims));
}

/** WGSL has no literal for it. */
const infinite = { inf: Number.POSITIVE_INFINITY };
/** What is taken off before exp: the maximum, unless that is infinite. */
const shift = 'select(top, V(), abs(top) == V(u.inf))';

/**
 * log of the sum of e^x over `axes` (null: all, giving shape (1)), without overflow.
 * @throws ShapeError for an axis x lacks.
 */
export function logSumExp(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  const { engine } = x;
  const a = axesOf('logSumExp', x, axes, keepDims);
  const y = engine.scope(() => {
    const top = foldAxes('logSumExp.max', x, { picked: a.picked, shape: a.kept }, { by: 'max' });
    const terms = zip('logSumExp.exp', x.shape, { x, top }, `exp(x - ${shift})`, { params: infinite });
    const total = foldAxes('logSumExp.sum', terms, { picked: a.picked, shape: a.kept });
    const sum = `select(${shift} + log(total), V(-u.inf), total == V())`;
    return view(zip('logSumExp', a.kept, { top, total }, sum, { params: infinite }), a.shape);
  });
  return record('logSumExp', [x], [y], (g) => {
    const [all, dy] = [view(y, a.kept), view(g.out(), a.kept)];
    const dx = 'select(dy * exp(x - all), V(), x == V(-u.inf))';
    g.pass(0, zip('logSumExp.dx', x.shape, { x, all, dy }, dx, { params: infinite }));
  });
}

/** Sums a broadcast result back to `shape`: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const picked = new Set<number>();
  x.shape.forEach((d, i) => {
    if (i < lead || (shape[i - lead] === 1 && d !== 1)) picked.add(i);
  });
  return picked.size === 0 ? view(x, shape) : foldAxes('sumTo', x, { picked, shape });
}

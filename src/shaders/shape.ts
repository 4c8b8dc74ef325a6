// Operations that move values without computing: reshape (a view), transpose, slice and concat (copies). The copies
// are one kernel: every element of a block of the result comes from, or goes to, a place given by strides, four at a time
// where lines are whole vec4s on both sides.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { fill } from '../engine/primitives.ts';
import { perItem } from '../engine/run.ts';
import { type Shape, sameShape, shapeText, sizeOf, Tensor } from '../engine/tensor.ts';
import { normaliseAxis } from './reduce.ts';

function stridesOf(shape: Shape): number[] {
  const strides = Array<number>(shape.length).fill(1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/** to[toStart + i . toStrides] = from[fromStart + i . fromStrides] for every index i of `shape`. */
function moveBlock(
  name: string,
  shape: Shape,
  from: { t: Tensor; strides: number[]; start: number },
  to: { t: Tensor; strides: number[]; start: number },
): void {
  const last = shape.length - 1;
  const outer = [...from.strides.slice(0, -1), ...to.strides.slice(0, -1)];
  const inLine = from.strides[last] === 1 && to.strides[last] === 1;
  const unit = inLine && [shape[last], from.start, to.start, ...outer].every((x) => x % 4 === 0) ? 4 : 1;
  const element = unit === 4 ? 'vec4f' : 'f32';
  const sizes: Record<string, number> = { a: from.start / unit, b: to.start / unit };
  const index: string[] = [];
  for (let d = last; d >= 0; d--) {
    const part = d === last ? 1 : unit;
    sizes[`d${d}`] = (shape[d] * part) / unit;
    sizes[`a${d}`] = from.strides[d] / part;
    sizes[`b${d}`] = to.strides[d] / part;
    index.push(`{ let i${d} = r % u.d${d}; r /= u.d${d}; a += i${d} * u.a${d}; b += i${d} * u.b${d}; }`);
  }
  perItem(sizeOf(shape) / unit, {
    name,
    reads: { x: [element, from.t] },
    writes: { y: [element, to.t] },
    sizes,
    body: `var r = i;
var a = u.a;
var b = u.b;
${index.join('\n')}
y[b] = x[a];`,
  });
}

/** The same values with another shape, sharing the storage. One dimension may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = sizeOf(shape.filter((d) => d !== -1));
  const full = shape.map((d) => (d === -1 ? x.size / known : d));
  if (sizeOf(full) !== x.size || full.some((d) => !Number.isInteger(d) || d < 1))
    throw new ShapeError(`reshape: ${x} of ${x.size} elements to ${shapeText(shape)}`);
  const y = new Tensor(x.engine, full, x.storage, x.offset);
  return record('reshape', [x], [y], (g) => {
    const dy = g.out();
    g.pass(0, new Tensor(x.engine, x.shape, dy.storage, dy.offset));
  });
}

/** Reorders the axes: dimension i of the result is dimension perm[i] of x. @throws ShapeError if not a permutation. */
export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  if (perm.length !== x.rank || [...perm].sort((a, b) => a - b).some((p, i) => p !== i))
    throw new ShapeError(`transpose: axes (${perm.join(', ')}) for shape ${x}; name each axis once`);
  const shape = perm.map((p) => x.shape[p]);
  const y = x.engine.empty(shape);
  const own = stridesOf(x.shape);
  const permuted = perm.map((p) => own[p]);
  moveBlock(
    'transpose',
    shape,
    { t: x, strides: permuted, start: 0 },
    { t: y, strides: stridesOf(shape), start: 0 },
  );
  return record('transpose', [x], [y], (g) => {
    const from = { t: g.out(), strides: stridesOf(shape), start: 0 };
    moveBlock('transpose.dx', shape, from, { t: g.into(0), strides: permuted, start: 0 });
  });
}

/** Positions start to end (exclusive) along one axis. @throws ShapeError if they lie outside. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const a = normaliseAxis('slice', axis, x);
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end > x.shape[a] || start >= end)
    throw new ShapeError(`slice: [${start}, ${end}) of axis ${axis} of ${x}; it must be inside, not empty`);
  const shape = x.shape.map((d, i) => (i === a ? end - start : d));
  const y = x.engine.empty(shape);
  const strides = stridesOf(x.shape);
  const part = { strides, start: start * strides[a] };
  moveBlock('slice', shape, { t: x, ...part }, { t: y, strides: stridesOf(shape), start: 0 });
  return record('slice', [x], [y], (g) => {
    const dx = g.into(0);
    fill(dx, 0);
    moveBlock('slice.dx', shape, { t: g.out(), strides: stridesOf(shape), start: 0 }, { t: dx, ...part });
  });
}

/** Joins tensors along an axis; all other dimensions must be equal. @throws ShapeError if they are not. */
export function concat(inputs: readonly Tensor[], axis = 0): Tensor {
  if (inputs.length === 0) throw new ShapeError('concat: no tensors given');
  const [first] = inputs;
  const a = normaliseAxis('concat', axis, first);
  for (const t of inputs)
    if (t.rank !== first.rank || t.shape.some((d, i) => i !== a && d !== first.shape[i]))
      throw new ShapeError(
        `concat: shapes ${inputs.map((i) => shapeText(i.shape)).join(', ')} along axis ${axis}; all others must agree`,
      );
  if (inputs.length > mostJoined)
    return concat([concat(inputs.slice(0, mostJoined), a), ...inputs.slice(mostJoined)], a);
  const starts = inputs.map((_, i) => inputs.slice(0, i).reduce((n, t) => n + t.shape[a], 0));
  const total = inputs.reduce((n, t) => n + t.shape[a], 0);
  const shape = first.shape.map((d, i) => (i === a ? total : d));
  const strides = stridesOf(shape);
  const y = first.engine.empty(shape);
  joinAll(y, inputs, strides[a] * total);
  return record('concat', inputs, [y], (g) => {
    inputs.forEach((t, i) => {
      if (!g.needs(i)) return;
      const to = { t: g.into(i), strides: stridesOf(t.shape), start: 0 };
      moveBlock('concat.dx', t.shape, { t: g.out(), strides, start: starts[i] * strides[a] }, to);
    });
  });
}

/** WebGPU promises eight storage buffers to a kernel: seven inputs and the result. */
const mostJoined = 7;

/**
 * All parts in one dispatch: the result is lines of `width` numbers, each the parts' lines one after another. Whole
 * vec4s where every part has them.
 */
function joinAll(y: Tensor, parts: readonly Tensor[], width: number): void {
  const lines = y.size / width;
  const unit = parts.every((t) => (t.size / lines) % 4 === 0) ? 4 : 1;
  const element = unit === 4 ? 'vec4f' : 'f32';
  const sizes: Record<string, number> = { width: width / unit };
  let end = 0;
  const choices = parts.map((t, i) => {
    sizes[`start${i}`] = end;
    sizes[`length${i}`] = t.size / lines / unit;
    end += sizes[`length${i}`];
    return `if (place < u.start${i} + u.length${i}) { y[i] = x${i}[line * u.length${i} + place - u.start${i}]; }`;
  });
  perItem(y.size / unit, {
    name: 'concat',
    reads: Object.fromEntries(parts.map((t, i) => [`x${i}`, [element, t] as const])),
    writes: { y: [element, y] },
    sizes,
    body: `let place = i % u.width;
let line = i / u.width;
${choices.join('\nelse ')}`,
  });
}

/** Throws a ShapeError unless two tensors have the same shape. */
export function checkSame(op: string, a: Tensor, b: Tensor, names = 'the two inputs'): void {
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(`${op}: ${names} have shapes ${a} and ${b}; they must be equal`);
}

/** The same values cut off from the tape: no gradient flows back through the result, which shares x's storage. */
export function detach(x: Tensor): Tensor {
  return new Tensor(x.engine, x.shape, x.storage, x.offset);
}

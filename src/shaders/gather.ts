// Reading by index. Indices are whole numbers in a float32 tensor (exact up to 2^24); one outside the range cannot be
// refused on the GPU, so its result is NaN, which stops a training step. No gradient goes to the indices.
//   gather      y[o, j, i] = x[o, index[o, j, i], i] along one axis, as torch.gather
//   embedding   y[j, :] = w[index[j], :]
// Gradients are gathered, not scattered: the invocation of an element of dx (of a row of dw) goes through all indices
// that could name it, in order, so that equal runs give equal bits; it costs (elements of x) x (indices along the axis).

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { perItem } from '../engine/run.ts';
import { sizeOf, type Tensor } from '../engine/tensor.ts';
import { normaliseAxis } from './reduce.ts';

/** Whole numbers that float32 holds. */
const mostIndices = 2 ** 24;

/** @throws ShapeError for an axis whose places float32 cannot name. */
function checkPlaces(op: string, x: Tensor, R: number): void {
  if (R > mostIndices)
    throw new ShapeError(`${op}: an axis of ${R} in ${x}; indices are exact up to ${mostIndices}, cut it`);
}

/** x seen as (O, R, I), the indices and y as (O, J, I); `shared` indices are (J) alone. */
function take(
  name: string,
  x: Tensor,
  index: Tensor,
  y: Tensor,
  R: number,
  J: number,
  I: number,
  shared: boolean,
): Tensor {
  const place = shared ? 'j' : '(o * u.J + j) * u.I + r';
  const sizes = { R, J, I };
  perItem(y.size, {
    name,
    reads: { x, index },
    writes: { y },
    sizes,
    // WGSL has no literal for it.
    floats: { nan: Number.NaN },
    body: `let r = i % u.I;
let j = i / u.I % u.J;
let o = i / (u.I * u.J);
let p = index[${place}];
if (p >= 0.0 && p < f32(u.R)) { y[i] = x[(o * u.R + u32(p)) * u.I + r]; } else { y[i] = u.nan; }`,
  });
  return record(name, [x], [y], (g) =>
    perItem(x.size, {
      name: `${name}.dx`,
      reads: { dy: g.out(), index },
      writes: { dx: g.into(0) },
      sizes,
      body: `let r = i % u.I;
let p = f32(i / u.I % u.R);
let o = i / (u.I * u.R);
var sum = 0.0;
for (var j = 0u; j < u.J; j++) {
  if (floor(index[${place}]) == p) { sum += dy[(o * u.J + j) * u.I + r]; }
}
dx[i] = sum;`,
    }),
  );
}

/**
 * Elements of x chosen along an axis, as torch.gather.
 * @param index whole numbers; x's rank, and x's sizes in all other dimensions
 * @returns index's shape; NaN where an index is outside the axis
 * @throws ShapeError if the shapes do not fit.
 */
export function gather(x: Tensor, axis: number, index: Tensor): Tensor {
  const a = normaliseAxis('gather', axis, x);
  if (index.rank !== x.rank || index.shape.some((d, i) => i !== a && d !== x.shape[i]))
    throw new ShapeError(`gather: index ${index} for x ${x} along axis ${axis}; all other sizes must agree`);
  checkPlaces('gather', x, x.shape[a]);
  const I = sizeOf(x.shape.slice(a + 1));
  return take('gather', x, index, x.engine.empty(index.shape), x.shape[a], index.shape[a], I, false);
}

/**
 * Rows of a table by index, as torch.nn.functional.embedding.
 * @param index (...) whole numbers below N
 * @param w (N, D)
 * @returns (..., D); NaN where an index is outside the table
 * @throws ShapeError if w is no table.
 */
export function embedding(index: Tensor, w: Tensor): Tensor {
  if (w.rank !== 2) throw new ShapeError(`embedding: w ${w}; it must be (N, D)`);
  const [N, D] = w.shape;
  checkPlaces('embedding', w, N);
  return take('embedding', w, index, w.engine.empty([...index.shape, D]), N, index.size, D, true);
}

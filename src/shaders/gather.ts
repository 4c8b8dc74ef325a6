// Reading by index. Indices are whole numbers in a float32 tensor (exact up to 2^24); one outside the range cannot be
// refused on the GPU, so its result is NaN, which stops a training step. No gradient goes to the indices.
//   gather      y[o, j, i] = x[o, index[o, j, i], i] along one axis, as torch.gather
//   embedding   y[j, :] = w[index[j], :]
// Gradients are gathered, not scattered: the invocation of an element of dx (of a row of dw) goes through all indices
// that could name it, in order, so that equal runs give equal bits; it costs (elements of x) x (indices along the axis).

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { run } from '../engine/run.ts';
import { shapeText, sizeOf, type Tensor } from '../engine/tensor.ts';
import { normaliseAxis } from './reduce.ts';

const workgroup = 64;

/** `nan`: WGSL has no literal for it. */
const uniforms = { n: 'u32', R: 'u32', J: 'u32', I: 'u32', nan: 'f32' } as const;

/** Whole numbers that float32 holds. */
const mostIndices = 2 ** 24;

/** @throws ShapeError for an axis whose places float32 cannot name. */
function checkPlaces(op: string, x: Tensor, R: number): void {
  if (R > mostIndices)
    throw new ShapeError(
      `${op}: an axis of ${R} in ${shapeText(x.shape)}; indices are exact up to ${mostIndices}, cut it`,
    );
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
  const { engine } = x;
  const place = (o: string, j: string, i: string) => (shared ? j : `(${o} * u.J + ${j}) * u.I + ${i}`);
  run(
    engine,
    {
      name,
      reads: { x: 'f32', index: 'f32' },
      writes: { y: 'f32' },
      uniforms,
      workgroup,
      body: `let e = group * ${workgroup}u + lane;
if (e < u.n) {
  let i = e % u.I;
  let j = e / u.I % u.J;
  let o = e / (u.I * u.J);
  let r = index[${place('o', 'j', 'i')}];
  if (r >= 0.0 && r < f32(u.R)) { y[e] = x[(o * u.R + u32(r)) * u.I + i]; } else { y[e] = u.nan; }
}`,
    },
    { x, index, y },
    { n: y.size, R, J, I, nan: Number.NaN },
    Math.ceil(y.size / workgroup),
  );
  return record(name, [x], [y], (g) => {
    run(
      engine,
      {
        name: `${name}.dx`,
        reads: { dy: 'f32', index: 'f32' },
        writes: { dx: 'f32' },
        uniforms,
        workgroup,
        body: `let e = group * ${workgroup}u + lane;
if (e < u.n) {
  let i = e % u.I;
  let r = f32(e / u.I % u.R);
  let o = e / (u.I * u.R);
  var sum = 0.0;
  for (var j = 0u; j < u.J; j++) {
    if (floor(index[${place('o', 'j', 'i')}]) == r) { sum += dy[(o * u.J + j) * u.I + i]; }
  }
  dx[e] = sum;
}`,
      },
      { dy: g.out(), index, dx: g.into(0) },
      { n: x.size, R, J, I, nan: 0 },
      Math.ceil(x.size / workgroup),
    );
  });
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
    throw new ShapeError(
      `gather: index ${shapeText(index.shape)} for x ${shapeText(x.shape)} along axis ${axis}; all other sizes must agree`,
    );
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
  if (w.rank !== 2) throw new ShapeError(`embedding: w ${shapeText(w.shape)}; it must be (N, D)`);
  const [N, D] = w.shape;
  checkPlaces('embedding', w, N);
  return take('embedding', w, index, w.engine.empty([...index.shape, D]), N, index.size, D, true);
}

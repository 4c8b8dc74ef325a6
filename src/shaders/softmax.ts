// softmax and logSoftmax along one axis of x, seen as (O, R, I): one invocation a row of R elements, three loops over it
// (maximum, sum, result). On the software adapters that beats workgroup trees four times and more; few long rows use
// few invocations.
//   softmax      y = e^(x - m) / sum,       dx = y (dy - sum of dy y)
//   logSoftmax   y = x - m - log(sum),      dx = dy - e^y sum of dy
// crossEntropy is built on logSoftmax.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { run } from '../engine/run.ts';
import { sameShape, shapeText, sizeOf, type Tensor } from '../engine/tensor.ts';
import { mul } from './binary.ts';
import { neg } from './elementwise.ts';
import { gather } from './gather.ts';
import { normaliseAxis, sum } from './reduce.ts';
import { reshape } from './shape.ts';

const workgroup = 64;

const kinds = {
  softmax: { y: 'exp(x[at] - top) / total', row: 'dy[at] * y[at]', dx: 'y[at] * (dy[at] - total)' },
  logSoftmax: { y: 'x[at] - top - log(total)', row: 'dy[at]', dx: 'dy[at] - exp(y[at]) * total' },
} as const;

/** A loop over the row's elements. */
const each = (statement: string) =>
  `for (var r = 0u; r < u.R; r++) { let at = first + r * u.I; ${statement} }`;

function alongAxis(name: keyof typeof kinds, x: Tensor, axis: number): Tensor {
  const a = normaliseAxis(name, axis, x);
  const I = sizeOf(x.shape.slice(a + 1));
  const n = x.size / x.shape[a];
  const sizes = { n, R: x.shape[a], I };
  const y = x.engine.empty(x.shape);
  const kind = kinds[name];
  const kernel = {
    uniforms: { n: 'u32', R: 'u32', I: 'u32' } as const,
    workgroup,
    body: (rows: string) => `let i = group * ${workgroup}u + lane;
if (i < u.n) {
  let first = i / u.I * u.R * u.I + i % u.I;
  var total = 0.0;
  ${rows}
}`,
  };
  const groups = Math.ceil(n / workgroup);
  const forward = `var top = x[first];
  ${each('top = max(top, x[at]);')}
  ${each('total += exp(x[at] - top);')}
  ${each(`y[at] = ${kind.y};`)}`;
  const shape = { ...kernel, name, reads: { x: 'f32' }, writes: { y: 'f32' } } as const;
  run(x.engine, { ...shape, body: kernel.body(forward) }, { x, y }, sizes, groups);
  return record(name, [x], [y], (g) => {
    const back = {
      ...kernel,
      name: `${name}.dx`,
      reads: { y: 'f32', dy: 'f32' },
      writes: { dx: 'f32' },
    } as const;
    const body = kernel.body(`${each(`total += ${kind.row};`)}\n  ${each(`dx[at] = ${kind.dx};`)}`);
    run(x.engine, { ...back, body }, { y, dy: g.out(), dx: g.into(0) }, sizes, groups);
  });
}

/** e^x over its sum along an axis. @throws ShapeError for an axis x lacks. */
export const softmax = (x: Tensor, axis = -1): Tensor => alongAxis('softmax', x, axis);

/** The logarithm of `softmax`, without underflow. @throws ShapeError for an axis x lacks. */
export const logSoftmax = (x: Tensor, axis = -1): Tensor => alongAxis('logSoftmax', x, axis);

/**
 * Cross-entropy of each example, summed over positions, as torch.nn.functional.cross_entropy before its mean.
 * @param x (B, C) or (B, C, ...) logits
 * @param t class indices (B) or (B, ...), whole numbers below C; or probabilities of x's shape
 * @returns (B) in nats
 * @throws ShapeError if the shapes do not fit. An index outside [0, C) makes the loss NaN.
 */
export function crossEntropy(x: Tensor, t: Tensor): Tensor {
  const [B, C, ...rest] = x.shape;
  const soft = sameShape(t.shape, x.shape);
  if (x.rank < 2 || !(soft || sameShape(t.shape, [B, ...rest])))
    throw new ShapeError(
      `crossEntropy: logits ${shapeText(x.shape)}, targets ${shapeText(t.shape)}; give logits (B, C, ...) and ` +
        `indices (B, ...) or probabilities of the logits' shape`,
    );
  const logp = logSoftmax(x, 1);
  const positions = sizeOf(rest);
  const picked = soft
    ? mul(t, logp)
    : gather(reshape(logp, [B, C, positions]), 1, reshape(t, [B, 1, positions]));
  return neg(sum(reshape(picked, [B, -1]), [1]));
}

// softmax and logSoftmax along one axis of x, seen as (O, R, I): one invocation a row of R elements, three loops over it
// (maximum, sum, result). On the software adapters that beats workgroup trees four times and more; on GPUs a workgroup
// takes a long row (team.ts).
//   softmax      y = e^(x - m) / sum,       dx = y (dy - sum of dy y)
//   logSoftmax   y = x - m - log(sum),      dx = dy - e^y sum of dy
// crossEntropy is built on logSoftmax.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { sameShape, sizeOf, type Tensor } from '../engine/tensor.ts';
import { mul } from './binary.ts';
import { neg } from './elementwise.ts';
import { gather } from './gather.ts';
import { normaliseAxis, sum } from './reduce.ts';
import { reshape } from './shape.ts';
import { byTeam, type Team } from './team.ts';

const kinds = {
  softmax: { y: 'exp(x[at] - top) / total', row: 'dy[at] * y[at]', dx: 'y[at] * (dy[at] - total)' },
  logSoftmax: { y: 'x[at] - top - log(total)', row: 'dy[at]', dx: 'dy[at] - exp(y[at]) * total' },
} as const;

/** Rows from this length on are a workgroup's work on a GPU, unless there are enough of them side by side. */
const longRow = 257;
const manyRows = 4096;

/** A loop over the row's elements. */
const walk = (team: Team) => (statement: string) =>
  `for (var r = ${team.first}; r < u.R; r += ${team.step}) { let at = first + r * u.I; ${statement} }`;

function alongAxis(name: keyof typeof kinds, x: Tensor, axis: number): Tensor {
  const a = normaliseAxis(name, axis, x);
  const I = sizeOf(x.shape.slice(a + 1));
  const n = x.size / x.shape[a];
  const sizes = { R: x.shape[a], I };
  const y = x.engine.empty(x.shape);
  const kind = kinds[name];
  const guess = sizes.R >= longRow && (I === 1 || n < manyRows);
  const key = (part: string) => `${part} ${n}x${sizes.R} by ${I}`;
  const first = 'let first = i / u.I * u.R * u.I + i % u.I;';
  byTeam(x.engine, key(name), guess, { x, y }, (team, t) => {
    const each = walk(team);
    team.run(n, {
      name,
      reads: { x: t.x },
      writes: { y: t.y },
      sizes,
      declarations: team.functions('f32', 'max', 'sum'),
      body: `${first}
var own = x[first];
${each('own = max(own, x[at]);')}
let top = ${team.max('own')};
var part = 0.0;
${each('part += exp(x[at] - top);')}
let total = ${team.sum('part')};
${each(`y[at] = ${kind.y};`)}`,
    });
  });
  return record(name, [x], [y], (g) => {
    const tensors = { y, dy: g.out(), dx: g.into(0) };
    byTeam(x.engine, key(`${name}.dx`), guess, tensors, (team, { dx, ...reads }) => {
      const each = walk(team);
      team.run(n, {
        name: `${name}.dx`,
        reads,
        writes: { dx },
        sizes,
        declarations: team.functions('f32', 'sum'),
        body: `${first}
var part = 0.0;
${each(`part += ${kind.row};`)}
let total = ${team.sum('part')};
${each(`dx[at] = ${kind.dx};`)}`,
      });
    });
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
      `crossEntropy: logits ${x}, targets ${t}; give logits (B, C, ...) and ` +
        `indices (B, ...) or probabilities of the logits' shape`,
    );
  const logp = logSoftmax(x, 1);
  const positions = sizeOf(rest);
  const picked = soft
    ? mul(t, logp)
    : gather(reshape(logp, [B, C, positions]), 1, reshape(t, [B, 1, positions]));
  return neg(sum(reshape(picked, [B, -1]), [1]));
}

// matmul and linear: shapes, errors and gradients. The kernels are in matmul/.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { type Shape, shapeText, sizeOf, type Tensor } from '../engine/tensor.ts';
import { type Activation, activationGradient, checkActivation } from './activation.ts';
import { type Product, product } from './matmul/product.ts';

/** Which factor is taken transposed in its last two dimensions. */
export interface MatmulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
}

/**
 * Matrix product of the last two dimensions. Leading dimensions are batches and must be equal.
 * @param a (..., M, K), or (..., K, M) with transposeA
 * @param b (..., K, N), or (..., N, K) with transposeB
 * @returns (..., M, N)
 * @throws ShapeError if the shapes do not fit.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const { lead, ...sizes } = matmulShapes(a.shape, b.shape, transposeA, transposeB);
  const y = a.engine.empty([...lead, sizes.M, sizes.N]);
  const p = { ...sizes, batches: sizeOf(lead), transposeA, transposeB };
  return contract(['matmul', 'matmul.da', 'matmul.db'], p, a, b, null, 'none', y);
}

/** y = A B plus the bias, activated, with its gradients, from checked shapes; `names` are those of the three products. */
function contract(
  names: readonly string[],
  p: Omit<Product, 'name'>,
  a: Tensor,
  b: Tensor,
  bias: Tensor | null,
  activation: Activation,
  y: Tensor,
): Tensor {
  const { engine } = a;
  const { M, N, K, batches, transposeA, transposeB } = p;
  product(engine, { ...p, name: names[0], bias, activation }, a, b, y);
  return record(names[0], bias ? [a, b, bias] : [a, b], [y], (g) => {
    const dy = activationGradient(activation, g.out(), y);
    // dA = dY B^T and dB = A^T dY, each written in the layout its operand is stored in.
    if (g.needs(0)) {
      const { tensor, add } = g.accumulate(0);
      const at = { name: names[1], K: N, batches, add };
      if (transposeA)
        product(engine, { ...at, M: K, N: M, transposeA: transposeB, transposeB: true }, b, dy, tensor);
      else product(engine, { ...at, M, N: K, transposeA: false, transposeB: !transposeB }, dy, b, tensor);
    }
    const rowSums = bias && g.needs(2) ? g.into(2) : null;
    if (g.needs(1) || rowSums) {
      const { tensor, add } = g.needs(1) ? g.accumulate(1) : { tensor: engine.empty(b.shape), add: false };
      const at = { name: names[2], K: M, batches, add, rowSums };
      if (transposeB)
        product(engine, { ...at, M: N, N: K, transposeA: true, transposeB: transposeA }, dy, a, tensor);
      else product(engine, { ...at, M: K, N, transposeA: !transposeA, transposeB: false }, a, dy, tensor);
    }
  });
}

function matmulShapes(a: Shape, b: Shape, transposeA: boolean, transposeB: boolean) {
  const text = `${shapeText(a)}${transposeA ? ' transposed' : ''} and ${shapeText(b)}${transposeB ? ' transposed' : ''}`;
  if (a.length < 2 || b.length < 2)
    throw new ShapeError(`matmul: ${text}; both operands need two dimensions`);
  const [M, K] = transposeA
    ? [a.at(-1) as number, a.at(-2) as number]
    : [a.at(-2) as number, a.at(-1) as number];
  const [K2, N] = transposeB
    ? [b.at(-1) as number, b.at(-2) as number]
    : [b.at(-2) as number, b.at(-1) as number];
  if (K !== K2) throw new ShapeError(`matmul: ${text}; the inner dimensions ${K} and ${K2} differ`);
  const lead = a.slice(0, -2);
  if (lead.length !== b.length - 2 || lead.some((d, i) => d !== b[i]))
    throw new ShapeError(`matmul: ${text}; the leading (batch) dimensions must be equal`);
  return { M, N, K, lead };
}

/**
 * x Wᵀ + b, as torch.nn.functional.linear, with an activation on the way out.
 * @param x (..., K)
 * @param w (N, K)
 * @param b (N) or null
 * @returns (..., N)
 * @throws ShapeError if the shapes do not fit.
 */
export function linear(x: Tensor, w: Tensor, b: Tensor | null, activation: Activation = 'none'): Tensor {
  checkActivation('linear', activation);
  if (x.rank < 1) throw new ShapeError(`linear: x ${x}; it must be (..., K)`);
  const K = x.shape.at(-1) as number;
  const N = w.shape[0];
  if (w.rank !== 2 || w.shape[1] !== K) throw new ShapeError(`linear: x ${x} needs w (N, ${K}); w is ${w}`);
  if (b && (b.rank !== 1 || b.size !== N)) throw new ShapeError(`linear: w ${w} needs b (${N}); b is ${b}`);
  const M = x.size / K;
  const y = x.engine.empty([...x.shape.slice(0, -1), N]);
  const p = { M, N, K, transposeA: false, transposeB: true };
  return contract(['linear', 'linear.dx', 'linear.dw'], p, x, w, b, activation, y);
}

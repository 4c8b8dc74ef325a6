// Elementwise functions of one tensor: y = f(x), dx = dy f'(x, y). One row of the table is one function, its WGSL in x
// and its derivative in x and y; `u.NAME` are numbers given with the call. Four elements an invocation.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { type Formula, pointwise } from '../engine/primitives.ts';
import type { Tensor } from '../engine/tensor.ts';
import {
  exponential,
  hyperbolicTangent,
  log1p,
  logarithm,
  logistic,
  normalCdf,
  power,
  powerParams,
  rectified,
  sigmoid as sigmoidFunction,
  tiny,
  wave,
} from './functions.ts';

interface Unary {
  f: string;
  /** The derivative, from x and y = f(x). */
  d: string;
  /** WGSL functions that both use. */
  functions?: string;
}

const unaries = {
  neg: { f: '-x', d: 'V(-1.0)' },
  abs: { f: 'abs(x)', d: 'sign(x)' },
  square: { f: 'x * x', d: '2.0 * x' },
  sqrt: { f: 'sqrt(x)', d: '0.5 / y' },
  rsqrt: { f: '1.0 / sqrt(x)', d: '-0.5 * y / x' },
  reciprocal: { f: '1.0 / x', d: '-y * y' },
  exp: { f: 'exponential(x)', d: 'y', functions: exponential },
  log: { f: 'logarithm(x)', d: `select(1.0 / x, V(), x < V(${tiny}))`, functions: logarithm },
  relu: { f: rectified('x'), d: 'select(V(), V(1.0), x > V())' },
  leakyRelu: { f: 'select(u.slope * x, x, x > V())', d: 'select(V(u.slope), V(1.0), x > V())' },
  sigmoid: { f: 'sigmoid(x)', d: 'y * (1.0 - y)', functions: sigmoidFunction },
  tanh: { f: 'hyperbolicTangent(x)', d: '1.0 - y * y', functions: hyperbolicTangent },
  // Clamped for log1p's series: exp(-87) is nothing beside any x.
  softplus: { f: `${rectified('x')} + log1p(exp(max(-abs(x), V(-87.0))))`, d: logistic, functions: log1p },
  silu: { f: `x * ${logistic}`, d: `(1.0 + x - y) * ${logistic}` },
  gelu: {
    f: 'x * normalCdf(x)',
    d: 'normalCdf(x) + x * 0.3989422804014327 * exp(max(-0.5 * x * x, V(-87.0)))',
    functions: normalCdf,
  },
  sin: { f: 'wave(x, 0.0)', d: 'wave(x, 1.0)', functions: wave },
  cos: { f: 'wave(x, 1.0)', d: '-wave(x, 0.0)', functions: wave },
  clamp: {
    f: 'select(select(x, V(u.high), x > V(u.high)), V(u.low), x < V(u.low))',
    d: 'select(V(), V(1.0), (x >= V(u.low)) & (x <= V(u.high)))',
  },
} satisfies Record<string, Unary>;

function unary(name: keyof typeof unaries, x: Tensor, params: Record<string, number> = {}): Tensor {
  return apply(name, unaries[name], x, params);
}

function apply(name: string, { f, d, functions }: Unary, x: Tensor, params: Record<string, number>): Tensor {
  const named = (text: string): Formula => ({
    functions,
    params: Object.fromEntries(
      Object.entries(params).filter(([k]) => new RegExp(`\\bu\\.${k}\\b`).test(text)),
    ),
  });
  const y = x.engine.empty(x.shape);
  pointwise(name, y, { x }, f, named(`${f}${functions}`));
  return record(name, [x], [y], (g) => {
    pointwise(`${name}.dx`, g.into(0), { dy: g.out(), x, y }, `dy * (${d})`, named(`${d}${functions}`));
  });
}

/** -x. */
export const neg = (x: Tensor): Tensor => unary('neg', x);
/** |x|; the gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => unary('abs', x);
/** x². */
export const square = (x: Tensor): Tensor => unary('square', x);
/** √x. */
export const sqrt = (x: Tensor): Tensor => unary('sqrt', x);
/** 1 / √x. */
export const rsqrt = (x: Tensor): Tensor => unary('rsqrt', x);
/** 1 / x. */
export const reciprocal = (x: Tensor): Tensor => unary('reciprocal', x);
/** eˣ. */
export const exp = (x: Tensor): Tensor => unary('exp', x);
/** Natural logarithm; x below the smallest normal float32 counts as that: the result is at least -87.34, its gradient 0. */
export const log = (x: Tensor): Tensor => unary('log', x);
/** max(x, 0); the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => unary('relu', x);
/** x above 0, else slope·x. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => unary('leakyRelu', x, { slope });
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
/** log(1 + eˣ), without overflow. */
export const softplus = (x: Tensor): Tensor => unary('softplus', x);
/** x·sigmoid(x). */
export const silu = (x: Tensor): Tensor => unary('silu', x);

/** x Φ(x), Φ the normal distribution: the exact form with erf. */
export const gelu = (x: Tensor): Tensor => unary('gelu', x);
/** Sine, to 1e-6 for |x| up to some thousands on every adapter. */
export const sin = (x: Tensor): Tensor => unary('sin', x);
/** Cosine, to 1e-6 for |x| up to some thousands on every adapter. */
export const cos = (x: Tensor): Tensor => unary('cos', x);

/**
 * x held between low and high; null leaves that side open. The gradient is that of x where low <= x <= high, else 0.
 * @throws ShapeError if low is above high or one is no number.
 */
export function clamp(x: Tensor, low: number | null, high: number | null): Tensor {
  const bounds = { low: low ?? Number.NEGATIVE_INFINITY, high: high ?? Number.POSITIVE_INFINITY };
  if (!(bounds.low <= bounds.high))
    throw new ShapeError(`clamp: low ${low}, high ${high}; low must not be above high`);
  return unary('clamp', x, bounds);
}

/** Up to this exponent a whole power is written as products: exact, and negative x need no care. */
const mostProducts = 8;

/**
 * xᵖ for a number p, as torch.pow: NaN for negative x unless p is whole. A tensor of exponents: `exp(mul(p, log(x)))`.
 * @throws ShapeError if p is no finite number.
 */
export function pow(x: Tensor, p: number): Tensor {
  if (!Number.isFinite(p)) throw new ShapeError(`pow: exponent ${p}; it must be a finite number`);
  const d = p === 0 ? 'V()' : `u.p * ${powerOf(p - 1, 'u.below')}`;
  const row = { f: powerOf(p, 'u.p'), d, functions: power };
  return apply('pow', row, x, { ...powerParams, p, below: p - 1 });
}

/** WGSL of x to the power p, a number that is also the parameter `named`. */
function powerOf(p: number, named: string): string {
  if (p === 0) return 'V(1.0)';
  if (!Number.isInteger(p) || Math.abs(p) > mostProducts) return `power(x, V(${named}))`;
  const product = Array(Math.abs(p)).fill('x').join(' * ');
  return p > 0 ? `(${product})` : `(1.0 / (${product}))`;
}

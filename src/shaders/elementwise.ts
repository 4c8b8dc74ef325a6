// Elementwise operations. One row of a table is one function: its WGSL in x (or a, b) and its derivative in x, y.
// Unary: y = f(x), dx = dy f'(x, y). Binary: y = f(a, b) with NumPy's broadcasting; the gradient of a broadcast
// input is summed back to its shape. Equal shapes move one vec4 an invocation, broadcasts one element with strides.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { pointwise } from '../engine/primitives.ts';
import { run } from '../engine/run.ts';
import { type Shape, sameShape, shapeText, sizeOf, Tensor } from '../engine/tensor.ts';
import { sumTo } from './reduce.ts';

const workgroup = 64;

/** Smallest normal float32: the floor under logarithms and divisions. */
export const tiny = '1.1754944e-38';

// exp(87) is still finite; WGSL does not promise what comes after an overflow.
const logistic = '(1.0 / (1.0 + exp(min(-x, V(87.0)))))';

interface Unary {
  f: string;
  /** The derivative, from x and y = f(x). */
  d: string;
}

const unaries = {
  neg: { f: '-x', d: 'V(-1.0)' },
  abs: { f: 'abs(x)', d: 'sign(x)' },
  square: { f: 'x * x', d: '2.0 * x' },
  sqrt: { f: 'sqrt(x)', d: '0.5 / y' },
  rsqrt: { f: '1.0 / sqrt(x)', d: '-0.5 * y / x' },
  reciprocal: { f: '1.0 / x', d: '-y * y' },
  exp: { f: 'exp(x)', d: 'y' },
  log: { f: `log(max(x, V(${tiny})))`, d: `1.0 / max(x, V(${tiny}))` },
  relu: { f: 'max(x, V())', d: 'select(V(), V(1.0), x > V())' },
  leakyRelu: { f: 'select(u.p * x, x, x > V())', d: 'select(V(u.p), V(1.0), x > V())' },
  sigmoid: { f: logistic, d: 'y * (1.0 - y)' },
  // Clamped: exp overflows beyond, where tanh is 1 to the last bit.
  tanh: { f: 'tanh(clamp(x, V(-10.0), V(10.0)))', d: '1.0 - y * y' },
  softplus: { f: 'max(x, V()) + log(1.0 + exp(-abs(x)))', d: logistic },
  silu: { f: `x * ${logistic}`, d: `(1.0 + x - y) * ${logistic}` },
} satisfies Record<string, Unary>;

function unary(name: keyof typeof unaries, x: Tensor, p?: number): Tensor {
  const { f, d } = unaries[name];
  const y = x.engine.empty(x.shape);
  pointwise(name, y, { x }, f, p);
  return record(name, [x], [y], (g) => {
    pointwise(`${name}.dx`, g.into(0), { dy: g.out(), x, y }, `dy * (${d})`, p);
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
/** Natural logarithm; x below the smallest normal float32 counts as that, so the result is at least -87.34. */
export const log = (x: Tensor): Tensor => unary('log', x);
/** max(x, 0); the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => unary('relu', x);
/** x above 0, else slope·x. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => unary('leakyRelu', x, slope);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
/** log(1 + eˣ), without overflow. */
export const softplus = (x: Tensor): Tensor => unary('softplus', x);
/** x·sigmoid(x). */
export const silu = (x: Tensor): Tensor => unary('silu', x);

interface Binary {
  f: string;
  /** Derivatives by a and b; null stands for 1. */
  da: string | null;
  db: string | null;
}

// PyTorch's maximum and minimum share the gradient evenly where both inputs are equal.
const half = (above: string) =>
  `select(select(0.0, 0.5, a == b), 1.0, ${above})`.replace(/([01]\.[05])/g, 'V($1)');

const binaries = {
  add: { f: 'a + b', da: null, db: null },
  sub: { f: 'a - b', da: null, db: 'V(-1.0)' },
  mul: { f: 'a * b', da: 'b', db: 'a' },
  div: { f: 'a / b', da: '1.0 / b', db: '-a / (b * b)' },
  maximum: { f: 'max(a, b)', da: half('a > b'), db: half('b > a') },
  minimum: { f: 'min(a, b)', da: half('a < b'), db: half('b < a') },
} satisfies Record<string, Binary>;

function binary(name: keyof typeof binaries, left: Tensor | number, right: Tensor | number): Tensor {
  const engine = left instanceof Tensor ? left.engine : (right as Tensor).engine;
  const a = asTensor(engine, left);
  const b = asTensor(engine, right);
  const { f, da, db } = binaries[name];
  const y = zip(name, broadcastShape(name, a.shape, b.shape), { a, b }, f);
  return record(name, [a, b], [y], (g) => {
    [da, db].forEach((derivative, i) => {
      if (!g.needs(i)) return;
      const input = i === 0 ? a : b;
      const dy = g.out();
      const full =
        derivative === null ? dy : zip(`${name}.${'ab'[i]}`, y.shape, { dy, a, b }, `dy * (${derivative})`);
      g.pass(i, sumTo(full, input.shape));
    });
  });
}

function asTensor(engine: Engine, x: Tensor | number): Tensor {
  if (x instanceof Tensor) return x;
  if (typeof x !== 'number')
    throw new ShapeError('elementwise: an operand is neither a number nor a tensor of this copy of formant');
  return engine.constant(`number ${x}`, () => ({ data: Float32Array.of(x), shape: [1] }));
}

/** NumPy's rule. @throws ShapeError where two dimensions differ and neither is 1. */
export function broadcastShape(where: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1)
      throw new ShapeError(
        `${where}: shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast; ${p} and ${q} differ and neither is 1`,
      );
    return Math.max(p, q);
  });
}

/** y = expression over broadcast inputs; `V` in it is the element type. */
function zip(name: string, shape: Shape, inputs: Record<string, Tensor>, expression: string): Tensor {
  const { engine } = Object.values(inputs)[0];
  const y = engine.empty(shape);
  const used = Object.keys(inputs).filter((k) => new RegExp(`\\b${k}\\b`).test(expression));
  const whole = used.every((k) => sameShape(inputs[k].shape, shape) || inputs[k].size === 1);
  if (whole) pointwise(name, y, inputs, expression);
  else zipStrided(name, y, used, inputs, expression);
  return y;
}

/** Any broadcast: a stride of 0 along the dimensions that an input repeats over. */
function zipStrided(
  name: string,
  y: Tensor,
  used: string[],
  inputs: Record<string, Tensor>,
  f: string,
): void {
  const { shape, rank } = y;
  const sizes: Record<string, number> = { n: y.size };
  const index: string[] = ['var r = i;'];
  for (let d = rank - 1; d >= 0; d--) {
    sizes[`d${d}`] = shape[d];
    index.push(`let i${d} = r % u.d${d}; r /= u.d${d};`);
  }
  const loads = used.map((k) => {
    const own = inputs[k].shape;
    const terms: string[] = [];
    let stride = 1;
    for (let d = rank - 1; d >= 0; d--) {
      const size = own[d - rank + own.length] ?? 1;
      sizes[`${k}${d}`] = size === 1 ? 0 : stride;
      stride *= size;
      terms.push(`i${d} * u.${k}${d}`);
    }
    return `let ${k} = ${k}Data[${terms.join(' + ')}];`;
  });
  run(
    y.engine,
    {
      name,
      reads: Object.fromEntries(used.map((k) => [`${k}Data`, 'f32'])),
      writes: { ys: 'f32' },
      uniforms: Object.fromEntries(Object.keys(sizes).map((k) => [k, 'u32'])),
      workgroup,
      declarations: 'alias V = f32;',
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) { ${index.join(' ')} ${loads.join(' ')} ys[i] = ${f}; }`,
    },
    { ...Object.fromEntries(used.map((k) => [`${k}Data`, inputs[k]])), ys: y },
    sizes,
    Math.ceil(sizeOf(shape) / workgroup),
  );
}

/** a + b, broadcast. */
export const add = (a: Tensor | number, b: Tensor | number): Tensor => binary('add', a, b);
/** a - b, broadcast. */
export const sub = (a: Tensor | number, b: Tensor | number): Tensor => binary('sub', a, b);
/** a·b, broadcast. */
export const mul = (a: Tensor | number, b: Tensor | number): Tensor => binary('mul', a, b);
/** a / b, broadcast. */
export const div = (a: Tensor | number, b: Tensor | number): Tensor => binary('div', a, b);
/** The larger of a and b, broadcast; equal values share the gradient. */
export const maximum = (a: Tensor | number, b: Tensor | number): Tensor => binary('maximum', a, b);
/** The smaller of a and b, broadcast; equal values share the gradient. */
export const minimum = (a: Tensor | number, b: Tensor | number): Tensor => binary('minimum', a, b);

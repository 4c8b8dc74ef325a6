// Elementwise functions of two or three tensors or numbers, with NumPy's broadcasting. One row of a table is one
// function, its WGSL in a and b and its derivative by each; the gradient of a broadcast input is summed back to its
// shape. Comparisons give 1 or 0 and have no gradient; `where` chooses by them.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { Tensor } from '../engine/tensor.ts';
import { isNan } from './functions.ts';
import { sumTo } from './reduce.ts';
import { broadcastShape, zip } from './zip.ts';

interface Binary {
  f: string;
  /** Derivatives by a and b; null stands for 1. */
  da: string | null;
  db: string | null;
  /** WGSL functions that f uses. */
  functions?: string;
}

// PyTorch's maximum and minimum share the gradient evenly where both inputs are equal.
const half = (above: string) =>
  `select(select(0.0, 0.5, a == b), 1.0, ${above})`.replace(/([01]\.[05])/g, 'V($1)');

/** max and min may drop a NaN. */
const withNan = (f: string) => `select(${f}, a + b, isNan(a) | isNan(b))`;

const binaries = {
  add: { f: 'a + b', da: null, db: null },
  sub: { f: 'a - b', da: null, db: 'V(-1.0)' },
  mul: { f: 'a * b', da: 'b', db: 'a' },
  div: { f: 'a / b', da: '1.0 / b', db: '-(a / b) / b' },
  maximum: { f: withNan('max(a, b)'), da: half('a > b'), db: half('b > a'), functions: isNan },
  minimum: { f: withNan('min(a, b)'), da: half('a < b'), db: half('b < a'), functions: isNan },
} satisfies Record<string, Binary>;

function binary(name: keyof typeof binaries, left: Tensor | number, right: Tensor | number): Tensor {
  const engine = engineOf(left, right);
  const a = asTensor(engine, left);
  const b = asTensor(engine, right);
  const { f, da, db, functions = '' }: Binary = binaries[name];
  const y = zip(name, broadcastShape(name, a.shape, b.shape), { a, b }, f, { functions });
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

function engineOf(...operands: (Tensor | number)[]): Engine {
  const tensor = operands.find((x) => x instanceof Tensor);
  if (!tensor)
    throw new ShapeError(
      'elementwise: no operand is a tensor of this copy of formant; make one with engine.tensor()',
    );
  return tensor.engine;
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

const comparisons = {
  greater: 'a > b',
  greaterEqual: 'a >= b',
  less: 'a < b',
  lessEqual: 'a <= b',
  equal: 'a == b',
  notEqual: 'a != b',
} as const;

function compare(name: keyof typeof comparisons, left: Tensor | number, right: Tensor | number): Tensor {
  const engine = engineOf(left, right);
  const [a, b] = [asTensor(engine, left), asTensor(engine, right)];
  const shape = broadcastShape(name, a.shape, b.shape);
  return zip(name, shape, { a, b }, `select(V(), V(1.0), ${comparisons[name]})`);
}

/** 1 where a > b, else 0, broadcast; no gradient. */
export const greater = (a: Tensor | number, b: Tensor | number): Tensor => compare('greater', a, b);
/** 1 where a >= b, else 0, broadcast; no gradient. */
export const greaterEqual = (a: Tensor | number, b: Tensor | number): Tensor => compare('greaterEqual', a, b);
/** 1 where a < b, else 0, broadcast; no gradient. */
export const less = (a: Tensor | number, b: Tensor | number): Tensor => compare('less', a, b);
/** 1 where a <= b, else 0, broadcast; no gradient. */
export const lessEqual = (a: Tensor | number, b: Tensor | number): Tensor => compare('lessEqual', a, b);
/** 1 where a = b, else 0, broadcast; no gradient. */
export const equal = (a: Tensor | number, b: Tensor | number): Tensor => compare('equal', a, b);
/** 1 where a and b differ, else 0, broadcast; no gradient. */
export const notEqual = (a: Tensor | number, b: Tensor | number): Tensor => compare('notEqual', a, b);

/** a where the condition is not 0, else b; all three broadcast. No gradient goes to the condition. */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const { engine } = condition;
  const [yes, no] = [asTensor(engine, a), asTensor(engine, b)];
  const shape = broadcastShape('where', condition.shape, broadcastShape('where', yes.shape, no.shape));
  const y = zip('where', shape, { c: condition, a: yes, b: no }, 'select(b, a, c != V())');
  return record('where', [yes, no], [y], (g) => {
    [yes, no].forEach((input, i) => {
      if (!g.needs(i)) return;
      const part = i === 0 ? 'select(V(), dy, c != V())' : 'select(dy, V(), c != V())';
      g.pass(i, sumTo(zip(`where.${'ab'[i]}`, shape, { c: condition, dy: g.out() }, part), input.shape));
    });
  });
}

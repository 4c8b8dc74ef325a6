// Dropout: y = x m / (1 - p), where m is 0 with probability p and else 1. The mask is drawn on the GPU by the generator
// of engine/random.ts, Philox4x32-10, and is a function of (seed, stream, step): element i is kept where
// random.uniform(step, n)[i] >= p. Nothing is stored; the gradient draws the same mask again. One invocation draws
// one block, four elements.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { fill, pointwise } from '../engine/primitives.ts';
import type { Random } from '../engine/random.ts';
import type { Tensor } from '../engine/tensor.ts';

const philox = `fn mulHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let carry = (middle & 0xffffu) + (a & 0xffffu) * (b >> 16u);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (carry >> 16u);
}
fn philox(first: vec2u, start: vec4u) -> vec4u {
  var key = first;
  var c = start;
  for (var round = 0; round < 10; round++) {
    let high = vec2u(mulHigh(0xd2511f53u, c.x), mulHigh(0xcd9e8d57u, c.z));
    let low = vec2u(0xd2511f53u * c.x, 0xcd9e8d57u * c.z);
    c = vec4u(high.y ^ c.y ^ key.x, low.y, high.x ^ c.w ^ key.y, low.x);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

/** Random numbers in [0, 1) for the elements of a tensor's i-th vec4, as random.uniform draws them. */
const draw = `fn draw(i: u32) -> vec4f {
  let drawn = philox(vec2u(words[0], words[1]), vec4u(i, words[2], words[3], words[4]));
  return vec4f(drawn >> vec4u(8u)) * ${2 ** -24};
}`;

function mask(name: string, x: Tensor, y: Tensor, words: Tensor, p: number): void {
  pointwise(name, y, { x }, 'select(V(), x * u.scale, draw(i) >= V(u.p))', {
    params: { p, scale: 1 / (1 - p) },
    functions: `${philox}\n${draw}`,
    reads: { words: ['u32', words] },
  });
}

/**
 * Sets elements to zero with probability p and scales the others by 1 / (1 - p), as torch.nn.functional.dropout in
 * training; leave the call out to evaluate.
 * @param step number of the step; a function is asked anew at every replay of a captured step
 * @throws ShapeError if p is outside [0, 1].
 */
export function dropout(x: Tensor, p: number, random: Random, step: number | (() => number)): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ShapeError(`dropout: p ${p}; it must be in [0, 1]`);
  if (p === 0) return x;
  const { engine } = x;
  const y = engine.empty(x.shape);
  if (p === 1) {
    fill(y, 0);
    return record('dropout', [x], [y], (g) => fill(g.into(0), 0));
  }
  const words = engine.feed([5], () => {
    const bits = random.words(typeof step === 'number' ? step : step());
    return new Float32Array(bits.buffer);
  });
  mask('dropout', x, y, words, p);
  return record('dropout', [x], [y], (g) => mask('dropout.dx', g.out(), g.into(0), words, p));
}

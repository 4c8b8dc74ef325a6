// Random numbers keyed by (seed, stream, step): the numbers of any step can be had without those before it,
// so a resumed run sees what an uninterrupted one would have seen. The generator is Philox4x32-10 (Salmon et
// al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), ten rounds of two 32 x 32 > 64 bit products.
// key = [seed low, stream], counter = [block, step low, kind << 24 | step high, seed high]: one block is four
// words, and uniform, normal and permutation draw from counters of their own.
// Everything here is integer work or + - * / sqrt on doubles, which IEEE 754 rounds in one way only, so the
// numbers are the same bits on every machine; Math.log, sin and cos are not, and are not used.
import { ShapeError } from './errors.ts';

export type Word2 = [number, number];
export type Word4 = [number, number, number, number];

const KIND = { uniform: 0, normal: 1, permutation: 2 } as const;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32
  const carry = (middle & 0xffff) + aLow * bHigh; // below 2^32
  return (aHigh * bHigh + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/**
 * One block of Philox4x32-10: four unsigned 32-bit words from a key of two and a counter of four, put into `out`.
 * Source: Salmon et al. 2011; agrees with the known answers of Random123.
 */
export function philox4x32(key: Word2, counter: Word4, out: Word4 = [0, 0, 0, 0]): Word4 {
  let k0 = key[0];
  let k1 = key[1];
  let c0 = counter[0];
  let c1 = counter[1];
  let c2 = counter[2];
  let c3 = counter[3];
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = mulHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** FNV-1a, 32 bits, over the UTF-8 bytes of a text. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Value of a polynomial, highest power first. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let sum = 0;
  for (const c of coefficients) sum = sum * x + c;
  return sum;
}

/** Natural logarithm for 0 < x <= 1: x = m / 2^k with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m-1)/(m+1)). */
function log(x: number): number {
  let m = x;
  let k = 0;
  while (m < Math.SQRT1_2) {
    m *= 2;
    k++;
  }
  const s = (m - 1) / (m + 1); // |s| < 0.172: eleven terms reach the last bit
  let series = 0;
  for (let n = 21; n >= 1; n -= 2) series = series * s * s + 1 / n;
  return 2 * s * series - k * Math.LN2;
}

// Wichura 1988, algorithm AS 241 (PPND16), relative error 1e-16: numerator and denominator for the centre,
// for tails down to exp(-25), and beyond. Constants as the nearest doubles.
const CENTRE = {
  numerator: [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
    1971.5909503065513, 133.14166789178438, 3.3871328727963665,
  ],
  denominator: [
    5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
    687.1870074920579, 42.31333070160091, 1,
  ],
};
const TAIL = {
  numerator: [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ],
  denominator: [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ],
};
const FAR = {
  numerator: [
    2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124,
    0.29656057182850487, 1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ],
  denominator: [
    2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133,
    0.014875361290850615, 0.1369298809227358, 0.599832206555888, 1,
  ],
};

/** The standard normal deviate that a share `p` of all deviates lies below, 0 < p < 1. */
export function inverseNormal(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(r, CENTRE.numerator)) / polynomial(r, CENTRE.denominator);
  }
  const r = Math.sqrt(-log(q < 0 ? p : 1 - p));
  const [table, shift] = r <= 5 ? [TAIL, 1.6] : [FAR, 5];
  const z = polynomial(r - shift, table.numerator) / polynomial(r - shift, table.denominator);
  return q < 0 ? -z : z;
}

function checkInteger(what: string, value: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value > max) {
    throw new ShapeError(`Random: ${what} is ${value}; give an integer from 0 to ${max}`);
  }
}

/**
 * Random numbers of one stream of one seed; it holds no state.
 * `seed` is an integer from 0 to 2^53 - 1; `stream` a name (hashed with FNV-1a) or an integer below 2^32.
 * Every method takes the step, an integer from 0 to 2^53 - 1. The first numbers of a longer draw are those of
 * a shorter one. Throws ShapeError for values outside these ranges.
 */
export class Random {
  readonly #key: Word2;
  readonly #seedHigh: number;

  constructor(seed: number, stream: string | number) {
    checkInteger('seed', seed, Number.MAX_SAFE_INTEGER);
    if (typeof stream === 'number') checkInteger('stream', stream, 0xffffffff);
    this.#key = [seed >>> 0, typeof stream === 'number' ? stream : fnv1a(stream)];
    this.#seedHigh = Math.floor(seed / 2 ** 32);
  }

  /** A function that hands out the words of one step and kind, one by one. */
  #words(kind: number, step: number): () => number {
    checkInteger('step', step, Number.MAX_SAFE_INTEGER);
    const third = ((kind << 24) | Math.floor(step / 2 ** 32)) >>> 0; // a step's high part has 21 bits
    // Written over for every block: a training step draws thousands of words and should leave no garbage.
    const counter: Word4 = [0, step >>> 0, third, this.#seedHigh];
    const words: Word4 = [0, 0, 0, 0];
    let next = 4;
    return () => {
      if (next === 4) {
        philox4x32(this.#key, counter, words);
        counter[0]++;
        next = 0;
      }
      return words[next++];
    };
  }

  /**
   * What a kernel needs to draw the numbers of `uniform(step, ...)` itself: the key's two words, then the second to
   * the fourth word of the counter; the first counts blocks of four numbers.
   */
  words(step: number): Uint32Array {
    checkInteger('step', step, Number.MAX_SAFE_INTEGER);
    const third = (KIND.uniform << 24) | Math.floor(step / 2 ** 32);
    return Uint32Array.of(...this.#key, step >>> 0, third, this.#seedHigh);
  }

  /** `count` numbers, each a multiple of 2^-24, uniform in [0, 1). */
  uniform(step: number, count: number): Float32Array {
    checkInteger('count', count, 2 ** 32);
    const word = this.#words(KIND.uniform, step);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = (word() >>> 8) / 2 ** 24;
    return out;
  }

  /**
   * `count` standard normal numbers, within +-6.4: a 32-bit word w gives the deviate of p = (w + 1/2) / 2^32,
   * computed in double, rounded to float32.
   */
  normal(step: number, count: number): Float32Array {
    checkInteger('count', count, 2 ** 32);
    const word = this.#words(KIND.normal, step);
    const out = new Float32Array(count);
    for (let i = 0; i < count; i++) out[i] = inverseNormal((word() + 0.5) / 2 ** 32);
    return out;
  }

  /** The numbers 0 to n - 1 in an order drawn from all n! alike (Fisher-Yates; words that would favour some are redrawn). */
  permutation(step: number, n: number): Uint32Array {
    checkInteger('n', n, 2 ** 32);
    const word = this.#words(KIND.permutation, step);
    const out = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const choices = i + 1;
      const limit = 2 ** 32 - (2 ** 32 % choices);
      let draw = word();
      while (draw >= limit) draw = word();
      const j = draw % choices;
      const held = out[i];
      out[i] = out[j];
      out[j] = held;
    }
    return out;
  }
}

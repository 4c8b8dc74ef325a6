// Transforms of any length: powers of two by Stockham passes (passes.ts), all others as convolutions (bluestein.ts).
// Real transforms have bins 0 .. floor(n/2). Bin 0 is an edge: its imaginary part is zero; so is bin n/2, which only
// an even n has. All other bins are met twice in a sum over n bins, once as their conjugates.

import type { Engine } from '../../engine/engine.ts';
import { ShapeError } from '../../engine/errors.ts';
import { chirpTransform } from './bluestein.ts';
import { extended } from './columns.ts';
import {
  type ComplexTransform,
  hermitianPasses,
  type RealTransform,
  realPasses,
  singleLine,
} from './passes.ts';
import type { Source, Target } from './ports.ts';

const isPowerOfTwo = (n: number): boolean => (n & (n - 1)) === 0;

/** Number of bins of a real transform of n. */
export const binCount = (n: number): number => Math.floor(n / 2) + 1;

/** Throws a ShapeError unless n is a whole number from 1 to 2^24, below which indices are exact everywhere. */
export function checkLength(op: string, name: string, n: number): void {
  if (Number.isInteger(n) && n >= 1 && n <= 2 ** 24) return;
  throw new ShapeError(`${op}: ${name} ${n}; it must be a whole number from 1 to ${2 ** 24}`);
}

/** Complex transform of length n times the scale. */
export function complexTransform(engine: Engine, p: ComplexTransform, source: Source, target: Target): void {
  const scaled = extended(target, {
    floats: { scale: p.scale },
    store: (e, re, im) => target.store(e, `(${re} * u.scale)`, `(${im} * u.scale)`),
  });
  if (isPowerOfTwo(p.n)) singleLine(engine, p, source, scaled);
  else chirpTransform(engine, { ...p, inputs: p.n, outputs: p.n }, source, scaled);
}

/** Uniforms for bins' weights, and WGSL of the weights of bin e's two parts: an edge's imaginary part is zero. */
function weighing(n: number, edge: number, middle: number) {
  const isEdge = (e: string) => `(${e} == 0u || ${e} == u.nyquist)`;
  return {
    numbers: { sizes: { nyquist: n % 2 === 0 ? n / 2 : 0 }, floats: { edge, middle } },
    re: (e: string) => `select(u.middle, u.edge, ${isEdge(e)})`,
    im: (e: string) => `select(u.middle, 0.0, ${isEdge(e)})`,
  };
}

/** Bins 0 .. floor(n/2) of a real transform, each times its weight. */
export function realTransform(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  const { n } = p;
  if (isPowerOfTwo(n)) {
    realPasses(engine, p, source, target);
    return;
  }
  const w = weighing(n, p.weights.edge, p.weights.middle);
  const complex: Source = { ...source, load: (x, e) => `${source.load(x, e)} let ${x}i = V();` };
  const weighed = extended(target, {
    ...w.numbers,
    store: (e, re, im) => target.store(e, `(${re} * ${w.re(e)})`, `(${im} * ${w.im(e)})`),
  });
  chirpTransform(engine, { ...p, sign: -1, inputs: n, outputs: binCount(n) }, complex, weighed);
}

/**
 * The real signal of bins 0 .. floor(n/2), not normalised: the sum over all n bins of weight X[k] e^(2 pi i k t / n),
 * with bin n - k the conjugate of bin k. The imaginary parts of the edges are ignored.
 */
export function hermitianTransform(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  const { n } = p;
  if (isPowerOfTwo(n)) {
    hermitianPasses(engine, p, source, target);
    return;
  }
  const w = weighing(n, p.weights.edge, 2 * p.weights.middle);
  const weighed = extended(source, {
    ...w.numbers,
    load: (x, e) =>
      `${source.load(`${x}w`, e)} let ${x}r = ${x}wr * ${w.re(e)}; let ${x}i = ${x}wi * ${w.im(e)};`,
  });
  chirpTransform(engine, { ...p, sign: 1, inputs: binCount(n), outputs: n }, weighed, target);
}

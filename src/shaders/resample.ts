// Resampling by any ratio, torchaudio.functional.resample: a windowed sinc h evaluated at every pair of an input's and
// an output's place, both in units of one period (T in samples before, n after; rates reduced by their gcd):
//   y[n] = sum_m x[m] h(m / from - n / to)      h(s) = w(b s) sinc(b s) b / from,  b = rolloff min(from, to)
// The filter repeats after `to` outputs. A table row holds, for one input of a window, its weights in four
// neighbouring outputs (a vec4); an invocation computes those outputs in four successive periods, so five loads feed
// sixteen products. h is even, so the gradient is the same kernel with the roles of the rates exchanged.
// The table is made in float64. Limits: 2^24 weights (64 MiB), which only coprime rates above 100,000 reach.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { perItem } from '../engine/run.ts';
import type { Tensor } from '../engine/tensor.ts';
import { bessel0 } from './fft/window.ts';
import { reshape } from './shape.ts';
import { axis, each } from './tile.ts';

/** As torchaudio.functional.resample. */
export interface ResampleOptions {
  /** Zero crossings of the sinc on each side: more of them cut more steeply. Default 6. */
  lowpassFilterWidth?: number;
  /** Where the filter cuts off, as a share of the lower Nyquist frequency. Default 0.99. */
  rolloff?: number;
  /** Window of the sinc. Default `sinc_interp_hann`. */
  method?: 'sinc_interp_hann' | 'sinc_interp_kaiser';
  /** Of the Kaiser window; default 14.769656459379492. */
  beta?: number;
}

/** Rates before and after, divided by their greatest common divisor. */
export interface Ratio {
  from: number;
  to: number;
}

/** Options with their defaults. */
export interface ResamplePlan extends Required<ResampleOptions>, Ratio {
  /** Inputs on each side that an output depends on. */
  reach: number;
}

/** Outputs next to each other, and periods, that an invocation computes. */
const outputs = 4;
const periods = 4;
const mostWeights = 2 ** 24;

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** @throws ShapeError for rates that are no whole numbers from 1 to 2^31, or options out of range. */
export function resamplePlan(origFreq: number, newFreq: number, options: ResampleOptions = {}): ResamplePlan {
  for (const [name, rate] of Object.entries({ origFreq, newFreq }))
    if (!Number.isInteger(rate) || rate < 1 || rate > 2 ** 31)
      throw new ShapeError(`resample: ${name} ${rate}; it must be a whole number of Hz from 1 to 2^31`);
  const { lowpassFilterWidth = 6, rolloff = 0.99, method = 'sinc_interp_hann' } = options;
  const { beta = 14.769656459379492 } = options;
  if (!Number.isInteger(lowpassFilterWidth) || lowpassFilterWidth < 1 || lowpassFilterWidth > 1024)
    throw new ShapeError(
      `resample: lowpassFilterWidth ${lowpassFilterWidth}; it must be a whole number from 1 to 1024`,
    );
  if (!(rolloff > 0 && rolloff <= 1))
    throw new ShapeError(`resample: rolloff ${rolloff}; it must be above 0 and at most 1`);
  if (method !== 'sinc_interp_hann' && method !== 'sinc_interp_kaiser')
    throw new ShapeError(`resample: method ${method}; it must be sinc_interp_hann or sinc_interp_kaiser`);
  if (!(beta >= 0 && beta <= 100))
    throw new ShapeError(`resample: beta ${beta}; it must be a number from 0 to 100`);
  const divisor = gcd(origFreq, newFreq);
  const [from, to] = [origFreq / divisor, newFreq / divisor];
  const reach = Math.ceil((lowpassFilterWidth * from) / (rolloff * Math.min(from, to)));
  const plan = { from, to, reach, lowpassFilterWidth, rolloff, method, beta };
  const { groups, rows } = tableSize(plan.from, plan.to, support(plan));
  if (outputs * groups * rows > mostWeights)
    throw new ShapeError(
      `resample: ${origFreq} to ${newFreq} Hz is ${from}:${to}, whose filter has ${outputs * groups * rows} weights, ` +
        `more than ${mostWeights}; use a rate that shares a larger divisor, or a smaller lowpassFilterWidth`,
    );
  return plan;
}

/** Samples of the result: ceil(to T / from). */
export function resampledLength(T: number, { from, to }: Ratio): number {
  return Math.ceil((to * T) / from);
}

/** Half the filter's length in periods. */
function support(p: ResamplePlan): number {
  return p.lowpassFilterWidth / (p.rolloff * Math.min(p.from, p.to));
}

/** h at s periods. */
function filter(p: ResamplePlan): (s: number) => number {
  const { lowpassFilterWidth: width, method, beta } = p;
  const b = p.rolloff * Math.min(p.from, p.to);
  const window =
    method === 'sinc_interp_hann'
      ? (t: number) => Math.cos((Math.PI * t) / (2 * width)) ** 2
      : (t: number) => bessel0(beta * Math.sqrt(1 - (t / width) ** 2)) / bessel0(beta);
  return (s) => {
    const t = b * s;
    if (Math.abs(t) >= width) return 0;
    return ((t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t)) * window(t) * b) / p.from;
  };
}

/** Whole groups of outputs need a period divisible by four: several periods count as one. */
function tableSize(from: number, to: number, half: number) {
  const times = outputs / gcd(to, outputs);
  const [I, O] = [from * times, to * times];
  const groups = O / outputs;
  const rows = Math.floor(2 * half * from + ((outputs - 1) * from) / to) + 2;
  return { I, O, groups, rows };
}

/** The first input of group g's window, in inputs from the period's start. */
function firstInput(g: number, from: number, to: number, half: number): number {
  return Math.ceil(((outputs * g) / to - half) * from);
}

/** Weights (rows, groups, 4) and the windows' first inputs (groups), for outputs at `to` from inputs at `from`. */
function tables(engine: Engine, p: ResamplePlan, from: number, to: number) {
  const half = support(p);
  const size = tableSize(from, to, half);
  const { groups, rows } = size;
  const { lowpassFilterWidth, rolloff, method, beta } = p;
  const key = `resample ${p.from}:${p.to} ${from} ${lowpassFilterWidth} ${rolloff} ${method} ${beta}`;
  const weights = engine.constant(`${key} weights`, () => {
    const h = filter(p);
    const data = new Float32Array(rows * groups * outputs);
    for (let g = 0; g < groups; g++) {
      const first = firstInput(g, from, to, half);
      for (let r = 0; r < rows; r++)
        for (let e = 0; e < outputs; e++) {
          // One fraction of whole numbers, so that a place that should be 0 is 0.
          const n = outputs * g + e;
          data[(r * groups + g) * outputs + e] = h(((first + r) * to - n * from) / (from * to));
        }
    }
    return { data, shape: [rows, groups, outputs] };
  });
  const starts = engine.constant(`${key} starts`, () => ({
    data: Float32Array.from({ length: groups }, (_, g) => firstInput(g, from, to, half)),
    shape: [groups],
  }));
  return { ...size, weights, starts };
}

/** y (B, N) at rate `to` from x (B, T) at rate `from`. */
function convolve(name: string, x: Tensor, y: Tensor, p: ResamplePlan, from: number, to: number): void {
  const { I, O, groups, rows, weights, starts } = tables(x.engine, p, from, to);
  const [B, T] = x.shape;
  const N = y.shape[1];
  const blocks = Math.ceil(Math.ceil(N / O) / periods);
  const perClip = blocks * groups;
  perItem(B * perClip, {
    name,
    reads: { x, weights: ['vec4f', weights], starts },
    writes: { y },
    sizes: { T, N, I, O, groups, rows, perClip },
    body: `let b = i / u.perClip;
let block = i % u.perClip / u.groups;
let g = i % u.groups;
let row = b * u.T;
${each(periods, (p) => `var s${p} = i32(starts[g]) + i32((block * ${periods}u + ${p}u) * u.I);`).join('\n')}
${each(periods, (p) => `var sum${p} = vec4f();`).join(' ')}
for (var r = 0u; r < u.rows; r++) {
  let w = weights[r * u.groups + g];
  ${each(periods, (p) => `sum${p} += w * select(0.0, x[row + min(u32(max(s${p}, 0)), u.T - 1u)], s${p} >= 0 && s${p} < i32(u.T)); s${p}++;`).join('\n  ')}
}
${each(
  periods,
  (p) => `let n${p} = (block * ${periods}u + ${p}u) * u.O + g * ${outputs}u;
${each(outputs, (e) => `if (n${p} + ${e}u < u.N) { y[b * u.N + n${p} + ${e}u] = sum${p}.${axis[e]}; }`).join('\n')}`,
).join('\n')}`,
  });
}

/**
 * Resamples waves by a windowed sinc, as torchaudio.functional.resample (Smith's bandlimited interpolation).
 * @param x (B, T) or (T)
 * @param origFreq Hz of x @param newFreq Hz of the result
 * @returns (B, N) or (N), N = ceil(newFreq T / origFreq); x itself if the rates are equal
 * @throws ShapeError for rates or options out of range, or rates whose filter table is too large.
 */
export function resample(
  x: Tensor,
  origFreq: number,
  newFreq: number,
  options: ResampleOptions = {},
): Tensor {
  const p = resamplePlan(origFreq, newFreq, options);
  if (x.rank !== 1 && x.rank !== 2) throw new ShapeError(`resample: x ${x}; it must be (B, T) or (T)`);
  if (p.from === p.to) return x;
  const { engine } = x;
  const T = x.shape[x.rank - 1];
  const B = x.size / T;
  const N = resampledLength(T, p);
  const y = engine.empty([...x.shape.slice(0, -1), N]);
  const rows = (t: Tensor) => reshape(t, [B, t.size / B]);
  engine.noGrad(() => convolve('resample', rows(x), rows(y), p, p.from, p.to));
  return record('resample', [x], [y], (g) => {
    convolve('resample.dx', rows(g.out()), rows(g.into(0)), p, p.to, p.from);
  });
}

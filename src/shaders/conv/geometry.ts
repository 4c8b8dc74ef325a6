// What conv1d, convTranspose1d and their gradients have in common. Forward and input gradient are one sliding sum
//   y[b, co, OS q + phase] = sum over ci, taps of x[b, ci, IS q + d] w(co, ci, k)
// A convolution with stride s has IS = s and one phase whose taps sit at d = k dilation - padding. A transposed one
// has OS = s phases, each with the taps k for which (phase + padding - k dilation) divides by s. The weight gradient
// is the correlation of the two signals with the offsets d of the plain convolution.

import { axis } from '../tile.ts';

export interface ConvOptions {
  stride?: number;
  padding?: number;
  dilation?: number;
  groups?: number;
}

/** A tap: index k of the weight, and offset d of the input position. */
export interface Tap {
  k: number;
  d: number;
}

/** Sizes of one sliding sum. Channels are per group. */
export interface Slide {
  B: number;
  groups: number;
  /** Channels summed over, and channels made. */
  Cin: number;
  Cout: number;
  Lin: number;
  Lout: number;
  K: number;
  inputStride: number;
  /** Taps of each phase; the number of phases is the output's stride. */
  phases: Tap[][];
  /** The weight's first dimension runs over the summed channels (transposed) instead of the made ones. */
  weightByInput: boolean;
}

type Taps = Required<Pick<ConvOptions, 'stride' | 'padding' | 'dilation'>>;

/** Phases of y[t] = sum x[t stride + k dilation - padding] w[k]. */
export function forwardPhases(K: number, o: Taps): Tap[][] {
  return [Array.from({ length: K }, (_, k) => ({ k, d: k * o.dilation - o.padding }))];
}

/** Phases of the transposed sum, y[t] = sum of x[(t + padding - k dilation) / stride] w[k] where that divides. */
export function transposedPhases(K: number, o: Taps): Tap[][] {
  return Array.from({ length: o.stride }, (_, phase) => {
    const taps: Tap[] = [];
    for (let k = 0; k < K; k++) {
      const at = phase + o.padding - k * o.dilation;
      if (((at % o.stride) + o.stride) % o.stride === 0) taps.push({ k, d: at / o.stride });
    }
    return taps;
  });
}

/**
 * A lane's window into a row: the values at offsets around 4 q IS, held in named variables. Aligned rows are read
 * as whole vec4s and cut by swizzles; others float by float. Positions outside the row read as zero, and indices
 * are clamped, never skipped, so that every lane stays in step for a broadcast.
 * Several rows may be read at the same offsets: `loads` and `element` take a row's number.
 */
export function inputWindow(buffer: string, offsets: number[], stride: number, aligned: boolean) {
  const units = aligned ? 4 : 1;
  const needed = [...new Set(offsets.map((o) => Math.floor(o / units)))].sort((a, b) => a - b);
  const place = (v: number) => (v < 0 ? `m${-v}` : `${v}`);
  const name = (v: number, j: number) => `${buffer}${j}_${place(v)}`;
  const zero = aligned ? 'vec4f()' : '0.0';
  const setup = (base: string, length: string) =>
    needed
      .map((v) => {
        const at = `i32(${base} * ${aligned ? stride : 4 * stride}u) + ${v}`;
        return (
          `let at_${place(v)} = ${at}; let in_${place(v)} = at_${place(v)} >= 0 && at_${place(v)} < i32(${length}); ` +
          `let i_${place(v)} = u32(clamp(at_${place(v)}, 0, i32(${length}) - 1));`
        );
      })
      .join('\n');
  const loads = (row: string, j = 0) =>
    needed
      .map((v) => `let ${name(v, j)} = select(${zero}, ${buffer}[${row} + i_${place(v)}], in_${place(v)});`)
      .join('\n  ');
  const element = (o: number, j = 0) => {
    const v = Math.floor(o / units);
    return aligned ? `${name(v, j)}.${axis[o - 4 * v]}` : name(v, j);
  };
  return { setup, loads, element };
}

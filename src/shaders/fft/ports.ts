// The places transforms read from and write to. A source writes WGSL that defines `NAMEr` and `NAMEi` (or `NAMEr`
// alone, when it is real) from element `e`; a target writes WGSL that stores them. Each is bound under a prefix of
// its own, so one kernel may have several. Sources read existing frames again in place of frames that don't exist.

import type { Tensor } from '../../engine/tensor.ts';
import { at, type Columns, type Port, partOf, parts, storeFrames, valueType } from './columns.ts';

export interface Source extends Port {
  load(name: string, e: string): string;
}

export interface Target extends Port {
  store(e: string, re: string, im: string): string;
}

/** A complex column tensor of the given rows, as source and target. */
export function complexColumns(
  name: string,
  t: Tensor,
  c: Columns,
  rows: number,
): { source: Source; target: Target } {
  const re = (e: string) => at(c, e, rows, 2, 0);
  const im = (e: string) => at(c, e, rows, 2, 1);
  return {
    source: {
      reads: { [name]: [valueType, t] },
      load: (x, e) => `let ${x}r = ${name}[${re(e)}]; let ${x}i = ${name}[${im(e)}];`,
    },
    target: {
      writes: { [name]: [valueType, t] },
      store: (e, r, i) => `${name}[${re(e)}] = ${r}; ${name}[${im(e)}] = ${i};`,
    },
  };
}

/** A real column tensor of the given rows, as source and target. */
export function realColumns(
  name: string,
  t: Tensor,
  c: Columns,
  rows: number,
): { source: Source; target: Target } {
  return {
    source: {
      reads: { [name]: [valueType, t] },
      load: (x, e) => `let ${x}r = ${name}[${at(c, e, rows, 1)}];`,
    },
    target: { writes: { [name]: [valueType, t] }, store: (e, r) => `${name}[${at(c, e, rows, 1)}] = ${r};` },
  };
}

/** Index of element e of frame `frame + i` in (B, frames, n): rows of n elements. */
const inRow = (i: number, n: number, e: string) =>
  `(b * u.frames + min(frame + ${i}u, u.frames - 1u)) * ${n}u + ${e}`;

/** Real values (B, frames, n). */
export function realRows(name: string, t: Tensor, n: number): { source: Source; target: Target } {
  return {
    source: {
      reads: { [name]: ['f32', t] },
      load: (x, e) => `let ${x}r = V(${parts.map((i) => `${name}[${inRow(i, n, e)}]`).join(', ')});`,
    },
    target: {
      writes: { [name]: ['f32', t] },
      store: (e, re) =>
        storeFrames(
          name,
          (i) => partOf(re, i),
          (i) => inRow(i, n, e),
        ),
    },
  };
}

/** Interleaved complex values whose place is given by `index`. */
function interleaved(
  name: string,
  t: Tensor,
  index: (i: number, e: string) => string,
): { source: Source; target: Target } {
  return {
    source: {
      reads: { [name]: ['vec2f', t] },
      load: (x, e) =>
        [
          ...parts.map((i) => `let ${x}${i} = ${name}[${index(i, e)}];`),
          `let ${x}r = V(${parts.map((i) => `${x}${i}.x`).join(', ')});`,
          `let ${x}i = V(${parts.map((i) => `${x}${i}.y`).join(', ')});`,
        ].join(' '),
    },
    target: {
      writes: { [name]: ['vec2f', t] },
      store: (e, re, im) =>
        storeFrames(
          name,
          (i) => `vec2f(${partOf(re, i)}, ${partOf(im, i)})`,
          (i) => index(i, e),
        ),
    },
  };
}

/** Complex values (B, frames, n, 2). */
export const complexRows = (name: string, t: Tensor, n: number) =>
  interleaved(name, t, (i, e) => inRow(i, n, e));

/** A spectrum in PyTorch's layout (B, F, frames, 2). */
export const spectrogram = (name: string, t: Tensor, F: number) =>
  interleaved(name, t, (i, e) => `(b * ${F}u + ${e}) * u.frames + min(frame + ${i}u, u.frames - 1u)`);

/** Real values (B, rows, frames). */
export const realGrid = (name: string, t: Tensor, rows: number): Source => ({
  reads: { [name]: ['f32', t] },
  load: (x, e) => {
    const each = parts.map(
      (i) => `${name}[(b * ${rows}u + ${e}) * u.frames + min(frame + ${i}u, u.frames - 1u)]`,
    );
    return `let ${x}r = V(${each.join(', ')});`;
  },
});

// The places transforms read from and write to. A source writes WGSL that defines `NAMEr` and `NAMEi` (or `NAMEr`
// alone, when it is real) from element `e`; a target writes WGSL that stores them. Each is bound under a prefix of
// its own, so one kernel may have several. Sources read existing frames again in place of frames that don't exist.

import type { Tensor } from '../../engine/tensor.ts';
import {
  at,
  type Columns,
  complexType,
  type Port,
  partOf,
  parts,
  storeFrames,
  valueType,
} from './columns.ts';

export interface Source extends Port {
  load(name: string, e: string): string;
}

export interface Target extends Port {
  store(e: string, re: string, im: string): string;
}

/** How a complex pass reads element e = j + r M / R of a line, and stores e; `r` tells halves apart at writing. */
export interface LineReader extends Port {
  load(name: string, e: string, r: number, R: number): string;
}
export interface LineWriter extends Port {
  store(e: string, re: string, im: string, r: number, R: number): string;
}

/** A complex column tensor of the given rows, as source and target. */
export function complexColumns(
  name: string,
  t: Tensor,
  c: Columns,
  rows: number,
): { source: Source; target: Target } {
  const value = (e: string) => `${name}[${at(c, e, rows)}]`;
  return {
    source: {
      reads: { [name]: [complexType, t] },
      load: (x, e) => `let ${x}both = ${value(e)}; let ${x}r = ${x}both.xy; let ${x}i = ${x}both.zw;`,
    },
    target: {
      writes: { [name]: [complexType, t] },
      store: (e, r, i) => `${value(e)} = vec4f(${r}, ${i});`,
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
      load: (x, e) => `let ${x}r = ${name}[${at(c, e, rows)}];`,
    },
    target: { writes: { [name]: [valueType, t] }, store: (e, r) => `${name}[${at(c, e, rows)}] = ${r};` },
  };
}

/** Index of element e of frame `frame + i` in rows (B, frames, length). */
const inRow = (name: string, i: number, e: string) =>
  `(b * u.frames + min(frame + ${i}u, u.frames - 1u)) * u.${name}Length + ${e}`;

/**
 * For a transform over `count` elements of rows of another length: a longer row is cut, a shorter one has zeros at
 * its end. `load` and `store` are those of the elements that exist.
 */
function fitted(
  name: string,
  length: number,
  count: number,
  complex: boolean,
  load: Source['load'],
  store: Target['store'],
): Pick<Source, 'load'> & Pick<Target, 'store'> {
  if (length >= count) return { load, store };
  const inside = (e: string) => `${e} < u.${name}Length`;
  const keep = (x: string, part: string, e: string) =>
    `let ${x}${part} = select(V(), ${x}_${part}, ${inside(e)});`;
  return {
    load: (x, e) =>
      `${load(`${x}_`, `min(${e}, u.${name}Length - 1u)`)} ${keep(x, 'r', e)} ${complex ? keep(x, 'i', e) : ''}`,
    store: (e, re, im) => `if (${inside(e)}) { ${store(e, re, im)} }`,
  };
}

/** Real values (B, frames, length), the first `count` of each row. */
export function realRows(
  name: string,
  t: Tensor,
  length: number,
  count: number,
): { source: Source; target: Target } {
  const { load, store } = fitted(
    name,
    length,
    count,
    false,
    (x, e) => `let ${x}r = V(${parts.map((i) => `${name}[${inRow(name, i, e)}]`).join(', ')});`,
    (e, re) =>
      storeFrames(
        name,
        (i) => partOf(re, i),
        (i) => inRow(name, i, e),
      ),
  );
  const sizes = { [`${name}Length`]: length };
  return {
    source: { reads: { [name]: ['f32', t] }, sizes, load },
    target: { writes: { [name]: ['f32', t] }, sizes, store },
  };
}

/** Interleaved complex values whose place is given by `index`. */
function interleaved(
  name: string,
  index: (i: number, e: string) => string,
): Pick<Source & Target, 'load' | 'store'> {
  return {
    load: (x, e) =>
      [
        ...parts.map((i) => `let ${x}${i} = ${name}[${index(i, e)}];`),
        `let ${x}r = V(${parts.map((i) => `${x}${i}.x`).join(', ')});`,
        `let ${x}i = V(${parts.map((i) => `${x}${i}.y`).join(', ')});`,
      ].join(' '),
    store: (e, re, im) =>
      storeFrames(
        name,
        (i) => `vec2f(${partOf(re, i)}, ${partOf(im, i)})`,
        (i) => index(i, e),
      ),
  };
}

/** Complex values (B, frames, length, 2), the first `count` of each row. */
export function complexRows(
  name: string,
  t: Tensor,
  length: number,
  count: number,
): { source: Source; target: Target } {
  const whole = interleaved(name, (i, e) => inRow(name, i, e));
  const { load, store } = fitted(name, length, count, true, whole.load, whole.store);
  const sizes = { [`${name}Length`]: length };
  return {
    source: { reads: { [name]: ['vec2f', t] }, sizes, load },
    target: { writes: { [name]: ['vec2f', t] }, sizes, store },
  };
}

/** A spectrum in PyTorch's layout (B, F, frames, 2). */
export function spectrogram(name: string, t: Tensor, F: number): { source: Source; target: Target } {
  const { load, store } = interleaved(
    name,
    (i, e) => `(b * u.${name}F + ${e}) * u.frames + min(frame + ${i}u, u.frames - 1u)`,
  );
  const sizes = { [`${name}F`]: F };
  return {
    source: { reads: { [name]: ['vec2f', t] }, sizes, load },
    target: { writes: { [name]: ['vec2f', t] }, sizes, store },
  };
}

/**
 * All n bins of real signals' spectra (B, n, frames, 2), for transforms that know bins 0 .. n/2 only. The source is
 * half the sum of a bin and its mirror's conjugate.
 * @param upper what the target puts into bin n - k: the conjugate of bin k, or zero
 */
export function twoSided(
  name: string,
  t: Tensor,
  n: number,
  upper: 'conjugate' | 'zero',
): { source: Source; target: Target } {
  const { source, target } = spectrogram(name, t, n);
  const mirror = (e: string) => `((u.${name}F - ${e}) % u.${name}F)`;
  return {
    source: {
      ...source,
      load: (x, e) => `${source.load(`${x}_`, e)} ${source.load(`${x}m`, mirror(e))}
let ${x}r = 0.5 * (${x}_r + ${x}mr); let ${x}i = 0.5 * (${x}_i - ${x}mi);`,
    },
    target: {
      ...target,
      store: (e, re, im) => {
        const [mr, mi] = upper === 'conjugate' ? [re, `(-${im})`] : ['V()', 'V()'];
        return `${target.store(e, re, im)}
if (${e} > 0u && 2u * ${e} < u.${name}F) { ${target.store(mirror(e), mr, mi)} }`;
      },
    },
  };
}

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

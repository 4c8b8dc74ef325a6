// Fast Fourier transforms as Stockham passes: each pass reads R values a stride apart, multiplies them by twiddles,
// transforms them in registers and stores them so that the last pass leaves natural order. Twiddles come from tables
// made in float64 (SwiftShader's sin and cos are wrong by 2e-4).
// A real transform of n = R M starts with n / R real transforms of R: their bins k1 = 0 .. R/2 are the "lines", each
// a complex transform of length M, and bin k2 of line k1 is bin k1 + R k2 of the whole (its conjugate is bin n - k).
// Nothing has to be packed or unpacked, and no half of the work is thrown away but that of the first and last line.
// The inverse runs the same way backwards. 512 = 32 x 16 takes two passes in either direction.

import type { Engine } from '../../engine/engine.ts';
import type { HostArray } from '../../engine/tensor.ts';
import { Code, type Complex, complexDft, hermitianDft, realDft, rotate } from './butterfly.ts';
import { type Columns, columnTensor, dispatch, extended, type Port } from './columns.ts';
import { eitherWay, groupComplex, groupHermitian, groupReal } from './group.ts';
import { complexColumns, type LineReader, type LineWriter, type Source, type Target } from './ports.ts';

export type Sign = 1 | -1;

/** Factors of bins: the first and last one, and all between. */
export interface BinWeights {
  edge: number;
  middle: number;
}

/** Bits per pass, at most `most` each, as even as possible. */
function split(bits: number, most: number): number[] {
  const count = Math.ceil(bits / most);
  return Array.from(
    { length: count },
    (_, i) => 2 ** (Math.floor(bits / count) + (i < bits % count ? 1 : 0)),
  );
}

/** The real radix (at most 32) and the complex ones (at most 16) for a real transform of n. */
function realPlan(n: number): { R: number; radices: number[] } {
  const bits = Math.log2(n);
  const passes = bits <= 5 ? 1 : 1 + Math.ceil((bits - 5) / 4);
  const own = Math.min(5, Math.ceil(bits / passes));
  return { R: 2 ** own, radices: split(bits - own, 4) };
}

/** (rows, count, 2): cosine and sine of 2 pi row (first + i) / n, two pairs a vec4f. */
function twiddles(rows: number, first: number, count: number, n: number): HostArray {
  const data = new Float32Array(rows * count * 2);
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < count; i++) {
      const angle = (2 * Math.PI * ((row * (first + i)) % n)) / n;
      data.set([Math.cos(angle), Math.sin(angle)], 2 * (row * count + i));
    }
  return { data, shape: [rows, count, 2] };
}

/** A table of twiddles as a port, and the WGSL that loads those of `row` as w0, w1, ... with two in each. */
function twiddlePort(engine: Engine, rows: number, first: number, count: number, n: number) {
  const table = engine.constant(`twiddles ${rows} ${first} ${count} ${n}`, () =>
    twiddles(rows, first, count, n),
  );
  const port: Port = { reads: { twiddle: ['vec4f', table] } };
  const load = (row: string) =>
    Array.from({ length: count / 2 }, (_, p) => `let w${p} = twiddle[${row} * ${count / 2}u + ${p}u];`);
  const value = (i: number): [string, string] =>
    i % 2 === 0 ? [`w${i >> 1}.x`, `w${i >> 1}.y`] : [`w${i >> 1}.z`, `w${i >> 1}.w`];
  return { port, load, value };
}

interface Lines {
  name: string;
  columns: Columns;
  /** Number of lines and their length. */
  count: number;
  M: number;
  radices: number[];
  sign: Sign;
}

/** Element e of the current line in a scratch tensor of lines x M rows. */
const lineRow = (M: number, e: string) => `line * ${M}u + ${e}`;

/** Complex transforms of every line, pass by pass; values between passes lie in scratch tensors. */
function linePasses(engine: Engine, p: Lines, reader: LineReader, writer: LineWriter): void {
  let source = reader;
  let stride = 1;
  p.radices.forEach((R, i) => {
    const last = i === p.radices.length - 1;
    const scratch = last ? null : scratchLines(engine, `mid${i}`, p);
    linePass(engine, p, R, stride, source, scratch?.writer ?? writer);
    if (scratch) source = scratch.reader;
    stride *= R;
  });
}

function scratchLines(
  engine: Engine,
  name: string,
  p: Lines,
): { reader: LineReader; writer: LineWriter; target: Target; source: Source } {
  const t = columnTensor(engine, p.columns, p.count * p.M, 2);
  const { source, target } = complexColumns(name, t, p.columns, p.count * p.M);
  return {
    source,
    target,
    reader: { ...source, load: (x, e) => source.load(x, lineRow(p.M, e)) },
    writer: { ...target, store: (e, re, im) => target.store(lineRow(p.M, e), re, im) },
  };
}

function linePass(
  engine: Engine,
  p: Lines,
  R: number,
  stride: number,
  reader: LineReader,
  writer: LineWriter,
): void {
  const step = p.M / R;
  const code = new Code();
  code.lines.push(`let line = item / ${step}u; let j = item % ${step}u;`);
  const x: Complex[] = Array.from({ length: R }, (_, r) => {
    code.lines.push(reader.load(`x${r}`, `(j + ${r * step}u)`, r, R));
    return { re: `x${r}r`, im: `x${r}i` };
  });
  const ports: Port[] = [reader, writer];
  if (stride > 1) {
    const w = twiddlePort(engine, stride, 0, R, stride * R);
    ports.push(w.port);
    code.lines.push(`let turn = j % ${stride}u;`, ...w.load('turn'));
    for (let r = 1; r < R; r++) x[r] = rotate(code, x[r], ...w.value(r), p.sign);
  }
  complexDft(code, x, p.sign).forEach((y, r) => {
    const e = `(j / ${stride}u * ${stride * R}u + j % ${stride}u + ${r * stride}u)`;
    code.lines.push(writer.store(e, y.re, y.im, r, R));
  });
  const name = `${p.name}.${p.count > 1 ? 'lines' : 'pass'}${R}`;
  dispatch(name, p.columns, p.count * step, ports, code.lines.join('\n'));
}

export interface ComplexTransform {
  name: string;
  columns: Columns;
  n: number;
  /** -1 is forward. */
  sign: Sign;
  scale: number;
}

/** Complex transform of length n, a power of two, between readers and writers that may look at `r`. */
export function singleLine(
  engine: Engine,
  p: Omit<ComplexTransform, 'scale'>,
  reader: LineReader,
  writer: LineWriter,
): void {
  const bits = Math.log2(p.n);
  const radices = bits === 0 ? [1] : split(bits, 4);
  eitherWay(engine, `${p.name} ${p.n} ${p.sign}`, p.columns, p.n, reader, writer, {
    group: (from, to) => groupComplex(engine, p, from, to),
    passes: (from, to) =>
      engine.scope(() => linePasses(engine, { ...p, count: 1, M: p.n, radices }, from, to)),
  });
}

export interface RealTransform {
  name: string;
  columns: Columns;
  n: number;
  weights: BinWeights;
}

/**
 * Bins 0 .. n/2 of a real transform, each times its weight: source elements 0 .. n-1, target elements 0 .. n/2.
 */
export function realPasses(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  eitherWay(engine, `${p.name} real ${p.n}`, p.columns, p.n / 2, source, target, {
    group: (from, to) => groupReal(engine, p, from, to),
    passes: (from, to) => realByPasses(engine, p, from, to),
  });
}

function realByPasses(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  const { n, columns, name } = p;
  const { R, radices } = realPlan(n);
  const M = n / R;
  const code = new Code();
  const x = Array.from({ length: R }, (_, r) => {
    code.lines.push(source.load(`x${r}`, `(item + ${r * M}u)`));
    return `x${r}r`;
  });
  const X = realDft(code, x, 'V()');
  if (M === 1) {
    X.forEach((y, k) => {
      const edge = k === 0 || k === R / 2;
      const w = edge ? 'u.edge' : 'u.middle';
      code.lines.push(target.store(`${k}u`, `(${y.re} * ${w})`, edge ? 'V()' : `(${y.im} * ${w})`));
    });
    const ports = [source, target, { floats: { ...p.weights } }];
    dispatch(`${name}.real${R}`, columns, 1, ports, code.lines.join('\n'));
    return;
  }
  engine.scope(() => {
    const lines: Lines = { name, columns, count: R / 2 + 1, M, radices, sign: -1 };
    const scratch = scratchLines(engine, 'lines', lines);
    const w = twiddlePort(engine, M, 1, R / 2, n);
    code.lines.push(...w.load('item'));
    X.forEach((y, k) => {
      const z = k === 0 ? y : rotate(code, y, ...w.value(k - 1), -1);
      code.lines.push(scratch.target.store(`${k * M}u + item`, z.re, z.im));
    });
    const ports = [source, scratch.target, w.port];
    dispatch(`${name}.real${R}`, columns, M, ports, code.lines.join('\n'));
    linePasses(engine, lines, scratch.reader, binWriter(p, R, M, target));
  });
}

/** Bin k2 = e of a line is bin line + R e; in the upper half (r >= half) that is the conjugate of bin n - k. */
function binWriter(p: RealTransform, R: number, M: number, target: Target): LineWriter {
  return extended<LineWriter>(target, {
    floats: { ...p.weights },
    store: (e, re, im, r, radix) => {
      const k = `(line + ${R}u * ${e})`;
      const isEdge = r === 0 || 2 * r === radix ? `(line == 0u && ${e} == ${r === 0 ? 0 : M / 2}u)` : null;
      const w = isEdge ? `select(u.middle, u.edge, ${isEdge})` : 'u.middle';
      if (2 * r < radix) return target.store(k, `(${re} * ${w})`, `(${im} * ${w})`);
      const inside = `(line > 0u && line < ${R / 2}u)`;
      const stored = target.store(`(${p.n}u - ${k})`, `(${re} * ${w})`, `(-${im} * ${w})`);
      return `if (${isEdge ? `${inside} || ${isEdge}` : inside}) { ${stored} }`;
    },
  });
}

/**
 * The real signal of bins 0 .. n/2, not normalised: the sum over all n bins of weight X[k] e^(2 pi i k t / n), with
 * bin n - k the conjugate of bin k. The imaginary parts of the first and last bin are ignored.
 */
export function hermitianPasses(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  eitherWay(engine, `${p.name} hermitian ${p.n}`, p.columns, p.n / 2, source, target, {
    group: (from, to) => groupHermitian(engine, p, from, to),
    passes: (from, to) => hermitianByPasses(engine, p, from, to),
  });
}

function hermitianByPasses(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  const { n, columns, name } = p;
  const { R, radices } = realPlan(n);
  const M = n / R;
  const floats: Port = { floats: { ...p.weights } };
  const code = new Code();
  const finish = (X: Complex[], ports: Port[]) => {
    hermitianDft(code, X).forEach((y, r) => {
      code.lines.push(target.store(`(item + ${r * M}u)`, y, ''));
    });
    dispatch(`${name}.real${R}`, columns, M, [...ports, target], code.lines.join('\n'));
  };
  if (M === 1) {
    const X = Array.from({ length: Math.floor(R / 2) + 1 }, (_, k) => {
      code.lines.push(source.load(`x${k}`, `${k}u`));
      const w = k === 0 || k === R / 2 ? 'u.edge' : 'u.middle';
      return code.complex(`x${k}r * ${w}`, `x${k}i * ${w}`);
    });
    finish(X, [source, floats]);
    return;
  }
  engine.scope(() => {
    const lines: Lines = { name, columns, count: R / 2 + 1, M, radices, sign: 1 };
    const scratch = scratchLines(engine, 'lines', lines);
    linePasses(engine, lines, binReader(p, R, M, source), scratch.writer);
    const w = twiddlePort(engine, M, 1, R / 2, n);
    code.lines.push(...w.load('item'));
    const X = Array.from({ length: R / 2 + 1 }, (_, k): Complex => {
      code.lines.push(scratch.source.load(`x${k}`, `${k * M}u + item`));
      const x = { re: `x${k}r`, im: `x${k}i` };
      return k === 0 ? x : rotate(code, x, ...w.value(k - 1), 1);
    });
    finish(X, [scratch.source, w.port]);
  });
}

/** Reads bin line + R e, in the upper half as the conjugate of bin n - k. */
function binReader(p: RealTransform, R: number, M: number, source: Source): LineReader {
  return extended<LineReader>(source, {
    floats: { ...p.weights },
    load: (x, e, r, radix) => {
      const k = `(line + ${R}u * ${e})`;
      const upper = 2 * r >= radix;
      const load = source.load(`${x}_`, upper ? `(${p.n}u - ${k})` : k);
      const isEdge = r === 0 || 2 * r === radix ? `(line == 0u && ${e} == ${r === 0 ? 0 : M / 2}u)` : null;
      const w = isEdge ? `select(u.middle, u.edge, ${isEdge})` : 'u.middle';
      // The edges' imaginary parts are ignored, as PyTorch's irfft does.
      const wi = isEdge ? `select(u.middle, 0.0, ${isEdge})` : 'u.middle';
      return `${load} let ${x}r = ${x}_r * ${w}; let ${x}i = ${upper ? '-' : ''}${x}_i * ${wi};`;
    },
  });
}

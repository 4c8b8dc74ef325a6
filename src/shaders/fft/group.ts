// Whole transforms in workgroup memory, for GPUs: a workgroup of 256 takes as many columns as hold 1,024 complex values
// (16 KiB), transforms them by Stockham passes of radix 4 or 2 from and to that memory, and touches global memory
// once on either side. Of all passes an invocation reads its values, waits, and overwrites them.
// A real transform of n is one of N = n / 2 points over z[t] = x[2t] + i x[2t + 1]; with w = e^(-2 pi i / n),
//   X[k] = E[k] + w^k O[k],  E[k] = (Z[k] + conj Z[N-k]) / 2,  O[k] = (Z[k] - conj Z[N-k]) / 2i,  k = 0 .. N
// and back, not normalised: Z[k] = (X[k] + conj X[N-k]) + i w^-k (X[k] - conj X[N-k]).

import type { Engine } from '../../engine/engine.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { Code, type Complex, complexDft, rotate } from './butterfly.ts';
import { type Columns, dispatchGroups, extended, type Port } from './columns.ts';
import type { RealTransform, Sign } from './passes.ts';
import type { LineReader, LineWriter, Source, Target } from './ports.ts';

/** Complex values of a workgroup's columns, invocations that share them, and values of an invocation. */
const cells = 1024;
const workgroup = 256;
const own = cells / workgroup;
/** Below this the passes are one anyway. */
const least = 32;

interface Work {
  name: string;
  columns: Columns;
  /** Points of the transform in memory. */
  N: number;
  sign: Sign;
  /** Points of the table of twiddles, N or a multiple. */
  circle: number;
}

/** What becomes of the transform: a writer of its last pass, or WGSL over `cells` after it. */
type End = { writer: LineWriter } | { ports: readonly Port[]; text: string };

/** (n, 2): cosine and sine of 2 pi i / n. */
function circleTable(engine: Engine, n: number): Tensor {
  return engine.constant(`circle ${n}`, () => ({
    data: Float32Array.from({ length: 2 * n }, (_, i) =>
      (i % 2 ? Math.sin : Math.cos)((2 * Math.PI * (i >> 1)) / n),
    ),
    shape: [n, 2],
  }));
}

/** Radices that an invocation's values suffice for, the larger first. */
function radicesOf(N: number): number[] {
  const radices: number[] = [];
  for (let rest = N; rest > 1; rest /= radices[radices.length - 1]) radices.push(Math.min(own, rest));
  return radices;
}

/** WGSL index of element e of this invocation's column: the columns of a tile are neighbours there and here. */
const cell = (w: Work, e: string): string =>
  w.columns.lanes > 1 ? `${e} * ${cells / w.N}u + slot` : `slot * ${w.N}u + ${e}`;

/** One pass: `own` values of every invocation. */
function pass(
  code: Code,
  w: Work,
  R: number,
  stride: number,
  reader: LineReader | null,
  end: End | null,
): void {
  const step = w.N / R;
  const lanes = (w.N * workgroup) / cells;
  const stores: string[] = [];
  for (let item = 0; item < own / R; item++) {
    const j = code.let(`turn + ${item * lanes}u`);
    const x: Complex[] = Array.from({ length: R }, (_, r) => {
      const e = `(${j} + ${r * step}u)`;
      if (reader) {
        const name = `x${item}_${r}`;
        code.lines.push(reader.load(name, e, r, R));
        return { re: `${name}r`, im: `${name}i` };
      }
      const value = code.let(`cells[${cell(w, e)}]`);
      return { re: `${value}.xy`, im: `${value}.zw` };
    });
    if (stride > 1)
      for (let r = 1; r < R; r++) {
        const t = code.let(`circle[${j} % ${stride}u * ${(r * w.circle) / (stride * R)}u]`);
        x[r] = rotate(code, x[r], `${t}.x`, `${t}.y`, w.sign);
      }
    complexDft(code, x, w.sign).forEach((y, r) => {
      const e = `(${j} / ${stride}u * ${stride * R}u + ${j} % ${stride}u + ${r * stride}u)`;
      const store =
        end && 'writer' in end
          ? `if (mine) { ${end.writer.store(e, y.re, y.im, r, R)} }`
          : `cells[${cell(w, e)}] = vec4f(${y.re}, ${y.im});`;
      stores.push(store);
    });
  }
  if (!reader) code.lines.push('workgroupBarrier();');
  code.lines.push(...stores);
  if (!(end && 'writer' in end)) code.lines.push('workgroupBarrier();');
}

function groupTransform(engine: Engine, w: Work, reader: LineReader, end: End): void {
  const code = new Code();
  const radices = radicesOf(w.N);
  let stride = 1;
  radices.forEach((R, i) => {
    pass(code, w, R, stride, i === 0 ? reader : null, i === radices.length - 1 ? end : null);
    stride *= R;
  });
  const table: Port = {
    reads: { circle: ['vec2f', circleTable(engine, w.circle)] },
    declarations: `var<workgroup> cells: array<vec4f, ${cells}>;`,
  };
  const after = 'writer' in end ? [end.writer] : end.ports;
  const text = 'writer' in end ? '' : end.text;
  const perGroup = cells / w.N;
  dispatchGroups(
    `${w.name}.group`,
    w.columns,
    { workgroup, perGroup },
    [reader, table, ...after],
    `${code.lines.join('\n')}\n${text}`,
  );
}

/** Complex transform of n points, as `singleLine` of passes.ts. */
export function groupComplex(
  engine: Engine,
  p: { name: string; columns: Columns; n: number; sign: Sign },
  reader: LineReader,
  writer: LineWriter,
): void {
  const { name, columns, n, sign } = p;
  groupTransform(engine, { name, columns, N: n, sign, circle: n }, reader, { writer });
}

/** Bins 0 .. n/2 of a real transform, as `realPasses` of passes.ts. */
export function groupReal(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  const { name, columns, n, weights } = p;
  const N = n / 2;
  const w: Work = { name, columns, N, sign: -1, circle: n };
  const pairs: LineReader = {
    ...source,
    load: (x, e) => `${source.load(`${x}a`, `2u * ${e}`)} ${source.load(`${x}b`, `(2u * ${e} + 1u)`)}
let ${x}r = ${x}ar; let ${x}i = ${x}br;`,
  };
  const text = `for (var k = turn; k <= ${N}u; k += ${(N * workgroup) / cells}u) {
  let z = cells[${cell(w, `(k % ${N}u)`)}];
  let mirror = cells[${cell(w, `((${N}u - k) % ${N}u)`)}];
  let rotation = circle[k];
  let odd = 0.5 * vec4f(z.zw + mirror.zw, mirror.xy - z.xy);
  let edge = k == 0u || k == ${N}u;
  let weight = select(u.middle, u.edge, edge);
  let Xr = (0.5 * (z.xy + mirror.xy) + rotation.x * odd.xy + rotation.y * odd.zw) * weight;
  let Xi = select((0.5 * (z.zw - mirror.zw) + rotation.x * odd.zw - rotation.y * odd.xy) * weight, V(), edge);
  if (mine) { ${target.store('k', 'Xr', 'Xi')} }
}`;
  groupTransform(engine, w, pairs, { ports: [target, { floats: { ...weights } }], text });
}

/** The real signal of bins 0 .. n/2, as `hermitianPasses` of passes.ts. */
export function groupHermitian(engine: Engine, p: RealTransform, source: Source, target: Target): void {
  const { name, columns, n, weights } = p;
  const N = n / 2;
  const bins = extended<LineReader>(source, {
    floats: { ...weights },
    load: (x, e, r) => {
      // Bins 0 and N are the edges, and one element needs both: the first.
      const weight = r === 0 ? `select(u.middle, u.edge, ${e} == 0u)` : 'u.middle';
      const imaginary = r === 0 ? `select(u.middle, 0.0, ${e} == 0u)` : 'u.middle';
      return `${source.load(`${x}k`, e)} ${source.load(`${x}m`, `(${N}u - ${e})`)}
let ${x}w = circle[${e}];
let ${x}s = vec4f((${x}kr + ${x}mr) * ${weight}, (${x}ki - ${x}mi) * ${imaginary});
let ${x}d = vec4f((${x}kr - ${x}mr) * ${weight}, (${x}ki + ${x}mi) * ${imaginary});
let ${x}r = ${x}s.xy - ${x}w.y * ${x}d.xy - ${x}w.x * ${x}d.zw;
let ${x}i = ${x}s.zw + ${x}w.x * ${x}d.xy - ${x}w.y * ${x}d.zw;`;
    },
  });
  const writer: LineWriter = {
    ...target,
    store: (e, re, im) =>
      `${target.store(`(2u * ${e})`, re, '')} ${target.store(`(2u * ${e} + 1u)`, im, '')}`,
  };
  groupTransform(engine, { name, columns, N, sign: 1, circle: n }, bins, { writer });
}

/** A port with other tensors under the same names. */
function rebound<P extends Port>(port: P, tensors: Record<string, Tensor>): P {
  const swap = (bound: Port['reads']): Port['reads'] =>
    Object.fromEntries(Object.entries(bound ?? {}).map(([name, [type]]) => [name, [type, tensors[name]]]));
  return { ...port, reads: swap(port.reads), writes: swap(port.writes) };
}

interface Ways<From, To> {
  group: (from: From, to: To) => void;
  passes: (from: From, to: To) => void;
}

/**
 * Transforms in the way the plan chose: by passes through global memory on software adapters; on GPUs the guess is
 * workgroup memory.
 * @param key names the kind of transform and its length; the columns are added here
 * @param N complex points; lengths that do not fit workgroup memory go by passes
 */
export function eitherWay<From extends Port, To extends Port>(
  engine: Engine,
  key: string,
  columns: Columns,
  N: number,
  from: From,
  to: To,
  ways: Ways<From, To>,
): void {
  const fits = engine.gpu && N >= least && N <= cells;
  const variants = fits ? (['group', 'passes'] as const) : (['passes'] as const);
  const { B, frames, lanes } = columns;
  const bound = Object.entries({ ...from.reads, ...to.reads, ...from.writes, ...to.writes });
  const tensors = Object.fromEntries(bound.map(([name, [, t]]) => [name, t]));
  engine.plan.run(`${key} ${B}x${frames} by ${lanes}`, variants, tensors, (variant, t) =>
    ways[variant as keyof Ways<From, To>](rebound(from, t), rebound(to, t)),
  );
}

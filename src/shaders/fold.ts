// The kernel under reductions and losses: an expression over one or more inputs, summed (or its maximum taken) over the
// middle of (O, R, I), cut into S chunks so that some hundred invocations share the work: one invocation folds one
// chunk of one output, a second pass over (O, S, I) folds the chunks. Long private loops beat workgroup trees by 10 to
// 40 times on the software adapters (NOTES.md). On GPUs a workgroup folds a chunk of up to 64 neighbouring outputs: its
// lanes are columns (outputs) x rows (elements), so that loads are of neighbours, and a tree joins the rows (team.ts).

import type { Bindings } from '../engine/kernel.ts';
import { perItem, run } from '../engine/run.ts';
import type { Shape, Tensor } from '../engine/tensor.ts';
import { isNan, larger1 } from './functions.ts';
import { teamSize, treeFunction } from './team.ts';

/** Invocations a reduction is spread over when it has few outputs. */
const wantedThreads = 1024;

export interface Mapped {
  name: string;
  /** Inputs of equal size, read as O x R x I. */
  inputs: Record<string, Tensor>;
  /** What is folded, a WGSL expression over the inputs' names with `V` as their type. */
  expression: string;
  /** Functions that it names, over `V`. */
  functions?: string;
  /** Default `sum`. */
  by?: 'sum' | 'max';
  outer: number;
  reduced: number;
  inner: number;
  /** Result is multiplied by this. */
  scale?: number;
}

/** Workgroups a reduction is spread over on a GPU when it has few outputs, and the least turns of an invocation. */
const wantedGroups = 512;
const leastTurns = 8;
/** Outputs that a workgroup folds side by side, at most. */
const mostColumns = 64;

/** y (outer, inner) = scale times the sum, or the maximum, over the middle. */
export function fold(shape: Shape, m: Mapped): Tensor {
  const { engine } = Object.values(m.inputs)[0];
  const { outer, reduced, inner } = m;
  // Short sums of many outputs occupy a GPU with one invocation each.
  const long = inner === 1 ? reduced >= teamSize : reduced >= 32 && outer * inner < 16384;
  const variants = long ? ['groups', 'threads'] : ['threads', 'groups'];
  const name = `fold ${m.name} ${outer}x${reduced}x${inner}`;
  return engine.plan.run(name, engine.gpu ? variants : ['threads'], m.inputs, (variant, inputs) =>
    foldBy(variant, shape, { ...m, inputs }),
  );
}

function foldBy(variant: string, shape: Shape, m: Mapped): Tensor {
  const byGroups = variant === 'groups';
  const pass = byGroups ? groupPass : threadPass;
  const chunk = byGroups ? groupChunk(m) : threadChunk(m);
  const chunks = Math.ceil(m.reduced / chunk);
  if (chunks === 1) return pass(shape, m, m.reduced);
  const { engine } = Object.values(m.inputs)[0];
  return engine.scope(() => {
    const part = pass([m.outer, chunks, m.inner], { ...m, scale: 1 }, chunk);
    const rest = { name: `${m.name}.finish`, inputs: { x: part }, expression: 'x', scale: m.scale, by: m.by };
    return pass(shape, { ...rest, outer: m.outer, reduced: chunks, inner: m.inner }, chunks);
  });
}

/** Elements of a chunk: whole vec4s, and long enough that the second pass is small. */
function threadChunk(m: Mapped): number {
  const ideal = Math.ceil(m.reduced / Math.max(1, Math.ceil(wantedThreads / (m.outer * m.inner))));
  return Math.min(Math.ceil(Math.max(ideal, 32) / 4) * 4, m.reduced);
}

/** Outputs that a workgroup folds side by side, a power of two. */
const columnsOf = (inner: number): number => Math.min(mostColumns, 2 ** Math.ceil(Math.log2(inner)));

function groupChunk(m: Mapped): number {
  const columns = columnsOf(m.inner);
  const groups = m.outer * Math.ceil(m.inner / columns);
  const ideal = Math.ceil(m.reduced / Math.max(1, Math.ceil(wantedGroups / groups)));
  const least = (leastTurns * teamSize) / columns;
  return Math.min(Math.ceil(Math.max(ideal, least) / 4) * 4, m.reduced);
}

const namesOf = (m: Mapped): string[] => Object.keys(m.inputs);
const loads = (m: Mapped): string =>
  namesOf(m)
    .map((k) => `let ${k} = ${k}Data[at];`)
    .join(' ');
const readsOf = (m: Mapped, type: 'f32' | 'vec4f'): Bindings =>
  Object.fromEntries(Object.entries(m.inputs).map(([k, t]) => [`${k}Data`, [type, t]]));
const take = (m: Mapped): string =>
  m.by === 'max' ? `all = larger(all, ${m.expression});` : `all += ${m.expression};`;
/** What a fold starts from, in `all`. */
const beginning = (m: Mapped): string => `var all = V(${m.by === 'max' ? 'u.start' : ''});`;
/** What scales the result, and where a maximum starts. */
const floatsOf = (m: Mapped) => ({ scale: m.scale ?? 1, start: Number.NEGATIVE_INFINITY });
const aliases = {
  f32: 'alias V = f32; alias U = u32; alias M = bool;',
  vec4f: 'alias V = vec4f; alias U = vec4u; alias M = vec4<bool>;',
} as const;
// A NaN stays: max() may drop it.
const larger = `${isNan}
fn larger(a: V, b: V) -> V { return select(a, b, (b > a) | isNan(b)); }
${larger1}`;
const declarationsOf = (m: Mapped, type: 'f32' | 'vec4f'): string =>
  [aliases[type], m.functions ?? '', m.by === 'max' ? larger : ''].join('\n');
/** The four parts of a vec4f, folded. */
const acrossParts = (m: Mapped): string =>
  m.by === 'max' ? 'larger1(larger1(all.x, all.y), larger1(all.z, all.w))' : 'dot(all, vec4f(1.0))';

/** Chunks of `chunk` elements, one workgroup each and `columns` outputs. */
function groupPass(shape: Shape, m: Mapped, chunk: number): Tensor {
  const { engine } = Object.values(m.inputs)[0];
  const y = engine.empty(shape);
  const { by = 'sum', inner, outer } = m;
  const columns = columnsOf(inner);
  const along = inner === 1 && m.reduced % 4 === 0 && chunk % 4 === 0;
  const type = along ? 'vec4f' : 'f32';
  const [reduced, step] = along ? [m.reduced / 4, chunk / 4] : [m.reduced, chunk];
  const chunks = Math.ceil(m.reduced / chunk);
  const blocks = Math.ceil(inner / columns);
  run(
    {
      name: m.name,
      reads: readsOf(m, type),
      writes: { y },
      sizes: { chunks, chunk: step, reduced, inner, blocks },
      floats: floatsOf(m),
      workgroup: teamSize,
      declarations: `${declarationsOf(m, type)}\n${treeFunction('teamFold', 'f32', by, columns)}`,
      body: `let column = group % u.blocks * ${columns}u + lane % ${columns}u;
let oc = group / u.blocks;
let first = oc % u.chunks * u.chunk;
let last = min(first + u.chunk, u.reduced);
${beginning(m)}
for (var r = first + lane / ${columns}u; r < last; r += ${teamSize / columns}u) {
  let at = (oc / u.chunks * u.reduced + r) * u.inner + min(column, u.inner - 1u);
  ${loads(m)}
  ${take(m)}
}
let result = teamFold(${along ? acrossParts(m) : 'all'}, lane) * u.scale;
if (lane < ${columns}u && column < u.inner) { y[oc * u.inner + column] = result; }`,
    },
    outer * chunks * blocks,
  );
  return y;
}

function threadPass(shape: Shape, m: Mapped, chunk: number): Tensor {
  const { engine } = Object.values(m.inputs)[0];
  const y = engine.empty(shape);
  const along = m.inner === 1 && m.reduced % 4 === 0 && chunk % 4 === 0;
  const across = m.inner % 4 === 0;
  const type = along || across ? 'vec4f' : 'f32';
  const reduced = along ? m.reduced / 4 : m.reduced;
  const inner = across ? m.inner / 4 : m.inner;
  const step = along ? chunk / 4 : chunk;
  const chunks = Math.ceil(m.reduced / chunk);
  perItem(m.outer * chunks * inner, {
    name: m.name,
    reads: readsOf(m, type),
    writes: { y: [along ? 'f32' : type, y] },
    sizes: { chunks, chunk: step, reduced, inner },
    floats: floatsOf(m),
    declarations: declarationsOf(m, type),
    body: `let o = i / (u.chunks * u.inner);
let first = (i / u.inner) % u.chunks * u.chunk;
let last = min(first + u.chunk, u.reduced);
var at = (o * u.reduced + first) * u.inner + i % u.inner;
${beginning(m)}
for (var r = first; r < last; r++) {
  ${loads(m)}
  ${take(m)}
  at += u.inner;
}
y[i] = ${along ? acrossParts(m) : 'all'} * u.scale;`,
  });
  return y;
}

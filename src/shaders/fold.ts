// The kernel under reductions and losses: an expression over one or more inputs, summed (or its maximum taken) over the
// middle of (O, R, I), cut into S chunks so that some hundred invocations share the work: one invocation folds one
// chunk of one output, a second pass over (O, S, I) folds the chunks. Long private loops beat workgroup trees by 10 to
// 40 times on the software adapters (NOTES.md).

import { run } from '../engine/run.ts';
import type { Shape, Tensor } from '../engine/tensor.ts';
import { isNan, isNanScalar } from './functions.ts';

const workgroup = 64;

const larger1 = 'fn larger1(a: f32, b: f32) -> f32 { return select(a, b, (b > a) | isNanScalar(b)); }';
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

/** y (outer, inner) = scale times the sum, or the maximum, over the middle. */
export function fold(shape: Shape, m: Mapped): Tensor {
  const outputs = m.outer * m.inner;
  const ideal = Math.ceil(m.reduced / Math.max(1, Math.ceil(wantedThreads / outputs)));
  // Chunks of whole vec4s, and long enough that the second pass is small.
  const chunk = Math.min(Math.ceil(Math.max(ideal, 32) / 4) * 4, m.reduced);
  const chunks = Math.ceil(m.reduced / chunk);
  if (chunks === 1) return pass(shape, m, m.reduced);
  const { engine } = Object.values(m.inputs)[0];
  return engine.scope(() => {
    const part = pass([m.outer, chunks, m.inner], { ...m, scale: 1 }, chunk);
    const rest = { name: `${m.name}.finish`, inputs: { x: part }, expression: 'x', scale: m.scale, by: m.by };
    return pass(shape, { ...rest, outer: m.outer, reduced: chunks, inner: m.inner }, chunks);
  });
}

function pass(shape: Shape, m: Mapped, chunk: number): Tensor {
  const names = Object.keys(m.inputs);
  const { engine } = m.inputs[names[0]];
  const y = engine.empty(shape);
  const along = m.inner === 1 && m.reduced % 4 === 0 && chunk % 4 === 0;
  const across = m.inner % 4 === 0;
  const type = along || across ? 'vec4f' : 'f32';
  const reduced = along ? m.reduced / 4 : m.reduced;
  const inner = across ? m.inner / 4 : m.inner;
  const step = along ? chunk / 4 : chunk;
  const chunks = Math.ceil(m.reduced / chunk);
  const n = m.outer * chunks * inner;
  const max = m.by === 'max';
  // A NaN stays: max() may drop it.
  const larger = 'fn larger(a: V, b: V) -> V { return select(a, b, (b > a) | isNan(b)); }';
  const folded = max ? 'larger1(larger1(all.x, all.y), larger1(all.z, all.w))' : 'dot(all, vec4f(1.0))';
  run(
    engine,
    {
      name: m.name,
      reads: Object.fromEntries(names.map((k) => [`${k}Data`, type])),
      writes: { y: along ? 'f32' : type },
      uniforms: {
        n: 'u32',
        chunks: 'u32',
        chunk: 'u32',
        reduced: 'u32',
        inner: 'u32',
        scale: 'f32',
        start: 'f32',
      },
      workgroup,
      declarations: [
        along || across
          ? 'alias V = vec4f; alias U = vec4u; alias M = vec4<bool>;'
          : 'alias V = f32; alias U = u32; alias M = bool;',
        m.functions ?? '',
        max ? `${isNan}\n${larger}\n${isNanScalar}\n${larger1}` : '',
      ].join('\n'),
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) {
  let o = i / (u.chunks * u.inner);
  let first = (i / u.inner) % u.chunks * u.chunk;
  let last = min(first + u.chunk, u.reduced);
  var at = (o * u.reduced + first) * u.inner + i % u.inner;
  var all = V(${max ? 'u.start' : ''});
  for (var r = first; r < last; r++) {
    ${names.map((k) => `let ${k} = ${k}Data[at];`).join(' ')}
    ${max ? `all = larger(all, ${m.expression});` : `all += ${m.expression};`}
    at += u.inner;
  }
  y[i] = ${along ? folded : 'all'} * u.scale;
}`,
    },
    { ...Object.fromEntries(names.map((k) => [`${k}Data`, m.inputs[k]])), y },
    { n, chunks, chunk: step, reduced, inner, scale: m.scale ?? 1, start: Number.NEGATIVE_INFINITY },
    Math.ceil(n / workgroup),
  );
  return y;
}

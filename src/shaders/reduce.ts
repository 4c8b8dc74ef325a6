// Sums and means. Every reduction is a sum over the middle of (O, R, I), cut into S chunks so that some hundred
// invocations share the work: one invocation adds one chunk of one output. A second pass over (O, S, I) adds the
// chunks. Long private sums beat workgroup trees by 10 to 40 times on the software adapters (NOTES.md).
// `sumMapped` sums an expression over several inputs: the losses are built on it.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { run } from '../engine/run.ts';
import { type Shape, sameShape, shapeText, sizeOf, Tensor } from '../engine/tensor.ts';

const workgroup = 64;
/** Invocations a reduction is spread over when it has few outputs. */
const wantedThreads = 1024;

interface Mapped {
  name: string;
  /** Inputs of equal size, read as O x R x I. */
  inputs: Record<string, Tensor>;
  /** What is summed, a WGSL expression over the inputs' names with `V` as their type. */
  expression: string;
  outer: number;
  reduced: number;
  inner: number;
  /** Result is multiplied by this. */
  scale?: number;
}

/** y (outer, inner) = scale * sum over the middle. */
export function sumMapped(shape: Shape, m: Mapped): Tensor {
  const outputs = m.outer * m.inner;
  const ideal = Math.ceil(m.reduced / Math.max(1, Math.ceil(wantedThreads / outputs)));
  // Chunks of whole vec4s, and long enough that the second pass is small.
  const chunk = Math.min(Math.ceil(Math.max(ideal, 32) / 4) * 4, m.reduced);
  const chunks = Math.ceil(m.reduced / chunk);
  if (chunks === 1) return pass(shape, m, m.reduced);
  const { engine } = Object.values(m.inputs)[0];
  return engine.scope(() => {
    const part = pass([m.outer, chunks, m.inner], { ...m, scale: 1 }, chunk);
    const rest = { name: `${m.name}.finish`, inputs: { x: part }, expression: 'x', scale: m.scale };
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
  const result = along ? 'dot(sum, vec4f(1.0))' : 'sum';
  run(
    engine,
    {
      name: m.name,
      reads: Object.fromEntries(names.map((k) => [`${k}Data`, type])),
      writes: { y: along ? 'f32' : type },
      uniforms: { n: 'u32', chunks: 'u32', chunk: 'u32', reduced: 'u32', inner: 'u32', scale: 'f32' },
      workgroup,
      declarations: `alias V = ${type};`,
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) {
  let o = i / (u.chunks * u.inner);
  let first = (i / u.inner) % u.chunks * u.chunk;
  let last = min(first + u.chunk, u.reduced);
  var at = (o * u.reduced + first) * u.inner + i % u.inner;
  var sum = V();
  for (var r = first; r < last; r++) {
    ${names.map((k) => `let ${k} = ${k}Data[at];`).join(' ')}
    sum += ${m.expression};
    at += u.inner;
  }
  y[i] = ${result} * u.scale;
}`,
    },
    { ...Object.fromEntries(names.map((k) => [`${k}Data`, m.inputs[k]])), y },
    { n, chunks, chunk: step, reduced, inner, scale: m.scale ?? 1 },
    Math.ceil(n / workgroup),
  );
  return y;
}

/** Sums out one run of neighbouring axes [first, last]. */
function sumRun(name: string, x: Tensor, shape: Shape, first: number, last: number, scale: number): Tensor {
  const outer = sizeOf(x.shape.slice(0, first));
  const reduced = sizeOf(x.shape.slice(first, last + 1));
  const inner = sizeOf(x.shape.slice(last + 1));
  return sumMapped(shape, { name, inputs: { x }, expression: 'x', outer, reduced, inner, scale });
}

function reduce(
  name: string,
  x: Tensor,
  axes: readonly number[] | null,
  keepDims: boolean,
  mean: boolean,
): Tensor {
  const picked = normaliseAxes(name, x, axes);
  const kept = x.shape.map((d, i) => (picked.has(i) ? 1 : d));
  const shape = keepDims ? kept : x.shape.filter((_, i) => !picked.has(i));
  const count = sizeOf(x.shape.filter((_, i) => picked.has(i)));
  const scale = mean ? 1 / count : 1;
  const y = x.engine.scope(() => sumOver(name, x, picked, shape.length ? shape : [1], scale));
  return record(name, [x], [y], (g) => g.pass(0, expand(g.out(), kept, x.shape, scale)));
}

/** Reduces run by run from the last axis, so that every pass sees neighbouring axes. */
function sumOver(name: string, x: Tensor, picked: ReadonlySet<number>, shape: Shape, scale: number): Tensor {
  let y = x;
  let factor = scale;
  for (let last = x.rank - 1; last >= 0; last--) {
    if (!picked.has(last)) continue;
    let first = last;
    while (picked.has(first - 1)) first--;
    y = sumRun(
      name,
      y,
      y.shape.map((d, i) => (i >= first && i <= last ? 1 : d)),
      first,
      last,
      factor,
    );
    factor = 1;
    last = first;
  }
  return new Tensor(x.engine, shape, y.storage, y.offset);
}

function normaliseAxes(name: string, x: Tensor, axes: readonly number[] | null): Set<number> {
  if (axes === null || axes.length === 0) return new Set(x.shape.keys());
  return new Set(
    axes.map((axis) => {
      const i = axis < 0 ? axis + x.rank : axis;
      if (!Number.isInteger(i) || i < 0 || i >= x.rank)
        throw new ShapeError(`${name}: axis ${axis} of a tensor of shape ${shapeText(x.shape)}`);
      return i;
    }),
  );
}

/** x of shape `from` (1 along repeated axes) repeated to `shape`, times scale. No gradient of its own. */
function expand(x: Tensor, from: Shape, shape: Shape, scale: number): Tensor {
  const y = x.engine.empty(shape);
  const index: string[] = ['var r = i; var at = 0u;'];
  const sizes: Record<string, number> = { n: y.size };
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    sizes[`d${d}`] = shape[d];
    sizes[`s${d}`] = from[d] === 1 ? 0 : stride;
    stride *= from[d];
    index.push(`at += r % u.d${d} * u.s${d}; r /= u.d${d};`);
  }
  const uniforms = Object.fromEntries(Object.keys(sizes).map((k) => [k, 'u32' as const]));
  run(
    x.engine,
    {
      name: 'expand',
      reads: { x: 'f32' },
      writes: { y: 'f32' },
      uniforms: { ...uniforms, scale: 'f32' },
      workgroup,
      body: `let i = group * ${workgroup}u + lane;
if (i < u.n) { ${index.join(' ')} y[i] = x[at] * u.scale; }`,
    },
    { x, y },
    { ...sizes, scale },
    Math.ceil(y.size / workgroup),
  );
  return y;
}

/** Sum over `axes` (null: all, giving shape (1)). */
export function sum(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  return reduce('sum', x, axes, keepDims, false);
}

/** Mean over `axes` (null: all, giving shape (1)). */
export function mean(x: Tensor, axes: readonly number[] | null = null, keepDims = false): Tensor {
  return reduce('mean', x, axes, keepDims, true);
}

/** Sums a broadcast result back to `shape`: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.rank - shape.length;
  const picked = new Set<number>();
  x.shape.forEach((d, i) => {
    if (i < lead || (shape[i - lead] === 1 && d !== 1)) picked.add(i);
  });
  if (picked.size === 0) return new Tensor(x.engine, shape, x.storage, x.offset);
  return x.engine.scope(() => sumOver('sumTo', x, picked, shape, 1));
}

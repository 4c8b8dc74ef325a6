// Sums over groups of elements, in pairs: x is seen as (P, G, Q), and all p and q of one g are a group. Two passes, as in
// all reductions: one invocation a chunk of a group, then one a group, which also turns the sums into what is wanted.

import type { Engine } from '../../engine/engine.ts';
import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';

const workgroup = 64;
/** Invocations a sum is spread over when there are few groups. */
const wantedThreads = 1024;

/** x as (P, G, Q). */
export interface Grouping {
  P: number;
  G: number;
  Q: number;
}

/** How a group's N elements are cut into chunks, one an invocation. */
export function chunksOf({ P, G, Q }: Grouping): { N: number; chunk: number; chunks: number } {
  const N = P * Q;
  const chunk = Math.max(32, Math.ceil(N / Math.max(1, Math.ceil(wantedThreads / G))));
  return { N, chunk, chunks: Math.ceil(N / chunk) };
}

/** A WGSL expression over elements of some tensors, as a pair. */
interface Pair {
  name: string;
  inputs: Record<string, Tensor>;
  uniforms?: Record<string, number>;
  /** vec2f of element i, which is in group g. */
  expression: string;
}

/** What a finished pair `sum` of group g is turned into. */
interface Finish {
  writes: Record<string, Tensor>;
  reads?: Record<string, Tensor>;
  floats?: Record<string, number>;
  body: string;
}

/** Sums a pair over every group, and finishes each. */
export function sumPairs(engine: Engine, groups: Grouping, pair: Pair, finish: Finish): void {
  const { G, Q } = groups;
  const { N, chunk, chunks } = chunksOf(groups);
  engine.scope(() => {
    const part = engine.empty([G, chunks, 2]);
    const sizes = { n: G * chunks, chunk, chunks, N, G, Q, ...pair.uniforms };
    run(
      engine,
      {
        name: pair.name,
        reads: Object.fromEntries(Object.keys(pair.inputs).map((k) => [k, 'f32' as const])),
        writes: { part: 'vec2f' },
        uniforms: Object.fromEntries(Object.keys(sizes).map((k) => [k, 'u32' as const])),
        workgroup,
        body: `let j = group * ${workgroup}u + lane;
if (j < u.n) {
  let g = j / u.chunks;
  let start = j % u.chunks * u.chunk;
  let end = min(start + u.chunk, u.N);
  var sum = vec2f();
  for (var e = start; e < end; e++) {
    let i = (e / u.Q * u.G + g) * u.Q + e % u.Q;
    sum += ${pair.expression};
  }
  part[j] = sum;
}`,
      },
      { ...pair.inputs, part },
      sizes,
      Math.ceil((G * chunks) / workgroup),
    );
    const { writes, reads = {}, floats = {}, body } = finish;
    const element = (tensors: object) =>
      Object.fromEntries(Object.keys(tensors).map((k) => [k, 'f32' as const]));
    run(
      engine,
      {
        name: `${pair.name}.finish`,
        reads: { part: 'vec2f', ...element(reads) },
        writes: element(writes),
        uniforms: { G: 'u32', chunks: 'u32', N: 'u32', Q: 'u32', ...element(floats) },
        workgroup,
        body: `let g = group * ${workgroup}u + lane;
if (g < u.G) {
  var sum = vec2f();
  for (var c = 0u; c < u.chunks; c++) { sum += part[g * u.chunks + c]; }
  ${body}
}`,
      },
      { part, ...reads, ...writes },
      { G, chunks, N, Q, ...floats },
      Math.ceil(G / workgroup),
    );
  });
}

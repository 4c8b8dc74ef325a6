// Mean and variance of groups of elements, x seen as (P, G, Q) and a group all p and q of one g. An invocation takes a
// chunk of a group and goes over it twice, for its mean m and for its sum of squared deviations s from it; chunks of n
// elements are merged as Chan, Golub & LeVeque (1983) do, exact for any mean and any outlier:
//   mean = sum of n m / N        variance = (sum of s + n (m - mean)^2) / N

import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { chunksOf, type Grouping } from './sums.ts';

const workgroup = 64;

/** (G, 3): mean, 1 / sqrt(variance + eps), variance of every group. */
export function statistics(name: string, x: Tensor, groups: Grouping, eps: number): Tensor {
  const { engine } = x;
  const { G, Q } = groups;
  const { N, chunk, chunks } = chunksOf(groups);
  const stats = engine.empty([G, 3]);
  engine.scope(() => {
    const part = engine.empty([G, chunks, 2]);
    const each = (statement: string) =>
      `for (var e = start; e < end; e++) { let v = x[(e / u.Q * u.G + g) * u.Q + e % u.Q]; ${statement} }`;
    run(
      engine,
      {
        name: `${name}.chunks`,
        reads: { x: 'f32' },
        writes: { part: 'vec2f' },
        uniforms: { n: 'u32', chunk: 'u32', chunks: 'u32', N: 'u32', G: 'u32', Q: 'u32' },
        workgroup,
        body: `let j = group * ${workgroup}u + lane;
if (j < u.n) {
  let g = j / u.chunks;
  let start = j % u.chunks * u.chunk;
  let end = min(start + u.chunk, u.N);
  var sum = 0.0;
  ${each('sum += v;')}
  let mean = sum / f32(end - start);
  var squares = 0.0;
  ${each('squares += (v - mean) * (v - mean);')}
  part[j] = vec2f(mean, squares);
}`,
      },
      { x, part },
      { n: G * chunks, chunk, chunks, N, G, Q },
      Math.ceil((G * chunks) / workgroup),
    );
    run(
      engine,
      {
        name: `${name}.stats`,
        reads: { part: 'vec2f' },
        writes: { stats: 'f32' },
        uniforms: { G: 'u32', chunk: 'u32', chunks: 'u32', N: 'u32', eps: 'f32' },
        workgroup,
        body: `let g = group * ${workgroup}u + lane;
if (g < u.G) {
  let first = g * u.chunks;
  let last = f32(u.N - (u.chunks - 1u) * u.chunk);
  var mean = 0.0;
  for (var c = 0u; c < u.chunks; c++) {
    mean += part[first + c].x * select(f32(u.chunk), last, c == u.chunks - 1u) / f32(u.N);
  }
  var squares = 0.0;
  for (var c = 0u; c < u.chunks; c++) {
    let away = part[first + c].x - mean;
    squares += part[first + c].y + select(f32(u.chunk), last, c == u.chunks - 1u) * away * away;
  }
  let variance = squares / f32(u.N);
  stats[3u * g] = mean;
  stats[3u * g + 1u] = 1.0 / sqrt(variance + u.eps);
  stats[3u * g + 2u] = variance;
}`,
      },
      { part, stats },
      { G, chunk, chunks, N, eps },
      Math.ceil(G / workgroup),
    );
  });
  return stats;
}

// Mean and variance of groups of elements, x seen as (P, G, Q) and a group all p and q of one g. An invocation, on GPUs
// a workgroup (team.ts), takes a chunk of a group and goes over it twice, for its mean m and for its sum of squared
// deviations s from it; chunks of n elements are merged as Chan, Golub & LeVeque (1983) do, exact for any mean and any
// outlier:
//   mean = sum of n m / N        variance = (sum of s + n (m - mean)^2) / N

import type { Kernel } from '../../engine/kernel.ts';
import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { byTeam, type Team } from '../team.ts';
import { chunksOf, forTeams, type Grouping } from './sums.ts';

const workgroup = 64;

/** (G, 3): mean, 1 / sqrt(variance + eps), variance of every group. */
export function statistics(name: string, x: Tensor, groups: Grouping, eps: number): Tensor {
  const { engine } = x;
  const { P, G, Q } = groups;
  const stats = engine.empty([G, 3]);
  const key = `${name}.stats ${P}x${G}x${Q}`;
  byTeam(engine, key, forTeams(groups), workgroup, { x, stats }, (team, t) =>
    engine.scope(() => {
      const { N, chunk, chunks } = chunksOf(groups, team);
      const part = engine.empty([G, chunks, 2]);
      run(
        engine,
        chunkKernel(name, team),
        { x: t.x, part },
        { n: G * chunks, chunk, chunks, N, G, Q },
        team.groups(G * chunks),
      );
      run(
        engine,
        mergeKernel(name, team),
        { part, stats: t.stats },
        { G, chunk, chunks, N, eps },
        team.groups(G),
      );
    }),
  );
  return stats;
}

/** Mean and squared deviations of every chunk. */
function chunkKernel(name: string, team: Team): Kernel {
  const each = (statement: string) =>
    `for (var e = start + ${team.first}; e < end; e += ${team.step}) { let v = x[(e / u.Q * u.G + g) * u.Q + e % u.Q]; ${statement} }`;
  return {
    name: `${name}.chunks`,
    reads: { x: 'f32' },
    writes: { part: 'vec2f' },
    uniforms: { n: 'u32', chunk: 'u32', chunks: 'u32', N: 'u32', G: 'u32', Q: 'u32' },
    workgroup: team.workgroup,
    declarations: team.functions('f32', 'sum'),
    body: team.body(
      'j',
      'u.n',
      `let g = j / u.chunks;
  let start = j % u.chunks * u.chunk;
  let end = min(start + u.chunk, u.N);
  var sum = 0.0;
  ${each('sum += v;')}
  let mean = ${team.sum('sum')} / f32(end - start);
  var squares = 0.0;
  ${each('squares += (v - mean) * (v - mean);')}
  let deviations = ${team.sum('squares')};
  ${team.leader('part[j] = vec2f(mean, deviations);')}`,
    ),
  };
}

/** The chunks of every group, merged. */
function mergeKernel(name: string, team: Team): Kernel {
  const size = 'select(f32(u.chunk), last, c == u.chunks - 1u)';
  const each = (statement: string) =>
    `for (var c = ${team.first}; c < u.chunks; c += ${team.step}) { ${statement} }`;
  return {
    name: `${name}.stats`,
    reads: { part: 'vec2f' },
    writes: { stats: 'f32' },
    uniforms: { G: 'u32', chunk: 'u32', chunks: 'u32', N: 'u32', eps: 'f32' },
    workgroup: team.workgroup,
    declarations: team.functions('f32', 'sum'),
    body: team.body(
      'g',
      'u.G',
      `let first = g * u.chunks;
  let last = f32(u.N - (u.chunks - 1u) * u.chunk);
  var share = 0.0;
  ${each(`share += part[first + c].x * ${size} / f32(u.N);`)}
  let mean = ${team.sum('share')};
  var squares = 0.0;
  ${each(`let away = part[first + c].x - mean; squares += part[first + c].y + ${size} * away * away;`)}
  let variance = ${team.sum('squares')} / f32(u.N);
  ${team.leader(`stats[3u * g] = mean;
  stats[3u * g + 1u] = 1.0 / sqrt(variance + u.eps);
  stats[3u * g + 2u] = variance;`)}`,
    ),
  };
}

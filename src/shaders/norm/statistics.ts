// Mean and variance of groups of elements, x seen as (P, G, Q) and a group all p and q of one g. An invocation, on GPUs
// a workgroup (team.ts), takes a chunk of a group and goes over it twice, for its mean m and for its sum of squared
// deviations s from it; chunks of n elements are merged as Chan, Golub & LeVeque (1983) do, exact for any mean and any
// outlier:
//   mean = sum of n m / N        variance = (sum of s + n (m - mean)^2) / N

import type { Tensor } from '../../engine/tensor.ts';
import { byTeam, type Team } from '../team.ts';
import { chunksOf, forTeams, type Grouping, placeOf } from './sums.ts';

/** (G, 3): mean, 1 / sqrt(variance + eps), variance of every group. */
export function statistics(name: string, x: Tensor, groups: Grouping, eps: number): Tensor {
  const { engine } = x;
  const { P, G, Q } = groups;
  const stats = engine.empty([G, 3]);
  const key = `${name}.stats ${P}x${G}x${Q}`;
  byTeam(engine, key, forTeams(groups), { x, stats }, (team, t) =>
    engine.scope(() => {
      const { N, chunk, chunks } = chunksOf(groups, team);
      const part = engine.empty([G, chunks, 2]);
      const sizes = { chunk, chunks, N, G, Q };
      const common = { sizes, declarations: team.functions('f32', 'sum') };
      const { body, merge } = kernels(team, placeOf(groups));
      team.run(G * chunks, {
        ...common,
        name: `${name}.chunks`,
        reads: { x: t.x },
        writes: { part: ['vec2f', part] },
        body,
      });
      team.run(G, {
        ...common,
        name: `${name}.stats`,
        reads: { part: ['vec2f', part] },
        writes: { stats: t.stats },
        floats: { eps },
        body: merge,
      });
    }),
  );
  return stats;
}

/** `body`: mean and squared deviations of every chunk. `merge`: the chunks of every group, merged. */
function kernels(team: Team, place: string): { body: string; merge: string } {
  const each = (statement: string) =>
    `for (var e = start + ${team.first}; e < end; e += ${team.step}) { let v = x[${place}]; ${statement} }`;
  const size = 'select(f32(u.chunk), last, c == u.chunks - 1u)';
  const eachChunk = (statement: string) =>
    `for (var c = ${team.first}; c < u.chunks; c += ${team.step}) { ${statement} }`;
  return {
    body: `let g = i / u.chunks;
let start = i % u.chunks * u.chunk;
let end = min(start + u.chunk, u.N);
var sum = 0.0;
${each('sum += v;')}
let mean = ${team.sum('sum')} / f32(end - start);
var squares = 0.0;
${each('squares += (v - mean) * (v - mean);')}
let deviations = ${team.sum('squares')};
${team.leader('part[i] = vec2f(mean, deviations);')}`,
    merge: `let first = i * u.chunks;
let last = f32(u.N - (u.chunks - 1u) * u.chunk);
var share = 0.0;
${eachChunk(`share += part[first + c].x * ${size} / f32(u.N);`)}
let mean = ${team.sum('share')};
var squares = 0.0;
${eachChunk(`let away = part[first + c].x - mean; squares += part[first + c].y + ${size} * away * away;`)}
let variance = ${team.sum('squares')} / f32(u.N);
${team.leader(`stats[3u * i] = mean;
stats[3u * i + 1u] = 1.0 / sqrt(variance + u.eps);
stats[3u * i + 2u] = variance;`)}`,
  };
}

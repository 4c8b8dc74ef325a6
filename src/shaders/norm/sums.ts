// Sums over groups of elements, in pairs: x is seen as (P, G, Q), and all p and q of one g are a group. Two passes, as in
// all reductions: one invocation (on GPUs one workgroup, team.ts) a chunk of a group, then one a group, which also turns
// the sums into what is wanted.

import type { Engine } from '../../engine/engine.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { byTeam, type Team, teamSize } from '../team.ts';

/** Invocations a sum is spread over when there are few groups. */
const wantedThreads = 1024;
/** Workgroups a sum is spread over on a GPU, and the least elements of an invocation there. */
const wantedGroups = 512;
const leastTurns = 8;

/** x as (P, G, Q). */
export interface Grouping {
  P: number;
  G: number;
  Q: number;
}

/** WGSL of the place of element `e` of group `g`. A division costs lavapipe as much as three loads. */
export const placeOf = ({ P }: Grouping): string =>
  P === 1 ? 'g * u.Q + e' : '(e / u.Q * u.G + g) * u.Q + e % u.Q';

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
  body: string;
}

/** How a group's N elements are cut into chunks, one an invocation or a workgroup. */
export function chunksOf({ P, G, Q }: Grouping, team: Team): { N: number; chunk: number; chunks: number } {
  const N = P * Q;
  const [wanted, least] = team.size > 1 ? [wantedGroups, leastTurns * teamSize] : [wantedThreads, 32];
  const chunk = Math.max(least, Math.ceil(N / Math.max(1, Math.ceil(wanted / G))));
  return { N, chunk, chunks: Math.ceil(N / chunk) };
}

/** Whether a team is a GPU's first guess for groups of this size. */
export const forTeams = ({ P, Q }: Grouping): boolean => P * Q > teamSize;

/** Sums a pair over every group, and finishes each. */
export function sumPairs(engine: Engine, grouping: Grouping, pair: Pair, finish: Finish): void {
  const { P, G, Q } = grouping;
  const { inputs, name } = pair;
  const key = `${name} ${P}x${G}x${Q}`;
  byTeam(engine, key, forTeams(grouping), { ...inputs, ...finish.writes }, (team, t) => {
    const of = (names: object) => Object.fromEntries(Object.keys(names).map((k) => [k, t[k]]));
    const { N, chunk, chunks } = chunksOf(grouping, team);
    const declarations = team.functions('vec2f', 'sum');
    engine.scope(() => {
      const part = ['vec2f', engine.empty([G, chunks, 2])] as const;
      team.run(G * chunks, {
        name,
        reads: of(inputs),
        writes: { part },
        sizes: { chunk, chunks, N, G, Q, ...pair.uniforms },
        declarations,
        body: `let g = i / u.chunks;
let start = i % u.chunks * u.chunk;
let end = min(start + u.chunk, u.N);
var own = vec2f();
for (var e = start + ${team.first}; e < end; e += ${team.step}) {
  let i = ${placeOf(grouping)};
  own += ${pair.expression};
}
let sum = ${team.sum('own')};
${team.leader('part[i] = sum;')}`,
      });
      team.run(G, {
        name: `${name}.finish`,
        reads: { part },
        writes: of(finish.writes),
        sizes: { chunks },
        declarations,
        body: `let g = i;
var own = vec2f();
for (var c = ${team.first}; c < u.chunks; c += ${team.step}) { own += part[g * u.chunks + c]; }
let sum = ${team.sum('own')};
${team.leader(finish.body)}`,
      });
    });
  });
}

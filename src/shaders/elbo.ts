// The training objective from per-example terms, one kernel each way. With S = sum over b of error[b] / B, the
// batch mean of the summed error, and KL likewise:
//   weighted   recon = w S                     (fixed variance 1 / 2w for squared errors; w = 1 for nats)
//   optimal    recon = D/2 log(S / D)          (the Gaussian variance that is best for this batch, sigma-VAE,
//                                               Rybkin et al. 2021); S / D has a floor of 1e-12
//   loss = recon + beta KL
// scale 1 gives the batch mean, scale B the sum over the batch; metrics are means. One invocation walks the batch, a large one on a GPU
// a workgroup (team.ts).

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import type { Tensor } from '../engine/tensor.ts';
import { byTeam, type Team } from './team.ts';

/** Examples from which a workgroup takes a batch on a GPU. */
const manyExamples = 65;

/** How errors become nats. */
export interface ElboOptions {
  kind: 'weighted' | 'optimal';
  /** w above; weighted only. */
  weight?: number;
  /** Elements of one example; optimal only. */
  D?: number;
  /** Factor on the loss, default 1. */
  scale?: number;
}

/**
 * @param error (B) summed error or likelihood of each example
 * @param kl (B)
 * @param beta (1)
 * @returns loss (1), times `scale`, and metrics (3): loss, recon, kl as means over the batch
 * @throws ShapeError if the shapes or options do not fit.
 */
export function elbo(
  error: Tensor,
  kl: Tensor,
  beta: Tensor,
  options: ElboOptions,
): { loss: Tensor; metrics: Tensor } {
  const { kind, weight = 1, D = 0, scale = 1 } = options;
  if (error.rank !== 1 || kl.size !== error.size || beta.size !== 1)
    throw new ShapeError(`elbo: error ${error}, kl ${kl}, beta ${beta}; they must be (B), (B) and (1)`);
  if (kind !== 'optimal' && kind !== 'weighted')
    throw new ShapeError(`elbo: kind ${kind}; it must be weighted or optimal`);
  if (kind === 'optimal' && !(D > 0))
    throw new ShapeError(`elbo: D ${D}; give the number of elements of an example`);
  const { engine } = error;
  const B = error.size;
  const sizes = { B };
  const floats = { weight, D, scale };
  const loss = engine.empty([1]);
  const metrics = engine.empty([3]);
  const under = '(S / u.D < 1e-12)';
  const floored = `select(S / u.D, 1e-12, ${under})`;
  const guess = B >= manyExamples;
  const walk = (team: Team, statement: string) =>
    `for (var b = ${team.first}; b < u.B; b += ${team.step}) { ${statement} }`;
  const all = { error, kl, beta, loss, metrics };
  byTeam(engine, `elbo ${kind} ${B}`, guess, all, (team, { loss, metrics, ...reads }) =>
    team.run(1, {
      name: 'elbo',
      reads,
      writes: { loss, metrics },
      sizes,
      floats,
      workgroup: 1,
      declarations: team.functions('vec2f', 'sum'),
      body: `var own = vec2f();
${walk(team, 'own += vec2f(error[b], kl[b]);')}
let sums = ${team.sum('own')};
let S = sums.x / f32(u.B);
let K = sums.y / f32(u.B);
let recon = ${kind === 'optimal' ? `0.5 * u.D * log(${floored})` : 'u.weight * S'};
let total = recon + beta[0] * K;
${team.leader('loss[0] = u.scale * total; metrics[0] = total; metrics[1] = recon; metrics[2] = K;')}`,
    }),
  );
  record('elbo', [error, kl, beta], [loss], (g) => {
    if (g.needs(2)) throw new ShapeError('elbo: beta is a schedule, not a parameter; it has no gradient');
    const into = (i: number) => (g.needs(i) ? g.into(i) : engine.empty([B]));
    const all = { error, beta, dloss: g.out(), derror: into(0), dkl: into(1) };
    byTeam(engine, `elbo.dx ${kind} ${B}`, guess, all, (team, { derror, dkl, ...reads }) =>
      team.run(1, {
        name: 'elbo.dx',
        reads,
        writes: { derror, dkl },
        sizes,
        floats,
        workgroup: 1,
        declarations: team.functions('f32', 'sum'),
        body: `var own = 0.0;
${walk(team, 'own += error[b];')}
let S = ${team.sum('own')} / f32(u.B);
let mean = dloss[0] * u.scale / f32(u.B);
let de = mean * ${kind === 'optimal' ? `select(0.5 / (S / u.D), 0.0, ${under})` : 'u.weight'};
let dk = mean * beta[0];
${walk(team, 'derror[b] = de; dkl[b] = dk;')}`,
      }),
    );
  });
  return { loss, metrics };
}

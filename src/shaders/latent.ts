// The reparameterised sample and its KL divergence to the standard normal, one kernel each way:
//   z = mu + exp(logVar / 2) eps        kl[b] = 1/2 sum over latents of mu^2 + exp(logVar) - 1 - logVar
// One invocation an example walks the latents, on a GPU with many of them a workgroup (team.ts). Kingma & Welling 2014,
// appendix B.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import type { Tensor } from '../engine/tensor.ts';
import { checkSame } from './shape.ts';
import { byTeam, type Team } from './team.ts';

const workgroup = 8;
/** Latents from which a workgroup takes an example on a GPU. */
const manyLatents = 65;

/**
 * @param mu (B, Z) mean of the posterior
 * @param logVar (B, Z) logarithm of its variance
 * @param eps (B, Z) standard normal noise
 * @returns z (B, Z) and kl (B) in nats
 * @throws ShapeError if the shapes differ or are not of rank 2.
 */
export function reparameterize(mu: Tensor, logVar: Tensor, eps: Tensor): { z: Tensor; kl: Tensor } {
  checkSame('reparameterize', mu, logVar, 'mu and logVar');
  checkSame('reparameterize', mu, eps, 'mu and eps');
  if (mu.rank !== 2) throw new ShapeError(`reparameterize: mu ${mu}; it must be (B, Z)`);
  const { engine } = mu;
  const [B, Z] = mu.shape;
  const z = engine.empty(mu.shape);
  const kl = engine.empty([B]);
  const key = (part: string) => `${part} ${B}x${Z}`;
  const sizes = { Z };
  const walk = (team: Team, statements: string) =>
    `for (var e = i * u.Z + ${team.first}; e < (i + 1u) * u.Z; e += ${team.step}) { ${statements} }`;
  const tensors = { mu, logVar, eps, z, kl };
  byTeam(engine, key('reparameterize'), Z >= manyLatents, tensors, (team, { z, kl, ...reads }) =>
    team.run(B, {
      name: 'reparameterize',
      reads,
      writes: { z, kl },
      sizes,
      workgroup,
      declarations: team.functions('f32', 'sum'),
      body: `var own = 0.0;
${walk(
  team,
  `let s = exp(0.5 * logVar[e]);
  z[e] = fma(s, eps[e], mu[e]);
  own += mu[e] * mu[e] + s * s - 1.0 - logVar[e];`,
)}
let sum = ${team.sum('own')};
${team.leader('kl[i] = 0.5 * sum;')}`,
    }),
  );
  record('reparameterize', [mu, logVar, eps], [z, kl], (g) => {
    const scratch = (i: number) => (g.needs(i) ? g.into(i) : engine.empty(mu.shape));
    const own = {
      dmu: scratch(0),
      dlogVar: scratch(1),
      deps: g.needs(2) ? g.into(2) : null,
    };
    const tensors = { mu, logVar, eps, dz: g.out(0), dkl: g.out(1), ...own };
    byTeam(engine, key('reparameterize.dx'), Z >= manyLatents, tensors, (team, t) => {
      const { dmu, dlogVar, deps, ...reads } = t;
      team.run(B, {
        name: 'reparameterize.dx',
        reads,
        writes: { dmu, dlogVar, deps },
        sizes,
        workgroup,
        body: `let w = dkl[i];
${walk(
  team,
  `let s = exp(0.5 * logVar[e]);
  dmu[e] = fma(w, mu[e], dz[e]);
  dlogVar[e] = 0.5 * (dz[e] * eps[e] * s + w * (s * s - 1.0));
  ${deps ? 'deps[e] = dz[e] * s;' : ''}`,
)}`,
      });
    });
  });
  return { z, kl };
}

// The reparameterised sample and its KL divergence to the standard normal, one kernel each way:
//   z = mu + exp(logVar / 2) eps        kl[b] = 1/2 sum over latents of mu^2 + exp(logVar) - 1 - logVar
// One invocation an example walks the latents, on a GPU with many of them a workgroup (team.ts). Kingma & Welling 2014,
// appendix B.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { run } from '../engine/run.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
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
  if (mu.rank !== 2) throw new ShapeError(`reparameterize: mu ${shapeText(mu.shape)}; it must be (B, Z)`);
  const { engine } = mu;
  const [B, Z] = mu.shape;
  const z = engine.empty(mu.shape);
  const kl = engine.empty([B]);
  const uniforms = { B: 'u32', Z: 'u32' } as const;
  const key = (part: string) => `${part} ${B}x${Z}`;
  const loop = (team: Team, before: string, each: string, after: string) => ({
    workgroup: team.workgroup,
    body: team.body(
      'b',
      'u.B',
      `${before}
  for (var i = b * u.Z + ${team.first}; i < (b + 1u) * u.Z; i += ${team.step}) { ${each} }
  ${after}`,
    ),
  });
  byTeam(
    engine,
    key('reparameterize'),
    Z >= manyLatents,
    workgroup,
    { mu, logVar, eps, z, kl },
    (team, t) => {
      const walk = loop(
        team,
        'var own = 0.0;',
        `let s = exp(0.5 * logVar[i]);
    z[i] = fma(s, eps[i], mu[i]);
    own += mu[i] * mu[i] + s * s - 1.0 - logVar[i];`,
        `let sum = ${team.sum('own')};
  ${team.leader('kl[b] = 0.5 * sum;')}`,
      );
      run(
        engine,
        {
          name: 'reparameterize',
          reads: { mu: 'f32', logVar: 'f32', eps: 'f32' },
          writes: { z: 'f32', kl: 'f32' },
          uniforms,
          declarations: team.functions('f32', 'sum'),
          ...walk,
        },
        t,
        { B, Z },
        team.groups(B),
      );
    },
  );
  record('reparameterize', [mu, logVar, eps], [z, kl], (g) => {
    const scratch = (i: number) => (g.needs(i) ? g.into(i) : engine.empty(mu.shape));
    const wantsEps = g.needs(2);
    const tensors = {
      mu,
      logVar,
      eps,
      dz: g.out(0),
      dkl: g.out(1),
      dmu: scratch(0),
      dlogVar: scratch(1),
      ...(wantsEps ? { deps: g.into(2) } : {}),
    };
    byTeam(engine, key('reparameterize.dx'), Z >= manyLatents, workgroup, tensors, (team, t) => {
      const walk = loop(
        team,
        'let w = dkl[b];',
        `let s = exp(0.5 * logVar[i]);
    dmu[i] = fma(w, mu[i], dz[i]);
    dlogVar[i] = 0.5 * (dz[i] * eps[i] * s + w * (s * s - 1.0));
    ${wantsEps ? 'deps[i] = dz[i] * s;' : ''}`,
        '',
      );
      run(
        engine,
        {
          name: 'reparameterize.dx',
          reads: { mu: 'f32', logVar: 'f32', eps: 'f32', dz: 'f32', dkl: 'f32' },
          writes: { dmu: 'f32', dlogVar: 'f32', ...(wantsEps ? { deps: 'f32' } : {}) },
          uniforms,
          ...walk,
        },
        t as Record<string, Tensor>,
        { B, Z },
        team.groups(B),
      );
    });
  });
  return { z, kl };
}

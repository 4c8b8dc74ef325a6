// y = (x - mean) rstd w + b, and its gradients, for any way of grouping: elements of a group share mean and rstd.
//   dx = rstd (dy w - mean of dy w - h mean of (dy w h)),  h = (x - mean) rstd;  dw = sum of dy h;  db = sum of dy

import { type Gradients, record } from '../../engine/op.ts';
import { perItem } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { type Grouping, sumPairs } from './sums.ts';

/** Element i of x has weight (i / inner) % count. */
interface Affine {
  count: number;
  inner: number;
}

export interface Normalised {
  name: string;
  x: Tensor;
  w: Tensor | null;
  b: Tensor | null;
  groups: Grouping;
  affine: Affine;
}

/** Element by element: `expression` over x, stats at `s`, weight `weight`, bias `bias`, and other tensors at i. */
function perElement(
  name: string,
  y: Tensor,
  m: Normalised,
  more: Record<string, Tensor>,
  expression: string,
): void {
  const { G, Q, P } = m.groups;
  const named = (name: string, t: Tensor | null) => (expression.includes(name) ? t : null);
  const w = named('weight', m.w);
  const b = named('bias', m.b);
  perItem(y.size, {
    name,
    reads: { ...more, w, b },
    writes: { y },
    sizes: { G, Q, ...m.affine },
    floats: { share: 1 / (P * Q) },
    body: `let g = i / u.Q${P > 1 ? ' % u.G' : ''};
let a = i${m.affine.inner > 1 ? ' / u.inner' : ''} % u.count;
let weight = ${w ? 'w[a]' : '1.0'};
let bias = ${b ? 'b[a]' : '0.0'};
y[i] = ${expression};`,
  });
}

/** WGSL of h of element i in group g, in a kernel that reads x and stats. */
const standard = (g = 'g') => `(x[i] - stats[3u * ${g}]) * stats[3u * ${g} + 1u]`;

/** y and its gradients from given statistics; `own` ones are x's and depend on it. */
export function normalise(m: Normalised, stats: Tensor, own: boolean): Tensor {
  const { x, w, b, name } = m;
  const { engine } = x;
  const y = engine.empty(x.shape);
  perElement(name, y, m, { x, stats }, `${standard()} * weight + bias`);
  return record(
    name,
    [x, w, b].filter((t) => t !== null),
    [y],
    (g) => {
      const dy = g.out();
      if (g.needs(0)) inputGradient(m, stats, own, dy, g);
      if (w || b) affineGradient(m, stats, dy, g);
    },
  );
}

function inputGradient(m: Normalised, stats: Tensor, own: boolean, dy: Tensor, g: Gradients): void {
  const { x, w, name, groups, affine } = m;
  const { engine } = x;
  if (!own) {
    perElement(`${name}.dx`, g.into(0), m, { stats, dy }, 'dy[i] * weight * stats[3u * g + 1u]');
    return;
  }
  const sums = engine.empty([groups.G, 2]);
  const weighted = w ? 'dy[i] * w[i / u.inner % u.count]' : 'dy[i]';
  sumPairs(
    engine,
    groups,
    {
      name: `${name}.dx.sums`,
      inputs: { x, stats, dy, ...(w ? { w } : {}) },
      uniforms: { ...affine },
      expression: `${weighted} * vec2f(1.0, ${standard()})`,
    },
    { writes: { sums }, body: 'sums[2u * g] = sum.x; sums[2u * g + 1u] = sum.y;' },
  );
  const dx = `stats[3u * g + 1u] * (dy[i] * weight - (sums[2u * g] + ${standard()} * sums[2u * g + 1u]) * u.share)`;
  perElement(`${name}.dx`, g.into(0), m, { x, stats, dy, sums }, dx);
}

function affineGradient(
  { x, w, b, name, groups, affine }: Normalised,
  stats: Tensor,
  dy: Tensor,
  g: Gradients,
): void {
  const { count, inner } = affine;
  const writes: Record<string, Tensor> = {};
  if (w && g.needs(1)) writes.dw = g.into(1);
  const at = w ? 2 : 1;
  if (b && g.needs(at)) writes.db = g.into(at);
  if (Object.keys(writes).length === 0) return;
  sumPairs(
    x.engine,
    { P: x.size / (count * inner), G: count, Q: inner },
    {
      name: `${name}.dw`,
      inputs: { x, stats, dy },
      uniforms: { perGroup: groups.Q, statGroups: groups.G },
      expression: `dy[i] * vec2f(${standard('(i / u.perGroup % u.statGroups)')}, 1.0)`,
    },
    {
      writes,
      body: `${writes.dw ? 'dw[g] = sum.x;' : ''} ${writes.db ? 'db[g] = sum.y;' : ''}`,
    },
  );
}

// Likelihoods, each summed over everything but the first axis: x (B, ...) and t (B, ...) to (B). A row of the table
// holds the summand and its derivatives; forward is one mapped sum (reduce.ts), backward one kernel per input.
//   mse             (x - t)^2
//   bceWithLogits   -t log s(x) - (1 - t) log(1 - s(x)) = max(x, 0) - x t + log(1 + exp(-|x|))
//   gaussianNll     1/2 (log 2 pi + v + (x - t)^2 exp(-v)), v the log variance

import { record } from '../engine/op.ts';
import { perItem } from '../engine/run.ts';
import type { Tensor } from '../engine/tensor.ts';
import { fold } from './fold.ts';
import { log1p, logistic, rectified } from './functions.ts';
import { checkSame } from './shape.ts';

interface Loss {
  f: string;
  d: Record<string, string>;
  /** WGSL functions that f uses. */
  functions?: string;
}

const losses = {
  mse: { f: '(x - t) * (x - t)', d: { x: '2.0 * (x - t)', t: '2.0 * (t - x)' } },
  bceWithLogits: {
    f: `${rectified('x')} - x * t + log1p(exp(max(-abs(x), V(-87.0))))`,
    functions: log1p,
    d: { x: `${logistic} - t`, t: '-x' },
  },
  gaussianNll: {
    f: '0.5 * (1.8378770664093453 + logVar + (x - t) * (x - t) * exp(-logVar))',
    d: {
      x: '(x - t) * exp(-logVar)',
      t: '(t - x) * exp(-logVar)',
      logVar: '0.5 * (1.0 - (x - t) * (x - t) * exp(-logVar))',
    },
  },
} satisfies Record<string, Loss>;

function perExample(name: keyof typeof losses, inputs: Record<string, Tensor>): Tensor {
  const { f, d, functions = '' }: Loss = losses[name];
  const names = Object.keys(inputs);
  const x = inputs.x;
  for (const k of names) checkSame(name, x, inputs[k], `x and ${k}`);
  const B = x.shape[0];
  const D = x.size / B;
  const y = fold([B], { name, inputs, expression: f, functions, outer: B, reduced: D, inner: 1 });
  const [type, width] = D % 4 === 0 ? (['vec4f', 4] as const) : (['f32', 1] as const);
  return record(name, Object.values(inputs), [y], (g) => {
    names.forEach((k, i) => {
      if (!g.needs(i)) return;
      perItem(x.size / width, {
        name: `${name}.d${k}`,
        reads: {
          ...Object.fromEntries(names.map((j) => [`${j}Data`, [type, inputs[j]] as const])),
          dy: g.out(),
        },
        writes: { dx: [type, g.into(i)] },
        sizes: { D: D / width },
        declarations: `alias V = ${type};`,
        body: `${names.map((j) => `let ${j} = ${j}Data[i];`).join(' ')}
dx[i] = dy[i / u.D] * (${d[k]});`,
      });
    });
  });
}

/**
 * Sum of squared errors of each example.
 * @param x (B, ...) prediction
 * @param t (B, ...) target
 * @returns (B)
 * @throws ShapeError if the shapes differ.
 */
export const mse = (x: Tensor, t: Tensor): Tensor => perExample('mse', { x, t });

/**
 * Binary cross-entropy of each example, from logits, summed; targets in [0, 1].
 * @returns (B) in nats
 * @throws ShapeError if the shapes differ.
 */
export const bceWithLogits = (x: Tensor, t: Tensor): Tensor => perExample('bceWithLogits', { x, t });

/**
 * Negative log-likelihood of t under a Gaussian of mean x and log variance logVar, constant included, summed.
 * @returns (B) in nats
 * @throws ShapeError if the shapes differ.
 */
export const gaussianNll = (x: Tensor, t: Tensor, logVar: Tensor): Tensor =>
  perExample('gaussianNll', { x, t, logVar });

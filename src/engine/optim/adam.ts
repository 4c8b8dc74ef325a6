// Adam and AdamW. m and v are the moving means of the gradient and its square, both corrected for their start at zero:
//   m = b1 m + (1 - b1) x;  v = b2 v + (1 - b2) x^2;  p -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps)
// Weight decay is part of the gradient in Adam (x = g + weightDecay p), and apart from it in AdamW
// (p -= lr weightDecay p), so that the moments do not rescale it.

import type { Parameters } from '../params.ts';
import { checkOption, Optimizer, type OptimizerOptions, type Rule } from './optimizer.ts';

/** As torch.optim.Adam and AdamW. */
export interface AdamOptions extends OptimizerOptions {
  /** Decay of the two moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** A normal float32 number above 0. Default 1e-8. */
  eps?: number;
  /** Of the parameters that `decays` names. Default 0 for Adam, 1e-2 for AdamW. */
  weightDecay?: number;
}

function rule(kind: 'adam' | 'adamw', options: AdamOptions): Rule {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = kind === 'adamw' ? 1e-2 : 0 } = options;
  const [beta1, beta2] = betas;
  const ok = betas.length === 2 && betas.every((b) => b >= 0 && b < 1);
  checkOption(kind, 'betas', betas, ok, 'two numbers in [0, 1)');
  checkOption(kind, 'eps', eps, eps >= 2 ** -126 && eps < 3e38, 'above 0 in float32: 1.2e-38 or more');
  checkOption(kind, 'weightDecay', weightDecay, weightDecay >= 0 && weightDecay < 3e38, '0 or more');
  const decoupled = kind === 'adamw' && weightDecay > 0;
  const move = 'hyper[4] * m1 / (sqrt(v1) * hyper[5] + hyper[6])';
  return {
    kind,
    slots: ['m', 'v'],
    l2: kind === 'adam' ? weightDecay : 0,
    decoupled,
    hyper: (t, lr) => [
      beta1,
      1 - beta1,
      beta2,
      1 - beta2,
      lr / (1 - beta1 ** t),
      1 / Math.sqrt(1 - beta2 ** t),
      eps,
      ...(decoupled ? [lr * weightDecay] : []),
    ],
    update: `
let m1 = hyper[0] * m[i] + hyper[1] * x;
let v1 = hyper[2] * v[i] + hyper[3] * x * x;
m[i] = m1;
v[i] = v1;
p[i] -= ${decoupled ? `(${move} + hyper[7] * w)` : move};`,
  };
}

/** Adam (Kingma & Ba 2015) as torch.optim.Adam computes it. */
export class Adam extends Optimizer {
  /** @throws ShapeError if an option is out of its range. */
  constructor(params: Parameters, options: AdamOptions = {}) {
    super(params, rule('adam', options), options);
  }
}

/** Adam with decoupled weight decay (Loshchilov & Hutter 2019) as torch.optim.AdamW computes it. */
export class AdamW extends Optimizer {
  /** @throws ShapeError if an option is out of its range. */
  constructor(params: Parameters, options: AdamOptions = {}) {
    super(params, rule('adamw', options), options);
  }
}

// Stochastic gradient descent as torch.optim.SGD computes it, x = g + weightDecay p:
//   without momentum   p -= lr x
//   with               b = momentum b + (1 - dampening) x, b = x at the first step;  p -= lr b
//   nesterov           p -= lr (x + momentum b)

import type { Parameters } from '../params.ts';
import { checkOption, Optimizer, type OptimizerOptions, type Rule } from './optimizer.ts';

/** As torch.optim.SGD. */
export interface SGDOptions extends OptimizerOptions {
  /** Share of the last step's direction that is kept, in [0, 1). Default 0. */
  momentum?: number;
  /** Default 0; needs momentum. */
  dampening?: number;
  /** Default false; needs momentum, and no dampening. */
  nesterov?: boolean;
  /** Of the parameters that `decays` names, as part of the gradient. Default 0. */
  weightDecay?: number;
}

function rule({ momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 }: SGDOptions): Rule {
  const check = (name: string, value: unknown, fine: boolean, want: string) =>
    checkOption('sgd', name, value, fine, want);
  check('momentum', momentum, momentum >= 0 && momentum < 1, 'in [0, 1)');
  check('dampening', dampening, dampening >= 0 && dampening <= 1, 'in [0, 1]');
  check('dampening', dampening, dampening === 0 || momentum > 0, '0 without momentum');
  check('nesterov', nesterov, !nesterov || momentum > 0, 'false without momentum');
  check('nesterov', nesterov, !nesterov || dampening === 0, 'false with dampening');
  check('weightDecay', weightDecay, weightDecay >= 0 && weightDecay < 3e38, '0 or more');
  const plain = 'p[i] -= hyper[0] * x;';
  const withMomentum = `
let b = hyper[1] * momentum[i] + hyper[2] * x;
momentum[i] = b;
p[i] -= hyper[0] * ${nesterov ? '(x + hyper[1] * b)' : 'b'};`;
  return {
    kind: 'sgd',
    slots: momentum > 0 ? ['momentum'] : [],
    l2: weightDecay,
    hyper: (t, lr) => (momentum > 0 ? [lr, momentum, t === 1 ? 1 : 1 - dampening] : [lr]),
    update: momentum > 0 ? withMomentum : plain,
  };
}

/** Gradient descent with optional momentum (Sutskever et al. 2013) as torch.optim.SGD computes it. */
export class SGD extends Optimizer {
  /** @throws ShapeError if an option is out of its range, or set where it would do nothing. */
  constructor(params: Parameters, options: SGDOptions = {}) {
    super(params, rule(options), options);
  }
}

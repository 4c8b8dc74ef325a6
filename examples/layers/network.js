// Layers and loss of the page's own, from the engine's operations: a gated convolution with a residual, as in WaveNet (van den
// Oord et al. 2016), and an error that is quadratic near 0 and linear far off, of the wave and of its slope.

import {
  add,
  Conv1d,
  conv1d,
  mean,
  mul,
  Parameters,
  Random,
  sigmoid,
  slice,
  sqrt,
  square,
  sub,
  tanh,
} from 'formant';

/** x + V (tanh(a) sigmoid(b)), where a and b are the halves of a convolution's channels. x (B, C, T) */
class Gated {
  constructor({ params, seed }, name, C, K, dilation) {
    const random = new Random(seed, name);
    const drawn = (step, shape, fanIn) => {
      const scale = 1 / Math.sqrt(fanIn);
      return params.add(
        `${name}.${step}`,
        shape,
        random.normal(step, shape[0] * fanIn).map((v) => scale * v),
      );
    };
    this.w = drawn(0, [2 * C, C, K], C * K);
    this.v = drawn(1, [C, C, 1], C);
    this.C = C;
    this.options = { padding: ((K - 1) / 2) * dilation, dilation };
  }

  forward(x) {
    const both = conv1d(x, this.w, null, this.options);
    const [a, b] = [slice(both, 1, 0, this.C), slice(both, 1, this.C, 2 * this.C)];
    return add(x, conv1d(mul(tanh(a), sigmoid(b)), this.v));
  }
}

/** Noisy waves (B, 1, T) to clean ones. */
export class Denoiser {
  constructor(engine, C = 12) {
    this.params = new Parameters(engine);
    const init = { params: this.params, seed: 1 };
    this.first = new Conv1d(init, 'first', 1, C, 9, { padding: 4 });
    this.gated = [1, 8].map((dilation, i) => new Gated(init, `gated${i}`, C, 5, dilation));
    this.last = new Conv1d(init, 'last', C, 1, 9, { padding: 4 });
  }

  forward(noisy) {
    let h = this.first.forward(noisy);
    for (const layer of this.gated) h = layer.forward(h);
    return this.last.forward(h);
  }
}

const gentle = (error) => mean(sqrt(add(square(error), 1e-4)));

/** Error of waves and of their slopes. Both (B, 1, T) */
export function waveLoss(made, clean) {
  const error = sub(made, clean);
  const T = error.shape[2];
  const slope = sub(slice(error, 2, 1, T), slice(error, 2, 0, T - 1));
  return add(gentle(error), gentle(slope));
}

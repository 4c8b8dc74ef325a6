// Adam over the flat parameter buffer, behind a guard. A step is three dispatches:
//   norm    partial sums of squared gradients, and whether any gradient or the loss is not finite
//   guard   sums the partials, writes {stopped, norm} and keeps `stopped` set once it is
//   adam    moments and parameters, one vec4 an invocation; does nothing while `stopped` is set
// Not finite is read off the exponent's bits: WGSL lets a compiler assume that NaN and infinity never occur, so a
// comparison such as x != x may be optimised away. Bias corrections are computed in float64 in JavaScript.

import type { Engine } from './engine.ts';
import { ShapeError } from './errors.ts';
import type { Kernel } from './kernel.ts';
import type { Parameters } from './params.ts';
import { run } from './run.ts';
import type { Tensor } from './tensor.ts';

export interface AdamOptions {
  /** Learning rate, a number or a function of the step (counted from 1). Default 1e-3. */
  lr?: number | ((step: number) => number);
  /** Decay of the two moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Default 1e-8. */
  eps?: number;
}

/** What a checkpoint keeps of an optimiser. */
export interface AdamState {
  step: number;
  m: Float32Array;
  v: Float32Array;
}

const workgroup = 64;
/** Invocations that share the sum of squares; each reads a strided part, the guard adds their results. */
const partials = 256;

const norm: Kernel = {
  name: 'optim.norm',
  reads: { g: 'vec4f' },
  writes: { partial: 'vec2f' },
  uniforms: { n: 'u32' },
  workgroup,
  declarations: `fn bad(x: vec4f) -> bool {
  return any((bitcast<vec4u>(x) & vec4u(0x7f800000u)) == vec4u(0x7f800000u));
}`,
  body: `let i = group * ${workgroup}u + lane;
var sum = vec4f();
var stop = false;
for (var j = i; j < u.n; j += ${partials}u) {
  let x = g[j];
  stop = stop || bad(x);
  sum = fma(x, x, sum);
}
partial[i] = vec2f(dot(sum, vec4f(1.0)), select(0.0, 1.0, stop));`,
};

const guard: Kernel = {
  name: 'optim.guard',
  reads: { partial: 'vec2f', loss: 'f32' },
  writes: { flag: 'f32' },
  uniforms: { losses: 'u32' },
  workgroup: 1,
  declarations: 'fn bad(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u; }',
  body: `var sum = vec2f();
for (var i = 0u; i < ${partials}u; i++) { sum += partial[i]; }
var stop = sum.y > 0.0;
for (var i = 0u; i < u.losses; i++) { stop = stop || bad(loss[i]); }
if (stop) { flag[0] = 1.0; }
flag[1] = sqrt(sum.x);`,
};

const adam: Kernel = {
  name: 'optim.adam',
  reads: { g: 'vec4f', flag: 'f32', hyper: 'f32' },
  writes: { p: 'vec4f', m: 'vec4f', v: 'vec4f' },
  uniforms: { n: 'u32' },
  workgroup,
  // hyper: [beta1, 1 - beta1, beta2, 1 - beta2, lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps]
  body: `let i = group * ${workgroup}u + lane;
if (i < u.n && flag[0] == 0.0) {
  let x = g[i];
  let m1 = hyper[0] * m[i] + hyper[1] * x;
  let v1 = hyper[2] * v[i] + hyper[3] * x * x;
  m[i] = m1;
  v[i] = v1;
  p[i] -= hyper[4] * m1 / (sqrt(v1) * hyper[5] + hyper[6]);
}`,
};

/** Adam (Kingma & Ba 2015) as torch.optim.Adam computes it. */
export class Adam {
  readonly #engine: Engine;
  readonly #params: Parameters;
  readonly #m: Tensor;
  readonly #v: Tensor;
  /** [stopped, norm of the gradient] of the latest step. */
  readonly status: Tensor;
  readonly #lr: (step: number) => number;
  readonly #betas: readonly [number, number];
  readonly #eps: number;
  #step = 0;

  /** @throws ShapeError if an option is out of its range. */
  constructor(params: Parameters, options: AdamOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8 } = options;
    if (!betas.every((b) => b >= 0 && b < 1))
      throw new ShapeError(`Adam: betas ${betas}; both must be in [0, 1)`);
    if (!(eps > 0)) throw new ShapeError(`Adam: eps ${eps}; it must be above 0`);
    if (typeof lr === 'number' && !(lr >= 0)) throw new ShapeError(`Adam: lr ${lr}; it must be 0 or more`);
    this.#engine = params.engine;
    this.#params = params;
    this.#m = params.flatState();
    this.#v = params.flatState();
    this.status = this.#engine.tensor([0, 0]);
    this.#lr = typeof lr === 'number' ? () => lr : lr;
    this.#betas = betas;
    this.#eps = eps;
  }

  /** Steps taken so far. */
  get steps(): number {
    return this.#step;
  }

  /**
   * Updates the parameters from their gradients. With a gradient, or `loss`, that is not finite nothing changes,
   * now or later, until `resume()`; `stopped()` tells.
   */
  step(loss?: Tensor): void {
    const engine = this.#engine;
    const { values, grads } = this.#params;
    this.#params.completeGrads();
    engine.scope(() => {
      const hyper = engine.feed([7], () => this.#hyper());
      const partial = engine.empty([partials, 2]);
      const n = Math.ceil(values.size / 4);
      run(engine, norm, { g: grads, partial }, { n }, partials / workgroup);
      const checked = loss ?? hyper;
      run(engine, guard, { partial, loss: checked, flag: this.status }, { losses: checked.size }, 1);
      const state = { p: values, m: this.#m, v: this.#v };
      run(engine, adam, { g: grads, flag: this.status, hyper, ...state }, { n }, Math.ceil(n / workgroup));
    });
    this.#params.zeroGrad();
  }

  /** Whether a step was refused because it was not finite. */
  async stopped(): Promise<boolean> {
    return (await this.status.read())[0] !== 0;
  }

  /** Lets steps change the parameters again. */
  resume(): void {
    this.status.write(new Float32Array(2));
  }

  async state(): Promise<AdamState> {
    const [m, v] = await this.#engine.read([this.#m, this.#v]);
    return { step: this.#step, m, v };
  }

  load(state: AdamState): void {
    this.#step = state.step;
    this.#m.write(state.m);
    this.#v.write(state.v);
  }

  dispose(): void {
    for (const t of [this.#m, this.#v, this.status]) t.dispose();
  }

  #hyper(): Float32Array {
    const [beta1, beta2] = this.#betas;
    const t = ++this.#step;
    const rate = this.#lr(t) / (1 - beta1 ** t);
    return Float32Array.of(
      beta1,
      1 - beta1,
      beta2,
      1 - beta2,
      rate,
      1 / Math.sqrt(1 - beta2 ** t),
      this.#eps,
    );
  }
}

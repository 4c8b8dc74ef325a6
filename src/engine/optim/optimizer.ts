// What all optimisers share: a step over the flat parameter buffer, behind a guard. It is three dispatches:
//   norm    partial sums of squared gradients, and whether any gradient is not finite
//   guard   sums the partials, writes {stopped, norm} and the clipping factor; keeps `stopped` set once it is
//   update  the optimiser's own rule, one vec4 an invocation; does nothing while `stopped` is set
// Not finite is read off the exponent's bits: WGSL lets a compiler assume that NaN and infinity never occur, so a
// comparison such as x != x may be optimised away. What depends on the step alone is computed in float64 in JavaScript.

import type { Engine } from '../engine.ts';
import { CheckpointError, ShapeError } from '../errors.ts';
import type { Parameters } from '../params.ts';
import { perItem, run } from '../run.ts';
import { Tensor } from '../tensor.ts';
import type { Schedule } from './schedule.ts';

/** What every optimiser takes. */
export interface OptimizerOptions {
  /** Learning rate, a number or a function of the step (counted from 1). Default 1e-3. */
  lr?: number | Schedule;
  /**
   * Gradients are scaled so that their norm over all parameters is at most this, as torch.nn.utils.clip_grad_norm_
   * does: by min(1, clipNorm / (norm + 1e-6)). Default 0: off.
   */
  clipNorm?: number;
  /** Which parameters weight decay applies to, by name; default all. Never to buffers. */
  decays?: (name: string, parameter: Tensor) => boolean;
}

/** What distinguishes one optimiser from another. */
export interface Rule {
  /** `adam`: names the kernel, and the optimiser in a checkpoint. */
  kind: string;
  /** Flat buffers besides the parameters, zero at first: each a `NAME[i]` of the update. */
  slots: readonly string[];
  /** Factor of the parameter that is added to its gradient: weight decay as an L2 penalty. */
  l2: number;
  /** The numbers that the update reads as `hyper[0]`, `hyper[1]`, ... */
  hyper: (step: number, lr: number) => number[];
  /** Whether `update` names `w`, the parameter as far as weight decay applies to it, else 0. */
  decoupled?: boolean;
  /** WGSL statements: from the gradient `x` to new slots and parameter `p[i]`. */
  update: string;
}

/** What a checkpoint keeps of an optimiser. */
export interface OptimizerState {
  kind: string;
  step: number;
  /** Flat, laid out as the parameters. */
  slots: Record<string, Float32Array>;
}

const workgroup = 64;
/** Invocations that share the sum of squares; each reads a strided part, the guard adds their results. */
const partials = 256;

function norm(g: Tensor, partial: Tensor): void {
  run(
    {
      name: 'optim.norm',
      reads: { g: ['vec4f', g] },
      writes: { partial: ['vec2f', partial] },
      sizes: { n: Math.ceil(g.size / 4) },
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
    },
    partials / workgroup,
  );
}

/** A norm above float32 stops as well: the square of a gradient would make Adam's second moment infinite. */
function guard(partial: Tensor, loss: Tensor, flag: Tensor, scale: Tensor | null, clip: number): void {
  run(
    {
      name: 'optim.guard',
      reads: { partial: ['vec2f', partial], loss },
      writes: { flag, scale },
      sizes: { losses: loss.size },
      floats: { clip },
      workgroup: 1,
      declarations: 'fn bad(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u; }',
      body: `var sum = vec2f();
for (var i = 0u; i < ${partials}u; i++) { sum += partial[i]; }
var stop = sum.y > 0.0 || bad(sum.x);
for (var i = 0u; i < u.losses; i++) { stop = stop || bad(loss[i]); }
if (stop) { flag[0] = 1.0; }
flag[1] = sqrt(sum.x);${scale ? '\nscale[0] = min(1.0, u.clip / (flag[1] + 1e-6));' : ''}`,
    },
    1,
  );
}

/** What an update reads besides the parameters and slots; `l2At` is the place of the L2 penalty's factor. */
interface Update {
  g: Tensor;
  flag: Tensor;
  hyper: Tensor;
  l2At: number;
  scale: Tensor | null;
  mask: Tensor | null;
}

/** `buffers`: the parameters p and the slots. */
function update(rule: Rule, buffers: Record<string, Tensor>, from: Update): void {
  const { g, flag, hyper, l2At, scale, mask } = from;
  const gradient = `${scale ? 'scale[0] * ' : ''}g[i]${rule.l2 > 0 ? ` + hyper[${l2At}] * w` : ''}`;
  const decayed = decays(rule) ? `let w = p[i]${mask ? ' * mask[i]' : ''};` : '';
  perItem(Math.ceil(g.size / 4), {
    name: `optim.${rule.kind}`,
    reads: { g: ['vec4f', g], flag, hyper, scale, mask: mask && ['vec4f', mask] },
    writes: Object.fromEntries(Object.entries(buffers).map(([name, t]) => [name, ['vec4f', t]])),
    body: `if (flag[0] != 0.0) { return; }
${decayed}
let x = ${gradient};
${rule.update.trim()}`,
  });
}

const decays = ({ l2, decoupled }: Rule): boolean => l2 > 0 || decoupled === true;

/** @throws ShapeError unless an option is what it must be. */
export function checkOption(kind: string, name: string, value: unknown, fine: boolean, want: string): void {
  if (!fine) throw new ShapeError(`${kind}: ${name} ${value}; it must be ${want}`);
}

/** A tensor that lives as long as its owner, whatever scope that is made in. */
function lasting(params: Parameters, values: readonly number[]): Tensor {
  const t = new Tensor(params.engine, [values.length], params.engine.persistent(4 * values.length));
  params.engine.upload(t, Float32Array.from(values));
  return t;
}

/** The mask of the tensors chosen, null if that is every one. */
export function maskOf(params: Parameters, chosen: (name: string, t: Tensor) => boolean): Tensor | null {
  if ([...params.tensors].every(([name, t]) => chosen(name, t))) return null;
  const mask = params.flatState();
  mask.write(params.mask(chosen));
  return mask;
}

/** Moves parameters along their gradients; `Adam`, `AdamW` and `SGD` differ in their rule alone. */
export abstract class Optimizer {
  readonly params: Parameters;
  /** [stopped, norm of the gradient before clipping] of the latest step. */
  readonly status: Tensor;
  readonly #engine: Engine;
  readonly #rule: Rule;
  readonly #slots: Record<string, Tensor>;
  /** The clipping factor of the latest step, where there is clipping. */
  readonly #scale: Tensor | null;
  /** 1 where weight decay applies; null where it applies to all, or there is none. */
  readonly #mask: Tensor | null;
  readonly #clip: number;
  readonly #lr: Schedule;
  #step = 0;

  protected constructor(params: Parameters, rule: Rule, options: OptimizerOptions) {
    const { lr = 1e-3, clipNorm = 0, decays: chosen = () => true } = options;
    const { kind } = rule;
    if (typeof lr === 'number') checkOption(kind, 'lr', lr, lr >= 0, '0 or more');
    checkOption(
      kind,
      'clipNorm',
      clipNorm,
      clipNorm >= 0 && clipNorm < 3e38,
      'a finite number, 0 (off) or more',
    );
    this.params = params;
    this.#engine = params.engine;
    this.#rule = rule;
    this.#slots = Object.fromEntries(rule.slots.map((name) => [name, params.flatState()]));
    this.status = lasting(params, [0, 0]);
    this.#clip = clipNorm;
    this.#scale = clipNorm > 0 ? lasting(params, [1]) : null;
    this.#mask = decays(rule) ? maskOf(params, (name, t) => t.requiresGrad && chosen(name, t)) : null;
    this.#lr = typeof lr === 'number' ? () => lr : lr;
  }

  /** `adam`, `adamw` or `sgd`. */
  get kind(): string {
    return this.#rule.kind;
  }

  /** Steps taken so far, refused ones included: JavaScript counts them and does not wait to hear of a refusal. */
  get steps(): number {
    return this.#step;
  }

  /**
   * Updates the parameters from their gradients. With a gradient, or `loss`, that is not finite neither parameters
   * nor moments change, now or later, until `resume()`; `stopped()` tells. Refused steps count in `steps` all the
   * same, see `resume`.
   */
  step(loss?: Tensor): void {
    const engine = this.#engine;
    const { values, grads } = this.params;
    this.params.completeGrads();
    engine.scope(() => {
      const { l2, hyper: numbers } = this.#rule;
      const l2At = numbers(1, 0).length;
      const hyper = engine.feed([l2At + (l2 > 0 ? 1 : 0)], () => this.#hyper());
      const partial = engine.empty([partials, 2]);
      const [scale, mask] = [this.#scale, this.#mask];
      norm(grads, partial);
      guard(partial, loss ?? hyper, this.status, scale, this.#clip);
      const from = { g: grads, flag: this.status, hyper, l2At, scale, mask };
      update(this.#rule, { p: values, ...this.#slots }, from);
    });
    this.params.zeroGrad();
  }

  /** Whether a step was refused because it was not finite. */
  async stopped(): Promise<boolean> {
    return (await this.status.read())[0] !== 0;
  }

  /**
   * Lets steps change the parameters again. The refused ones stay counted: the schedule, Adam's bias correction and
   * the weights of an equal average go on as if they had been taken, and SGD's momentum, had the first step been
   * refused, begins with 1 - dampening of a gradient. To go on as if they had never been, `load` a state from before.
   */
  resume(): void {
    this.status.write(new Float32Array(2));
  }

  /** Reads what resuming needs: step and slots. */
  async state(): Promise<OptimizerState> {
    const names = Object.keys(this.#slots);
    const found = names.length > 0 ? await this.#engine.read(Object.values(this.#slots)) : [];
    const slots = Object.fromEntries(names.map((name, i) => [name, found[i]]));
    return { kind: this.kind, step: this.#step, slots };
  }

  /** @throws CheckpointError if the state is another optimiser's, of parameters of another size, or of no count of steps. */
  load(state: OptimizerState): void {
    const lengths = (slots: Record<string, { length: number }>) =>
      Object.keys(slots)
        .sort()
        .map((name) => `${name} of ${slots[name].length}`)
        .join(', ') || 'no buffers';
    const own = Object.entries(this.#slots).map(([name, t]) => [name, { length: t.size }]);
    const [given, wanted] = [lengths(state.slots), lengths(Object.fromEntries(own))];
    if (state.kind !== this.kind || given !== wanted)
      throw new CheckpointError(
        `optimizer: the state is that of ${state.kind} with ${given}, this is ${this.kind} with ${wanted}; go on ` +
          'with the settings and the model that the state was saved with',
      );
    if (!Number.isSafeInteger(state.step) || state.step < 0)
      throw new CheckpointError(
        `optimizer: the state is that after ${state.step} steps; it must be a whole number, 0 or more: the file is damaged`,
      );
    this.#step = state.step;
    for (const [name, t] of Object.entries(this.#slots)) t.write(state.slots[name]);
  }

  /** Frees the optimiser's buffers; the parameters stay. */
  dispose(): void {
    for (const t of [...Object.values(this.#slots), this.status]) t.dispose();
    this.#scale?.dispose();
    this.#mask?.dispose();
  }

  /** The next step's numbers. */
  #hyper(): Float32Array {
    const step = this.#step + 1;
    const lr = this.#lr(step);
    const { l2, hyper } = this.#rule;
    const numbers = Float32Array.from([...hyper(step, lr), ...(l2 > 0 ? [l2] : [])]);
    if (!(lr >= 0) || !numbers.every(Number.isFinite))
      throw new ShapeError(
        `${this.kind}: lr ${lr} at step ${step}; the learning rate must be 0 or more and finite in float32`,
      );
    this.#step = step;
    return numbers;
  }
}

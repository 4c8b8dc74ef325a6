// Averages of the weights over the steps, as torch.optim.swa_utils.AveragedModel keeps them, in one dispatch a step:
//   a += w (p - a), w = 1 - decay (get_ema_multi_avg_fn) or 1 / (steps averaged) (get_swa_multi_avg_fn)
// The first step copies p. Buffers (running statistics) are copied at every step, as with torch's use_buffers=False. An invocation does one vec4 of the flat buffer, and nothing while the optimiser's guard is
// set. `swapped` puts the averages into the parameters while something is computed with them; training cannot go
// on meanwhile.

import type { Engine } from '../engine.ts';
import { CheckpointError, DeviceError, ShapeError } from '../errors.ts';
import { copyInto } from '../primitives.ts';
import { perItem } from '../run.ts';
import type { Tensor } from '../tensor.ts';
import { maskOf, type Optimizer } from './optimizer.ts';

/** How weights are averaged. */
export interface AverageOptions {
  /** What an exponential moving average keeps of itself at a step, in [0, 1); null weighs all steps alike (SWA). */
  decay: number | null;
}

/** What a checkpoint keeps of an average. */
export interface AverageState {
  /** Steps averaged. */
  count: number;
  /** Flat, laid out as the parameters. */
  values: Float32Array;
}

/** Averages of the weights over the steps, as torch.optim.swa_utils.AveragedModel keeps them. */
export class WeightAverage {
  /** The averages, flat, laid out as the parameters: their first values before the first step. */
  readonly values: Tensor;
  readonly #optimizer: Optimizer;
  readonly #engine: Engine;
  readonly #decay: number | null;
  /** 1 for parameters, 0 for buffers; null where there are no buffers. */
  readonly #mask: Tensor | null;
  #count = 0;
  #swapped = false;

  /**
   * Of the parameters that this optimiser moves; buffers are those of the latest step.
   * @throws ShapeError if the decay is out of its range.
   */
  constructor(optimizer: Optimizer, { decay }: AverageOptions) {
    if (decay !== null && !(decay >= 0 && decay < 1))
      throw new ShapeError(`WeightAverage: decay ${decay}; it must be in [0, 1), or null for equal weights`);
    this.#optimizer = optimizer;
    this.#engine = optimizer.params.engine;
    this.#decay = decay;
    this.values = optimizer.params.flatState();
    copyInto(this.values, optimizer.params.values);
    this.#mask = maskOf(optimizer.params, (_, t) => t.requiresGrad);
  }

  /** Steps averaged so far, those that the optimiser refused included. */
  get count(): number {
    return this.#count;
  }

  /** Part of a step, after the optimiser's: takes the parameters in, unless the step was refused. */
  update(): void {
    const engine = this.#engine;
    engine.scope(() => {
      const weight = engine.feed([1], () => Float32Array.of(this.#weight()));
      const { params, status: flag } = this.#optimizer;
      const n = Math.ceil(this.values.size / 4);
      perItem(n, {
        name: 'optim.average',
        reads: { p: ['vec4f', params.values], flag, weight, mask: this.#mask && ['vec4f', this.#mask] },
        writes: { a: ['vec4f', this.values] },
        body: `if (flag[0] != 0.0) { return; }
let x = p[i];
let old = a[i];
let copied = vec4<bool>(weight[0] == 1.0)${this.#mask ? ' | (mask[i] == vec4f())' : ''};
a[i] = select(old + weight[0] * (x - old), x, copied);`,
      });
    });
  }

  /**
   * Runs a function while the parameters hold the averages, and puts back what they held, bit for bit.
   * @throws DeviceError inside another `swapped`.
   */
  async swapped<T>(body: () => Promise<T>): Promise<T> {
    if (this.#swapped) throw new DeviceError('average: swapped() inside swapped(); end the first one before');
    this.#swap();
    this.#swapped = true;
    try {
      return await body();
    } finally {
      this.#swapped = false;
      if (!this.#engine.lost) this.#swap();
    }
  }

  /** Reads what resuming needs. */
  async state(): Promise<AverageState> {
    return { count: this.#count, values: await this.values.read() };
  }

  /** @throws CheckpointError if the state is of parameters of another size, or of no count of steps. */
  load({ count, values }: AverageState): void {
    if (values.length !== this.values.size)
      throw new CheckpointError(
        `average: the state has ${values.length} values, these parameters ${this.values.size}; it is another model's`,
      );
    if (!Number.isSafeInteger(count) || count < 0)
      throw new CheckpointError(
        `average: the state is that of ${count} steps; it must be a whole number, 0 or more: the file is damaged`,
      );
    this.#count = count;
    this.values.write(values);
  }

  /** Frees the averages. */
  dispose(): void {
    this.values.dispose();
    this.#mask?.dispose();
  }

  #swap(): void {
    perItem(Math.ceil(this.values.size / 4), {
      name: 'optim.swap',
      writes: { p: ['vec4f', this.#optimizer.params.values], a: ['vec4f', this.values] },
      body: `let x = p[i];
p[i] = a[i];
a[i] = x;`,
    });
  }

  #weight(): number {
    if (this.#swapped)
      throw new DeviceError(
        'average: a step while the parameters hold the averages; wait for swapped() to end',
      );
    this.#count++;
    if (this.#count === 1) return 1;
    return this.#decay === null ? 1 / this.#count : 1 - this.#decay;
  }
}

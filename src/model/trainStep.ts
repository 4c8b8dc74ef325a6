// One step of training: forward, backward, optimiser, moving average, and a row of metrics. It is captured once for each
// batch size and replayed; its inputs are the batch and the noise, the latter a function of (seed, step). Losses come
// back some steps late, through a ring. `Trainer` takes its batches from a data set, `Adaptation` from takes and a replay.

import type { Capture } from '../engine/capture.ts';
import type { Engine } from '../engine/engine.ts';
import { CheckpointError, NonFiniteError } from '../engine/errors.ts';
import { Metrics } from '../engine/metrics.ts';
import { backward } from '../engine/op.ts';
import type { Optimizer, OptimizerState, WeightAverage } from '../engine/optim/index.ts';
import { Random } from '../engine/random.ts';
import type { HostArray, Tensor } from '../engine/tensor.ts';
import { type TuneOptions, type TuneRow, tune } from '../engine/tuner.ts';
import type { Batch } from './dataset.ts';
import { vaeLoss } from './objective.ts';
import { averageOf, optimizerOf } from './optimization.ts';
import type { TrainConfig } from './presets.ts';
import type { Vae } from './vae.ts';

/** Means over the examples of some steps. */
export interface LossMeans {
  loss: number;
  recon: number;
  kl: number;
}

/** A line of a run's metrics for a step, in nats per example. */
export interface StepRow extends LossMeans {
  step: number;
  /** L2 norm of the gradient over all parameters. */
  gradNorm: number;
}

/** What the next step depends on, besides its batch. */
export interface StepState {
  /** Steps taken. */
  step: number;
  /** The weights that play: their averages where the run averages. */
  params: Record<string, HostArray>;
  optimizer: OptimizerState;
  /** Where the run averages: how many steps are in it, and the weights that the optimiser moves. */
  average: { count: number; trained: Record<string, HostArray> } | null;
}

/** Steps are read back together once about this many milliseconds of work are queued. */
const flushMs = 400;
const mostWaiting = 256;
/** Bytes of batches that wait in the queue at most, about: the device's copies of them are this process's memory. */
const mostQueued = 2 ** 27;

export class TrainStep {
  readonly engine: Engine;
  readonly model: Vae;
  readonly config: TrainConfig;
  readonly #stepsPerEpoch: number;
  readonly #optimizer: Optimizer;
  readonly #average: WeightAverage | null;
  readonly #metrics: Metrics;
  readonly #noise: Random;
  /** By batch size: the captured step, and the arrays its batches are gathered in. */
  readonly #captures = new Map<number, { capture: Capture<Tensor>; batch: Batch }>();
  #step = 0;
  /** Bytes of the batches of steps that are not read yet. */
  #queued = 0;

  /** @param stepsPerEpoch what schedules and warm-ups, which the configuration gives in epochs, are counted by */
  constructor(engine: Engine, model: Vae, config: TrainConfig, stepsPerEpoch: number) {
    this.engine = engine;
    this.model = model;
    this.config = config;
    this.#stepsPerEpoch = stepsPerEpoch;
    this.#optimizer = optimizerOf(model.params, config, stepsPerEpoch);
    this.#average = averageOf(this.#optimizer, config);
    this.#metrics = new Metrics(engine, 5, 2 * mostWaiting);
    this.#noise = new Random(config.seed, 'noise');
  }

  /** Steps taken. */
  get step(): number {
    return this.#step;
  }

  /** Whether `read` should come: much is queued or unread, or what a step takes is not known yet. */
  get due(): boolean {
    const { expected } = this.engine.stream;
    return (
      this.#metrics.waiting >= mostWaiting ||
      this.#queued >= mostQueued ||
      expected >= flushMs ||
      (expected === 0 && this.#queued > 0)
    );
  }

  /** Dispatches of a step of B examples, 0 before the first. */
  dispatches(B: number): number {
    return this.#captures.get(B)?.capture.dispatches ?? 0;
  }

  /**
   * Queues a step.
   * @param B examples of the batch
   * @param gathered makes the batch; in the arrays of the last one of this size, if it is given one
   */
  run(B: number, gathered: (reuse?: Batch) => Batch): void {
    const { latent } = this.model.config;
    let step = this.#captures.get(B);
    const batch = gathered(step?.batch);
    if (!step) {
      step = { batch, capture: this.engine.capture(`step of ${B}`, (inputs) => this.#record(inputs)) };
      this.#captures.set(B, step);
    }
    const eps = { data: this.#noise.normal(this.#step, B * latent), shape: [B, latent] };
    step.capture.run({ ...batch, eps });
    this.#queued += batch.x.data.length * Float32Array.BYTES_PER_ELEMENT;
    this.#step++;
  }

  /** Waits for the steps since the last call: their rows, up to the first that was refused. */
  async read(): Promise<{ rows: StepRow[]; stopped: NonFiniteError | null }> {
    const all = await this.#metrics.read();
    this.#queued = 0;
    const first = this.#step - all.length;
    const rows: StepRow[] = [];
    for (const [i, [loss, recon, kl, refused, gradNorm]] of all.entries()) {
      const step = first + i + 1;
      if (refused !== 0) return { rows, stopped: notFinite(step, loss, gradNorm, this.config) };
      rows.push({ step, loss, recon, kl, gradNorm });
    }
    return { rows, stopped: null };
  }

  async state(): Promise<StepState> {
    const { params } = this.model;
    const [trained, optimizer] = [await params.state(), await this.#optimizer.state()];
    const average = (await this.#average?.state()) ?? null;
    return {
      step: this.#step,
      params: average ? params.split(average.values) : trained,
      optimizer,
      average: average && { count: average.count, trained },
    };
  }

  /** @throws CheckpointError if the state is another model's, or of a run with other settings. */
  load(state: StepState): void {
    const { params } = this.model;
    if ((state.average === null) !== (this.#average === null))
      throw new CheckpointError(
        `checkpoint: saved ${state.average ? 'with' : 'without'} averaged weights, this run has average=` +
          `${this.config.average}; go on with the run's own settings`,
      );
    // All is checked before the first write, so that a state that is refused leaves nothing of itself.
    const trained = params.join(state.average?.trained ?? state.params, 'checkpoint');
    const averages = state.average && params.join(state.params, 'checkpoint');
    this.#optimizer.load(state.optimizer);
    if (state.average && averages) this.#average?.load({ count: state.average.count, values: averages });
    params.values.write(trained);
    this.#step = state.step;
  }

  /** Runs a function while `model` has the weights that play: their averages where the run averages. */
  playing<T>(body: () => Promise<T>): Promise<T> {
    return this.#average ? this.#average.swapped(body) : body();
  }

  /** Measures the variants of the kernels of a step of B examples, before the first; see engine/tuner.ts. */
  tune(B: number, options: TuneOptions = {}): Promise<TuneRow[]> {
    const { inputs, frames, latent } = this.model.config;
    const { conditions } = this.model;
    return tune(
      this.engine,
      () => {
        const x = this.engine.empty([B, inputs, frames]);
        const eps = this.engine.empty([B, latent]);
        this.#record(conditions > 0 ? { x, eps, label: this.engine.empty([B, conditions]) } : { x, eps });
      },
      options,
    );
  }

  /** Gives back all but the model. */
  dispose(): void {
    for (const { capture } of this.#captures.values()) capture.dispose();
    this.#metrics.dispose();
    this.#average?.dispose();
    this.#optimizer.dispose();
  }

  #record({ x, eps, label, weights }: Record<string, Tensor>): Tensor {
    const beta = this.engine.feed([1], () => Float32Array.of(this.#beta()));
    const { loss, metrics } = vaeLoss(this.model, x, eps, label ?? null, beta, this.config, weights);
    backward(loss);
    this.#optimizer.step(loss);
    this.#average?.update();
    this.#metrics.record([metrics, this.#optimizer.status]);
    return loss;
  }

  /** Linear warm-up by step, so that it is smooth within an epoch. */
  #beta(): number {
    const { beta, betaWarmup } = this.config;
    const ramp = betaWarmup * this.#stepsPerEpoch;
    return ramp > 0 ? beta * Math.min(1, this.#step / ramp) : beta;
  }
}

/** What to try after a step or an epoch that was not finite. */
export function advice({ clipNorm }: TrainConfig): string {
  const clip = clipNorm > 0 ? '' : 'clipped gradients (--set clipNorm=1), ';
  return `Try a lower learning rate (--lr), ${clip}a longer warm-up (--set betaWarmup=5) or another seed`;
}

function notFinite(step: number, loss: number, gradNorm: number, config: TrainConfig): NonFiniteError {
  return new NonFiniteError(
    `step ${step}: loss ${loss}, gradient norm ${gradNorm}: not finite. The weights are those before this step. ` +
      advice(config),
  );
}

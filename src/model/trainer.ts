// The training loop. A step is captured once for each batch size and replayed; its inputs are the batch and the noise,
// both functions of (seed, step), so that a resumed run repeats them. Losses come back some steps late, through a
// ring. `train` is a generator of events: whoever consumes it saves, logs and stops between two of them.

import type { Capture } from '../engine/capture.ts';
import type { Engine } from '../engine/engine.ts';
import { CheckpointError, DataError, NonFiniteError } from '../engine/errors.ts';
import { Metrics } from '../engine/metrics.ts';
import { backward } from '../engine/op.ts';
import type { Optimizer, OptimizerState, WeightAverage } from '../engine/optim/index.ts';
import { Random } from '../engine/random.ts';
import type { HostArray, Tensor } from '../engine/tensor.ts';
import { type TuneOptions, type TuneRow, tune } from '../engine/tuner.ts';
import { type Batch, type Dataset, epochBatches, gather } from './dataset.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import { vaeLoss } from './objective.ts';
import { averageOf, optimizerOf } from './optimization.ts';
import { checkConfig, type TrainConfig, vaeConfig } from './presets.ts';
import { type Snapshot, snapshot } from './snapshot.ts';
import { Vae } from './vae.ts';

/** Means over the examples of some steps. */
export interface LossMeans {
  loss: number;
  recon: number;
  kl: number;
}

export interface StepRow extends LossMeans {
  step: number;
  /** L2 norm of the gradient over all parameters. */
  gradNorm: number;
}

export interface EpochRow {
  epoch: number;
  train: LossMeans;
  valid?: Evaluation;
  test?: Evaluation;
  seconds: number;
}

/** `stopped`: the step after the last row was refused, and training ends; the state is not one to save. */
export type TrainEvent =
  | { kind: 'steps'; rows: StepRow[]; stopped: boolean }
  | { kind: 'epoch'; row: EpochRow };

/** Everything a run needs to go on as if it had never stopped. */
export interface TrainState {
  /** Steps taken. */
  step: number;
  /** The weights that play: their averages where the run averages. */
  params: Record<string, HostArray>;
  optimizer: OptimizerState;
  /** Where the run averages: how many steps are in it, and the weights that the optimiser moves. */
  average: { count: number; trained: Record<string, HostArray> } | null;
  /** Sums of loss, recon and kl times batch size over the steps of the unfinished epoch. */
  sums: [number, number, number];
  /** Seconds spent in the unfinished epoch. */
  seconds: number;
}

/** @throws DataError if the data cannot train this model. */
function checkTrainable(config: TrainConfig, data: Dataset): void {
  if (data.train.count < 1) throw new DataError('train: the training split is empty');
  if (config.model === 'cvae' && (data.labels.length < 1 || data.train.label.some((label) => label < 0)))
    throw new DataError(
      'cvae: the recordings have no labels; name them {label}_{speaker}_{index}.wav, put them into a folder for ' +
        'each label, or train a vae',
    );
}

/** Steps are read back together once about this many milliseconds of work are queued. */
const flushMs = 400;
const mostWaiting = 256;

export class Trainer {
  readonly engine: Engine;
  readonly config: TrainConfig;
  readonly model: Vae;
  readonly #data: Dataset;
  readonly #optimizer: Optimizer;
  readonly #average: WeightAverage | null;
  readonly #metrics: Metrics;
  readonly #noise: Random;
  /** By batch size: the captured step, and the arrays its batches are gathered in. */
  readonly #captures = new Map<number, { capture: Capture<Tensor>; batch: Batch }>();
  #step = 0;
  #sums: [number, number, number] = [0, 0, 0];
  #seconds = 0;

  /**
   * @throws DataError if the data cannot train this model, or a setting is not possible.
   */
  constructor(engine: Engine, config: TrainConfig, data: Dataset) {
    checkTrainable(config, data);
    this.engine = engine;
    this.config = checkConfig(config);
    this.#data = data;
    this.model = new Vae(engine, vaeConfig(this.config, data.shape, data.labels.length), config.seed);
    this.#optimizer = optimizerOf(this.model.params, this.config, this.stepsPerEpoch);
    this.#average = averageOf(this.#optimizer, this.config);
    this.#metrics = new Metrics(engine, 5, 2 * mostWaiting);
    this.#noise = new Random(config.seed, 'noise');
  }

  /** Steps taken. */
  get step(): number {
    return this.#step;
  }

  get stepsPerEpoch(): number {
    return Math.ceil(this.#data.train.count / this.config.batch);
  }

  /** Dispatches of a full step, 0 before the first. */
  get dispatches(): number {
    return this.#captures.get(Math.min(this.config.batch, this.#data.train.count))?.capture.dispatches ?? 0;
  }

  /**
   * Trains until `config.epochs` are done. State taken while an event is handled includes all its steps.
   * @param pauseEvery events come at least at multiples of this many steps, so that a checkpoint can be made there
   * @throws NonFiniteError if a loss or gradient was not finite, and the parameters are those before that step; or if an
   *   epoch's evaluation was not, and its event does not come.
   */
  async *train(pauseEvery = 0): AsyncGenerator<TrainEvent> {
    const { epochs, batch, seed } = this.config;
    const perEpoch = this.stepsPerEpoch;
    const { count } = this.#data.train;
    while (this.#step < epochs * perEpoch) {
      const epoch = Math.floor(this.#step / perEpoch);
      const batches = epochBatches(count, batch, seed, epoch);
      let since = performance.now();
      const tick = () => {
        this.#seconds += (performance.now() - since) / 1000;
        since = performance.now();
      };
      for (let i = this.#step % perEpoch; i < perEpoch; i++) {
        this.#runStep(batches[i]);
        const pause = pauseEvery > 0 && this.#step % pauseEvery === 0;
        if (!pause && i < perEpoch - 1 && !this.#flushDue()) continue;
        const { rows, stopped } = await this.#flush();
        tick();
        yield { kind: 'steps', rows, stopped: stopped !== null };
        if (stopped) throw stopped;
        since = performance.now();
      }
      const row = await this.#endEpoch(epoch + 1);
      yield { kind: 'epoch', row };
    }
  }

  /** Weights, optimiser and position; see TrainState. */
  async state(): Promise<TrainState> {
    const { params } = this.model;
    const [trained, optimizer] = [await params.state(), await this.#optimizer.state()];
    const average = (await this.#average?.state()) ?? null;
    return {
      step: this.#step,
      params: average ? params.split(average.values) : trained,
      optimizer,
      average: average && { count: average.count, trained },
      sums: [...this.#sums],
      seconds: this.#seconds,
    };
  }

  /** @throws CheckpointError if the state is another model's, or of a run with other settings. */
  load(state: TrainState): void {
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
    this.#sums = [...state.sums];
    this.#seconds = state.seconds;
  }

  /** Runs a function while `model` has the weights that play: their averages where the run averages. */
  playing<T>(body: () => Promise<T>): Promise<T> {
    return this.#average ? this.#average.swapped(body) : body();
  }

  dispose(): void {
    for (const { capture } of this.#captures.values()) capture.dispose();
    this.#metrics.dispose();
    this.#average?.dispose();
    this.#optimizer.dispose();
    this.model.params.dispose();
  }

  /** Measures the variants of the kernels of a full step, before the first; see engine/tuner.ts. */
  tune(options: TuneOptions = {}): Promise<TuneRow[]> {
    const { latent, classes } = this.model.config;
    const B = Math.min(this.config.batch, this.#data.train.count);
    return tune(
      this.engine,
      () => {
        const x = this.engine.empty([B, ...this.#data.shape]);
        const eps = this.engine.empty([B, latent]);
        this.#record(classes > 0 ? { x, eps, label: this.engine.empty([B, classes]) } : { x, eps });
      },
      options,
    );
  }

  #flushDue(): boolean {
    return this.#metrics.waiting >= mostWaiting || this.engine.stream.expected >= flushMs;
  }

  #runStep(indices: Uint32Array): void {
    const { latent, classes } = this.model.config;
    const B = indices.length;
    let step = this.#captures.get(B);
    const batch = gather(this.#data, this.#data.train, indices, classes, step?.batch);
    if (!step) {
      step = { batch, capture: this.engine.capture(`step of ${B}`, (inputs) => this.#record(inputs)) };
      this.#captures.set(B, step);
    }
    const eps = { data: this.#noise.normal(this.#step, B * latent), shape: [B, latent] };
    step.capture.run({ ...batch, eps });
    this.#step++;
  }

  #record({ x, eps, label }: Record<string, Tensor>): Tensor {
    const beta = this.engine.feed([1], () => Float32Array.of(this.#beta()));
    const { loss, metrics } = vaeLoss(this.model, x, eps, label ?? null, beta, this.config);
    backward(loss);
    this.#optimizer.step(loss);
    this.#average?.update();
    this.#metrics.record([metrics, this.#optimizer.status]);
    return loss;
  }

  /** Linear warm-up by step, so that it is smooth within an epoch. */
  #beta(): number {
    const { beta, betaWarmup } = this.config;
    const ramp = betaWarmup * this.stepsPerEpoch;
    return ramp > 0 ? beta * Math.min(1, this.#step / ramp) : beta;
  }

  /** Rows of the steps since the last flush, up to the first that was refused. */
  async #flush(): Promise<{ rows: StepRow[]; stopped: NonFiniteError | null }> {
    const all = await this.#metrics.read();
    const first = this.#step - all.length;
    const { count } = this.#data.train;
    const rows: StepRow[] = [];
    for (const [i, [loss, recon, kl, refused, gradNorm]] of all.entries()) {
      const step = first + i + 1;
      if (refused !== 0) return { rows, stopped: notFinite(step, loss, gradNorm, this.config) };
      const B = Math.min(this.config.batch, count - ((step - 1) % this.stepsPerEpoch) * this.config.batch);
      [loss, recon, kl].forEach((value, j) => {
        this.#sums[j] += value * B;
      });
      rows.push({ step, loss, recon, kl, gradNorm });
    }
    return { rows, stopped: null };
  }

  async #endEpoch(epoch: number): Promise<EpochRow> {
    const { count } = this.#data.train;
    const [loss, recon, kl] = this.#sums.map((s) => s / count);
    const seconds = this.#seconds;
    this.#sums = [0, 0, 0];
    this.#seconds = 0;
    const row: EpochRow = { epoch, train: { loss, recon, kl }, seconds };
    if (this.#data.valid) row.valid = await this.evaluate('valid');
    if (this.#data.test) row.test = await this.evaluate('test');
    for (const split of ['valid', 'test'] as const)
      if (row[split]) checkFinite(row[split], `epoch ${epoch}, ${split} split`, this.config);
    return row;
  }

  /** Where the weights that play put some examples, and what they make of the same few z. */
  snapshot(): Promise<Snapshot> {
    const { engine, model, config } = this;
    return this.playing(() => snapshot(engine, model, this.#data, config.seed));
  }

  /** Figures of the weights that play, on a split. */
  evaluate(split: 'valid' | 'test' | 'train'): Promise<Evaluation> {
    const part = this.#data[split];
    if (!part) throw new DataError(`evaluate: this data has no ${split} split`);
    const { engine, model, config } = this;
    return this.playing(() => evaluate(engine, model, this.#data, part, config, config.seed));
  }
}

/** @throws NonFiniteError unless all figures are finite. */
function checkFinite(figures: Evaluation, where: string, config: TrainConfig): void {
  if (Object.values(figures).every(Number.isFinite)) return;
  throw new NonFiniteError(
    `${where}: reconstruction ${figures.recon}, KL ${figures.kl}: not finite, the weights of this epoch are of no use. ` +
      advice(config),
  );
}

function advice({ clipNorm }: TrainConfig): string {
  const clip = clipNorm > 0 ? '' : 'clipped gradients (--set clipNorm=1), ';
  return `Try a lower learning rate (--lr), ${clip}a longer warm-up (--set betaWarmup=5) or another seed`;
}

function notFinite(step: number, loss: number, gradNorm: number, config: TrainConfig): NonFiniteError {
  return new NonFiniteError(
    `step ${step}: loss ${loss}, gradient norm ${gradNorm}: not finite. The weights are those before this step. ` +
      advice(config),
  );
}

// The training loop over a data set, epoch by epoch. A step (trainStep.ts) depends on the seed and its number alone, so
// that a resumed run repeats what it would have done. `train` is a generator of events: whoever consumes it saves, logs
// and stops between two of them.

import type { Engine } from '../engine/engine.ts';
import { DataError, NonFiniteError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import type { TuneOptions, TuneRow } from '../engine/tuner.ts';
import { type Dataset, epochBatches, gather } from './dataset.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import { checkConfig, type TrainConfig, vaeConfig } from './presets.ts';
import { type Snapshot, snapshot } from './snapshot.ts';
import { stretchAll } from './takes.ts';
import { advice, type LossMeans, type StepRow, type StepState, TrainStep } from './trainStep.ts';
import { Vae } from './vae.ts';

export type { StepRow };

/** A line of a run's metrics for an epoch. */
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
export interface TrainState extends StepState {
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
  if (config.stretch > 0 && data.dynamicRange === null)
    throw new DataError(`stretch ${config.stretch}: of sounds, and these are images; set stretch=0`);
  if (config.speakerDim > 0 && !data.speakers?.length)
    throw new DataError(
      'speakers: the recordings do not say who speaks; name them {label}_{speaker}_{index}.wav, or set speakerDim=0',
    );
}

/** Trains a VAE on a data set, from its first step or from a state. */
export class Trainer {
  readonly engine: Engine;
  readonly config: TrainConfig;
  readonly model: Vae;
  readonly #data: Dataset;
  readonly #steps: TrainStep;
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
    this.model = new Vae(engine, vaeConfig(this.config, data.shape, data), config.seed);
    this.#steps = new TrainStep(engine, this.model, this.config, this.stepsPerEpoch);
  }

  /** Steps taken. */
  get step(): number {
    return this.#steps.step;
  }

  /** Steps of an epoch, the smaller last batch included. */
  get stepsPerEpoch(): number {
    return Math.ceil(this.#data.train.count / this.config.batch);
  }

  /** Dispatches of a full step, 0 before the first. */
  get dispatches(): number {
    return this.#steps.dispatches(this.#fullBatch);
  }

  get #fullBatch(): number {
    return Math.min(this.config.batch, this.#data.train.count);
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
    while (this.step < epochs * perEpoch) {
      const epoch = Math.floor(this.step / perEpoch);
      const batches = epochBatches(count, batch, seed, epoch);
      let since = performance.now();
      const tick = () => {
        this.#seconds += (performance.now() - since) / 1000;
        since = performance.now();
      };
      for (let i = this.step % perEpoch; i < perEpoch; i++) {
        this.#runStep(batches[i]);
        const pause = pauseEvery > 0 && this.step % pauseEvery === 0;
        if (!pause && i < perEpoch - 1 && !this.#steps.due) continue;
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
    return { ...(await this.#steps.state()), sums: [...this.#sums], seconds: this.#seconds };
  }

  /** @throws CheckpointError if the state is another model's, or of a run with other settings. */
  load(state: TrainState): void {
    this.#steps.load(state);
    this.#sums = [...state.sums];
    this.#seconds = state.seconds;
  }

  /** Runs a function while `model` has the weights that play: their averages where the run averages. */
  playing<T>(body: () => Promise<T>): Promise<T> {
    return this.#steps.playing(body);
  }

  /** Frees model, optimiser and captured steps. */
  dispose(): void {
    this.#steps.dispose();
    this.model.params.dispose();
  }

  /** Measures the variants of the kernels of a full step, before the first; see engine/tuner.ts. */
  tune(options: TuneOptions = {}): Promise<TuneRow[]> {
    return this.#steps.tune(this.#fullBatch, options);
  }

  #runStep(indices: Uint32Array): void {
    const { config } = this.model;
    const [B, step] = [indices.length, this.step];
    this.#steps.run(B, (reuse) => {
      const batch = gather(this.#data, this.#data.train, indices, config, reuse);
      stretchAll(batch.x, B, this.config.stretch, new Random(this.config.seed, 'stretch').uniform(step, B));
      return batch;
    });
  }

  /** As TrainStep's `read`; the rows are summed up for the epoch. */
  async #flush() {
    const { rows, stopped } = await this.#steps.read();
    const { count } = this.#data.train;
    for (const { step, loss, recon, kl } of rows) {
      const B = Math.min(this.config.batch, count - ((step - 1) % this.stepsPerEpoch) * this.config.batch);
      [loss, recon, kl].forEach((value, j) => {
        this.#sums[j] += value * B;
      });
    }
    return { rows, stopped };
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

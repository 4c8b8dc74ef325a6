// A training run in its folder: trains, logs, saves, and goes on after a lost device from its last saved state.

import { existsSync } from 'node:fs';
import { say } from './command.ts';
import type { Engine } from './engine/engine.ts';
import { NonFiniteError } from './engine/errors.ts';
import { addFrame, cutHistory, isKept } from './history.ts';
import {
  buildModel,
  type CheckpointFile,
  type DecodedCheckpoint,
  encodeCheckpoint,
  encodeModel,
  type ModelInfo,
  planOf,
} from './model/checkpoint.ts';
import type { Dataset } from './model/dataset.ts';
import type { Evaluation } from './model/evaluate.ts';
import { ownPrior } from './model/fitPrior.ts';
import { isImage } from './model/inputs.ts';
import { encodeReplay, replayOf } from './model/replay.ts';
import { type EpochRow, Trainer } from './model/trainer.ts';
import { Progress } from './progress.ts';
import type { RunFolder } from './runFolder.ts';
import { fileStore } from './tuned.ts';

export interface TrainRunOptions {
  engine: Engine;
  /** Opens another engine after this one's device was lost. */
  reopen: () => Promise<Engine>;
  folder: RunFolder;
  info: ModelInfo;
  data: Dataset;
  /** Where to go on, or null for a new run. */
  from: DecodedCheckpoint | null;
  /** Save at multiples of this many steps; 0: at the end of an epoch, at most every 15 seconds. */
  checkpointEvery: number;
  signal: AbortSignal;
  /** Measure which variants of kernels are fastest before a new run starts (a resumed one keeps its own); default no. */
  tune?: boolean;
  /** Writes a report of the folder as it is, and gives its path; not called for a run that is stopped. */
  report?: (engine: Engine) => Promise<string>;
  /** Report at multiples of so many epochs too. */
  reportEvery?: number;
}

export interface TrainResult {
  run: string;
  step: number;
  epoch: number;
  finished: boolean;
  dispatches: number;
  /** Median of the epochs' milliseconds a step. */
  msPerStep: number | null;
  test: Evaluation | null;
  /** Path of the report, null without one. */
  report: string | null;
}

const saveAfterMs = 15_000;
const mostRecoveries = 3;

/** What a validated epoch is judged by: the smaller the better. */
const score = (e: Evaluation): number => e.negElbo;

/** Trains to the end, or until the signal fires; either way the state is saved. */
export async function trainRun(options: TrainRunOptions): Promise<TrainResult> {
  const session = new Session(options);
  try {
    for (let recoveries = 0; ; recoveries++) {
      try {
        return await session.run();
      } catch (error) {
        if (recoveries >= mostRecoveries || !(await session.engine.wasLost())) throw error;
        say(`device lost: ${(error as Error).message}; opening the adapter again`);
        await session.recover();
      }
    }
  } finally {
    // The first engine is its opener's; one opened after a loss is ours.
    if (session.engine !== options.engine) session.engine.close();
  }
}

class Session {
  engine: Engine;
  readonly #o: TrainRunOptions;
  #saved: CheckpointFile | null = null;
  #best: CheckpointFile['best'];
  #lastSave = performance.now();
  readonly #epochMs: number[] = [];
  #test: Evaluation | null = null;

  constructor(options: TrainRunOptions) {
    this.engine = options.engine;
    this.#o = options;
    this.#best = options.from?.best ?? null;
  }

  /** Goes on from the last saved state, or from the start, on a new device. */
  async recover(): Promise<void> {
    this.engine.close();
    this.engine = await this.#o.reopen();
    this.#best = this.#saved?.best ?? this.#o.from?.best ?? null;
  }

  async run(): Promise<TrainResult> {
    const { info, data, folder, from, checkpointEvery, signal } = this.#o;
    const trainer = new Trainer(this.engine, info.config, data);
    if (this.#saved) trainer.load(this.#saved.state);
    else if (from) trainer.load(from.state(trainer.model.params));
    await this.#plan(trainer);
    const perEpoch = trainer.stepsPerEpoch;
    await folder.cutLog(trainer.step, Math.floor(trainer.step / perEpoch));
    await cutHistory(folder, Math.floor(trainer.step / perEpoch));
    const progress = new Progress(trainer.step, info.config.epochs * perEpoch, info.config.batch);
    try {
      for await (const event of trainer.train(checkpointEvery)) {
        if (event.kind === 'steps') {
          await folder.log(event.rows);
          progress.steps(event.rows, Math.ceil(trainer.step / perEpoch));
          if (event.stopped) continue;
          const due = checkpointEvery > 0 && trainer.step % checkpointEvery === 0;
          // The last steps of an epoch are saved with the epoch's own row, below.
          if ((due || signal.aborted) && trainer.step % perEpoch !== 0) await this.#save(trainer, false);
          if (signal.aborted && trainer.step % perEpoch !== 0) return await this.#ended(trainer, false);
        } else {
          await folder.log([event.row]);
          progress.epoch(event.row);
          await this.#endEpoch(trainer, event.row);
          if (signal.aborted)
            return await this.#ended(trainer, trainer.step >= info.config.epochs * perEpoch);
        }
      }
      await this.#keepExamples();
      return { ...(await this.#ended(trainer, true)), report: await this.#report() };
    } catch (error) {
      if (error instanceof NonFiniteError && (this.#saved || from))
        say('the run folder keeps the state of its last checkpoint');
      throw error;
    } finally {
      progress.stop();
      if (!this.engine.lost) trainer.dispose();
    }
  }

  /** The variants of the kernels: those the run has had so far, else measured ones, else each kernel's guess. */
  async #plan(trainer: Trainer): Promise<void> {
    const { tune, from, signal } = this.#o;
    const before = this.#saved?.plan ?? from?.plan;
    if (before) this.engine.plan.choices = before.choices ?? {};
    else if (tune && !signal.aborted) {
      const rows = await trainer.tune({ store: fileStore });
      const changed = rows.filter(({ ms, chosen }) => chosen !== Object.keys(ms)[0]).length;
      if (rows.length > 0) say(`tuned ${rows.length} kernels for this adapter, ${changed} of them changed`);
    }
  }

  async #endEpoch(trainer: Trainer, row: EpochRow): Promise<void> {
    const { checkpointEvery, info, signal } = this.#o;
    this.#epochMs.push((1000 * row.seconds) / trainer.stepsPerEpoch);
    this.#test = row.test ?? null;
    const better = row.valid !== undefined && (this.#best === null || score(row.valid) < this.#best.value);
    if (better && row.valid) this.#best = { epoch: row.epoch, value: score(row.valid) };
    const due =
      checkpointEvery > 0
        ? trainer.step % checkpointEvery === 0
        : performance.now() - this.#lastSave > saveAfterMs;
    const last = row.epoch >= info.config.epochs;
    if (isKept(row.epoch, info.config.epochs))
      await addFrame(this.#o.folder, row.epoch, this.#o.data, await trainer.snapshot());
    const { reportEvery } = this.#o;
    const reported = reportEvery !== undefined && row.epoch % reportEvery === 0 && !last && !signal.aborted;
    if (better || due || last || reported || signal.aborted) await this.#save(trainer, better);
    if (reported) {
      await this.#fitPrior();
      await this.#report();
    }
  }

  /** What lets the model be adapted later without forgetting these voices, wherever it is taken. */
  async #keepExamples(): Promise<void> {
    const { data, folder, info } = this.#o;
    if (isImage(info.features) || existsSync(folder.path('replay.safetensors'))) return;
    await folder.write('replay.safetensors', encodeReplay(data, replayOf(data.train)));
  }

  /** Gives the model that plays the prior that its settings ask for. */
  async #fitPrior(): Promise<void> {
    const { data, folder, info } = this.#o;
    if (!(info.config.mixture > 0)) return;
    const { file, name } = await folder.model();
    const model = buildModel(this.engine, file, name);
    say('fitting the prior');
    const own = await ownPrior(this.engine, model, data, data.train, info.config);
    model.params.dispose();
    await folder.write('model.safetensors', encodeModel({ ...file, ...own }));
  }

  /** A report that cannot be made is said, and nothing else: it can be made later, and the training goes on. */
  async #report(): Promise<string | null> {
    const { report } = this.#o;
    if (!report) return null;
    try {
      return await report(this.engine);
    } catch (error) {
      say(`no report: ${(error as Error).message}`);
      return null;
    }
  }

  async #save(trainer: Trainer, best: boolean): Promise<void> {
    const { folder, info } = this.#o;
    const file: CheckpointFile = {
      info,
      state: await trainer.state(),
      plan: planOf(this.engine),
      best: this.#best,
    };
    await folder.saveCheckpoint(trainer.step, encodeCheckpoint(trainer.model.params, file), best);
    // The model that plays is the best one where there is a choice, else the latest.
    if (best || !this.#o.data.valid || this.#best === null)
      await folder.write('model.safetensors', encodeModel({ ...info, params: file.state.params }));
    this.#saved = file;
    this.#lastSave = performance.now();
  }

  async #ended(trainer: Trainer, finished: boolean): Promise<TrainResult> {
    await this.#fitPrior();
    const sorted = [...this.#epochMs].sort((a, b) => a - b);
    return {
      run: this.#o.folder.dir,
      step: trainer.step,
      epoch: Math.floor(trainer.step / trainer.stepsPerEpoch),
      finished,
      dispatches: trainer.dispatches,
      msPerStep: sorted.length ? sorted[Math.floor(sorted.length / 2)] : null,
      test: this.#test,
      report: null,
    };
  }
}

// The progress of a training run, and of what comes before it, on standard error: a bar on a terminal, lines elsewhere.

import { Presets, SingleBar } from 'cli-progress';
import { say } from './command.ts';
import type { Evaluation } from './model/evaluate.ts';
import type { EpochRow, StepRow } from './model/trainer.ts';

export class Progress {
  readonly #bar: SingleBar | null;
  readonly #batch: number;
  readonly #total: number;
  #done: number;
  #since = performance.now();
  /** Milliseconds a step, smoothed over flushes. */
  #ms = 0;

  /** @param done steps already taken @param total steps of the run @param batch examples of a step */
  constructor(done: number, total: number, batch: number) {
    this.#batch = batch;
    this.#done = done;
    this.#total = total;
    const format =
      '{bar} {percentage}% | epoch {epoch} | loss {loss} = {recon} + KL {kl} | {rate} clips/s | {left} left';
    this.#bar = process.stderr.isTTY
      ? new SingleBar(
          { format, barsize: 20, hideCursor: true, clearOnComplete: true },
          Presets.shades_classic,
        )
      : null;
    this.#bar?.start(total, done, { epoch: '-', loss: '-', recon: '-', kl: '-', rate: '-', left: '-' });
  }

  steps(rows: readonly StepRow[], epoch: number): void {
    const now = performance.now();
    if (rows.length > 0) {
      const ms = (now - this.#since) / rows.length;
      this.#ms = this.#ms ? 0.8 * this.#ms + 0.2 * ms : ms;
      this.#done += rows.length;
      const { loss, recon, kl } = rows[rows.length - 1];
      this.#bar?.update(this.#done, {
        epoch,
        loss: loss.toFixed(1),
        recon: recon.toFixed(1),
        kl: kl.toFixed(2),
        rate: ((1000 * this.#batch) / this.#ms).toFixed(0),
        left: duration(((this.#total - this.#done) * this.#ms) / 1000),
      });
    }
    this.#since = now;
  }

  epoch(row: EpochRow): void {
    this.#since = performance.now();
    if (this.#bar) return;
    const { loss, recon, kl } = row.train;
    const test = row.test ? `, test ${figure(row.test)}` : '';
    say(
      `epoch ${row.epoch}: loss ${loss.toFixed(2)} = ${recon.toFixed(2)} + KL ${kl.toFixed(2)}${test}, ` +
        `${row.seconds.toFixed(1)} s, ${duration(((this.#total - this.#done) * this.#ms) / 1000)} left`,
    );
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/** What a reader wants to know of an evaluation: the error of sound in dB, the ELBO of images in nats. */
export function figure({ dbRmse, negElbo }: Evaluation): string {
  return dbRmse === undefined ? `-ELBO ${negElbo.toFixed(1)} nats` : `${dbRmse.toFixed(2)} dB RMSE`;
}

/** Seconds as `2:05` or `1:02:05`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (n: number) => `${n}`.padStart(2, '0');
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** Milliseconds between two lines where there is no terminal. */
const lineEvery = 10_000;

/** The progress through files of sound on standard error: hours done, how fast, time left. */
export class SoundProgress {
  readonly #bar: SingleBar | null;
  readonly #total: number;
  readonly #begun = performance.now();
  /** Files that were not done when it began. */
  readonly #remaining: number;
  #files: number;
  #hours = 0;
  /** Of this process: files and hours. */
  #own = { files: 0, hours: 0 };
  #said = performance.now();

  /** @param done files that are done already @param total all files @param shown whether there is anything to do */
  constructor(done: number, total: number, shown: boolean) {
    this.#files = done;
    this.#total = total;
    this.#remaining = total - done;
    const format =
      '{bar} {percentage}% | {value} of {total} clips | {hours} h | {rate} x real time | {left} left';
    this.#bar =
      shown && process.stderr.isTTY
        ? new SingleBar(
            { format, barsize: 20, hideCursor: true, clearOnComplete: true, fps: 4 },
            Presets.shades_classic,
          )
        : null;
    this.#bar?.start(total, done, { hours: '0.00', rate: '-', left: '-' });
  }

  /** Sound of files that were done before. */
  before(seconds: number): void {
    this.#hours += seconds / 3600;
  }

  /** One more file. */
  file(seconds: number): void {
    this.#files++;
    this.#own.files++;
    this.#own.hours += seconds / 3600;
    this.#hours += seconds / 3600;
    const passed = performance.now() - this.#begun;
    const left = duration(((this.#remaining - this.#own.files) * passed) / this.#own.files / 1000);
    const [hours, rate] = [this.#hours.toFixed(2), ((3.6e6 * this.#own.hours) / passed).toFixed(0)];
    this.#bar?.update(this.#files, { hours, rate, left });
    if (this.#bar || performance.now() - this.#said < lineEvery) return;
    this.#said = performance.now();
    say(`${this.#files} of ${this.#total} clips, ${hours} h of sound, ${rate} x real time, ${left} left`);
  }

  stop(): void {
    this.#bar?.stop();
  }
}

// Training in the page: recordings, a run that starts, pauses and goes on, and what the browser keeps of it, so that a
// reload or a lost device costs some seconds of work at most. One tab has the training: the lock says which.

import type { FeatureSettings } from '../../src/audio/features.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { DataError, NonFiniteError } from '../../src/engine/errors.ts';
import { decodeCheckpoint, encodeCheckpoint, type ModelInfo, planOf } from '../../src/model/checkpoint.ts';
import type { Dataset } from '../../src/model/dataset.ts';
import { checkConfig, presetConfig, setOption, type TrainConfig } from '../../src/model/presets.ts';
import { presetFeatures, speechDataset } from '../../src/model/speech.ts';
import type { EpochRow, TrainEvent, TrainState } from '../../src/model/trainer.ts';
import type {
  Event,
  FolderFile,
  LossRow,
  TrainingData,
  TrainingSettings,
  TrainingStatus,
} from '../protocol.ts';
import { type PackedDataset, packed, unpacked } from './dataset.ts';
import type { Device } from './device.ts';
import { clipsOfFolder, readFolder } from './folder.ts';
import { keep, kept, lock } from './store.ts';
import { Run } from './trainer.ts';

/** The run is saved after so much work, and its pictures are made anew. */
const saveEveryMs = 8000;
const picturesEveryMs = 2500;
/** Rows of steps that are kept; of longer runs every other one goes. */
const mostRows = 4000;
const keys = { data: 'training.data', run: 'training.run', checkpoint: 'training.checkpoint' };

/** What is kept of a run beside its data and its checkpoint. */
interface KeptRun {
  settings: TrainingSettings;
  rows: LossRow[];
  epochs: EpochRow[];
  step: number;
  steps: number;
}

interface KeptData {
  about: TrainingData;
  data: PackedDataset;
  features: FeatureSettings;
}

export class Training {
  readonly #device: Device;
  readonly #tell: (event: Event) => void;
  #release: (() => void) | null = null;
  #source: { about: TrainingData; data: Dataset; features: FeatureSettings } | null = null;
  #settings: TrainingSettings | null = null;
  #info: ModelInfo | null = null;
  #run: Run | null = null;
  /** The last state, from which a lost device goes on. */
  #saved: TrainState | null = null;
  #savedAt = 0;
  #picturesAt = 0;
  #rows: LossRow[] = [];
  #epochs: EpochRow[] = [];
  #stride = 1;
  #status: TrainingStatus = emptyStatus();
  #wanted = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(device: Device, tell: (event: Event) => void) {
    this.#device = device;
    this.#tell = tell;
  }

  /** What is kept, if this tab may have it. */
  async find(): Promise<TrainingStatus> {
    if (this.#release) return this.#status;
    this.#release = await lock('formant-training');
    if (!this.#release) return this.#set({ ...emptyStatus(), state: 'elsewhere' });
    try {
      const [data, run] = [await kept<KeptData>(keys.data), await kept<KeptRun>(keys.run)];
      if (!data) return this.#set(emptyStatus());
      this.#source = { ...data, data: unpacked(data.data) };
      if (!run) return this.#set({ ...emptyStatus(), state: 'ready', data: data.about });
      this.#settings = run.settings;
      this.#info = this.#infoOf(run.settings);
      this.#rows = run.rows;
      this.#epochs = run.epochs;
      this.#tell({ event: 'losses', from: 0, rows: run.rows, epochs: run.epochs });
      return this.#set({
        ...emptyStatus(),
        ...{ state: run.step >= run.steps ? 'finished' : 'paused', data: data.about, settings: run.settings },
        ...{ step: run.step, steps: run.steps, epoch: run.epochs.length, kept: run.step },
      });
    } catch (error) {
      return this.#set({
        ...emptyStatus(),
        message: `Nothing kept could be read: ${(error as Error).message}.`,
      });
    }
  }

  async read(name: string, files: readonly FolderFile[]): Promise<TrainingStatus> {
    await this.#own();
    await this.discard();
    const clips = await clipsOfFolder(name, files);
    const about: TrainingData = { name, train: 0, test: 0, labels: [], leftOut: [], notes: [] };
    const report = {
      leftOut: (file: string, _: string, reason: string) => void about.leftOut.push({ file, reason }),
      note: (file: string, note: string) => void about.notes.push({ file, note }),
    };
    const read = (done: number) => this.#tell({ event: 'reading', done, total: clips.length });
    const { data, features } = await this.#device.run((engine) => {
      Object.assign(about, { leftOut: [], notes: [] });
      const settings = presetFeatures('speech-ref');
      return speechDataset(engine, readFolder(engine, clips, files, settings, report, read), settings, false);
    });
    Object.assign(about, { train: data.train.count, test: data.test?.count ?? 0, labels: [...data.labels] });
    this.#source = { about, data, features };
    const status: TrainingStatus = { ...emptyStatus(), state: 'ready', data: about };
    try {
      await keep({ [keys.data]: { about, data: packed(data), features } satisfies KeptData });
    } catch (error) {
      status.message = `A reload will need the folder again: ${(error as Error).message}.`;
    }
    return this.#set(status);
  }

  async start(settings: TrainingSettings): Promise<TrainingStatus> {
    await this.#own();
    if (!this.#source) throw new DataError('train: no recordings yet; choose a folder first');
    await this.#pause();
    const info = this.#infoOf(settings);
    const { data, about } = this.#source;
    await this.#device.run(async (engine) => {
      const run = new Run(engine, info, data, null);
      this.#run?.dispose();
      this.#run = run;
      this.#saved = await run.trainer.state();
    });
    this.#info = info;
    this.#settings = settings;
    [this.#rows, this.#epochs, this.#stride] = [[], [], 1];
    this.#tell({ event: 'losses', from: 0, rows: [], epochs: [] });
    const steps = info.config.epochs * (this.#run as Run).trainer.stepsPerEpoch;
    this.#set({ ...emptyStatus(), state: 'running', data: about, settings, steps });
    this.#begin();
    return this.#status;
  }

  async pause(): Promise<TrainingStatus> {
    await this.#pause();
    return this.#status;
  }

  async resume(): Promise<TrainingStatus> {
    await this.#own();
    if (this.#status.state !== 'paused' && this.#status.state !== 'failed') return this.#status;
    this.#set({ ...this.#status, state: 'running', message: null });
    this.#begin();
    return this.#status;
  }

  /** Gives up the run; the recordings stay. */
  async discard(): Promise<TrainingStatus> {
    await this.#pause();
    this.#run?.dispose();
    [this.#run, this.#info, this.#settings, this.#saved] = [null, null, null, null];
    [this.#rows, this.#epochs, this.#stride] = [[], [], 1];
    this.#tell({ event: 'losses', from: 0, rows: [], epochs: [] });
    await keep({ [keys.run]: null, [keys.checkpoint]: null }).catch(() => undefined);
    const data = this.#source?.about ?? null;
    return this.#set({ ...emptyStatus(), state: data ? 'ready' : 'empty', data });
  }

  model(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#device.run(async (engine) => (await this.#runOn(engine)).model());
  }

  sound(index: number) {
    return this.#device.run(async (engine) => (await this.#runOn(engine)).sound(index));
  }

  #set(status: TrainingStatus): TrainingStatus {
    this.#status = status;
    this.#tell({ event: 'training', status });
    return status;
  }

  /** @throws DataError where another tab has the training. */
  async #own(): Promise<void> {
    this.#release ??= await lock('formant-training');
    if (!this.#release)
      throw new DataError('train: another tab of this browser has the training; close it, or go on there');
  }

  /** @throws DataError for settings that are not possible. */
  #infoOf({ preset, model, epochs, seed, others }: TrainingSettings): ModelInfo {
    const { data, features } = this.#source as { data: Dataset; features: FeatureSettings };
    let config: TrainConfig = { ...presetConfig(preset, model), epochs, seed };
    for (const assignment of others.split(/\s+/).filter(Boolean)) config = setOption(config, assignment);
    if (config.validation)
      throw new DataError('validation: the page plays the last epoch, not the best; leave it out');
    const known = config.speakerDim > 0 && { speakers: [...(data.speakers ?? [])] };
    return { config: checkConfig(config), features, labels: [...data.labels], ...known };
  }

  /** The run on this engine: the one there is, or made again from its last state. */
  async #runOn(engine: Engine): Promise<Run> {
    if (this.#run?.engine === engine) return this.#run;
    if (!this.#info || !this.#source) throw new DataError('train: there is no run; start one first');
    this.#run?.dispose();
    this.#run = null;
    if (this.#saved) {
      this.#run = new Run(engine, this.#info, this.#source.data, this.#saved);
    } else {
      const bytes = await kept<Uint8Array>(keys.checkpoint);
      if (!bytes) throw new DataError('train: nothing was kept of this run; start it again');
      const from = decodeCheckpoint(bytes, 'what was kept');
      this.#run = new Run(engine, this.#info, this.#source.data, null);
      this.#saved = from.state(this.#run.trainer.model.params);
      this.#run.dispose();
      this.#run = new Run(engine, this.#info, this.#source.data, this.#saved);
    }
    this.#cut(this.#saved.step, Math.floor(this.#saved.step / this.#run.trainer.stepsPerEpoch));
    return this.#run;
  }

  /** Takes back rows after a step: they come again. */
  #cut(step: number, epoch: number): void {
    this.#rows = this.#rows.filter(([at]) => at <= step);
    this.#epochs = this.#epochs.filter((row) => row.epoch <= epoch);
    this.#tell({ event: 'losses', from: 0, rows: this.#rows, epochs: this.#epochs });
  }

  #begin(): void {
    this.#wanted = true;
    this.#savedAt = performance.now();
    this.#loop = this.#train();
  }

  /** Stops after the step that is under way, and saves. */
  async #pause(): Promise<void> {
    this.#wanted = false;
    await this.#loop;
  }

  /** The loop of a run, an event at a time. Ends with the run paused, finished or failed, and saved. */
  async #train(): Promise<void> {
    let last = { at: performance.now(), step: this.#status.step };
    try {
      for (let more = true; more && this.#wanted; ) {
        more = await this.#device.run(async (engine) => {
          const run = await this.#runOn(engine);
          const event = await run.next();
          if (event) await this.#take(run, event);
          return event !== null;
        });
        const now = { at: performance.now(), step: (this.#run as Run).trainer.step };
        const ms =
          now.step > last.step ? (now.at - last.at) / (now.step - last.step) : this.#status.msPerStep;
        last = now;
        if (more) this.#set({ ...this.#status, step: now.step, epoch: this.#epochs.length, msPerStep: ms });
      }
      await this.#device.run(async (engine) => this.#save(await this.#runOn(engine)));
      const { step, steps } = this.#status;
      this.#set({ ...this.#status, state: step >= steps ? 'finished' : 'paused' });
    } catch (error) {
      const { message } = error as Error;
      const stays = error instanceof NonFiniteError ? '' : ' What was kept stays; try to go on.';
      this.#set({ ...this.#status, state: 'failed', message: `${message}${stays}` });
    }
    this.#wanted = false;
  }

  async #take(run: Run, event: TrainEvent): Promise<void> {
    if (event.kind === 'steps') {
      const rows = event.rows
        .filter(({ step }) => step % this.#stride === 0)
        .map(({ step, loss, recon, kl }): LossRow => [step, loss, recon, kl]);
      this.#rows.push(...rows);
      this.#tell({ event: 'losses', from: null, rows, epochs: [] });
      if (this.#rows.length > mostRows) {
        this.#stride *= 2;
        this.#rows = this.#rows.filter(([step]) => step % this.#stride === 0);
      }
      if (event.stopped || run.trainer.step % run.trainer.stepsPerEpoch === 0) return;
    } else {
      this.#epochs.push(event.row);
      this.#tell({ event: 'losses', from: null, rows: [], epochs: [event.row] });
    }
    const now = performance.now();
    if (now - this.#picturesAt > picturesEveryMs || event.kind === 'epoch') await this.#picture(run, now);
    if (now - this.#savedAt > saveEveryMs) await this.#save(run);
  }

  async #picture(run: Run, now: number): Promise<void> {
    if (now - this.#picturesAt < picturesEveryMs / 5) return;
    this.#tell({ event: 'pictures', pictures: await run.pictures() });
    this.#picturesAt = performance.now();
  }

  /** Keeps the state here for a lost device, and in the browser for a reload. */
  async #save(run: Run): Promise<void> {
    const state = await run.trainer.state();
    this.#saved = state;
    this.#savedAt = performance.now();
    if (!this.#info || !this.#settings) return;
    const file = { info: this.#info, state, plan: planOf(run.engine), best: null };
    const { steps } = this.#status;
    const about: KeptRun = {
      ...{ settings: this.#settings, rows: this.#rows, epochs: this.#epochs, step: state.step, steps },
    };
    try {
      const checkpoint = encodeCheckpoint(run.trainer.model.params, file);
      await keep({ [keys.run]: about, [keys.checkpoint]: checkpoint });
      this.#set({ ...this.#status, step: state.step, kept: state.step, message: null });
    } catch (error) {
      const message = `Training goes on, but a reload would lose it: ${(error as Error).message}.`;
      this.#set({ ...this.#status, step: state.step, message });
    }
  }
}

function emptyStatus(): TrainingStatus {
  return {
    ...{ state: 'empty', data: null, settings: null, step: 0, steps: 0, epoch: 0, msPerStep: 0 },
    ...{ message: null, kept: 0 },
  };
}

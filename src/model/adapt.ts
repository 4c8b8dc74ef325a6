// Few-shot adaptation: a trained model goes on learning from a handful of new recordings, with examples of what it was
// trained on in the same batches so that it does not forget them. A caller takes it step by step, may add takes in
// between, and measures when it likes: the best weights by the takes held out are kept. The model's file
// is never touched: `restore` goes back to it.

import type { Engine } from '../engine/engine.ts';
import { DataError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import type { HostArray } from '../engine/tensor.ts';
import { type AdaptSettings, adaptConfig, adaptDefaults, weightsOf } from './adaptSettings.ts';
import { buildModel, type ModelFile, type ModelInfo } from './checkpoint.ts';
import { type Batch, type Dataset, examplesAt, gather, type Split, together } from './dataset.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import { adaptedPrior } from './fitPrior.ts';
import { exampleShape, isImage } from './inputs.ts';
import type { TrainConfig } from './presets.ts';
import { stretchAll, type Take, Takes } from './takes.ts';
import { type StepRow, TrainStep } from './trainStep.ts';
import type { Vae } from './vae.ts';

/** Errors on what is held out, by the weights that play; null where nothing is. */
export interface AdaptFigures {
  /** Steps taken. */
  step: number;
  fresh: Evaluation | null;
  old: Evaluation | null;
}

/** Of the old examples, every so many-th is held out. */
const oldHeldOut = 8;

/** A trained model that goes on learning from a few recordings, step by step. */
export class Adaptation {
  readonly engine: Engine;
  readonly settings: AdaptSettings;
  /** Its weights move with every step; for playing meanwhile take `weights()` into a model of one's own. */
  readonly model: Vae;
  readonly #file: ModelFile;
  readonly #config: TrainConfig;
  readonly #shape: [number, number];
  readonly #old: { train: Split; heldOut: Split } | null;
  readonly #takes: Takes;
  readonly #heldOut: Takes;
  readonly #random: Random;
  #steps: TrainStep;
  /** Orders that are not used up, of the takes and of the old examples. */
  #queues: { fresh: number[]; old: number[] } = { fresh: [], old: [] };
  #shuffles = 0;
  #best: { step: number; mse: number; weights: Record<string, HostArray> } | null = null;
  /** Measures since the best. */
  #worse = 0;

  /**
   * @param file the model to begin with @param name it as errors should call it
   * @param replay examples of what it was trained on, see replay.ts; null: it learns from the takes alone
   * @throws DataError for a setting that is not possible, CheckpointError if the file is damaged.
   */
  constructor(
    engine: Engine,
    file: ModelFile,
    replay: Split | null,
    settings: Partial<AdaptSettings> = {},
    name = 'model',
  ) {
    this.engine = engine;
    this.settings = { ...adaptDefaults, ...settings };
    const { train, voice } = this.settings;
    if (train === 'speaker' && !file.speakers?.length)
      throw new DataError(
        'train speaker: this model knows no speakers; train all or decoder, or begin with a model of the preset voices',
      );
    this.#file = withVoice(file, voice);
    this.#config = adaptConfig(file.config, this.settings);
    this.#shape = exampleShape(file.features);
    this.#old = replay && replay.count > 0 ? divided(replay) : null;
    const classes = file.config.model === 'cvae' ? file.labels.length : 0;
    this.#takes = new Takes(this.#shape, classes);
    this.#heldOut = new Takes(this.#shape, classes);
    this.#random = new Random(this.settings.seed, 'adapt order');
    this.model = buildModel(engine, this.#file, name);
    if (train !== 'all') this.model.params.freeze((name) => this.model.part(name) !== train);
    this.#steps = this.#begin();
  }

  /** Steps taken. */
  get step(): number {
    return this.#steps.step;
  }

  /** Whether to end: all `settings.steps` are taken, or the last `settings.patience` measures brought nothing. */
  get done(): boolean {
    return this.step >= this.settings.steps || this.#worse >= this.settings.patience;
  }

  /** Takes to learn from, and held out. */
  get counts(): { train: number; heldOut: number; replay: number } {
    return { train: this.#takes.count, heldOut: this.#heldOut.count, replay: this.#old?.train.count ?? 0 };
  }

  /** What the adapted model is besides its weights. */
  get info(): ModelInfo {
    const { config, features, labels, speakers } = this.#file;
    return { config, features, labels, ...(speakers && { speakers }) };
  }

  /** What is measured by: takes, and old examples where there are any. */
  get heldOut(): { fresh: Split; old: Split | null } {
    return { fresh: this.#heldOut, old: this.#old?.heldOut ?? null };
  }

  /** Step of the best weights measured so far, null before the first. */
  get best(): number | null {
    return this.#best?.step ?? null;
  }

  /**
   * A recording to learn from, at any moment.
   * @param heldOut to measure by instead
   * @throws DataError if it is not one for this model, see Takes.
   */
  add(take: Take, heldOut = false): void {
    (heldOut ? this.#heldOut : this.#takes).add({ ...take, speaker: this.settings.voice });
  }

  /** One step, done when its loss is known. @throws as takeSteps. */
  async takeStep(): Promise<StepRow> {
    return (await this.takeSteps(1))[0];
  }

  /**
   * Steps in a row, done when their losses are known: faster than to wait for each. Beyond `settings.steps` the learning
   * rate is 0.
   * @throws DataError without a take, NonFiniteError if a step was refused: the weights are those before it.
   */
  async takeSteps(count: number): Promise<StepRow[]> {
    if (this.#takes.count === 0) throw new DataError('adapt: no take to learn from; add one first');
    const { batch, replay, train } = this.settings;
    // What else could be forgotten does not move where an embedding alone learns.
    const old = this.#old && train !== 'speaker' ? Math.round(batch * replay) : 0;
    const all: StepRow[] = [];
    const last = this.step + count;
    while (this.step < last) {
      this.#steps.run(batch, (reuse) => this.#batch(batch - old, old, reuse));
      if (this.step < last && !this.#steps.due) continue;
      const { rows, stopped } = await this.#steps.read();
      all.push(...rows);
      if (stopped) throw stopped;
    }
    return all;
  }

  /** Figures of the weights as they are now; the best ones so far are kept. */
  async measure(): Promise<AdaptFigures> {
    const of = (split: Split | undefined) =>
      split && split.count > 0
        ? evaluate(this.engine, this.model, this.#dataset(split), split, this.#config, this.#config.seed)
        : null;
    return this.#steps.playing(async () => {
      const figures = { step: this.step, fresh: await of(this.#heldOut), old: await of(this.#old?.heldOut) };
      if (!figures.fresh) return figures;
      // Old examples were learnt from once: their error rises from what was known by heart, also where nothing is lost.
      const { mse } = figures.fresh;
      const better = this.#best === null || mse < this.#best.mse;
      if (better) this.#best = { step: this.step, mse, weights: await this.model.params.state() };
      this.#worse = better ? 0 : this.#worse + 1;
      return figures;
    });
  }

  /** The best weights measured so far; the ones that play now where nothing was measured or held out. */
  async weights(): Promise<Record<string, HostArray>> {
    return this.#best?.weights ?? this.#steps.playing(() => this.model.params.state());
  }

  /** The adapted model, as a file to save or to play; a fitted prior has the takes in it. */
  async file(): Promise<ModelFile> {
    const file = { ...this.#file, params: await this.weights() };
    const takes = this.#takes;
    if (!file.prior || takes.count === 0) return file;
    const model = buildModel(this.engine, file, 'adapted model');
    try {
      const prior = await adaptedPrior(this.engine, model, this.#dataset(takes), takes, file.prior);
      return { ...file, prior };
    } finally {
      model.params.dispose();
    }
  }

  /** Goes back to the weights it began with; the takes stay. */
  restore(): void {
    this.#steps.dispose();
    this.model.params.load(this.#file.params);
    this.#steps = this.#begin();
    this.#best = null;
    this.#worse = 0;
    this.#queues = { fresh: [], old: [] };
    this.#shuffles = 0;
  }

  /** Frees the model and what trained it. */
  dispose(): void {
    this.#steps.dispose();
    this.model.params.dispose();
  }

  #begin(): TrainStep {
    return new TrainStep(this.engine, this.model, this.#config, this.settings.steps);
  }

  #dataset(train: Split): Dataset {
    const { labels, speakers, features } = this.#file;
    const dynamicRange = isImage(features) ? null : features.dynamicRange;
    return { shape: this.#shape, dynamicRange, labels, speakers, train, valid: null, test: null };
  }

  /** Takes first, then old examples. */
  #batch(fresh: number, old: number, reuse?: Batch): Batch {
    const from = this.#takes;
    const places = this.#next('fresh', from.count, fresh);
    const both = this.#old ? together(from, this.#old.train) : from;
    if (this.#old) for (const i of this.#next('old', this.#old.train.count, old)) places.push(from.count + i);
    const batch = gather(this.#dataset(both), both, places, this.model.config, reuse);
    // A few recordings are soon known by heart; at other speeds they are others.
    const { stretch, seed } = this.settings;
    stretchAll(batch.x, fresh, stretch, new Random(seed, 'adapt stretch').uniform(this.step, fresh));
    if (old > 0) batch.weights = weightsOf(fresh, old, this.settings.oldWeight);
    return batch;
  }

  /** The next so many of `count` examples in a random order, again and again; new ones come in with the next order. */
  #next(which: 'fresh' | 'old', count: number, many: number): number[] {
    const queue = this.#queues[which];
    while (queue.length < many) queue.push(...this.#random.permutation(this.#shuffles++, count));
    return queue.splice(0, many);
  }
}

/** A model that knows speakers with a row for one it does not know yet, their mean; another model as it is. */
export function withVoice(file: ModelFile, voice: string): ModelFile {
  const { speakers = [], params } = file;
  if (speakers.length === 0 || speakers.includes(voice)) return file;
  const { data, shape } = params['speaker.weight'];
  const [count, dim] = shape;
  const mean = Float32Array.from({ length: dim }, (_, d) => {
    let sum = 0;
    for (let s = 0; s < count; s++) sum += data[s * dim + d];
    return sum / count;
  });
  const weight = { data: Float32Array.from([...data, ...mean]), shape: [count + 1, dim] };
  return { ...file, speakers: [...speakers, voice], params: { ...params, 'speaker.weight': weight } };
}

function divided(replay: Split): { train: Split; heldOut: Split } {
  const places = Array.from({ length: replay.count }, (_, i) => i);
  const held = (i: number) => i % oldHeldOut === oldHeldOut - 1;
  return {
    train: examplesAt(
      replay,
      places.filter((i) => !held(i)),
    ),
    heldOut: examplesAt(replay, places.filter(held)),
  };
}

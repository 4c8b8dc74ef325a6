// A teaching: takes of a person, the model that it began with, and what was learnt since. It learns in rounds of a few
// steps with a falling rate; a take that comes meanwhile is learnt from at once and begins another round after this one, from
// the best weights so far. One take in five is held out and measured by. Deleting or relabelling a take begins again from the
// first model, so nothing of it stays. All that must survive a lost device is kept here, outside of it.

import { type FeatureSettings, frameCount } from '../../src/audio/features.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { DataError } from '../../src/engine/errors.ts';
import type { HostArray } from '../../src/engine/tensor.ts';
import { Adaptation, withVoice } from '../../src/model/adapt.ts';
import type { AdaptSettings } from '../../src/model/adaptSettings.ts';
import type { ModelFile } from '../../src/model/checkpoint.ts';
import type { Split } from '../../src/model/dataset.ts';
import { exampleShape } from '../../src/model/inputs.ts';
import type { Sound } from '../protocol.ts';
import type { Change, Comparison, Lesson, TakeInfo, Version } from '../teach/protocol.ts';
import { BeforeAndNow, voice } from './beforeAndNow.ts';
import type { HeardTake } from './teachHear.ts';

/** A round. The moving average smooths what few takes would shake. */
const settings: Partial<AdaptSettings> = {
  voice,
  steps: 60,
  lr: 1e-3,
  batch: 32,
  replay: 0.5,
  oldWeight: 1,
  average: 0.9,
  patience: 3,
};
/** Steps from one measure to the next, a divisor of those of a round. */
const measureEvery = 10;
/** Milliseconds after which whatever else waits for the engine has its turn. */
const sliceTime = 100;
/** Of so many takes one is held out, the fourth first. */
const [heldOutOf, heldOutAt] = [5, 3];
/** A round that left the error at more than this share of what it was is the last, until another take comes. */
const worthwhile = 0.98;
/** Takes to learn from that must be there. */
const least = 3;

interface Entry extends HeardTake {
  id: number;
  label: number | null;
  heldOut: boolean;
  before: number;
  now: number;
}

/** What is learnt, to be kept. */
export interface Learnt {
  params: Record<string, HostArray>;
  step: number;
  old: Change | null;
}

export class Teacher {
  /** The model as it was given. */
  readonly given: ModelFile;
  readonly features: FeatureSettings;
  learning = true;
  /** The same with a place for the person, where it knows speakers. */
  readonly #base: ModelFile;
  readonly #name: string;
  readonly #replay: Split | null;
  readonly #shape: [number, number];
  #engine: Engine;
  #entries: Entry[] = [];
  /** Null: what it began with. */
  #learnt: Learnt | null = null;
  #step = 0;
  #old: Change | null = null;
  /** There are takes that no whole round has learnt from. */
  #fresh = false;
  /** The round under way, and the error on the person's held-out takes that it began with. */
  #round: { adaptation: Adaptation; first: number } | null = null;
  #models: BeforeAndNow | null = null;

  /** @param given a model of sound @param replay examples of what it was trained on */
  constructor(engine: Engine, given: ModelFile, name: string, replay: Split | null) {
    this.#engine = engine;
    this.given = given;
    this.#base = withVoice(given, voice);
    this.features = given.features as FeatureSettings;
    this.#shape = exampleShape(given.features);
    this.#name = name;
    this.#replay = replay;
  }

  get labels(): string[] {
    return this.#base.config.model === 'cvae' ? this.#base.labels : [];
  }

  get learnt(): Learnt | null {
    return this.#learnt;
  }

  /** Goes on with weights of another time. @param fresh whether there are takes that they have not learnt from */
  async resume({ params, step, old }: Learnt, fresh: boolean): Promise<void> {
    this.#learnt = { params, step, old };
    this.#step = step;
    this.#old = old;
    this.#fresh = fresh;
    this.#pair.load(params);
    await this.#measure();
  }

  /** Goes on with another device; the one before is gone. */
  move(engine: Engine): void {
    this.#engine = engine;
    this.#models = null;
    this.#fresh ||= this.#round !== null;
    this.#round = null;
  }

  dispose(): void {
    if (this.#engine.lost) return;
    this.#endRound();
    this.#models?.dispose();
    this.#models = null;
  }

  get lesson(): Lesson {
    const good = this.#good();
    const held = good.filter(({ heldOut }) => heldOut);
    const mean = (of: Version) => held.reduce((sum, take) => sum + take[of], 0) / held.length;
    return {
      learning: this.wants,
      paused: !this.learning,
      step: this.#step,
      counts: { train: good.length - held.length, heldOut: held.length, least },
      fresh: held.length > 0 ? { before: mean('before'), now: mean('now') } : null,
      old: this.#old,
      takes: this.#entries.map(({ id, heldOut, before, now }) => ({ id, heldOut, before, now })),
    };
  }

  /** Whether there is something to learn. */
  get wants(): boolean {
    const good = this.#good();
    const train = good.filter(({ heldOut }) => !heldOut).length;
    return this.learning && (this.#fresh || this.#round !== null) && train >= least && train < good.length;
  }

  take(id: number): Readonly<Entry> {
    return this.#entry(id);
  }

  info(id: number): TakeInfo {
    const { x, played, label, heldOut, fault, before, now } = this.#entry(id);
    return { id, label, heldOut, fault, before, now, sound: this.#sound(x, played) };
  }

  /** A take, at the place that its id has among the others. */
  async add(id: number, heard: HeardTake, label: number | null): Promise<void> {
    const entry: Entry = { ...heard, id, label, heldOut: false, before: 0, now: 0 };
    [entry.before] = await this.#pair.errors('before', [entry]);
    [entry.now] = await this.#pair.errors('now', [entry]);
    // One that comes back among others changes which are held out.
    if (!entry.fault && this.#entries.some((other) => other.id > id)) await this.#again();
    this.#entries.push(entry);
    this.#entries.sort((a, b) => a.id - b.id);
    this.#divide();
    if (entry.fault) return;
    this.#fresh = true;
    // By other takes than before the best weights of this round would be judged anew.
    if (entry.heldOut) this.#endRound();
    else this.#round?.adaptation.add({ x: entry.x, label });
  }

  /** @throws DataError for a label that the model does not know. */
  async relabel(id: number, label: number): Promise<void> {
    if (!(label in this.labels)) throw new DataError(`label ${label}: this model has ${this.labels.length}`);
    const entry = this.#entry(id);
    entry.label = label;
    [entry.before] = await this.#pair.errors('before', [entry]);
    await this.#again();
  }

  async delete(id: number): Promise<HeardTake & { label: number | null }> {
    const entry = this.#entry(id);
    if (!entry.fault) await this.#again();
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#divide();
    return entry;
  }

  /** Back to the model that it began with. */
  async forget(): Promise<void> {
    this.learning = false;
    await this.#again();
  }

  /** The next few steps, and a measure now and then. @returns whether better weights than before were found */
  async slice(): Promise<boolean> {
    if (!this.#round) {
      await this.#begin();
      return false;
    }
    const { adaptation, first } = this.#round;
    const until = performance.now() + sliceTime;
    do {
      await adaptation.takeStep();
      this.#step++;
    } while (performance.now() < until && adaptation.step % measureEvery !== 0);
    if (adaptation.step % measureEvery !== 0) return false;
    const { fresh, old } = await adaptation.measure();
    const better = adaptation.best === adaptation.step;
    if (better) await this.#learn(await adaptation.weights(), old?.mse ?? null);
    if (adaptation.done) {
      this.#endRound();
      const now = this.lesson.fresh?.now ?? 0;
      if (fresh && now < worthwhile * first) this.#fresh = true;
    }
    return better;
  }

  /** Features of a take's reconstruction, by both models. */
  async compare(id: number): Promise<Comparison> {
    const [rows, columns] = this.#shape;
    const picture = async (version: Version) => {
      const [features] = await this.#pair.through(version, [this.#entry(id)]);
      return { features, rows, columns };
    };
    return { before: await picture('before'), now: await picture('now') };
  }

  /** The same as sound. */
  async speak(id: number, version: Version): Promise<Sound> {
    const start = performance.now();
    const [features] = await this.#pair.through(version, [this.#entry(id)]);
    const wave = await this.#pair.wave(features);
    return { ...this.#sound(features, wave), ms: performance.now() - start };
  }

  /** The taught model; the person's takes are in its map as the voice `you`. */
  file(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#pair.file(this.#replay, this.#good());
  }

  async #begin(): Promise<void> {
    const { params } = this.#learnt ?? this.#base;
    const adaptation = new Adaptation(
      this.#engine,
      { ...this.#base, params },
      this.#replay,
      settings,
      this.#name,
    );
    for (const { x, label, heldOut } of this.#good()) adaptation.add({ x, label }, heldOut);
    this.#round = { adaptation, first: 0 };
    this.#fresh = false;
    // Measured before its first step, so that a round never ends worse than it began.
    const { fresh, old } = await adaptation.measure();
    await this.#measure();
    this.#round.first = fresh?.mse ?? 0;
    if (old && !this.#old) this.#old = { before: old.mse, now: old.mse };
  }

  #endRound(): void {
    if (!this.#engine.lost) this.#round?.adaptation.dispose();
    this.#round = null;
  }

  async #learn(params: Record<string, HostArray>, old: number | null): Promise<void> {
    if (this.#old && old !== null) this.#old = { ...this.#old, now: old };
    this.#learnt = { params, step: this.#step, old: this.#old };
    this.#pair.load(params);
    await this.#measure();
  }

  /** Forgets all that was learnt; what is there is learnt anew. */
  async #again(): Promise<void> {
    this.#endRound();
    this.#learnt = null;
    this.#step = 0;
    if (this.#old) this.#old = { ...this.#old, now: this.#old.before };
    this.#fresh = true;
    this.#pair.load(this.#base.params);
    await this.#measure();
  }

  /** The error of each take by the weights that play. */
  async #measure(): Promise<void> {
    const errors = await this.#pair.errors('now', this.#entries);
    this.#entries.forEach((entry, i) => {
      entry.now = errors[i];
    });
  }

  /** Both models on the device, made when they are first asked for. */
  get #pair(): BeforeAndNow {
    const { params } = this.#learnt ?? this.#base;
    this.#models ??= new BeforeAndNow(this.#engine, this.#base, params, this.#name);
    return this.#models;
  }

  #good(): Entry[] {
    return this.#entries.filter(({ fault }) => fault === null);
  }

  #divide(): void {
    this.#good().forEach((entry, i) => {
      entry.heldOut = i % heldOutOf === heldOutAt;
    });
  }

  #entry(id: number): Entry {
    const entry = this.#entries.find((other) => other.id === id);
    if (!entry) throw new DataError(`take ${id}: is not there any more`);
    return entry;
  }

  #sound(features: Float32Array, wave: Float32Array): Sound {
    const { nMels: rows, sampleRate } = this.features;
    const columns = frameCount(this.features);
    return { features: features.slice(), rows, columns, wave: wave.slice(), sampleRate, ms: 0 };
  }
}

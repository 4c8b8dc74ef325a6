// The state of the Play tab: one point of latent space with its labels, the sound there, and what may happen to them. Pad,
// faders, keys, morph and prior samples all set the point; all show it. The plane is exact: the pad moves z along its two
// directions and leaves what lies across them as it is.

import { interpolate } from '../../src/model/walk.ts';
import { type Client, latest } from '../client.ts';
import type { ModelSummary, Point, Sound } from '../protocol.ts';
import { Signal } from '../signal.ts';
import { Player } from './player.ts';

/** What a change of the point sounds like: nothing, from the beginning, or in the place of what sounds. */
export type Attack = 'silent' | 'strike' | 'follow';

/** Points of a morph from one end to the other. */
const morphSteps = 201;

export class Instrument {
  readonly changed = new Signal();
  readonly opened = new Signal<ModelSummary>();
  readonly heard = new Signal<NonNullable<Instrument['sound']>>();
  readonly moved = new Signal();
  /** Requests that could not be answered, in a sentence. */
  readonly failed = new Signal<string>();
  readonly player: Player;
  readonly client: Client;
  model: ModelSummary | null = null;
  point: Point = { z: [], label: null };
  /** The last sound that was made, and what files of it are called. */
  sound: (Sound & { title: string; label: number }) | null = null;
  loop = false;
  readonly #make: (point: Point) => Promise<Sound | null>;

  constructor(client: Client) {
    this.client = client;
    this.player = new Player(() => this.moved.tell());
    this.#make = latest((point) => client.ask('sound', point));
  }

  /** Plays another model from now on. @throws WorkerError for what is none; the one before stays. */
  async open(bytes: ArrayBuffer, name: string): Promise<void> {
    const model = await this.client.ask('load', { bytes, name }, [bytes]);
    this.model = model;
    const { labels } = model;
    this.point = {
      z: [...model.plane.mean],
      label: labels.length > 0 ? labels.map((_, i) => (i === 0 ? 1 : 0)) : null,
    };
    this.sound = null;
    this.opened.tell(model);
    await this.set(this.point, 'silent');
  }

  /** Goes to a point. @param title what files of it are called */
  async set(point: Point, attack: Attack, title = 'point'): Promise<void> {
    const { model, player } = this;
    if (!model) return;
    this.point = point;
    const { label } = this;
    this.changed.tell();
    try {
      // The audio device may only be opened while a click or key is handled: now.
      const ready = attack === 'silent' ? null : player.ready(model.sampleRate);
      const sound = await this.#make(point);
      await ready;
      if (!sound || this.model !== model) return;
      this.sound = { ...sound, title, label };
      this.heard.tell(this.sound);
      if (attack === 'strike' || (attack === 'follow' && !player.playing))
        await player.play(sound.wave, sound.sampleRate, this.loop);
      else if (attack === 'follow') await player.swap(sound.wave, sound.sampleRate, this.loop);
    } catch (error) {
      this.failed.tell((error as Error).message);
    }
  }

  setZ(z: number[], attack: Attack, title?: string): Promise<void> {
    return this.set({ z, label: this.point.label }, attack, title);
  }

  setLabel(index: number, attack: Attack): Promise<void> {
    return this.set({ z: this.point.z, label: this.#only(index) }, attack);
  }

  /** One label and no other, null for a model without. */
  #only(index: number): number[] | null {
    const { label } = this.point;
    return label === null ? null : label.map((_, i) => (i === index ? 1 : 0));
  }

  /** The label that weighs most, -1 without any. */
  get label(): number {
    const { label } = this.point;
    return label ? label.indexOf(Math.max(...label)) : -1;
  }

  /** Where the point lies on the plane. */
  get place(): [number, number] {
    return this.placeOf(this.point.z);
  }

  placeOf(z: readonly number[]): [number, number] {
    const { mean, basis } = (this.model as ModelSummary).plane;
    const along = (direction: readonly number[]) =>
      direction.reduce((sum, b, i) => sum + b * (z[i] - mean[i]), 0);
    return [along(basis[0]), along(basis[1])];
  }

  /** Moves to a place on the plane, and keeps what lies across it. */
  moveTo(u: number, v: number, attack: Attack): Promise<void> {
    const { basis } = (this.model as ModelSummary).plane;
    const [u0, v0] = this.place;
    const z = this.point.z.map((x, i) => x + (u - u0) * basis[0][i] + (v - v0) * basis[1][i]);
    return this.setZ(z, attack);
  }

  /** Back onto the plane: nothing across it, the place as it is. */
  flatten(attack: Attack): Promise<void> {
    const { mean, basis } = (this.model as ModelSummary).plane;
    const [u, v] = this.place;
    return this.setZ(
      mean.map((m, i) => m + u * basis[0][i] + v * basis[1][i]),
      attack,
    );
  }

  /** A sample of the prior: clip `index` of `formant generate --seed SEED` with this label. */
  async surprise(seed: number, index: number, temperature: number): Promise<void> {
    if (!this.model) return;
    const label = this.point.label ? this.label : null;
    const ready = this.player.ready(this.model.sampleRate);
    const z = await this.client.ask('sample', { seed, index, label, temperature });
    await ready;
    await this.set({ z, label: this.#only(label ?? 0) }, 'strike', `seed-${seed}-clip-${index}`);
  }

  /** Between two points, 0 at `a` and 1 at `b`; labels go as weights. */
  morph(a: Point, b: Point, t: number, attack: Attack): Promise<void> {
    const at = Math.round(t * (morphSteps - 1));
    const between = (from: readonly number[], to: readonly number[]) =>
      [...interpolate(from, to, morphSteps)].slice(at * from.length, (at + 1) * from.length);
    const label = a.label && b.label && between(a.label, b.label);
    return this.set({ z: between(a.z, b.z), label }, attack, `morph-${Math.round(100 * t)}`);
  }

  async strike(): Promise<void> {
    const { sound, player, model } = this;
    if (!model) return;
    if (!sound) return this.set(this.point, 'strike');
    await player.play(sound.wave, sound.sampleRate, this.loop);
  }
}

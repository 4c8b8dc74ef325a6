// The state of the Teach tab: the microphone, the takes, what to say next, and what the worker has learnt. An utterance
// belongs to the prompt that stood there when it began.

import type { Client } from '../client.ts';
import type { Instrument } from '../play/instrument.ts';
import { Player } from '../play/player.ts';
import type { Sound } from '../protocol.ts';
import { Signal } from '../signal.ts';
import { Microphone } from './microphone.ts';
import { nextPrompt } from './prompts.ts';
import type { Comparison, Lesson, TakeInfo, TeachState, Version } from './protocol.ts';

/** The model that the page comes with, and the examples that it was trained on. */
const shipped = { model: 'digits.safetensors', replay: 'digits.replay.safetensors' };
const lock = 'formant-teach';
/** What the taught model is called. */
const taughtName = 'my-voice.safetensors';

/** A fault stays until recording begins again; the others pass by themselves. */
export type Told = 'fault' | 'silence' | 'take';

export class Session {
  readonly client: Client;
  readonly instrument: Instrument;
  readonly microphone = new Microphone();
  readonly player: Player;
  /** The model, its labels or its takes are others. */
  readonly changed = new Signal();
  readonly prompted = new Signal();
  /** This tab may teach. */
  readonly unlocked = new Signal();
  readonly lessons = new Signal<Lesson>();
  readonly compared = new Signal<Comparison | null>();
  readonly played = new Signal();
  /** In a sentence; null: what was told is over. */
  readonly told = new Signal<{ text: string; kind: Told } | null>();
  state: TeachState | null = null;
  /** Index of the label to say. */
  prompt = 0;
  /** The take that is looked at. */
  chosen: number | null = null;
  comparison: Comparison | null = null;
  /** What sounds: a take's id and which of its sounds. */
  sounding: { id: number; what: 'take' | Version } | null = null;
  /** Another tab teaches. */
  locked = true;
  #telling: Told | null = null;
  #said: number | null = null;
  #pending: number[] = [];
  #comparing = false;

  constructor({ client, instrument }: { client: Client; instrument: Instrument }) {
    this.client = client;
    this.instrument = instrument;
    this.player = new Player(() => this.#moved());
    this.#listen();
    instrument.opened.listen(({ name }) => name !== taughtName && this.#open());
    this.#claim();
  }

  get takes(): TakeInfo[] {
    return this.state?.takes ?? [];
  }

  get take(): TakeInfo | undefined {
    return this.takes.find(({ id }) => id === this.chosen);
  }

  async record(): Promise<void> {
    const { microphone } = this;
    if (microphone.on) return microphone.close();
    this.#over(this.#telling);
    try {
      await microphone.open();
      this.prompted.tell();
      await this.client.ask('teachLearn', { on: true });
    } catch (error) {
      this.#tell('fault', (error as Error).message);
      this.prompted.tell();
    }
  }

  /** Chooses what to say next. */
  ask(label: number): void {
    this.prompt = label;
    this.prompted.tell();
  }

  choose(id: number | null): void {
    this.chosen = id;
    this.comparison = null;
    this.changed.tell();
    this.compared.tell(null);
    this.#compare();
  }

  relabel(id: number, label: number): Promise<boolean> {
    return this.#trying(async () => {
      await this.client.ask('teachRelabel', { id, label });
      const take = this.takes.find((other) => other.id === id);
      if (take) take.label = label;
      this.#next();
      this.changed.tell();
      this.#compare();
    });
  }

  delete(id: number): Promise<boolean> {
    return this.#trying(async () => {
      await this.client.ask('teachDelete', { id });
      const at = this.takes.findIndex((take) => take.id === id);
      this.takes.splice(at, 1);
      this.#next();
      if (this.chosen === id) this.choose((this.takes[at] ?? this.takes.at(-1))?.id ?? null);
      else this.changed.tell();
    });
  }

  bringBack(): Promise<boolean> {
    return this.#trying(async () => {
      const take = await this.client.ask('teachBringBack', null);
      if (take) this.#put(take);
    });
  }

  forget(): Promise<boolean> {
    return this.#trying(async () => {
      await this.client.ask('teachForget', null);
      this.#compare();
    });
  }

  learn(on: boolean): Promise<boolean> {
    return this.#trying(() => this.client.ask('teachLearn', { on }));
  }

  /** Plays a take, or what a model makes of it; stops what plays. */
  async play(id: number, what: 'take' | Version): Promise<void> {
    const { sounding, player, state } = this;
    if (sounding?.id === id && sounding.what === what && player.playing) return player.stop();
    const take = this.takes.find((other) => other.id === id);
    if (!take || !state) return;
    await this.#trying(async () => {
      // The audio device may only be opened while a click or key is handled: now.
      const ready = player.ready(take.sound.sampleRate);
      const sound: Sound =
        what === 'take' ? take.sound : await this.client.ask('teachSpeak', { id, version: what });
      await ready;
      this.microphone.deaf(true);
      this.sounding = { id, what };
      await player.play(sound.wave, sound.sampleRate, false);
      this.played.tell();
    });
  }

  file(): Promise<Uint8Array<ArrayBuffer>> {
    return this.client.ask('teachFile', null);
  }

  /** Plays the taught model in the Play tab. */
  use(): Promise<boolean> {
    return this.#trying(async () => {
      const bytes = await this.file();
      await this.instrument.open(bytes.buffer, taughtName);
    });
  }

  #listen(): void {
    const { microphone, client } = this;
    microphone.begun.listen(() => {
      this.#said = this.prompt;
    });
    microphone.dropped.listen(() => {
      this.#said = null;
    });
    microphone.utterance.listen(({ wave, rate }) => this.#add(wave, rate));
    microphone.warned.listen((text) => (text === null ? this.#over('silence') : this.#tell('silence', text)));
    microphone.closed.listen((why) => {
      this.#over('silence');
      if (why) this.#tell('fault', why);
      this.prompted.tell();
    });
    client.on('lesson', ({ lesson }) => this.#learnt(lesson));
    client.on('teachFault', ({ message }) => this.#tell('fault', message));
    document.addEventListener('visibilitychange', () => {
      if (document.hidden && microphone.on)
        microphone.close(
          'Recording stopped when this page was hidden. Your takes are kept; press Record to go on.',
        );
    });
  }

  /** One tab at a time teaches; this one waits until it may. */
  #claim(): void {
    navigator.locks.request(lock, async () => {
      this.locked = false;
      this.unlocked.tell();
      await this.#open();
      await new Promise(() => undefined);
    });
  }

  async #open(): Promise<void> {
    if (this.locked || !this.instrument.model) return;
    await this.#trying(async () => {
      const own = this.instrument.model?.name === shipped.model;
      const replay = own ? await bytesOf(shipped.replay) : null;
      this.state = await this.client.ask('teachOpen', { replay });
      this.#next();
      this.choose(this.takes.at(-1)?.id ?? null);
      this.lessons.tell(this.state.lesson);
    });
  }

  async #add(wave: Float32Array, rate: number): Promise<void> {
    const { state } = this;
    if (!state) return;
    const label = state.labels.length > 0 ? (this.#said ?? this.prompt) : null;
    this.#said = null;
    if (label !== null) this.#pending.push(label);
    this.#next();
    await this.#trying(async () => {
      try {
        this.#put(await this.client.ask('teachAdd', { wave, rate, label }, [wave.buffer as ArrayBuffer]));
      } finally {
        if (label !== null) this.#pending.splice(this.#pending.indexOf(label), 1);
      }
    });
    this.#next();
  }

  #put(take: TakeInfo): void {
    const text = `The take was ${take.fault}: it is kept, but not learnt from. Say it again.`;
    if (take.fault) this.#tell('take', text);
    else this.#over('take');
    this.takes.push(take);
    this.takes.sort((a, b) => a.id - b.id);
    this.#next();
    this.choose(take.id);
  }

  /** What to say next: what there is least of. */
  #next(): void {
    const { labels } = this.state ?? { labels: [] };
    if (labels.length > 0) {
      const counts = labels.map((_, i) => this.takes.filter((take) => take.label === i).length);
      for (const label of this.#pending) counts[label]++;
      this.prompt = nextPrompt(counts);
    }
    this.prompted.tell();
  }

  #learnt(lesson: Lesson): void {
    if (!this.state) return;
    const before = this.take?.now;
    this.state.lesson = lesson;
    for (const { id, ...figures } of lesson.takes)
      Object.assign(this.takes.find((take) => take.id === id) ?? {}, figures);
    this.lessons.tell(lesson);
    if (this.take && this.take.now !== before) this.#compare();
  }

  /** Asks for the pictures of the chosen take; once more if it changed meanwhile. */
  async #compare(): Promise<void> {
    if (this.#comparing) return;
    this.#comparing = true;
    let [id, now]: [number | null, number | undefined] = [null, undefined];
    while (this.chosen !== null && (this.chosen !== id || this.take?.now !== now)) {
      [id, now] = [this.chosen, this.take?.now];
      const comparison = await this.client.ask('teachCompare', { id }).catch(() => null);
      if (this.chosen !== id) continue;
      this.comparison = comparison;
      this.compared.tell(comparison);
    }
    this.#comparing = false;
  }

  #tell(kind: Told, text: string): void {
    this.#telling = kind;
    this.told.tell({ text, kind });
  }

  /** What was told of this kind is over; what was told since stays. */
  #over(kind: Told | null): void {
    if (this.#telling !== kind) return;
    this.#telling = null;
    this.told.tell(null);
  }

  #moved(): void {
    if (!this.player.playing && this.sounding) {
      this.sounding = null;
      this.microphone.deaf(false);
    }
    this.played.tell();
  }

  /** @returns whether it went well; else why not is told */
  async #trying(body: () => Promise<unknown>): Promise<boolean> {
    try {
      await body();
      return true;
    } catch (error) {
      this.#tell('fault', (error as Error).message);
      return false;
    }
  }
}

async function bytesOf(name: string): Promise<ArrayBuffer> {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name}: the server says ${answer.status}; load the page again`);
  return answer.arrayBuffer();
}

// The Teach tab's requests, and the learning between them: a slice at a time, in turn with everything else that uses the
// engine, so that recording and playing go on meanwhile.

import type { Engine } from '../../src/engine/engine.ts';
import { DataError } from '../../src/engine/errors.ts';
import { encodeModel, type ModelFile } from '../../src/model/checkpoint.ts';
import { exampleShape } from '../../src/model/inputs.ts';
import { decodeReplay } from '../../src/model/replay.ts';
import type { Event } from '../protocol.ts';
import type { TakeInfo, TeachRequests, TeachState } from '../teach/protocol.ts';
import type { Device } from './device.ts';
import { Teacher } from './teacher.ts';
import { type HeardTake, hear, usualLevel } from './teachHear.ts';
import { type StoredTake, TeachStore } from './teachStore.ts';

type Handlers = {
  [K in keyof TeachRequests]: (body: TeachRequests[K]['in']) => Promise<TeachRequests[K]['out']>;
};

/** Milliseconds between two writings of the weights. */
const keepEvery = 5000;

export class Teaching {
  readonly #device: Device;
  readonly #playing: () => { file: ModelFile; name: string } | null;
  readonly #send: (event: Event) => void;
  #teacher: Teacher | null = null;
  /** SHA-256 of the model that is taught. */
  #of = '';
  /** Mean level of a take, null: as it comes. */
  #level: number | null = null;
  #store: TeachStore | null = null;
  #storeAsked = false;
  #lastId = 0;
  #ids = new Set<number>();
  #deleted: { id: number; heard: HeardTake; label: number | null } | null = null;
  #working = false;
  #keptAt = 0;

  /** @param playing the model that plays, which is the one that is taught */
  constructor(
    device: Device,
    playing: () => { file: ModelFile; name: string } | null,
    send: (event: Event) => void,
  ) {
    this.#device = device;
    this.#playing = playing;
    this.#send = send;
  }

  /** Goes on with another device. */
  move(engine: Engine): void {
    this.#teacher?.move(engine);
  }

  readonly handlers: Handlers = {
    teachOpen: ({ replay }) => this.#open(replay),
    teachAdd: ({ wave, rate, label }) =>
      this.#changing(async (teacher, engine) => {
        const heard = await hear(engine, wave, rate, teacher.features, this.#level);
        return this.#add(teacher, this.#lastId + 1, heard, label);
      }),
    teachRelabel: ({ id, label }) =>
      this.#changing(async (teacher) => {
        await teacher.relabel(id, label);
        await this.#keepTake(teacher, id);
        return null;
      }),
    teachDelete: ({ id }) =>
      this.#changing(async (teacher) => {
        const { label, ...heard } = await teacher.delete(id);
        this.#deleted = { id, heard, label };
        this.#ids.delete(id);
        await this.#kept((store) => store.remove(id));
        return null;
      }),
    teachBringBack: () =>
      this.#changing(async (teacher) => {
        if (!this.#deleted) return null;
        const { id, heard, label } = this.#deleted;
        this.#deleted = null;
        return this.#add(teacher, id, heard, label);
      }),
    teachLearn: ({ on }) =>
      this.#changing(async (teacher) => {
        teacher.learning = on;
        if (!on) await this.#keepWeights(teacher);
        return null;
      }),
    teachForget: () =>
      this.#changing(async (teacher) => {
        await teacher.forget();
        await this.#kept((store) => store.keep(null));
        return null;
      }),
    teachCompare: ({ id }) => this.#withTeacher((teacher) => teacher.compare(id)),
    teachSpeak: ({ id, version }) => this.#withTeacher((teacher) => teacher.speak(id, version)),
    teachFile: () => this.#withTeacher((teacher) => teacher.file()),
  };

  #withTeacher<T>(body: (teacher: Teacher, engine: Engine) => Promise<T>): Promise<T> {
    return this.#device.withEngine((engine) => {
      if (!this.#teacher) throw new DataError('teach: no model is taught; open the tab first');
      return body(this.#teacher, engine);
    });
  }

  /** Something that changes what is learnt: told, and learnt from. */
  async #changing<T>(body: (teacher: Teacher, engine: Engine) => Promise<T>): Promise<T> {
    const result = await this.#withTeacher(body);
    this.#tell();
    this.#work();
    return result;
  }

  async #open(replay: ArrayBuffer | null): Promise<TeachState> {
    const playing = this.#playing();
    if (!playing) throw new DataError('teach: no model is loaded; open one first');
    if (this.#teacher?.given !== playing.file)
      await this.#device.withEngine((engine) => this.#begin(engine, playing, replay));
    const teacher = this.#teacher as unknown as Teacher;
    this.#work();
    const { labels, lesson, features } = teacher;
    const takes = [...this.#ids].sort((a, b) => a - b).map((id) => teacher.info(id));
    return { labels, dynamicRange: features.dynamicRange, takes, lesson };
  }

  /** A teaching of another model, with the takes that are kept. */
  async #begin(
    engine: Engine,
    { file, name }: { file: ModelFile; name: string },
    replay: ArrayBuffer | null,
  ): Promise<void> {
    const like = { shape: exampleShape(file.features), labels: file.labels };
    const old = replay && decodeReplay(new Uint8Array(replay), like, 'replay');
    const teacher = new Teacher(engine, file, name, old);
    this.#level = old && usualLevel(old, like.shape, teacher.features);
    this.#of = await digest(encodeModel({ ...file, map: undefined }));
    const takes = await this.#stored();
    this.#ids = new Set();
    this.#deleted = null;
    const { labels } = teacher;
    const fitting = takes.filter(({ label }) => labels.length === 0 || labels.includes(label ?? ''));
    for (const { id, wave, rate, label, fault } of fitting) {
      const heard = await hear(engine, wave, rate, teacher.features, this.#level);
      await teacher.add(id, { ...heard, fault }, labels.length > 0 ? labels.indexOf(label ?? '') : null);
      this.#ids.add(id);
    }
    this.#lastId = takes.reduce((most, { id }) => Math.max(most, id), 0);
    const weights = await this.#read((store) => store.weights());
    const known = weights?.of === this.#of;
    if (known) await teacher.resume(weights, weights.takes !== this.#key());
    // What was undone, or belongs to another model, is not learnt again unasked.
    teacher.learning = known || takes.length === 0;
    this.#teacher?.dispose();
    this.#teacher = teacher;
    const missing = takes.length - fitting.length;
    if (missing > 0)
      this.#fault(
        `${missing} takes have labels that this model does not know; they are kept for the one that does.`,
      );
  }

  async #add(teacher: Teacher, id: number, heard: HeardTake, label: number | null): Promise<TakeInfo> {
    await teacher.add(id, heard, label);
    this.#lastId = Math.max(this.#lastId, id);
    this.#ids.add(id);
    await this.#keepTake(teacher, id);
    return teacher.info(id);
  }

  /** Learns until there is nothing more to learn. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#teacher?.wants)
        await this.#device.inTurn(() => this.#withTeacher((teacher) => this.#slice(teacher)));
    } catch (error) {
      if (this.#teacher) this.#teacher.learning = false;
      this.#fault(`Learning stopped: ${(error as Error).message}`);
    }
    this.#working = false;
    this.#tell();
  }

  async #slice(teacher: Teacher): Promise<void> {
    if (!teacher.wants) return;
    const better = await teacher.slice();
    this.#tell();
    const late = performance.now() - this.#keptAt >= keepEvery;
    if (!teacher.wants || (better && late)) await this.#keepWeights(teacher);
  }

  async #keepWeights(teacher: Teacher): Promise<void> {
    if (!teacher.learnt) return;
    this.#keptAt = performance.now();
    const weights = { ...teacher.learnt, of: this.#of, takes: this.#key() };
    await this.#kept((store) => store.keep(weights));
  }

  #tell(): void {
    if (this.#teacher) this.#send({ event: 'lesson', lesson: this.#teacher.lesson });
  }

  #fault(message: string): void {
    this.#send({ event: 'teachFault', message });
  }

  #key(): string {
    return [...this.#ids].join();
  }

  #keepTake(teacher: Teacher, id: number): Promise<void> {
    const { wave, label, fault } = teacher.take(id);
    const take: StoredTake = {
      ...{ id, wave, fault, rate: teacher.features.sampleRate },
      label: label === null ? null : teacher.labels[label],
    };
    return this.#kept((store) => store.put(take));
  }

  async #stored(): Promise<StoredTake[]> {
    return (await this.#read((store) => store.takes())) ?? [];
  }

  async #read<T>(body: (store: TeachStore) => Promise<T>): Promise<T | null> {
    let result: T | null = null;
    await this.#kept(async (store) => {
      result = await body(store);
    });
    return result;
  }

  /** What cannot be kept is told; it is still in memory. */
  async #kept(body: (store: TeachStore) => Promise<void>): Promise<void> {
    try {
      if (!this.#storeAsked) {
        this.#storeAsked = true;
        this.#store = await TeachStore.open();
      }
      if (this.#store) await body(this.#store);
    } catch (error) {
      const full = (error as Error).name === 'QuotaExceededError';
      const why = full
        ? 'The browser has no room left for takes'
        : `The browser keeps no takes (${(error as Error).message})`;
      this.#fault(`${why}: they last until this page is closed. Download the model before.`);
    }
  }
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

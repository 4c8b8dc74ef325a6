// The engine as the worker has it: opened at first use, one user at a time, and replaced when its device is lost. Whoever
// keeps things on it builds them again when told, and the work that met the loss is repeated.

import { Engine } from '../../src/engine/engine.ts';
import type { AdapterInfo, Event } from '../protocol.ts';

export class Device {
  /** Called with the engine that takes the place of a lost one, before anything else uses it. */
  readonly onReplaced: ((engine: Engine) => void | Promise<void>)[] = [];
  readonly #tell: (event: Event) => void;
  /** Replacements of lost engines: one for each, however many met the loss. */
  readonly #replaced = new WeakMap<Engine, Promise<Engine>>();
  #engine: Promise<Engine> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(tell: (event: Event) => void) {
    this.#tell = tell;
  }

  /** Runs a body when all before it are done, whether well or not. */
  inTurn<T>(body: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(body);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** For who has the turn: runs a body with the engine; again, on another device, where it was lost meanwhile. */
  async withEngine<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = await this.#current();
    try {
      return await body(engine);
    } catch (error) {
      if (!(await engine.wasLost())) throw error;
      return body(await this.#replace(engine));
    }
  }

  /** `withEngine` in turn. */
  run<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
    return this.inTurn(() => this.withEngine(body));
  }

  async #current(): Promise<Engine> {
    this.#engine ??= this.#open();
    try {
      return await this.#engine;
    } catch (error) {
      // An adapter that cannot be had now may be had later.
      this.#engine = null;
      throw error;
    }
  }

  async #open(): Promise<Engine> {
    const engine = await Engine.open();
    engine.onLost = (reason) => {
      this.#tell({ event: 'lost', reason });
      this.#replace(engine).catch(() => undefined);
    };
    return engine;
  }

  #replace(lost: Engine): Promise<Engine> {
    const known = this.#replaced.get(lost);
    if (known) return known;
    const next = (async () => {
      lost.close();
      const engine = await this.#open();
      for (const replaced of this.onReplaced) await replaced(engine);
      this.#tell({ event: 'recovered', adapter: adapterOf(engine) });
      return engine;
    })();
    this.#replaced.set(lost, next);
    this.#engine = next;
    return next;
  }
}

export const adapterOf = ({ adapter: { name, software } }: Engine): AdapterInfo => ({ name, software });

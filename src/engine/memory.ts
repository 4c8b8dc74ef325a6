// Where the buffers of tensors come from and when they go back. Inside a scope what is made returns to the pool at its
// end unless it is in the result; outside any it lives until it is released. While a capture records, a pool of its own
// and its own scopes stand in for the engine's, and the feeds it meets are collected.

import type { Feed } from './capture.ts';
import { Pool } from './pool.ts';
import { checkSynchronous, Storage, Tensor } from './tensor.ts';

export class Memory {
  /** Of the capture being recorded, null outside any. */
  feeds: Feed[] | null = null;
  readonly #root: Pool;
  #pool: Pool;
  #scopes: Set<Storage>[] = [];

  constructor(device: GPUDevice) {
    this.#root = new Pool(device);
    this.#pool = this.#root;
  }

  get bytes(): number {
    return this.#root.bytes;
  }

  /** In the current scope. `fresh`: no buffer that the capture being recorded has handed out before. */
  allocate(bytes: number, fresh: boolean): Storage {
    const storage = new Storage(this.#pool.acquire(bytes, fresh));
    this.#scopes.at(-1)?.add(storage);
    return storage;
  }

  /** Outside all scopes and captures. */
  persistent(bytes: number): Storage {
    return new Storage(this.#root.acquire(bytes, true));
  }

  /** See `Engine.scope`. */
  scope<T>(body: () => T, release: (storage: Storage) => void): T {
    const inside = new Set<Storage>();
    this.#scopes.push(inside);
    try {
      const result = body();
      checkSynchronous('scope', result);
      const outer = this.#scopes.at(-2);
      for (const storage of storagesIn(result)) if (inside.delete(storage)) outer?.add(storage);
      return result;
    } finally {
      this.#scopes.pop();
      for (const storage of inside) release(storage);
    }
  }

  /** No scope gives it back any more. */
  forget(storage: Storage): void {
    for (const scope of this.#scopes) scope.delete(storage);
  }

  enterCapture(): { pool: Pool; feeds: Feed[]; leave: () => void } {
    const scopes = this.#scopes;
    const pool = this.#root.fork();
    const feeds: Feed[] = [];
    this.#scopes = [];
    this.#pool = pool;
    this.feeds = feeds;
    const leave = () => {
      this.#scopes = scopes;
      this.#pool = this.#root;
      this.feeds = null;
    };
    return { pool, feeds, leave };
  }

  close(): void {
    this.#root.close();
  }
}

function* storagesIn(value: unknown): Generator<Storage> {
  if (value instanceof Tensor) yield value.storage;
  else if (Array.isArray(value)) for (const v of value) yield* storagesIn(v);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    for (const v of Object.values(value)) yield* storagesIn(v);
}

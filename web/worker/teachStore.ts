// What of a teaching outlives the page: takes and learnt weights, in the browser's own database (IndexedDB) on this
// machine. One tab at a time writes it; the page sees to that by a lock.

import type { HostArray } from '../../src/engine/tensor.ts';

export interface StoredTake {
  id: number;
  label: string | null;
  wave: Float32Array;
  rate: number;
  fault: string | null;
}

export interface StoredWeights {
  /** SHA-256 of the model that they began as. */
  of: string;
  /** Takes that were there. */
  takes: string;
  params: Record<string, HostArray>;
  step: number;
  /** Error on the old voices before and now. */
  old: { before: number; now: number } | null;
}

const name = 'formant-teach';
const stores = ['takes', 'weights'] as const;

export class TeachStore {
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.#db = db;
  }

  /** @throws DOMException where the browser keeps nothing. */
  static async open(): Promise<TeachStore> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore('takes', { keyPath: 'id' });
      opening.result.createObjectStore('weights');
    };
    return new TeachStore(await answer(opening));
  }

  takes(): Promise<StoredTake[]> {
    return answer(this.#db.transaction('takes').objectStore('takes').getAll());
  }

  weights(): Promise<StoredWeights | undefined> {
    return answer(this.#db.transaction('weights').objectStore('weights').get('last'));
  }

  put(take: StoredTake): Promise<void> {
    return this.#write((takes) => takes.put(take));
  }

  remove(id: number): Promise<void> {
    return this.#write((takes) => takes.delete(id));
  }

  /** @param weights null: those kept are let go */
  keep(weights: StoredWeights | null): Promise<void> {
    return this.#write((_, kept) => (weights ? kept.put(weights, 'last') : kept.delete('last')));
  }

  /** Done when it is on the disk. @throws DOMException, QuotaExceededError where there is no room. */
  #write(body: (takes: IDBObjectStore, weights: IDBObjectStore) => unknown): Promise<void> {
    const transaction = this.#db.transaction(stores, 'readwrite');
    return new Promise((done, fail) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => fail(transaction.error ?? new Error('the browser ended it'));
      body(transaction.objectStore('takes'), transaction.objectStore('weights'));
    });
  }
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

// What the browser keeps between visits: values by key in one IndexedDB store. Each `put` happens as a whole or not at all.
// And who may write: a lock that one tab has.

import { DataError } from '../../src/engine/errors.ts';

const [database, objects] = ['formant', 'kept'];

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

let opened: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  opened ??= (() => {
    const request = indexedDB.open(database, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(objects);
    return settled(request);
  })();
  opened.catch(() => {
    opened = null;
  });
  return opened;
}

/** The value under a key, undefined where there is none. */
export async function kept<T>(key: string): Promise<T | undefined> {
  return settled((await open()).transaction(objects).objectStore(objects).get(key));
}

/**
 * Keeps values under their keys; null removes one.
 * @throws DataError in one sentence where the browser has no room or keeps nothing.
 */
export async function keep(values: Record<string, unknown>): Promise<void> {
  try {
    const transaction = (await open()).transaction(objects, 'readwrite', { durability: 'strict' });
    const store = transaction.objectStore(objects);
    for (const [key, value] of Object.entries(values)) {
      if (value === null) store.delete(key);
      else store.put(value, key);
    }
    await new Promise<void>((done, fail) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => fail(transaction.error);
      transaction.onerror = () => fail(transaction.error);
    });
  } catch (error) {
    const { name, message } = (error ?? {}) as DOMException;
    throw new DataError(
      name === 'QuotaExceededError'
        ? 'the browser has no room to keep more; free some space on the disk or clear the data of other sites'
        : `the browser keeps nothing here (${message ?? error}); a private window does not`,
    );
  }
}

/** Takes a lock for as long as this tab lives, or until it is given back. @returns what gives it back, or null if another tab has it */
export function lock(name: string): Promise<(() => void) | null> {
  return new Promise((done, fail) => {
    navigator.locks
      .request(name, { ifAvailable: true }, (granted) => {
        if (!granted) return done(null);
        return new Promise<void>((release) => done(release));
      })
      .catch(fail);
  });
}

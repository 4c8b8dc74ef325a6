// The page's side of the protocol: a promise for each request, listeners for the worker's events.

import type { Answer, Event, Kind, Requests } from './protocol.ts';

type EventOf<K extends Event['event']> = Extract<Event, { event: K }>;

/** An error that the worker reports: its message is one sentence for people, `kind` the class it had there. */
export class WorkerError extends Error {
  readonly kind: string;

  constructor({ name, message }: { name: string; message: string }) {
    super(message);
    this.kind = name;
  }
}

export class Client {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { done: (value: never) => void; fail: (error: Error) => void }>();
  readonly #listeners = new Map<string, ((event: never) => void)[]>();
  #next = 1;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<Answer | Event>) => {
      if ('event' in data) {
        for (const listener of this.#listeners.get(data.event) ?? []) listener(data as never);
        return;
      }
      const { done, fail } = this.#waiting.get(data.id) ?? {};
      this.#waiting.delete(data.id);
      if ('error' in data) fail?.(new WorkerError(data.error));
      else done?.(data.result as never);
    });
    worker.addEventListener('error', (event) => {
      const error = new WorkerError({ name: 'Error', message: event.message || 'the worker did not start' });
      for (const { fail } of this.#waiting.values()) fail(error);
      this.#waiting.clear();
    });
  }

  /** @throws WorkerError with the reason. */
  ask<K extends Kind>(
    kind: K,
    body: Requests[K]['in'],
    transfer: Transferable[] = [],
  ): Promise<Requests[K]['out']> {
    const id = this.#next++;
    return new Promise((done, fail) => {
      this.#waiting.set(id, { done, fail });
      this.#worker.postMessage({ id, kind, body }, transfer);
    });
  }

  on<K extends Event['event']>(event: K, listener: (event: EventOf<K>) => void): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }
}

/**
 * One request at a time, and of those that come meanwhile the latest alone: for what follows a pointer.
 * @returns what asks; its promise gives null where a later one took its place
 */
export function latest<In, Out>(ask: (body: In) => Promise<Out>): (body: In) => Promise<Out | null> {
  let busy = false;
  let next: { body: In; done: (value: Out | null) => void; fail: (error: unknown) => void } | null = null;
  const run = async () => {
    busy = true;
    while (next) {
      const { body, done, fail }: NonNullable<typeof next> = next;
      next = null;
      await ask(body).then(done, fail);
    }
    busy = false;
  };
  return (body) =>
    new Promise((done, fail) => {
      next?.done(null);
      next = { body, done, fail };
      if (!busy) run();
    });
}

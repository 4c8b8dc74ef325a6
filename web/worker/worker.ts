// The studio's worker: it owns the engine and everything on it, so that the page only draws. Requests that use the engine
// go one after the other. A lost device is opened again, what was on it is built again from the files kept here, and the
// request that met the loss is repeated.

import { encodeWav } from '../../src/audio/wav.ts';
import { Engine } from '../../src/engine/engine.ts';
import { DeviceError } from '../../src/engine/errors.ts';
import { priorNoise } from '../../src/model/sampling.ts';
import type { AdapterInfo, Event, Kind, Request, Requests } from '../protocol.ts';
import type { TeachRequests } from '../teach/protocol.ts';
import type { Teaching } from './teach.ts';
import { Voice } from './voice.ts';

const scope = globalThis as unknown as {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: (event: MessageEvent<Request>) => void;
};
const tell = (event: Event) => scope.postMessage(event);

let engine: Promise<Engine> | null = null;
let voice: Voice | null = null;

async function openEngine(): Promise<Engine> {
  const opened = await Engine.open();
  opened.onLost = (reason) => {
    tell({ event: 'lost', reason });
    recover(opened);
  };
  return opened;
}

/** Replaces an engine whose device is gone; once for each, however many requests met the loss. */
const recovering = new WeakMap<Engine, Promise<Engine>>();
function recover(lost: Engine): Promise<Engine> {
  const known = recovering.get(lost);
  if (known) return known;
  const again = (async () => {
    lost.close();
    const opened = await openEngine();
    voice = voice?.on(opened) ?? null;
    (await teaching)?.move(opened);
    tell({ event: 'recovered', adapter: adapterOf(opened) });
    return opened;
  })();
  recovering.set(lost, again);
  engine = again;
  // An adapter that cannot be had now may be had at the next request.
  again.catch(() => {
    engine = null;
  });
  return again;
}

function adapterOf({ adapter: { name, software } }: Engine): AdapterInfo {
  return { name, software };
}

async function current(): Promise<Engine> {
  engine ??= openEngine();
  try {
    return await engine;
  } catch (error) {
    engine = null;
    throw error;
  }
}

/** Runs a body with the engine; again, on another device, where it was lost meanwhile. */
async function withEngine<T>(body: (engine: Engine) => Promise<T>): Promise<T> {
  const now = await current();
  try {
    return await body(now);
  } catch (error) {
    if (!(await now.wasLost())) throw error;
    return body(await recover(now));
  }
}

/** Read with the first request of the Teach tab: playing needs none of it. */
let teaching: Promise<Teaching> | null = null;
function teach(): Promise<Teaching> {
  const lent = { playing: () => voice, withEngine, inTurn, tell };
  teaching ??= import('./teach.ts').then(({ Teaching }) => new Teaching(lent));
  return teaching;
}

/** What each request does. */
const handlers: {
  [K in Exclude<Kind, keyof TeachRequests>]: (body: Requests[K]['in']) => Promise<Requests[K]['out']>;
} = {
  open: async () => adapterOf(await current()),
  load: ({ bytes, name }) =>
    withEngine(async (now) => {
      const read = Voice.read(now, new Uint8Array(bytes), name);
      const summary = await read.summary();
      voice?.dispose();
      voice = read;
      return summary;
    }),
  sound: (point) =>
    withEngine(async () => {
      if (!voice) throw new DeviceError('sound: no model is loaded; open one first');
      return voice.sound(point);
    }),
  sample: async ({ seed, label, index, temperature }) => {
    const latent = voice?.file.config.latent ?? 0;
    return Array.from(priorNoise(seed, label, index, latent), (v) => v * temperature);
  },
  wav: async ({ wave, sampleRate }) => encodeWav(wave, sampleRate) as Uint8Array<ArrayBuffer>,
};

/** The arrays of an answer that move to the page instead of being copied. */
function buffersOf(result: unknown): Transferable[] {
  if (ArrayBuffer.isView(result)) return [result.buffer as ArrayBuffer];
  if (result === null || typeof result !== 'object') return [];
  const views = Object.values(result).filter((value) => ArrayBuffer.isView(value));
  // Two views of one buffer, as the engine reads them, would move it twice.
  return [...new Set(views.map((view) => view.buffer as ArrayBuffer))];
}

let turn: Promise<unknown> = Promise.resolve();

/** Runs a body when all before it are done, whether well or not. */
function inTurn<T>(body: () => Promise<T>): Promise<T> {
  const done = turn.then(body);
  turn = done.catch(() => undefined);
  return done;
}

async function answer(kind: Kind, body: unknown): Promise<Requests[Kind]['out']> {
  const all = kind in handlers ? handlers : (await teach()).handlers;
  return (all as Record<Kind, (body: unknown) => Promise<Requests[Kind]['out']>>)[kind](body);
}

scope.onmessage = ({ data: { id, kind, body } }) => {
  inTurn(() => answer(kind, body)).then(
    (result) => scope.postMessage({ id, result }, buffersOf(result)),
    ({ name, message }: Error) => scope.postMessage({ id, error: { name, message } }),
  );
};

// The studio's worker: it owns the engine and everything on it, so that the page only draws. Requests that use the engine
// go one after the other. A lost device is opened again (device.ts), what was on it is built again from the files kept here,
// and the request that met the loss is repeated. Training and teaching are read with the first request of their tabs: who
// plays needs none of them.

import { encodeWav } from '../../src/audio/wav.ts';
import { DeviceError } from '../../src/engine/errors.ts';
import type { Event, Kind, Request, Requests } from '../protocol.ts';
import type { TeachRequests } from '../teach/protocol.ts';
import { adapterOf, Device } from './device.ts';
import type { Teaching } from './teach.ts';
import type { Training } from './training.ts';
import { Voice } from './voice.ts';

const scope = globalThis as unknown as {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  onmessage: (event: MessageEvent<Request>) => void;
};
const tell = (event: Event) => scope.postMessage(event);
const device = new Device(tell);

let voice: Voice | null = null;
let trains: Promise<Training> | null = null;
let teaches: Promise<Teaching> | null = null;
device.onReplaced.push(async (engine) => {
  voice = voice?.on(engine) ?? null;
  (await teaches)?.move(engine);
});

function training(): Promise<Training> {
  trains ??= import('./training.ts').then((code) => new code.Training(device, tell));
  return trains;
}

function teaching(): Promise<Teaching> {
  teaches ??= import('./teach.ts').then((code) => new code.Teaching(device, () => voice, tell));
  return teaches;
}

/** What each request does. */
const handlers: {
  [K in Exclude<Kind, keyof TeachRequests>]: (body: Requests[K]['in']) => Promise<Requests[K]['out']>;
} = {
  open: () => device.run(async (engine) => adapterOf(engine)),
  load: ({ bytes, name }) =>
    device.run(async (engine) => {
      const read = Voice.read(engine, new Uint8Array(bytes), name);
      const summary = await read.summary();
      voice?.dispose();
      voice = read;
      return summary;
    }),
  sound: (point) =>
    device.run(async () => {
      if (!voice) throw new DeviceError('sound: no model is loaded; open one first');
      return voice.sound(point);
    }),
  sample: async ({ index, ...options }) => voice?.draw(options, index) ?? [],
  wav: async ({ wave, sampleRate }) => encodeWav(wave, sampleRate) as Uint8Array<ArrayBuffer>,
  trainFind: async () => (await training()).find(),
  trainRead: async ({ name, files }) => (await training()).read(name, files),
  trainStart: async (settings) => (await training()).start(settings),
  trainPause: async () => (await training()).pause(),
  trainResume: async () => (await training()).resume(),
  trainDiscard: async () => (await training()).discard(),
  trainModel: async () => (await training()).model(),
  trainSound: async ({ index }) => (await training()).sound(index),
};

type Handler = (body: unknown) => Promise<Requests[Kind]['out']>;

function answer(kind: Kind, body: unknown): Promise<Requests[Kind]['out']> {
  if (kind in handlers) return (handlers as Record<string, Handler>)[kind](body);
  const taught = async () => ((await teaching()).handlers as unknown as Record<string, Handler>)[kind](body);
  return device.inTurn(taught);
}

/** The arrays of an answer that move to the page instead of being copied. */
function buffersOf(result: unknown): Transferable[] {
  if (ArrayBuffer.isView(result)) return [result.buffer as ArrayBuffer];
  if (result === null || typeof result !== 'object') return [];
  const views = Object.values(result).filter((value) => ArrayBuffer.isView(value));
  // Two views of one buffer, as the engine reads them, would move it twice.
  return [...new Set(views.map((view) => view.buffer as ArrayBuffer))];
}

scope.onmessage = ({ data: { id, kind, body } }) => {
  answer(kind, body).then(
    (result) => scope.postMessage({ id, result }, buffersOf(result)),
    ({ name, message }: Error) => scope.postMessage({ id, error: { name, message } }),
  );
};

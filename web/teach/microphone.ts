// The microphone: asked for when it is opened and given back when it is closed, unprocessed, cut into utterances on the
// audio thread. Whatever ends it is told in a sentence.

import { Signal } from '../signal.ts';
import type { RecorderMessage, RecorderOrder } from './recorder.worklet.ts';

/** Seconds without a sound from the audio thread after which something is wrong: the machine slept, or the driver did. */
const patience = 3;
/** Seconds below this peak, -60 dBFS, after which a microphone is called silent. */
const silence = { seconds: 5, peak: 1e-3 };

export class Microphone {
  /** Peak and rms, 20 times a second. */
  readonly level = new Signal<{ peak: number; rms: number }>();
  readonly begun = new Signal();
  readonly dropped = new Signal();
  readonly utterance = new Signal<{ wave: Float32Array; rate: number }>();
  /** Something to know, while it goes on; null: all is well again. */
  readonly warned = new Signal<string | null>();
  /** It is closed: why, or null where the person closed it. */
  readonly closed = new Signal<string | null>();
  #open: { context: AudioContext; node: AudioWorkletNode; track: MediaStreamTrack } | null = null;
  #opening = false;
  #heardAt = 0;
  #loudAt = 0;
  #silent = false;
  #watch = 0;

  get on(): boolean {
    return this.#open !== null;
  }

  /** Asks for the microphone; call it while a click or key is handled. @throws Error with a sentence for the person. */
  async open(): Promise<void> {
    if (this.#open || this.#opening) return;
    this.#opening = true;
    try {
      await this.#begin();
    } finally {
      this.#opening = false;
    }
  }

  /** Gives back the microphone; an utterance under way is told first. */
  async close(why: string | null = null): Promise<void> {
    const open = this.#open;
    if (!open) return;
    this.#open = null;
    clearInterval(this.#watch);
    const { context, node, track } = open;
    await new Promise<void>((done) => {
      this.#ended = done;
      this.#order(node, { end: true });
      // A context that no longer runs answers nothing.
      setTimeout(done, 300);
    });
    track.onended = null;
    track.stop();
    node.disconnect();
    await context.close().catch(() => undefined);
    this.closed.tell(why);
  }

  /** Hears nothing while the page itself makes a sound. */
  deaf(deaf: boolean): void {
    if (this.#open) this.#order(this.#open.node, { deaf });
  }

  #ended: () => void = () => undefined;

  async #begin(): Promise<void> {
    const stream = await ask();
    const [track] = stream.getAudioTracks();
    const context = new AudioContext({ latencyHint: 'interactive' });
    try {
      await context.audioWorklet.addModule(new URL('recorder.worklet.js', import.meta.url).href);
      await context.resume();
      const node = new AudioWorkletNode(context, 'recorder', {
        numberOfOutputs: 0,
        channelCount: 1,
        channelCountMode: 'explicit',
      });
      node.port.onmessage = ({ data }: MessageEvent<RecorderMessage>) => this.#hear(data, context.sampleRate);
      context.createMediaStreamSource(stream).connect(node);
      track.onended = () =>
        this.close(
          'The microphone is gone: was it unplugged? Your takes are kept; plug it in and press Record.',
        );
      this.#open = { context, node, track };
    } catch (error) {
      track.stop();
      await context.close().catch(() => undefined);
      throw new Error(
        `The microphone's sound cannot be read (${(error as Error).message}); choose another input in the system's settings.`,
      );
    }
    const now = performance.now();
    this.#heardAt = now;
    this.#loudAt = now;
    this.#silent = false;
    this.#watch = setInterval(() => this.#look(), 500) as unknown as number;
  }

  #order(node: AudioWorkletNode, order: RecorderOrder): void {
    node.port.postMessage(order);
  }

  #hear(message: RecorderMessage, rate: number): void {
    this.#heardAt = performance.now();
    if ('level' in message) {
      if (message.level.peak > silence.peak) this.#loudAt = this.#heardAt;
      this.level.tell(message.level);
    } else if ('begun' in message) this.begun.tell();
    else if ('dropped' in message) this.dropped.tell();
    else if ('utterance' in message) this.utterance.tell({ wave: message.utterance, rate });
    else this.#ended();
  }

  #look(): void {
    const now = performance.now();
    const mute = (now - this.#loudAt) / 1000 > silence.seconds;
    if ((now - this.#heardAt) / 1000 > patience)
      this.close(
        'The microphone’s sound stopped coming, perhaps because the machine slept. Your takes are kept; press Record to go on.',
      );
    else if (mute !== this.#silent) {
      this.#silent = mute;
      this.warned.tell(mute ? 'Nothing is heard: is the microphone muted, or another one chosen?' : null);
    }
  }
}

async function ask(): Promise<MediaStream> {
  if (!navigator.mediaDevices)
    throw new Error('This page may not ask for a microphone: open it by https, or on localhost.');
  const plain = { autoGainControl: false, echoCancellation: false, noiseSuppression: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { ...plain, channelCount: 1 } });
  } catch (error) {
    throw new Error(
      refusals[(error as Error).name] ??
        `The microphone cannot be opened (${(error as Error).message}); choose another input in the system's settings.`,
    );
  }
}

const refusals: Record<string, string> = {
  NotAllowedError:
    'The microphone is not allowed here. Allow it by the icon beside the page’s address, then press Record again.',
  NotFoundError: 'There is no microphone. Plug one in, then press Record again.',
  NotReadableError: 'The microphone is in use by another program. Close that, then press Record again.',
};

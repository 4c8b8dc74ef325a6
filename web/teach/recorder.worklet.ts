// The recorder, on the audio thread: hands over how loud it is a few times a second, and each utterance as the microphone
// gave it. Deaf, it hears nothing: while the page itself plays. Told to end, it gives what is under way.

import { type Heard, Utterances } from './utterances.ts';

export interface LevelMessage {
  /** Of the time since the last such message; 1 is full scale. */
  level: { peak: number; rms: number };
}

export type RecorderMessage =
  | LevelMessage
  | { begun: true }
  | { dropped: true }
  | { utterance: Float32Array }
  | { ended: true };
export type RecorderOrder = { deaf: boolean } | { end: true };

/** Seconds between two levels. */
const every = 0.05;

class Recorder extends AudioWorkletProcessor {
  readonly #utterances = new Utterances(sampleRate);
  #deaf = false;
  #ended = false;
  #peak = 0;
  #squares = 0;
  #count = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<RecorderOrder>) => {
      if ('deaf' in data) this.#deaf = data.deaf;
      else this.#end();
    };
  }

  process([channels]: Float32Array[][]): boolean {
    if (this.#ended) return false;
    const [samples] = channels ?? [];
    if (!samples) return true;
    this.#measure(samples);
    for (const heard of this.#utterances.push(this.#deaf ? new Float32Array(samples.length) : samples))
      this.#tell(heard);
    return true;
  }

  #measure(samples: Float32Array): void {
    for (const v of samples) {
      this.#peak = Math.max(this.#peak, Math.abs(v));
      this.#squares += v * v;
    }
    this.#count += samples.length;
    if (this.#count < every * sampleRate) return;
    this.#send({ level: { peak: this.#peak, rms: Math.sqrt(this.#squares / this.#count) } });
    this.#peak = 0;
    this.#squares = 0;
    this.#count = 0;
  }

  #tell(heard: Heard): void {
    if (heard === 'begun') this.#send({ begun: true });
    else if (heard === 'dropped') this.#send({ dropped: true });
    else this.port.postMessage({ utterance: heard } satisfies RecorderMessage, [heard.buffer as ArrayBuffer]);
  }

  #end(): void {
    const rest = this.#utterances.end();
    if (rest) this.#tell(rest);
    this.#ended = true;
    this.#send({ ended: true });
  }

  #send(message: RecorderMessage): void {
    this.port.postMessage(message);
  }
}

registerProcessor('recorder', Recorder);

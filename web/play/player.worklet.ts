// The player, on the audio thread: voices that begin, change and end without a click. A voice reads its samples at its own
// rate; its gain goes to where it should be by a straight line, so a new sound fades in while the one before fades out, and
// the samples' end is faded too. Messages: play (a new sound), swap (other samples at the place where the sound
// is), stop. Tells where the newest voice is, in samples.

interface Voice {
  samples: Float32Array;
  position: number;
  /** Samples a frame of the output. */
  step: number;
  gain: number;
  goal: number;
  /** At its end it begins anew. */
  loop: boolean;
  /** Has begun anew at least once. */
  looped: boolean;
}

export type PlayerMessage =
  | { play: Float32Array; rate: number; loop: boolean }
  | { swap: Float32Array; rate: number; loop: boolean }
  | { loop: boolean }
  | { stop: true };

/** Seconds of a fade in or out; both are lines of one length, so that a sound and the one after it never add up to more than one. */
const ramp = 0.008;
/** Seconds at a sound's end over which it fades. */
const tail = 0.006;
/** Seconds between two reports. */
const reportEvery = 0.03;

class Player extends AudioWorkletProcessor {
  #voices: Voice[] = [];
  #reported = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<PlayerMessage>) => this.#obey(data);
  }

  process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [out] = outputs[0];
    for (const voice of this.#voices) play(voice, out);
    this.#voices = this.#voices.filter((voice) => voice.gain > 0 || voice.goal > 0);
    if (currentTime - this.#reported >= reportEvery) this.#report();
    return true;
  }

  #obey(message: PlayerMessage): void {
    const newest = this.#newest();
    if ('stop' in message) this.#release();
    else if ('play' in message) this.#start(message.play, message.rate, message.loop, 0);
    else if ('swap' in message) {
      const still = newest !== undefined && newest.position < message.swap.length;
      if (still) this.#start(message.swap, message.rate, message.loop, newest.position);
    } else if (newest) newest.loop = message.loop;
  }

  #newest(): Voice | undefined {
    return this.#voices.findLast((voice) => voice.goal > 0);
  }

  #start(samples: Float32Array, rate: number, loop: boolean, position: number): void {
    this.#release();
    this.#voices.push({ samples, position, step: rate / sampleRate, gain: 0, goal: 1, loop, looped: false });
  }

  #release(): void {
    for (const voice of this.#voices) voice.goal = 0;
  }

  #report(): void {
    const newest = this.#newest();
    this.port.postMessage(newest ? newest.position : -1);
    this.#reported = currentTime;
  }
}

function play(voice: Voice, out: Float32Array): void {
  const { samples, step } = voice;
  const slope = 1 / (ramp * sampleRate);
  const fade = tail * sampleRate * step;
  for (let i = 0; i < out.length; i++) {
    voice.gain =
      voice.goal > voice.gain
        ? Math.min(voice.goal, voice.gain + slope)
        : Math.max(voice.goal, voice.gain - slope);
    const at = Math.floor(voice.position);
    const part = voice.position - at;
    const here = samples[at] ?? 0;
    const value = part === 0 ? here : here + part * ((samples[at + 1] ?? 0) - here);
    const begun = voice.looped ? (voice.position + step) / fade : 1;
    out[i] += voice.gain * value * Math.min(1, begun, (samples.length - voice.position) / fade);
    voice.position += step;
    if (voice.position < samples.length) continue;
    if (!voice.loop || voice.goal === 0) {
      voice.gain = 0;
      voice.goal = 0;
      return;
    }
    voice.position = 0;
    voice.looped = true;
  }
}

registerProcessor('player', Player);

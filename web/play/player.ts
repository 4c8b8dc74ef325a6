// The page's side of the player: an audio context that opens at the first sound, which browsers allow after a click or key
// alone, and where the sound is.

import type { PlayerMessage } from './player.worklet.ts';

/** Rates that every browser's audio context takes. */
const rates = { least: 8000, most: 96_000 };
/** What is quieter than this share of the peak at a sound's end is not played. */
const quiet = 10 ** (-50 / 20);
const pause = 0.12;

export class Player {
  /** Samples into the newest sound, -1 when nothing sounds. */
  position = -1;
  /** Sounds that were begun. */
  begun = 0;
  readonly #moved: () => void;
  #open: Promise<{ context: AudioContext; node: AudioWorkletNode }> | null = null;

  /** @param moved called when the position changed */
  constructor(moved: () => void) {
    this.#moved = moved;
  }

  get playing(): boolean {
    return this.position >= 0;
  }

  /** Plays a sound from its beginning. */
  play(wave: Float32Array, rate: number, loop: boolean): Promise<void> {
    return this.#send({ play: audible(wave, rate), rate, loop }, rate);
  }

  /** Puts another sound in the place of the one that sounds; nothing if none does. */
  swap(wave: Float32Array, rate: number, loop: boolean): Promise<void> {
    return this.#send({ swap: audible(wave, rate), rate, loop }, rate);
  }

  async loop(loop: boolean): Promise<void> {
    if (this.#open) (await this.#open).node.port.postMessage({ loop } satisfies PlayerMessage);
  }

  async stop(): Promise<void> {
    if (this.#open) (await this.#open).node.port.postMessage({ stop: true } satisfies PlayerMessage);
  }

  /** Opens the audio device; call it while a click or key is handled. */
  async ready(rate: number): Promise<void> {
    this.#open ??= this.#start(rate);
    try {
      const { context } = await this.#open;
      if (context.state !== 'running') await context.resume();
    } catch (error) {
      this.#open = null;
      throw error;
    }
  }

  async #send(message: PlayerMessage, rate: number): Promise<void> {
    await this.ready(rate);
    (await this.#open)?.node.port.postMessage(message);
    if ('play' in message) this.begun++;
    this.#moved();
  }

  async #start(rate: number): Promise<{ context: AudioContext; node: AudioWorkletNode }> {
    // At the model's own rate the browser resamples, and better than the player does.
    const own = rate >= rates.least && rate <= rates.most;
    const context = new AudioContext({ latencyHint: 'interactive', ...(own ? { sampleRate: rate } : {}) });
    await context.audioWorklet.addModule(new URL('player.worklet.js', import.meta.url).href);
    const node = new AudioWorkletNode(context, 'player', { numberOfInputs: 0, outputChannelCount: [1] });
    node.port.onmessage = ({ data }: MessageEvent<number>) => {
      if (data === this.position) return;
      this.position = data;
      this.#moved();
    };
    node.connect(context.destination);
    return { context, node };
  }
}

/** A sound without the silence at its end, but for a short pause. */
export function audible(wave: Float32Array, rate: number): Float32Array {
  let peak = 0;
  for (const v of wave) peak = Math.max(peak, Math.abs(v));
  let end = wave.length;
  while (end > 0 && Math.abs(wave[end - 1]) <= quiet * peak) end--;
  return wave.slice(0, Math.min(wave.length, end + Math.round(pause * rate)));
}

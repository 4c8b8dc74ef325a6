// Utterances cut out of a stream of sound, by energy: frames of 10 ms; speech begins where a few frames in a row are well
// above the background and ends where none has been above a lower line for a while (hysteresis). What came just before is
// part of it, as words begin softly. The background is a low percentile of the last seconds, so it follows the room.

/** Seconds. */
const frameTime = 0.01;
const preRoll = 0.2;
const hang = 0.3;
const tail = 0.12;
/** Least sounding time of an utterance, and the most of it that is kept. */
const least = 0.06;
const most = 3;
/** Silence after which a word may be taken for ended. */
const ended = 0.05;
/** What the background is taken from. */
const memory = 3;
const share = 0.15;
/** dB over the background, and dBFS: speech must be louder than both to begin; it ends some dB below that. */
const over = 14;
const faintest = -58;
const below = 6;
/** dBFS between which the background is believed to lie. */
const background = { least: -90, most: -32 };
/** Frames in a row that begin an utterance. */
const inARow = 2;

/** `begun`: somebody speaks. `dropped`: it was too short to be a word. Else all of an utterance. */
export type Heard = 'begun' | 'dropped' | Float32Array;

export class Utterances {
  readonly #frame: number;
  readonly #partial: Float32Array;
  #filled = 0;
  /** Frames of the pre-roll, or of the utterance under way. */
  #frames: Float32Array[] = [];
  #levels: number[] = [];
  #floor = background.most;
  #seen = 0;
  #row = 0;
  #speaking = false;
  #quiet = 0;
  #loud = 0;

  /** @param rate samples a second */
  constructor(rate: number) {
    this.#frame = Math.max(1, Math.round(frameTime * rate));
    this.#partial = new Float32Array(this.#frame);
  }

  get speaking(): boolean {
    return this.#speaking;
  }

  /** Takes the next samples, any number of them; tells what happened in order. */
  push(samples: Float32Array): Heard[] {
    const heard: Heard[] = [];
    for (let at = 0; at < samples.length; ) {
      const n = Math.min(this.#frame - this.#filled, samples.length - at);
      this.#partial.set(samples.subarray(at, at + n), this.#filled);
      this.#filled += n;
      at += n;
      if (this.#filled < this.#frame) break;
      this.#filled = 0;
      const event = this.#take(this.#partial.slice());
      if (event !== null) heard.push(event);
    }
    return heard;
  }

  /** Ends what is under way; a word that still sounds was cut in its middle and is none. */
  end(): Heard | null {
    if (!this.#speaking) return null;
    const whole = this.#quiet * frameTime >= ended;
    const heard = this.#finish();
    return whole ? heard : 'dropped';
  }

  #take(frame: Float32Array): Heard | null {
    const level = levelOf(frame);
    this.#follow(level);
    this.#frames.push(frame);
    const on = Math.max(this.#floor + over, faintest);
    if (!this.#speaking) {
      this.#row = level >= on ? this.#row + 1 : 0;
      if (this.#frames.length > preRoll / frameTime + inARow) this.#frames.shift();
      if (this.#row < inARow) return null;
      this.#speaking = true;
      this.#quiet = 0;
      this.#loud = inARow;
      return 'begun';
    }
    const sounds = level >= on - below;
    this.#quiet = sounds ? 0 : this.#quiet + 1;
    if (sounds) this.#loud++;
    const ends = this.#quiet * frameTime >= hang || this.#frames.length * frameTime >= most;
    return ends ? this.#finish() : null;
  }

  #finish(): Heard {
    const frames = this.#frames;
    const spare = Math.max(0, this.#quiet - Math.round(tail / frameTime));
    const kept = frames.slice(0, frames.length - spare);
    const word = this.#loud * frameTime >= least;
    this.#speaking = false;
    this.#row = 0;
    this.#frames = frames.slice(frames.length - spare);
    if (!word) return 'dropped';
    const all = new Float32Array(kept.length * this.#frame);
    kept.forEach((frame, i) => {
      all.set(frame, i * this.#frame);
    });
    return all;
  }

  /** The background, anew each tenth of a second. */
  #follow(level: number): void {
    this.#levels.push(level);
    if (this.#levels.length > memory / frameTime) this.#levels.shift();
    if (this.#seen++ % 10 !== 0) return;
    const sorted = [...this.#levels].sort((a, b) => a - b);
    const low = sorted[Math.floor(share * (sorted.length - 1))];
    this.#floor = Math.min(background.most, Math.max(background.least, low));
  }
}

/** Of a frame, dBFS. */
function levelOf(frame: Float32Array): number {
  let sum = 0;
  for (const v of frame) sum += v * v;
  return 10 * Math.log10(sum / frame.length + 1e-12);
}

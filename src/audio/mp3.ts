// MP3 to samples. mp3Frames.ts finds the frames; the WebAssembly module of the package minimp3-wasm (minimp3, CC0)
// turns them into numbers, one frame a call: so its memory stays at half a megabyte whatever the file, no header can
// lead it astray, and any part of a file can be read. A frame leans on what came before it: on the last two frames'
// filter states, and on up to 511 bytes of earlier frames ("bit reservoir"); reading from the middle starts that much
// earlier, so blocks give the bits that the whole gives. A frame whose data cannot be decoded is silence.
// Works in Node, in workers and in pages (CSP 'wasm-unsafe-eval'); the caller brings the compiled module.
import { mixDown } from './level.ts';
import { type Mp3Stream, readHeader, readMp3 } from './mp3Frames.ts';
import type { WaveSource } from './resample.ts';

/** The module's functions that are called. */
interface Minimp3 {
  memory: WebAssembly.Memory;
  decoder_init(): void;
  decoder_set_mp3_data_size(bytes: number): void;
  decoder_mp3_data_offset(): number;
  decoder_pcm_data_offset(): number;
  decoder_decode(seconds: number): void;
  decode_results_num_channels(): number;
}

/** Largest frame (320 kbit/s at 32 kHz, padded) and what comes out of one: 1152 samples of two channels. */
const mostFrameBytes = 1441;
const mostPcmBytes = 2 * 2 * 1152;
const reservoirBytes = 511;
/** Header, checksum and side information: what a frame at most holds that no later one can use. */
const overheadBytes = 38;

/** Decodes frames one after another. */
export class Mp3Decoder {
  readonly #module: WebAssembly.Module;
  #wasm: Minimp3;
  readonly #pcm = new Int16Array(mostPcmBytes / 2);

  /** @param module compiled from `minimp3-wasm/dist/decoder.opt.wasm` */
  constructor(module: WebAssembly.Module) {
    this.#module = module;
    this.#wasm = this.#start();
  }

  #start(): Minimp3 {
    const wasm = new WebAssembly.Instance(this.#module, {}).exports as unknown as Minimp3;
    // Once as large as it can get, so that the memory never grows, which would detach the views.
    wasm.decoder_set_mp3_data_size(mostFrameBytes + mostPcmBytes + 8);
    return wasm;
  }

  /** Forgets what came before. */
  reset(): void {
    this.#wasm.decoder_init();
  }

  /**
   * Decodes the next frame.
   * @returns interleaved samples and channels, valid until the next call; zeros if it cannot be decoded
   */
  frame(bytes: Uint8Array): { pcm: Int16Array; channels: number } {
    const wasm = this.#wasm;
    wasm.decoder_set_mp3_data_size(bytes.length);
    const memory = wasm.memory.buffer;
    new Uint8Array(memory, wasm.decoder_mp3_data_offset(), bytes.length).set(bytes);
    const out = new Uint8Array(memory, wasm.decoder_pcm_data_offset(), mostPcmBytes);
    out.fill(0);
    let channels = 1;
    try {
      wasm.decoder_decode(1);
      channels = wasm.decode_results_num_channels() === 2 ? 2 : 1;
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#wasm = this.#start();
      this.#wasm.decoder_init();
      out.fill(0);
    }
    // A copy, as the samples may lie at an odd place.
    new Uint8Array(this.#pcm.buffer).set(out);
    return { pcm: this.#pcm, channels };
  }
}

/** The frame to start with, so that frame `from` comes out as if all had been decoded. */
function leadIn({ starts }: Mp3Stream, from: number): number {
  // The two frames before have to be decodable themselves.
  let first = Math.max(0, from - 2);
  for (let bytes = 0; first > 0 && bytes < reservoirBytes; first--)
    bytes += Math.max(0, starts[first] - starts[first - 1] - overheadBytes);
  return first;
}

function frameAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at, at + (readHeader(bytes, at)?.bytes ?? 0));
}

/**
 * Samples `start` to `end` of a stream, after what the encoder added was taken off.
 * @returns one array per channel in [-1, 1), steps of 2^-15; a mono frame counts for both, of two in a mono stream the mean.
 */
function decodeRange(
  decoder: Mp3Decoder,
  bytes: Uint8Array,
  stream: Mp3Stream,
  start: number,
  end: number,
): Float32Array[] {
  const { samplesPerFrame: n, starts, skip } = stream;
  const out = Array.from({ length: stream.channels }, () => new Float32Array(end - start));
  if (end <= start) return out;
  const [from, to] = [Math.floor((start + skip) / n), Math.ceil((end + skip) / n)];
  decoder.reset();
  for (let f = leadIn(stream, from); f < to; f++) {
    const { pcm, channels } = decoder.frame(frameAt(bytes, starts[f]));
    const at = f * n - skip - start; // of the frame's first sample in `out`
    const [first, last] = [Math.max(0, -at), Math.min(n, end - start - at)];
    if (f < from) continue;
    if (channels === 2 && out.length === 1) {
      for (let i = first; i < last; i++) out[0][at + i] = (pcm[2 * i] + pcm[2 * i + 1]) / 2 ** 16;
    } else {
      out.forEach((samples, c) => {
        const channel = c % channels;
        for (let i = first; i < last; i++) samples[at + i] = pcm[channels * i + channel] / 2 ** 15;
      });
    }
  }
  return out;
}

/** An MP3 file in memory, to be read in parts. */
export interface Mp3 extends WaveSource {
  channels: number;
  notes: string[];
  /** Samples start to end: one array per channel. */
  decode(start?: number, end?: number): Float32Array[];
  read(start: number, end: number, channel?: number | 'mean'): Promise<Float32Array>;
}

/**
 * Opens an MP3 file held in memory: MPEG 1, 2 and 2.5, layer III, 8 to 48 kHz, constant and variable bit rate. Delay and
 * padding named by LAME's or Lavc's tag are taken off. Allocates what it returns.
 * @param name the file as errors should call it
 * @throws DataError where it holds no frame.
 */
export function openMp3(bytes: Uint8Array, name: string, decoder: Mp3Decoder): Mp3 {
  const stream = readMp3(bytes, name);
  const { sampleRate, channels, length, notes } = stream;
  const decode = (start = 0, end = length) => decodeRange(decoder, bytes, stream, start, end);
  return {
    ...{ sampleRate, channels, length, notes, decode },
    read: async (start, end, channel = 'mean') => mixDown(decode(start, end), channel),
  };
}

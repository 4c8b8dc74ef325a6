// A recording as a source of mono samples, and a WAV in memory as one.

import { mixDown } from './level.ts';
import type { WaveSource } from './resample.ts';
import { decodeWav, type Wav } from './wav.ts';

/** A file that is open for reading; close it. `read` gives the mean of the channels, or one of them. */
export interface Recording extends WaveSource {
  read(start: number, end: number, channel?: number | 'mean'): Promise<Float32Array>;
  channels: number;
  bits: number;
  encoding: Wav['encoding'];
  /** What was wrong with the file and how it was read all the same. */
  notes: string[];
  close(): Promise<void>;
}

/** A WAV that is whole in memory. @throws DataError as decodeWav. */
export const openWav = (bytes: Uint8Array, name: string): Recording => ofWav(decodeWav(bytes, name));

export function ofWav(wav: Wav): Recording {
  const mono = mixDown(wav.channels);
  const { sampleRate, bits, encoding, notes } = wav;
  return {
    ...{ sampleRate, bits, encoding, notes, length: mono.length, channels: wav.channels.length },
    read: async (start, end, channel = 'mean') =>
      (channel === 'mean' ? mono : mixDown(wav.channels, channel)).subarray(start, end),
    close: async () => {},
  };
}

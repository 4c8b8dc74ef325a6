// One file to mono samples, or the fault that makes it unusable: what a decoding thread does, in a form that threads can
// hand each other.
import { FileFault, faultOf, openRecording } from './recording.ts';

export interface Decoded {
  path: string;
  /** Hz. */
  sampleRate: number;
  /** Of the whole recording, in samples. */
  length: number;
  channels: number;
  notes: string[];
  /** Mean of the channels: all, or the first `seconds`. */
  samples: Float32Array;
}

/** What a decoding thread is asked. */
export interface DecodeJob {
  path: string;
  /** How much of the beginning; Infinity is all. */
  seconds: number;
}

/** What it answers. */
export type DecodeResult = { decoded: Decoded } | { fault: Pick<FileFault, 'kind' | 'reason'> };

/** Decodes a file. @throws what is no file's fault. */
export async function decodeFile({ path, seconds }: DecodeJob): Promise<DecodeResult> {
  try {
    const recording = await openRecording(path);
    try {
      const { sampleRate, length, channels, notes } = recording;
      if (length === 0) throw new FileFault(path, 'empty', 'holds no samples; remove or record it again');
      // A copy: a view of a whole file would be handed over with all of it.
      const samples = (await recording.read(0, Math.min(length, Math.ceil(seconds * sampleRate)))).slice();
      return { decoded: { path, sampleRate, length, channels, notes, samples } };
    } finally {
      await recording.close();
    }
  } catch (error) {
    const { kind, reason } = faultOf(error, path);
    return { fault: { kind, reason } };
  }
}

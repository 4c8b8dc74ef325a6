// One recording to mono samples, or the fault that makes it unusable, in a form that threads can hand each other. Where its
// bytes lie, on a disk or in a page, is for whoever opens it.

import { checkSound, ratePlan } from './checkSound.ts';
import { FileFault, faultOf } from './fault.ts';
import { inputsFor } from './resample.ts';
import type { Recording } from './wavRecording.ts';

export interface Decoded {
  path: string;
  /** Hz. */
  sampleRate: number;
  /** Of the whole recording, in samples. */
  length: number;
  channels: number;
  notes: string[];
  /** Mean of the channels: all, or as much of the beginning as was wanted. */
  samples: Float32Array;
}

/** How much of a recording is wanted: what `length` samples at `sampleRate` depend on; Infinity is all. */
export interface Wanted {
  /** Hz. */
  sampleRate: number;
  length: number;
}

/** What a decoding thread is asked. */
export interface DecodeJob extends Wanted {
  path: string;
}

/** What it answers. */
export type DecodeResult = { decoded: Decoded } | { fault: Pick<FileFault, 'kind' | 'reason'> };

/** How a file is opened, by its path. @throws DataError for one that cannot be used. */
export type Opener = (path: string) => Promise<Recording>;

/** Decodes a file and looks whether it is sound. @throws what is no file's fault. */
export async function decodeWith(open: Opener, job: DecodeJob): Promise<DecodeResult> {
  const { path } = job;
  try {
    const recording = await open(path);
    try {
      const { sampleRate, length, channels, notes } = recording;
      if (length === 0) throw new FileFault(path, 'empty', 'holds no samples; remove or record it again');
      const plan = ratePlan(path, sampleRate, job.sampleRate);
      const needed = plan.from === plan.to ? job.length : inputsFor(plan, job.length);
      const end = Math.min(length, needed);
      // A copy: a view of a whole file would be handed over with all of it.
      const samples = (await recording.read(0, end)).slice();
      const seconds = (job.length / job.sampleRate).toFixed(2);
      const where = length > needed ? ` in its first ${seconds} s, all that is used` : '';
      const faults = await checkSound(recording, samples, end, path, where);
      return { decoded: { path, sampleRate, length, channels, notes: [...notes, ...faults], samples } };
    } finally {
      await recording.close();
    }
  } catch (error) {
    const { kind, reason } = faultOf(error, path);
    return { fault: { kind, reason } };
  }
}

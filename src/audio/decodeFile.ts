// What a decoding thread does with a file of the disk.

import { type DecodeJob, type DecodeResult, decodeWith } from './decoding.ts';
import { openRecording } from './recording.ts';

/** Decodes a file and looks whether it is sound. @throws what is no file's fault. */
export const decodeFile = (job: DecodeJob): Promise<DecodeResult> => decodeWith(openRecording, job);

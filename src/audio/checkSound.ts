// Whether a recording can be used as sound: its rate, its level, what it holds. What cannot is a FileFault; what can in
// spite of a fault gets a note.

import { ShapeError } from '../engine/errors.ts';
import { type ResamplePlan, resamplePlan } from '../shaders/resample.ts';
import { FileFault } from './fault.ts';
import { clippedShare, measureLevel } from './level.ts';
import { bestQuality } from './resample.ts';
import type { Recording } from './wavRecording.ts';

/** The plan from a file's rate to a model's. @throws FileFault for a rate that has none. */
export function ratePlan(path: string, from: number, to: number): ResamplePlan {
  try {
    return resamplePlan(from, to, bestQuality);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const how = `convert it, for example with sox IN.wav -r ${to} OUT.wav`;
    throw new FileFault(
      path,
      'rate',
      `has the rate ${from} Hz, from which no filter leads to ${to} Hz; ${how}`,
    );
  }
}

/** Floats may exceed full scale, up to this peak; what is above was never scaled. */
const mostPeak = 8;

/** The fault of samples far above full scale. One such file would set the scale of a whole training set. */
function scaleFault(path: string, peakDb: number): FileFault {
  const peak = 10 ** (peakDb / 20);
  const scale = [128, 2 ** 15, 2 ** 23, 2 ** 31].find((s) => peak <= s) ?? Number(peak.toPrecision(2));
  return new FileFault(
    path,
    'scale',
    `has samples up to ${Number(peak.toPrecision(5))} where full scale is 1; scale it, for example with ` +
      `ffmpeg -i IN.wav -af volume=1/${scale} OUT.wav`,
  );
}

/**
 * What a level says about a recording: silent and constant ones cannot be used, nor those far above full scale; clipped
 * ones are noted.
 * @param where the part that was measured, for the end of a reason
 * @throws FileFault for silent, constant and unscaled samples.
 */
export function checkLevel(samples: Float32Array, path: string, where: string): string[] {
  const { silent, constant, dcOffset, clipped, peak } = measureLevel(samples);
  if (peak > 20 * Math.log10(mostPeak)) throw scaleFault(path, peak);
  if (silent) throw new FileFault(path, 'silent', `is silent${where}`);
  if (constant) {
    const value = dcOffset.toPrecision(3);
    throw new FileFault(
      path,
      'constant',
      `holds the constant value ${value}${where}, no sound; record it again`,
    );
  }
  if (clipped <= clippedShare) return [];
  return [`Is clipped: ${(100 * clipped).toFixed(1)} % of its samples are cut off at full scale.`];
}

/**
 * As `checkLevel`, and of samples that are silent says so if the channels they are the mean of are not.
 * @param end of the part that was measured, in the recording's samples
 */
export async function checkSound(
  recording: Recording,
  samples: Float32Array,
  end: number,
  path: string,
  where: string,
): Promise<string[]> {
  try {
    return checkLevel(samples, path, where);
  } catch (error) {
    const isSilent = error instanceof FileFault && error.kind === 'silent' && recording.channels > 1;
    if (!isSilent || measureLevel(await recording.read(0, end, 0)).silent) throw error;
    throw new FileFault(
      path,
      'silent',
      `is silent${where} as the mean of its ${recording.channels} channels, which cancel each other; ` +
        'give one of them, for example with sox IN.wav OUT.wav remix 1',
    );
  }
}

// Anomalies made of real recordings, one of each: as long and as loud (rms) as the recording, so that neither tells them.

import { Random } from '../src/engine/random.ts';

const rmsOf = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);

/** A kind of anomaly from a recording: its samples at a rate in Hz, and its number, which keys the noise. */
export type AnomalyKind = (samples: Float32Array, rate: number, number: number) => Float32Array;

const atRmsOf = (like: Float32Array, x: Float32Array) => {
  const gain = rmsOf(like) / rmsOf(x);
  return x.map((v) => v * gain);
};

export const anomalyKinds: Record<'noise' | 'tones' | 'reversed', AnomalyKind> = {
  /** White, normally distributed. */
  noise: (samples, _, number) => atRmsOf(samples, new Random(1, 'noise').normal(number, samples.length)),
  /** One sine from start to end, its frequency drawn from 200 Hz to 3.5 kHz, evenly by octaves. */
  tones: (samples, rate, number) => {
    const [draw] = new Random(1, 'tones').uniform(number, 1);
    const turn = (2 * Math.PI * 200 * 17.5 ** draw) / rate;
    return atRmsOf(
      samples,
      samples.map((_, i) => Math.sin(turn * i)),
    );
  },
  /** The recording from its end to its start: before any padding, which stays at the end. */
  reversed: (samples) => samples.slice().reverse(),
};

// Variations of an example, so that the classifier learns the word and not the recording: said later or faster, by a
// larger or smaller head (bands moved), in a room with more noise (a floor under all bins), with a part hidden. One
// pass of linear interpolation over (mel, time); what comes from outside the picture is silence.
//   y[m, t] = max(floor, x[m + bandShift, (t - delay) speed]), 0 in one band of frames

import type { Random } from '../../src/index.ts';

/** Numbers drawn for an example. */
const draws = 6;
const between = (u: number, low: number, high: number) => low + u * (high - low);

/**
 * Writes a variation of x to y; (C, T) both.
 * @param u six numbers in [0, 1)
 */
export function vary(x: Float32Array, y: Float32Array, C: number, T: number, u: ArrayLike<number>): void {
  const delay = between(u[0], -2, 14);
  const speed = between(u[1], 0.8, 1.25);
  const bandShift = between(u[2], -3, 3);
  const floor = Math.max(0, between(u[3], -0.3, 0.3));
  const hidden = Math.floor(between(u[4], 0, T));
  const hiddenEnd = hidden + Math.floor(between(u[5], 0, 6));
  const at = (m: number, t: number) => (m < 0 || m >= C || t < 0 || t >= T ? 0 : x[m * T + t]);
  for (let t = 0; t < T; t++) {
    const from = (t - delay) * speed;
    const t0 = Math.floor(from);
    const dt = from - t0;
    const shown = t < hidden || t >= hiddenEnd;
    for (let m = 0; m < C; m++) {
      const m0 = Math.floor(m + bandShift);
      const dm = m + bandShift - m0;
      const early = (1 - dm) * at(m0, t0) + dm * at(m0 + 1, t0);
      const late = (1 - dm) * at(m0, t0 + 1) + dm * at(m0 + 1, t0 + 1);
      y[m * T + t] = shown ? Math.max(floor, (1 - dt) * early + dt * late) : floor;
    }
  }
}

/**
 * A batch of variations, the same for the same stream and step.
 * @param x (count, C, T) @param indices of the examples of the batch
 * @returns (B, C, T)
 */
export function varied(
  x: Float32Array,
  indices: ArrayLike<number>,
  C: number,
  T: number,
  random: Random,
  step: number,
): Float32Array {
  const size = C * T;
  const y = new Float32Array(indices.length * size);
  const u = random.uniform(step, indices.length * draws);
  for (let b = 0; b < indices.length; b++)
    vary(
      x.subarray(indices[b] * size, (indices[b] + 1) * size),
      y.subarray(b * size, (b + 1) * size),
      C,
      T,
      u.subarray(b * draws, (b + 1) * draws),
    );
  return y;
}

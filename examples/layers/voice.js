// Made-up voices: a buzz of harmonics through three resonances, which move from one vowel to another; and noise. Other numbers
// for every clip, the same for the same one.

import { Random } from 'formant';

export const rate = 8000;
export const length = 1024;

const random = new Random(7, 'voices');
/** Centres of the first three formants of five vowels, Hz. */
const vowels = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [300, 870, 2240],
  [530, 1840, 2480],
  [570, 840, 2410],
];

/** A clip of one voice alone, and in noise. @returns {{ clean: Float32Array, noisy: Float32Array }} */
export function voice(clip) {
  const [pitch, glide, from, to, level] = random.uniform(clip, 5);
  const [first, last] = [from, to].map((v) => vowels[Math.floor(v * vowels.length)]);
  const clean = new Float32Array(length);
  const f0 = 90 + 130 * pitch;
  for (let k = 1; k * f0 * 1.2 < rate / 2; k++) {
    for (let t = 0; t < length; t++) {
      const along = t / length;
      const f = k * f0 * (1 + 0.2 * (glide - 0.5) * along);
      const gain = first.reduce((sum, centre, i) => {
        const off = (f - centre - (last[i] - centre) * along) / 90;
        return sum + 1 / (1 + off * off) / (i + 1);
      }, 0);
      const phase = (2 * Math.PI * k * f0 * (t + 0.1 * (glide - 0.5) * along * t)) / rate;
      clean[t] += (0.08 + 0.5 * level) * gain * Math.sin(phase) * Math.sin(Math.PI * along);
    }
  }
  const noise = random.normal(clip, length);
  return { clean, noisy: clean.map((v, t) => v + 0.12 * noise[t]) };
}

// The level of a clip as its log-mel features tell it, and the same clip at another level. A gain of g dB on a recording
// adds g to all its features in dB, down to the floor under them; what lies on the floor is silence and stays there. So
// clips brought to one level have the same features however loud they were recorded.

/** dB: bins no louder than this hold nothing, see powerFloor in features.ts. */
const floor = -99.9;
/** dB below the loudest frame from which on a frame does not sound. */
const depth = 40;

/** Power of each frame that sounds: summed over the bands, at most 40 dB below the loudest frame. */
function soundingPowers(db: Float32Array, frames: number, silence: number): Float64Array {
  const power = new Float64Array(frames);
  db.forEach((v, i) => {
    if (v > silence) power[i % frames] += 10 ** (v / 10);
  });
  const least = power.reduce((most, p) => Math.max(most, p), 0) * 10 ** (-depth / 10);
  return power.filter((p) => p > 0 && p >= least);
}

/**
 * How many frames sound.
 * @param db (mel bands, frames) log-mel in dB, from any reference
 * @param silence dB: bins no louder than this hold nothing
 */
export function soundingFrames(db: Float32Array, frames: number, silence: number): number {
  return soundingPowers(db, frames, silence).length;
}

/**
 * Mean mel power of the frames that sound: those at most 40 dB below the loudest.
 * @param db (mel bands, frames) log-mel in dB @returns dB; -Infinity for silence
 */
export function featureLevel(db: Float32Array, frames: number): number {
  const sounding = soundingPowers(db, frames, floor);
  if (sounding.length === 0) return Number.NEGATIVE_INFINITY;
  const sum = sounding.reduce((a, b) => a + b, 0);
  return 10 * Math.log10(sum / sounding.length / (db.length / frames));
}

/** The features at a level that `featureLevel` gives them; silence stays as it is. */
export function atLevel(db: Float32Array, frames: number, level: number): Float32Array {
  const gain = level - featureLevel(db, frames);
  return Number.isFinite(gain) ? db.map((v) => (v > floor ? v + gain : v)) : db;
}

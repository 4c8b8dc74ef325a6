// Clips one after the other in one wave, to be heard in one go. A clip of a model is mostly silence at its end, and a
// different share of each: joined as they are, clips would come at a limping pace. So each is cut to what can be heard,
// blocks of 10 ms whose rms is at most 45 dB below the loudest block of all clips, with 20 ms around it; both ends are
// faded over these by a raised cosine, so that no join clicks; and equal pauses follow. Levels stay as they are.

import { ShapeError } from '../engine/errors.ts';

const blockSeconds = 0.01;
const fadeSeconds = 0.02;
/** Below the loudest block, dB. */
const floor = 45;

/** Clips one after another, and where each lies. */
export interface Joined {
  wave: Float32Array;
  /** Where each clip begins in it, seconds. */
  starts: number[];
}

/**
 * @param clips mono, at least one @param gap silence between two of them, seconds
 * @throws ShapeError without a clip, or for a gap below 0.
 */
export function joinClips(clips: readonly Float32Array[], sampleRate: number, gap = 0.15): Joined {
  if (clips.length === 0) throw new ShapeError('joinClips: no clip; give at least one');
  if (!(gap >= 0)) throw new ShapeError(`joinClips: gap ${gap} s; it must be 0 or more`);
  const block = Math.max(1, Math.round(blockSeconds * sampleRate));
  const fade = Math.max(1, Math.round(fadeSeconds * sampleRate));
  const powers = clips.map((clip) => blockPowers(clip, block));
  const least = powers.flat().reduce((most, p) => Math.max(most, p), 0) * 10 ** (-floor / 10);
  const parts = clips.map((clip, i) => {
    const first = powers[i].findIndex((p) => p > least);
    // A silent clip is a step of the walk too, as long as it is.
    if (first < 0) return clip;
    const last = powers[i].findLastIndex((p) => p > least);
    return faded(clip.slice(Math.max(0, first * block - fade), (last + 1) * block + fade), fade);
  });
  const pause = Math.round(gap * sampleRate);
  const wave = new Float32Array(parts.reduce((n, part) => n + part.length + pause, -pause));
  const starts: number[] = [];
  let at = 0;
  for (const part of parts) {
    wave.set(part, at);
    starts.push(at / sampleRate);
    at += part.length + pause;
  }
  return { wave, starts };
}

/** Mean squares of blocks; the last one may be shorter. */
function blockPowers(x: Float32Array, block: number): number[] {
  return Array.from({ length: Math.ceil(x.length / block) }, (_, i) => {
    const part = x.subarray(i * block, (i + 1) * block);
    return part.reduce((sum, v) => sum + v * v, 0) / part.length;
  });
}

/** Both ends faded, in place. */
function faded(x: Float32Array, fade: number): Float32Array {
  const n = Math.min(fade, Math.floor(x.length / 2));
  for (let i = 0; i < n; i++) {
    const weight = Math.sin((Math.PI * (i + 0.5)) / (2 * n)) ** 2;
    x[i] *= weight;
    x[x.length - 1 - i] *= weight;
  }
  return x;
}

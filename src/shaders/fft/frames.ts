// Between a wave (B, T) and its windowed frames. Frame f, element e stands at position f hop + e of the padded wave,
// `offset` samples before the wave's own start; the padding around the wave is one of torch's modes. Cutting is a
// source: frames exist only in a transform's registers. Going back, one invocation adds up one sample: the elements
// of all frames that cover it, and in a gradient also those of its images in the padding.

import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { at, type Columns, parts, valueType, width } from './columns.ts';
import type { Source, Target } from './ports.ts';

/**
 * Padding: zeros (`constant`), the wave mirrored about its first and last sample (`reflect`, the wave must be longer
 * than the padding), these samples repeated (`replicate`), or the wave's other end (`circular`, at most once round).
 */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

export interface Framing {
  nFft: number;
  hop: number;
  /** Samples of padding before the wave, and after it. */
  offset: number;
  padMode: PadMode;
  /** (nFft), zeros around a shorter window. */
  window: Tensor;
}

/**
 * WGSL of the sample at position p of a wave of u.T. Frames that don't exist may lie anywhere: their position only has
 * to be inside.
 */
const sampleIn: Record<PadMode, string> = {
  constant: `let inside = p >= 0 && p < i32(u.T);
  return select(0.0, wave[row * u.T + u32(clamp(p, 0, i32(u.T) - 1))], inside);`,
  reflect: `let end = i32(u.T) - 1;
  let inside = clamp(end - abs(end - abs(p)), 0, end);
  return wave[row * u.T + u32(inside)];`,
  replicate: 'return wave[row * u.T + u32(clamp(p, 0, i32(u.T) - 1))];',
  circular: 'return wave[row * u.T + u32(p + i32(u.T)) % u.T];',
};

/** WGSL that adds the elements at the images of sample t in the padding to `sum`. */
const imagesOf: Record<PadMode, string> = {
  constant: '',
  reflect: `if (t > 0u && t <= u.offset) { sum += overlap(row, u.offset - t); }
  if (t + 1u < u.T && t + 1u + u.offset >= u.T) { sum += overlap(row, u.offset + 2u * (u.T - 1u) - t); }`,
  replicate: `if (t == 0u) { for (var p = 0u; p < u.offset; p++) { sum += overlap(row, p); } }
  if (t + 1u == u.T) { for (var p = 0u; p < u.offset; p++) { sum += overlap(row, u.T + u.offset + p); } }`,
  circular: `if (t < u.offset) { sum += overlap(row, u.T + u.offset + t); }
  if (t + u.offset >= u.T) { sum += overlap(row, t + u.offset - u.T); }`,
};

/** Windowed frames of a wave (B, T). */
export function waveFrames(wave: Tensor, f: Framing): Source {
  return {
    reads: { wave: ['f32', wave], window: ['f32', f.window] },
    sizes: { T: wave.shape[1], hop: f.hop, offset: f.offset },
    declarations: `fn sampleAt(row: u32, p: i32) -> f32 {
  ${sampleIn[f.padMode]}
}
fn framesAt(row: u32, p: i32) -> V {
  return V(${parts.map((i) => `sampleAt(row, p + ${i} * i32(u.hop))`).join(', ')});
}`,
    load: (x, e) => `let ${x}r = window[${e}] * framesAt(b, i32(frame * u.hop + ${e}) - i32(u.offset));`,
  };
}

/** Real columns that take each value times the window. */
export function windowedColumns(frames: Tensor, window: Tensor, c: Columns, nFft: number): Target {
  return {
    reads: { window: ['f32', window] },
    writes: { frames: [valueType, frames] },
    store: (e, re) => `frames[${at(c, e, nFft)}] = ${re} * window[${e}];`,
  };
}

export interface OverlapAdd {
  name: string;
  /** (B, T), written. */
  wave: Tensor;
  /** Real columns of nFft rows. */
  frames: Tensor;
  columns: Columns;
  framing: Pick<Framing, 'nFft' | 'hop' | 'offset'>;
  /** (T) factors of the samples. */
  factor?: Tensor | null;
  /** Add the elements at the images of t in such padding too: the gradient of padding. */
  fold?: PadMode;
  /** Leaves the new wave less m times the old one in `ahead` (B, T). */
  momentum?: { m: number; ahead: Tensor };
}

/**
 * WGSL: the sum of the frames' elements at position p of the padded wave. Loads are clamped and selected, not branched
 * around, and unrolled: 0.6 of the time on SwiftShader.
 */
function overlapFunction({ framing: { nFft, hop }, columns: { lanes } }: OverlapAdd): string {
  const inside = nFft % hop === 0 ? '' : ` && within < ${nFft}u`;
  const each = (i: string) => `{
    let frame = u32(clamp(f - ${i}, 0, i32(u.frameCount) - 1));
    let within = p % ${hop}u + u32(${i}) * ${hop}u;
    let col = row * u.pairs + frame / ${width}u;
    let value = frames[((col / ${lanes}u * ${nFft}u + within) * ${lanes}u + col % ${lanes}u) * ${width}u + frame % ${width}u];
    sum += select(0.0, value, i32(frame) == f - ${i}${inside});
  }`;
  const most = Math.ceil(nFft / hop);
  const all =
    most <= 8
      ? Array.from({ length: most }, (_, i) => each(`${i}`)).join('\n  ')
      : `for (var i = 0; i < ${most}; i++) ${each('i')}`;
  return `fn overlap(row: u32, p: u32) -> f32 {
  let f = i32(p / ${hop}u);
  var sum = 0.0;
  ${all}
  return sum;
}`;
}

/** wave[t] = factor[t] times the sum of the frames' elements at t. */
export function overlapAdd(o: OverlapAdd): void {
  const { wave, frames, factor, momentum, columns, fold = 'constant' } = o;
  const [B, T] = wave.shape;
  const workgroup = 64;
  const blocks = Math.ceil(T / workgroup);
  run(
    {
      name: o.name,
      reads: { frames, factor },
      writes: { wave, ahead: momentum?.ahead },
      sizes: { T, blocks, offset: o.framing.offset, pairs: columns.pairs, frameCount: columns.frames },
      floats: { m: momentum?.m ?? 0 },
      workgroup,
      declarations: overlapFunction(o),
      body: `let row = group / u.blocks;
let t = group % u.blocks * ${workgroup}u + lane;
if (t < u.T) {
  let i = row * u.T + t;
  var sum = overlap(row, t + u.offset);
  ${imagesOf[fold]}
  let value = sum${factor ? ' * factor[t]' : ''};
  ${momentum ? 'ahead[i] = value - u.m * wave[i];' : ''}
  wave[i] = value;
}`,
    },
    B * blocks,
  );
}

// Walks through the latent space: points on the way between two codes, or on a plane of two latent dimensions, and what
// the decoder makes of them. Linear: z(t) = (1 - t) z0 + t z1. Spherical (Shoemake 1985): the direction turns at an even
// rate from that of z0 to that of z1, and the length goes linearly,
//   z(t) = ((1 - t) |z0| + t |z1|) (cos(t a) u + sin(t a) w),   u = z0 / |z0|, w the part of z1 across u, a their angle,
// because samples of a prior of many dimensions lie near a sphere, whose inside a straight line crosses. Labels of a
// conditional model go as one-hot rows, blended linearly.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Vae } from './vae.ts';

/** Names of the ways between two points. */
export const walkModes = ['linear', 'spherical'] as const;
/** Straight, or by angle and length. */
export type WalkMode = (typeof walkModes)[number];

/** Points that a decoder takes. */
export interface Points {
  /** (N, latent) */
  z: Float32Array;
  /** (N, conditions), weights of labels that sum to 1, then those of speakers; null for a VAE. */
  label: Float32Array | null;
}

/** Directions nearer to each other than this, or to opposite ones, span no plane in float32. */
const leastSine = 1e-9;

/**
 * Points from z0 to z1, both ends included to the bit.
 * Spherical: through the plane of both; opposite directions turn by way of the axis that is furthest from both (a single
 * dimension has no way around zero: linear). A zero vector has no direction and takes the other's: its way is straight.
 * @param z0 (n) @param z1 (n) @param steps points, at least 2
 * @returns (steps, n)
 * @throws ShapeError for codes of different lengths or not finite, fewer than 2 steps, and an unknown mode.
 */
export function interpolate(
  z0: ArrayLike<number>,
  z1: ArrayLike<number>,
  steps: number,
  mode: WalkMode = 'linear',
): Float32Array {
  const n = z0.length;
  checkSteps('interpolate', steps);
  if (n === 0 || z1.length !== n)
    throw new ShapeError(`interpolate: z0 of ${n} numbers, z1 of ${z1.length}; give two codes of one model`);
  for (const z of [z0, z1])
    for (let i = 0; i < n; i++)
      if (!Number.isFinite(z[i]))
        throw new ShapeError(`interpolate: a code holds ${z[i]}; give finite numbers`);
  if (!walkModes.includes(mode))
    throw new ShapeError(`interpolate: mode ${mode}; choose one of ${walkModes.join(', ')}`);
  const at = (mode === 'spherical' ? turning(z0, z1) : null) ?? straight(z0, z1);
  const out = new Float32Array(steps * n);
  for (let s = 0; s < steps; s++)
    for (let i = 0; i < n; i++)
      out[s * n + i] = s === 0 ? z0[i] : s === steps - 1 ? z1[i] : at(s / (steps - 1), i);
  return out;
}

/** Component i at t. */
type Way = (t: number, i: number) => number;

const straight =
  (a: ArrayLike<number>, b: ArrayLike<number>): Way =>
  (t, i) =>
    a[i] + t * (b[i] - a[i]);

/** The spherical way, null where it is straight. */
function turning(z0: ArrayLike<number>, z1: ArrayLike<number>): Way | null {
  const [r0, r1] = [norm(z0), norm(z1)];
  if (r0 === 0 || r1 === 0) return null;
  const u = Array.from(z0, (v) => v / r0);
  const v = Array.from(z1, (x) => x / r1);
  const cosine = dot(u, v);
  let across = v.map((x, i) => x - cosine * u[i]);
  const sine = norm(across);
  if (sine < leastSine) {
    if (cosine > 0 || u.length === 1) return null;
    const axis = u.reduce((least, x, i) => (Math.abs(x) < Math.abs(u[least]) ? i : least), 0);
    across = u.map((x, i) => (i === axis ? 1 : 0) - u[axis] * x);
  }
  const size = norm(across);
  const angle = Math.atan2(sine, cosine);
  return (t, i) =>
    (r0 + t * (r1 - r0)) * (Math.cos(t * angle) * u[i] + (Math.sin(t * angle) * across[i]) / size);
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const norm = (a: ArrayLike<number>) => Math.hypot(...Array.from(a));

function checkSteps(where: string, steps: number): void {
  if (!Number.isSafeInteger(steps) || steps < 2)
    throw new ShapeError(`${where}: steps ${steps}; give a whole number of at least 2`);
}

/**
 * Points on the plane of two latent dimensions: dims[0] grows from column to column, dims[1] from row to row, both from
 * low to high; the other dimensions are those of the centre.
 * @param centre (latent) @param steps columns, and rows
 * @returns (steps * steps, latent), row by row
 * @throws ShapeError for dimensions that are not there or are one, a range that is none, and fewer than 2 steps.
 */
export function latentPlane(
  centre: ArrayLike<number>,
  dims: readonly [number, number],
  [low, high]: readonly [number, number],
  steps: number,
): Float32Array {
  const n = centre.length;
  checkSteps('latentPlane', steps);
  if (dims[0] === dims[1] || dims.some((d) => !Number.isInteger(d) || d < 0 || d >= n))
    throw new ShapeError(
      `latentPlane: dimensions ${dims.join(', ')}; give two different ones from 0 to ${n - 1}`,
    );
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    throw new ShapeError(
      `latentPlane: range ${low} to ${high}; give two finite numbers, the lower one first`,
    );
  const out = new Float32Array(steps * steps * n);
  const value = (i: number) => low + ((high - low) * i) / (steps - 1);
  for (let p = 0; p < steps * steps; p++) {
    out.set(centre, p * n);
    out[p * n + dims[0]] = value(p % steps);
    out[p * n + dims[1]] = value(Math.floor(p / steps));
  }
  return out;
}

/**
 * What the decoder makes of points, in their order, some at a time.
 * @param atOnce points decoded together
 * @returns tensors (B, rows, columns) in [0, 1], B = atOnce, less for the last; the caller disposes each
 * @throws ShapeError if the points are not of this model.
 */
export function* walk(engine: Engine, model: Vae, { z, label }: Points, atOnce = 64): Generator<Tensor> {
  const { latent } = model.config;
  const { conditions } = model;
  const N = z.length / latent;
  const labels = label ? label.length : 0;
  if (!Number.isInteger(N) || N === 0 || labels !== N * conditions)
    throw new ShapeError(
      `walk: ${z.length} numbers of z and ${labels} of labels; this model takes (N, ${latent}) and (N, ${conditions})`,
    );
  for (let first = 0; first < N; first += atOnce) {
    const B = Math.min(atOnce, N - first);
    const rows = (values: Float32Array, n: number) =>
      engine.tensor(values.slice(first * n, (first + B) * n), [B, n]);
    yield engine.scope(() =>
      engine.noGrad(() => model.decode(rows(z, latent), label && rows(label, conditions))),
    );
  }
}

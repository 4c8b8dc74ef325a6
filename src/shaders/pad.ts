// Padding along axes, as torch.nn.functional.pad; one dispatch an axis, x seen as (O, L, I). A place p of the padded
// axis reads place q = p - left of x, which outside [0, L) is
//   constant   a number          replicate   the nearest end
//   reflect    mirrored at the end elements, which are not repeated       circular   counted round
// An element's gradient is the sum over the places that read it: of every q congruent to it, at most three exist
// because padding is limited to what torch allows; replicate's ends sum all places beyond them.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import { perItem } from '../engine/run.ts';
import { sizeOf, type Tensor } from '../engine/tensor.ts';

/** What lies outside: a value, the mirrored signal without its edge, the edge, or the other end, as in torch. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** As torch.nn.functional.pad, along the last dimension. */
export interface PadOptions {
  /** Default `constant`. */
  mode?: PadMode;
  /** What `constant` pads with; default 0. */
  value?: number;
}

/** WGSL of the place that q, an i32 outside [0, L), reads. */
const source: Record<Exclude<PadMode, 'constant'>, string> = {
  reflect: 'select(-q, 2 * (L - 1) - q, q >= L)',
  replicate: 'clamp(q, 0, L - 1)',
  circular: '(q + L) % L',
};

/** WGSL that sums what the places outside give to element q, by `add(place)` over places of x's own counting. */
const sinks: Record<PadMode, string> = {
  constant: '',
  reflect: 'if (q > 0) { sum += at(-q); } if (q < L - 1) { sum += at(2 * (L - 1) - q); }',
  replicate: `if (q == 0) { for (var p = -left; p < 0; p++) { sum += at(p); } }
  if (q == L - 1) { for (var p = L; p < P - left; p++) { sum += at(p); } }`,
  circular: 'sum += at(q - L) + at(q + L);',
};

/** The most that a mode can pad an axis of L elements with. */
const most: Record<PadMode, (L: number) => number> = {
  constant: () => Number.POSITIVE_INFINITY,
  reflect: (L) => L - 1,
  replicate: () => Number.POSITIVE_INFINITY,
  circular: (L) => L,
};

/**
 * Pads the last axes: `padding` is [left, right] of the last one, then of the one before it, and so on.
 * @param x any shape
 * @throws ShapeError for a padding that is negative, odd in number, or more than the mode can give (reflect: size - 1,
 * circular: size).
 */
export function pad(x: Tensor, padding: readonly number[], options: PadOptions = {}): Tensor {
  const { mode = 'constant', value = 0 } = options;
  if (!Object.hasOwn(sinks, mode))
    throw new ShapeError(`pad: mode ${mode}; choose one of ${Object.keys(sinks).join(', ')}`);
  if (padding.length % 2 !== 0 || padding.length > 2 * x.rank)
    throw new ShapeError(
      `pad: ${padding.length} numbers for x ${x}; give left and right of each axis, the last first`,
    );
  let y = x;
  for (let i = 0; i < padding.length; i += 2) {
    const [left, right] = [padding[i], padding[i + 1]];
    const axis = x.rank - 1 - i / 2;
    const limit = most[mode](x.shape[axis]);
    if (![left, right].every((p) => Number.isInteger(p) && p >= 0 && p <= limit))
      throw new ShapeError(
        `pad: ${left} and ${right} for an axis of ${x.shape[axis]} in mode ${mode}; whole numbers from 0` +
          (Number.isFinite(limit) ? ` to ${limit}` : ''),
      );
    if (left > 0 || right > 0) y = padAxis(y, axis, left, right, mode, value);
  }
  return y;
}

function padAxis(x: Tensor, axis: number, left: number, right: number, mode: PadMode, value: number): Tensor {
  const L = x.shape[axis];
  const P = L + left + right;
  const y = x.engine.empty(x.shape.map((d, i) => (i === axis ? P : d)));
  const sizes = { L, P, left, I: sizeOf(x.shape.slice(axis + 1)) };
  const outside =
    mode === 'constant' ? 'y[i] = u.value;' : `y[i] = x[(o * u.L + u32(${source[mode]})) * u.I + r];`;
  const numbers = 'let L = i32(u.L); let P = i32(u.P); let left = i32(u.left);';
  perItem(y.size, {
    name: 'pad',
    reads: { x },
    writes: { y },
    sizes,
    floats: { value },
    body: `${numbers}
let r = i % u.I;
let o = i / (u.I * u.P);
let q = i32(i / u.I % u.P) - left;
if (q >= 0 && q < L) { y[i] = x[(o * u.L + u32(q)) * u.I + r]; } else { ${outside} }`,
  });
  return record('pad', [x], [y], (g) =>
    perItem(x.size, {
      name: 'pad.dx',
      reads: { dy: g.out() },
      writes: { dx: g.into(0) },
      sizes,
      // `at` gives 0 for places that the padding does not reach.
      declarations: `var<private> base: u32;
fn at(p: i32) -> f32 {
  let place = p + i32(u.left);
  if (place < 0 || place >= i32(u.P)) { return 0.0; }
  return dy[base + u32(place) * u.I];
}`,
      body: `${numbers}
let q = i32(i / u.I % u.L);
base = i / (u.I * u.L) * u.P * u.I + i % u.I;
var sum = at(q);
${sinks[mode]}
dx[i] = sum;`,
    }),
  );
}

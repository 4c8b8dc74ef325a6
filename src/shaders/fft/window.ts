// Window functions in float64, periodic as torch.hann_window and librosa make them for spectra: the first N of the
// N + 1 values of the symmetric window. One value alone is 1.
//   hann      1/2 - 1/2 cos a          a = 2 pi i / N
//   hamming   0.54 - 0.46 cos a
//   blackman  0.42 - 0.5 cos a + 0.08 cos 2a
//   bartlett  1 - |2 i / N - 1|
//   kaiser    I0(beta sqrt(1 - (2 i / N - 1)^2)) / I0(beta), I0 the modified Bessel function of order 0

import { ShapeError } from '../../engine/errors.ts';

const shapes = {
  hann: (u: number) => Math.sin(Math.PI * u) ** 2,
  hamming: (u: number) => 0.54 - 0.46 * Math.cos(2 * Math.PI * u),
  blackman: (u: number) => 0.42 - 0.5 * Math.cos(2 * Math.PI * u) + 0.08 * Math.cos(4 * Math.PI * u),
  bartlett: (u: number) => 1 - Math.abs(2 * u - 1),
  ones: () => 1,
  rectangular: () => 1,
} satisfies Record<string, (u: number) => number>;

type Values = Float32Array | Float64Array | readonly number[];

/** A window by name, with its parameter, or by its values. */
export type Window = keyof typeof shapes | { kaiser: number } | Values;

/** Modified Bessel function of the first kind, order 0: the sum over m of ((x/2)^m / m!)^2. */
export function bessel0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let m = 1; term > 1e-17 * sum; m++) {
    term *= (x / (2 * m)) ** 2;
    sum += term;
  }
  return sum;
}

const isValues = (w: Window): w is Values => Array.isArray(w) || ArrayBuffer.isView(w);

/**
 * Values of a window.
 * @throws ShapeError for an unknown name, a negative beta, or values of another number.
 */
export function windowValues(op: string, window: Window, length: number): Float64Array {
  if (isValues(window)) {
    if (window.length !== length)
      throw new ShapeError(`${op}: a window of ${window.length} values for winLength ${length}`);
    return Float64Array.from(window);
  }
  const named = typeof window === 'string' && Object.hasOwn(shapes, window) ? shapes[window] : null;
  const shape = typeof window === 'string' ? named : kaiser(op, window.kaiser);
  if (!shape)
    throw new ShapeError(
      `${op}: window ${window}; it must be ${Object.keys(shapes).join(', ')}, {kaiser: beta} or values`,
    );
  return Float64Array.from({ length }, (_, i) => (length === 1 ? 1 : shape(i / length)));
}

function kaiser(op: string, beta: number): (u: number) => number {
  // Beyond 700 the Bessel function leaves float64.
  if (!(beta >= 0 && beta <= 700))
    throw new ShapeError(`${op}: a kaiser window of beta ${beta}; give 0 to 700`);
  return (u) => bessel0(beta * Math.sqrt(1 - (2 * u - 1) ** 2)) / bessel0(beta);
}

/** A window as text that tells it from all others, for keys of constants. */
export const windowKey = (window: Window): string =>
  isValues(window) ? window.join() : typeof window === 'string' ? window : `kaiser ${window.kaiser}`;

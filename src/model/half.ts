// Half-precision floats (IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits) to float32 and back. Narrowing works on
// the bits: a carry out of the fraction runs into the exponent, where it belongs.

import { ShapeError } from '../engine/errors.ts';

/** The value of a half. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign / 0;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bits / 2^shift to the nearest whole number, ties to even. */
function roundedShift(bits: number, shift: number): number {
  const whole = bits >>> shift;
  const rest = bits & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return rest > tie || (rest === tie && whole % 2 === 1) ? whole + 1 : whole;
}

/** The half nearest to a float32, both as bits; infinity from 65520 up. */
function narrowBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 255) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent === 143) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  if (exponent > 30) return sign | 0x7c00;
  if (exponent > 0) return sign | roundedShift((exponent << 23) | fraction, 13);
  return exponent < -10 ? sign : sign | roundedShift(fraction | 0x800000, 14 - exponent);
}

export function widenHalf(raw: Uint16Array): Float32Array {
  return Float32Array.from(raw, halfToNumber);
}

/**
 * The nearest halves, ties to even.
 * @param where for the error
 * @throws ShapeError for a finite value that no half is near to.
 */
export function narrowHalf(data: Float32Array, where: string): Uint16Array {
  const bits = new Uint32Array(data.slice().buffer);
  return Uint16Array.from(bits, (value, i) => {
    const half = narrowBits(value);
    if (Number.isFinite(data[i]) && (half & 0x7fff) === 0x7c00)
      throw new ShapeError(`${where}: value ${i} is ${data[i]}, beyond F16's 65504; write it as F32`);
    return half;
  });
}

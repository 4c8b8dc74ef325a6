// WAV files put together chunk by chunk, lies included, for the tests of the reader.

/** A chunk: id, size, bytes, a pad byte after an odd size. `announced` lies about the size. */
export function chunk(id: string, body: ArrayLike<number>, announced = body.length): number[] {
  const size = [0, 8, 16, 24].map((shift) => (announced >>> shift) & 255);
  const pad = body.length & 1 ? [0] : [];
  return [...[...id].map((c) => c.charCodeAt(0)), ...size, ...Array.from(body), ...pad];
}

export interface Fmt {
  tag?: number;
  channels?: number;
  rate?: number;
  /** Bytes a second. */
  byteRate?: number;
  align?: number;
  bits?: number;
  extra?: number[];
}

export function fmt({
  tag = 1,
  channels = 1,
  rate = 8000,
  bits = 16,
  align = channels * Math.ceil(bits / 8),
  byteRate = rate * align,
  extra = [],
}: Fmt = {}): number[] {
  const body = new DataView(new ArrayBuffer(16));
  body.setUint16(0, tag, true);
  body.setUint16(2, channels, true);
  body.setUint32(4, rate, true);
  body.setUint32(8, byteRate, true);
  body.setUint16(12, align, true);
  body.setUint16(14, bits, true);
  return chunk('fmt ', [...new Uint8Array(body.buffer), ...extra]);
}

export function riff(...chunks: number[][]): Uint8Array {
  return Uint8Array.from(chunk('RIFF', [...[...'WAVE'].map((c) => c.charCodeAt(0)), ...chunks.flat()]));
}

const MICROSOFT = [0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];
export const AMBISONIC = [0, 0, 0x21, 0x07, 0xd3, 0x11, 0x86, 0x44, 0xc8, 0xc1, 0xca, 0, 0, 0];

/** The 24 bytes that make a fmt chunk extensible, its sub-format being `tag`. */
export function extensible(tag: number, validBits = 16, family = MICROSOFT): number[] {
  return [22, 0, validBits, 0, 0, 0, 0, 0, tag & 255, tag >> 8, ...family];
}

/** The bytes of one sample as the format lays them down: 8 bits unsigned, others in two's complement, or IEEE 754. */
export function sampleBytes(value: number, bits: number, isFloat = false): number[] {
  const view = new DataView(new ArrayBuffer(8));
  if (isFloat && bits === 32) view.setFloat32(0, value, true);
  else if (isFloat) view.setFloat64(0, value, true);
  else view.setBigInt64(0, BigInt(value) + (bits === 8 ? 128n : 0n), true);
  return [...new Uint8Array(view.buffer, 0, bits / 8)];
}

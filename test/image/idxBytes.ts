// IDX files written for tests, true or not.

export function idx(shape: readonly number[], data: ArrayLike<number>, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  bytes[2] = type;
  bytes[3] = shape.length;
  const view = new DataView(bytes.buffer);
  for (const [i, n] of shape.entries()) view.setUint32(4 + 4 * i, n);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

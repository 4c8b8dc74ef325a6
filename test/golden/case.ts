// Reads a golden file into groups of arrays by the prefix of their names.

import { type HostArray, readSafetensors } from '../../src/index.ts';

type Arrays = Record<string, HostArray>;

export interface GoldenCase {
  op: string;
  attrs: Record<string, unknown>;
  in: Arrays;
  out: Arrays;
  gout: Arrays;
  gin: Arrays;
}

export function readCase(name: string, bytes: Uint8Array): GoldenCase {
  const { tensors, metadata } = readSafetensors(bytes, name);
  const group = (prefix: string): Arrays => {
    const found: Arrays = {};
    for (const [name, { shape, data }] of tensors)
      if (name.startsWith(`${prefix}.`))
        found[name.slice(prefix.length + 1)] = { shape, data: Float32Array.from(data as Float32Array) };
    return found;
  };
  const [ins, out, gout, gin] = ['in', 'out', 'gout', 'gin'].map(group);
  return { op: metadata.op, attrs: JSON.parse(metadata.attrs), in: ins, out, gout, gin };
}

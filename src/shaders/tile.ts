// Text that the tiled kernels (matmul, conv) share. A tile's lanes all need some loaded values: with subgroups one
// workgroup is one subgroup, each lane loads a part of them and subgroupBroadcast hands each to all; without, every
// lane loads all.

import type { Engine } from '../engine/engine.ts';

export const axis = 'xyzw';

export const each = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** Invocations of a workgroup of the plain variants. */
export const plainWorkgroup = 64;

export interface Shared {
  /** Statements before the loop: where each load begins. */
  setup: string;
  /** Statements that load the values into variables. */
  loads: string;
  /** The expression for value `index` (or one of its components, `.x`), the same in every lane. */
  value: (index: number, component?: string) => string;
}

/**
 * @param name prefix of the variables
 * @param count values
 * @param lanes subgroup size, 0 for the plain variant
 * @param place expression for what stays the same in a loop about the value whose index is the given expression
 * @param load expression that loads a value, from its place
 */
export function shareLoads(
  name: string,
  count: number,
  lanes: number,
  place: (index: string) => string,
  load: (place: string) => string,
): Shared {
  const slots = lanes ? Math.ceil(count / lanes) : count;
  const index = (slot: number) => (lanes ? `min(${slot * lanes}u + lane, ${count - 1}u)` : `${slot}u`);
  return {
    setup: each(slots, (slot) => `let ${name}At${slot} = ${place(index(slot))};`).join('\n'),
    loads: each(slots, (slot) => `let ${name}${slot} = ${load(`${name}At${slot}`)};`).join('\n  '),
    value: (i, component = '') =>
      lanes
        ? `subgroupBroadcast(${name}${Math.floor(i / lanes)}${component}, ${i % lanes}u)`
        : `${name}${i}${component}`,
  };
}

/**
 * A load of a narrow subgroup brings few numbers and costs as much (SwiftShader: four lanes, a load as dear as ten
 * multiply-adds), so its tiles are wider.
 */
export const isNarrow = (lanes: number): boolean => lanes > 0 && lanes < 8;

/**
 * Whether a larger tile, which loads less for each multiply-add and takes a software adapter twice as long to compile
 * (up to a second more), is worth it for so many of them. Real GPUs, where registers are short, keep the smaller one.
 */
export const deservesLargeTile = (
  { lanes, gpu }: Pick<Engine, 'lanes' | 'gpu'>,
  multiplyAdds: number,
): boolean => lanes > 0 && !gpu && multiplyAdds >= 2 ** 23;

/** A function that reads four floats of `buffer` from i on, those from `count` on as zero: for unaligned rows. */
export function quad(buffer: string): string {
  return `fn quad_${buffer}(i: u32, count: u32) -> vec4f {
  return select(vec4f(), vec4f(${buffer}[i], ${buffer}[i + 1u], ${buffer}[i + 2u], ${buffer}[i + 3u]),
    vec4u(0u, 1u, 2u, 3u) < vec4u(count));
}`;
}

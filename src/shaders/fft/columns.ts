// How transforms lie in memory and on the machine. Two transforms that stand side by side (neighbouring frames, or
// rows of a batch) are one column: every value is a vec2f `V` over them, so a butterfly is the same code for any
// layout and needs no shuffling. (Four run no faster on lavapipe and compile three
// times as long there.) Two arrangements of the columns:
//   frames  32 columns are a tile, [tile][row][lane][part][2]: one invocation a column, loads along the lanes; what
//           depends only on the row (twiddles, window) is the same for a workgroup; a tile stays in the cache
//   rows    a tile is one column and the lanes run over the butterflies: for tensors whose last axis is transformed
// `Port` is a place that a kernel reads values from or leaves them at; `dispatch` binds some ports to one body.

import type { Engine } from '../../engine/engine.ts';
import type { Element, Kernel } from '../../engine/kernel.ts';
import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';

export interface Columns {
  /** Batches, and transforms in each. */
  B: number;
  frames: number;
  /** Columns of a batch: frames / 2 rounded up. */
  pairs: number;
  tiles: number;
  /** Columns of a tile: 32, or 1 for the arrangement `rows`. */
  lanes: number;
}

/** Transforms of a column. */
export const width = 2;
/** The type of a column's values, `V` in WGSL. */
export const valueType = 'vec2f';
/** Of a complex one: both parts at once, because a load of four floats costs less than two of two. */
export const complexType = 'vec4f';
/** The parts of a value. */
export const parts = [0, 1];
/** WGSL of part i of a value. */
export const partOf = (value: string, i: number): string => `${value}.${'xy'[i]}`;

const tileLanes = 32;
const rowsWorkgroup = 64;

/** Columns for B x frames transforms that lie side by side. */
export function frameColumns(B: number, frames: number): Columns {
  const pairs = Math.ceil(frames / width);
  return { B, frames, pairs, tiles: Math.ceil((B * pairs) / tileLanes), lanes: tileLanes };
}

/** Columns for transforms along the last axis of `rows` rows. */
export function rowColumns(rows: number): Columns {
  const pairs = Math.ceil(rows / width);
  return { B: 1, frames: rows, pairs, tiles: pairs, lanes: 1 };
}

/** An uninitialised tensor of `rows` values for every column; parts 2 for complex values. */
export function columnTensor(engine: Engine, c: Columns, rows: number, parts: 1 | 2): Tensor {
  return engine.empty([c.tiles, rows, c.lanes, parts, width]);
}

/** WGSL index of the value at a row of a column tensor. */
export function at({ lanes }: Columns, row: string, rows: number): string {
  const index = `(tile * ${rows}u + ${row})`;
  return lanes === 1 ? index : `${index} * ${lanes}u + lane`;
}

/** A part of a kernel: some of its tensors, numbers and declarations. */
export interface Port extends Pick<Kernel, 'sizes' | 'floats' | 'declarations'> {
  reads?: Record<string, readonly [Element, Tensor]>;
  writes?: Record<string, readonly [Element, Tensor]>;
}

/** A port with more, or other, parts. */
export const extended = <P extends Port>(port: P, more: Partial<P>): P => ({
  ...port,
  ...more,
  reads: { ...port.reads, ...more.reads },
  sizes: { ...port.sizes, ...more.sizes },
  floats: { ...port.floats, ...more.floats },
});

/** WGSL of what a body may know of the column `col`. */
const place = `let live = col < u.B * u.pairs;
let b = min(col / u.pairs, u.B - 1u);
let frame = (col - b * u.pairs) * ${width}u;`;

/** One dispatch with the tensors, numbers and declarations of some ports. */
function runPorts(
  name: string,
  { B, pairs, frames }: Columns,
  workgroup: number,
  groups: number,
  ports: readonly Port[],
  body: string,
): void {
  const all = <K extends keyof Port>(key: K): NonNullable<Port[K]> =>
    Object.assign({}, ...ports.map((p) => p[key]));
  run(
    {
      name,
      reads: all('reads'),
      writes: all('writes'),
      sizes: { B, pairs, frames, ...all('sizes') },
      floats: all('floats'),
      workgroup,
      declarations: [`alias V = ${valueType};`, ...new Set(ports.map((p) => p.declarations))].join('\n'),
      body,
    },
    groups,
  );
}

/**
 * Runs `body` once for every item of every column. It may use: `item`, `tile`, `lane`, `col` (the column), `b` (its
 * batch, below B), `frame` (the first of its two frames; those from u.frames on don't exist), `live` (whether the
 * column exists), `V`.
 */
export function dispatch(
  name: string,
  c: Columns,
  items: number,
  ports: readonly Port[],
  body: string,
): void {
  const all = [{ sizes: { items } }, ...ports];
  if (c.lanes > 1) {
    const text = `let item = group % u.items;
let tile = group / u.items;
let col = tile * ${c.lanes}u + lane;
${place}
${body}`;
    runPorts(name, c, c.lanes, items * c.tiles, all, text);
    return;
  }
  const text = `let index = group * ${rowsWorkgroup}u + lane;
if (index < u.items * u.pairs) {
let item = index % u.items;
let tile = index / u.items;
let col = tile;
${place}
${body}
}`;
  runPorts(name, c, rowsWorkgroup, Math.ceil((items * c.pairs) / rowsWorkgroup), all, text);
}

/**
 * Runs `body` for `perGroup` columns a workgroup, whose invocations share them. It may use what that of `dispatch`
 * may, but for `item`: `slot` (the column within the workgroup), `turn` (the invocation's number within the column),
 * and `mine` (whether the column may be stored). Neighbouring invocations have neighbouring columns of a tile, or
 * neighbouring turns of a row: whatever is contiguous in memory. All reach its barriers.
 */
export function dispatchGroups(
  name: string,
  c: Columns,
  { workgroup, perGroup }: { workgroup: number; perGroup: number },
  ports: readonly Port[],
  body: string,
): void {
  const turns = workgroup / perGroup;
  const slot = c.lanes > 1 ? `lane % ${perGroup}u` : `lane / ${turns}u`;
  const turn = c.lanes > 1 ? `lane / ${perGroup}u` : `lane % ${turns}u`;
  const text = `let slot = ${slot};
let turn = ${turn};
let wanted = group * ${perGroup}u + slot;
let mine = wanted < u.columns;
let col = min(wanted, u.columns - 1u);
${place}
let tile = col / ${c.lanes}u;
{
let lane = col % ${c.lanes}u;
${body}
}`;
  const columns = c.tiles * c.lanes;
  runPorts(name, c, workgroup, Math.ceil(columns / perGroup), [{ sizes: { columns } }, ...ports], text);
}

/** Stores the parts of `value` that exist; `index` gives the place of frame `frame + i`. */
export function storeFrames(
  target: string,
  value: (i: number) => string,
  index: (i: number) => string,
): string {
  const each = parts.map((i) => `if (frame + ${i}u < u.frames) { ${target}[${index(i)}] = ${value(i)}; }`);
  return `if (live) { ${each.join(' ')} }`;
}

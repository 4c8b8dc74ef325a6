// How transforms lie in memory and on the machine. Two transforms that stand side by side (neighbouring frames, or
// rows of a batch) are one column: every value is a vec2f `V` over them, so a butterfly is the same code for any
// layout and needs no shuffling. (Four run no faster on lavapipe, where a load costs by the float, and compile three
// times as long there.) Two arrangements of the columns:
//   frames  32 columns are a tile, [tile][row][part][lane][2]: one invocation a column, loads along the lanes; what
//           depends only on the row (twiddles, window) is the same for a workgroup; a tile stays in the cache
//   rows    a tile is one column and the lanes run over the butterflies: for tensors whose last axis is transformed
// `Port` is a place that a kernel reads values from or leaves them at; `dispatch` binds some ports to one body.

import type { Engine } from '../../engine/engine.ts';
import type { Element } from '../../engine/kernel.ts';
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
  return engine.empty([c.tiles, rows, parts, c.lanes, width]);
}

/** WGSL index of the value at a row of a column tensor. */
export function at(c: Columns, row: string, rows: number, parts: 1 | 2, part: 0 | 1 = 0): string {
  const index = `(tile * ${rows}u + ${row}) * ${c.lanes * parts}u`;
  return c.lanes === 1 ? `${index} + ${part}u` : `${index} + ${part * c.lanes}u + lane`;
}

export interface Port {
  reads?: Record<string, [Element, Tensor]>;
  writes?: Record<string, [Element, Tensor]>;
  /** Unsigned, or float where the name is in `floats`. */
  uniforms?: Record<string, number>;
  floats?: Record<string, number>;
  declarations?: string;
}

/** WGSL of what a body may know of the column `col`. */
const place = `let live = col < u.B * u.pairs;
let b = min(col / u.pairs, u.B - 1u);
let frame = (col - b * u.pairs) * ${width}u;`;

interface Grid {
  workgroup: number;
  groups: number;
  /** More uniforms. */
  sizes?: Record<string, number>;
}

/** One dispatch with the tensors, uniforms and declarations of some ports. */
function runPorts(
  engine: Engine,
  name: string,
  c: Columns,
  grid: Grid,
  ports: readonly Port[],
  body: string,
): void {
  const merged = <T>(pick: (p: Port) => Record<string, T> | undefined): Record<string, T> =>
    Object.assign({}, ...ports.map((p) => pick(p) ?? {}));
  const reads = merged((p) => p.reads);
  const writes = merged((p) => p.writes);
  const sizes = { ...grid.sizes, B: c.B, pairs: c.pairs, frames: c.frames, ...merged((p) => p.uniforms) };
  const floats = merged((p) => p.floats);
  const element = (o: Record<string, [Element, Tensor]>) =>
    Object.fromEntries(Object.entries(o).map(([k, [type]]) => [k, type]));
  const tensors = Object.entries({ ...reads, ...writes }).map(([k, [, t]]) => [k, t]);
  run(
    engine,
    {
      name,
      reads: element(reads),
      writes: element(writes),
      uniforms: {
        ...Object.fromEntries(Object.keys(sizes).map((k) => [k, 'u32' as const])),
        ...Object.fromEntries(Object.keys(floats).map((k) => [k, 'f32' as const])),
      },
      workgroup: grid.workgroup,
      declarations: [`alias V = ${valueType};`, ...new Set(ports.map((p) => p.declarations ?? ''))].join(
        '\n',
      ),
      body,
    },
    Object.fromEntries(tensors),
    { ...sizes, ...floats },
    grid.groups,
  );
}

/**
 * Runs `body` once for every item of every column. It may use: `item`, `tile`, `lane`, `col` (the column), `b` (its
 * batch, below B), `frame` (the first of its two frames; those from u.frames on don't exist), `live` (whether the
 * column exists), `V`.
 */
export function dispatch(
  engine: Engine,
  name: string,
  c: Columns,
  items: number,
  ports: readonly Port[],
  body: string,
): void {
  const sizes = { items };
  if (c.lanes > 1) {
    const text = `let item = group % u.items;
let tile = group / u.items;
let col = tile * ${c.lanes}u + lane;
${place}
${body}`;
    runPorts(engine, name, c, { workgroup: c.lanes, groups: items * c.tiles, sizes }, ports, text);
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
  const groups = Math.ceil((items * c.pairs) / rowsWorkgroup);
  runPorts(engine, name, c, { workgroup: rowsWorkgroup, groups, sizes }, ports, text);
}

/**
 * Runs `body` for `perGroup` columns a workgroup, whose invocations share them. It may use what that of `dispatch`
 * may, but for `item`: `slot` (the column within the workgroup), `turn` (the invocation's number within the column),
 * and `mine` (whether the column may be stored). Neighbouring invocations have neighbouring columns of a tile, or
 * neighbouring turns of a row: whatever is contiguous in memory. All reach its barriers.
 */
export function dispatchGroups(
  engine: Engine,
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
  const groups = Math.ceil(columns / perGroup);
  runPorts(engine, name, c, { workgroup, groups, sizes: { columns } }, ports, text);
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

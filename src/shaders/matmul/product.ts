// One matrix product, C (M, N) = A (M, K) B (K, N), batched, either operand stored transposed, with bias and activation on
// the way out: which kernel computes it.
//   rowsR    tiles of R rows shared by the lanes (lines.ts): all that software adapters are offered
//   tileT    tiles of T x T over workgroup memory (panels.ts), for real GPUs
//   splitS   the same tiles over S slices of K, then a sum (slices.ts): few outputs of long sums, weight gradients

import type { Engine } from '../../engine/engine.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { Activation } from '../activation.ts';
import { sumSlices } from '../slices.ts';
import { deservesLargeTile, isNarrow } from '../tile.ts';
import { lines } from './lines.ts';
import { panels } from './panels.ts';

export interface Product {
  name: string;
  M: number;
  N: number;
  K: number;
  batches?: number;
  /** A is stored (K, M); B is stored (N, K). */
  transposeA: boolean;
  transposeB: boolean;
  /** N values added to every row. */
  bias?: Tensor | null;
  activation?: Activation;
  /** Add to what C holds. */
  add?: boolean;
  /** Receives the sums of A over K, M values: the bias gradient when A is a transposed gradient. */
  rowSums?: Tensor | null;
}

/** Rows of a tile: as many as fit the work without idle rows, 4 to 32. */
function tileRows(engine: Engine, { M, N, K, batches = 1 }: Product): number {
  const { lanes } = engine;
  const tall = isNarrow(lanes) && deservesLargeTile(engine, batches * M * N * K);
  const most = tall ? 32 : lanes ? 16 : 8;
  let R = most;
  while (R > 4 && R / 2 >= M) R /= 2;
  return R;
}

/** Fewer tiles of 64 x 64 than this leave a GPU idle. */
const fewTiles = 32;
/** Below this K a product is not worth a second dispatch. */
const longSum = 1024;
/** Slices at most, and k of one slice at least. */
const mostSlices = 64;
const leastSlice = 128;

/** Side of a slice's tile, by the shape. */
const tileSide = (p: Product): number => (p.M >= 64 && p.N >= 64 ? 64 : 32);

/** Slices of K that give a GPU about twice `fewTiles` tiles, a power of two; 1 where that is no gain. */
function slicesOf(p: Product): number {
  const T = tileSide(p);
  const tiles = Math.ceil(p.M / T) * Math.ceil(p.N / T) * (p.batches ?? 1);
  if (tiles >= fewTiles || p.K < longSum) return 1;
  let slices = 2;
  while (slices < mostSlices && tiles * slices < 2 * fewTiles && p.K / (2 * slices) >= leastSlice)
    slices *= 2;
  return slices;
}

/** The guess for this adapter first: `rows16`, lines of 16 rows; `tile64`; `split8`, tiles in 8 slices of K. */
function variantsOf(engine: Engine, p: Product): string[] {
  const R = tileRows(engine, p);
  if (!engine.gpu) return [R, R / 2].filter((r) => r >= 4).map((r) => `rows${r}`);
  const slices = slicesOf(p);
  const split = slices > 1 ? [`split${slices}`] : [];
  if (p.M >= 64 && p.N >= 64) return [...split, 'tile64', 'tile32', `rows${R}`];
  // A tile of 32 rows for a few of them is mostly idle; lines fit their number.
  return p.M < 16 ? [...split, `rows${R}`, 'tile32'] : [...split, 'tile32', `rows${R}`];
}

/** What the time of a product depends on. */
function keyOf(p: Product): string {
  const { M, N, K, batches = 1, transposeA, transposeB, bias, activation = 'none', add, rowSums } = p;
  const parts = [bias && 'bias', activation !== 'none' && activation, add && 'add', rowSums && 'sums'];
  const layout = `${transposeA ? 't' : 'n'}${transposeB ? 't' : 'n'}`;
  return `product ${batches}x${M}x${N}x${K} ${layout} ${parts.filter(Boolean).join(' ')}`.trimEnd();
}

/** Records the dispatch of one product. Operands are flat; the caller checked all shapes. */
export function product(engine: Engine, p: Product, A: Tensor, B: Tensor, C: Tensor): void {
  const tensors = { A, B, C, bias: p.bias, rowSums: p.rowSums };
  engine.plan.run(keyOf(p), variantsOf(engine, p), tensors, (variant, { A, B, C, ...t }) => {
    const bound = { ...p, ...t };
    const number = Number(variant.replace(/^[a-z]+/, ''));
    if (variant.startsWith('rows')) lines(engine, bound, number, A, B, C);
    else if (variant.startsWith('tile')) panels(bound, number, 1, A, B, C);
    else split(engine, bound, number, A, B, C);
  });
}

/** Slices of K into scratch, then their sum. */
function split(engine: Engine, p: Product, slices: number, A: Tensor, B: Tensor, C: Tensor): void {
  const { name, bias, activation, add, rowSums, ...bare } = p;
  engine.scope(() => {
    const parts = engine.empty([slices, C.size]);
    const beside = rowSums && { parts: engine.empty([slices, p.M]), y: rowSums };
    panels({ ...bare, name, rowSums: beside?.parts }, tileSide(p), slices, A, B, parts);
    sumSlices({ name, slices, bias, activation, add }, parts, C, beside);
  });
}

// One matrix product, C (M, N) = A (M, K) B (K, N), batched, either operand stored transposed, with bias and activation on
// the way out: which kernel computes it. The variants are `rowsR`, tiles of R rows shared by the lanes (lines.ts).

import type { Engine } from '../../engine/engine.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { Activation } from '../activation.ts';
import { lines } from './lines.ts';

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
  bias?: Tensor;
  activation?: Activation;
  /** Add to what C holds. */
  add?: boolean;
  /** Receives the sums of A over K, M values: the bias gradient when A is a transposed gradient. */
  rowSums?: Tensor;
}

/** Rows of a tile: as many as fit the work without idle rows, 4 to 16. */
function tileRows(M: number, lanes: number): number {
  const most = lanes ? 16 : 8;
  let R = most;
  while (R > 4 && R / 2 >= M) R /= 2;
  return R;
}

/** `rows16`: tiles of 16 rows; the guess for this adapter first. */
function variantsOf(engine: Engine, p: Product): string[] {
  const R = tileRows(p.M, engine.lanes);
  return [R, R / 2].filter((r) => r >= 4).map((r) => `rows${r}`);
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
  const variant = engine.plan.choose(keyOf(p), variantsOf(engine, p), () => ({
    sizes: {
      A: A.size,
      B: B.size,
      C: C.size,
      ...(p.bias ? { bias: p.N } : {}),
      ...(p.rowSums ? { rowSums: p.M } : {}),
    },
    run: (v, t) =>
      lines(engine, { ...p, bias: t.bias, rowSums: t.rowSums }, Number(v.slice(4)), t.A, t.B, t.C),
  }));
  lines(engine, p, Number(variant.slice(4)), A, B, C);
}

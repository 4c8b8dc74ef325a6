// C (M, N) = A (M, K) B (K, N), batched, either operand stored transposed, with bias and activation on the way out.
// A tile is R rows by 4 columns a lane: a lane keeps R vec4 accumulators and walks K in blocks of four. The rows'
// operand A is what lanes share. With subgroups one workgroup is one subgroup: each lane loads another vec4 of A and
// subgroupBroadcast hands it to all; the plain variant lets every lane load all of A's block itself (NOTES.md has
// what that costs). Operands are read as vec4 along whichever dimension is contiguous in memory; where that one is
// no multiple of four, as four floats with the K tail masked, so that nothing beyond a row is ever multiplied.

import type { Engine } from '../../engine/engine.ts';
import type { Element } from '../../engine/kernel.ts';
import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { activationFunctions } from '../activation.ts';
import { axis, each, plainWorkgroup, quad, shareLoads } from '../tile.ts';
import type { Product } from './product.ts';
import { loadBias, storeRow, storesVectors } from './store.ts';

/** One operand's loads: `load(k)` gives statements, `at` an expression for one of its elements. */
interface Operand {
  element: Element;
  loads: string;
  value: (row: number, k: number) => string;
}

/** Rows of A: R of them, shared by all lanes. */
function rowsOperand(p: Product, R: number, lanes: number): Operand {
  const alongK = !p.transposeA;
  const vector = (alongK ? p.K : p.M) % 4 === 0;
  // A block is R vec4s: along K one for each row, along M one for each of 4 k and each 4 rows.
  const address = (v: string) => {
    const row = alongK ? `min(m0 + ${v}, u.M - 1u)` : `min(m0 + 4u * (${v} % ${R / 4}u), u.M - 1u)`;
    const k = alongK ? 'k' : `min(k + ${v} / ${R / 4}u, u.K - 1u)`;
    const flat = alongK ? `${row} * u.K + ${k}` : `${k} * u.M + ${row}`;
    if (vector && alongK) return `a[(aBase + ${flat}) / 4u]`;
    if (alongK) return `quad_a(aBase + ${flat}, u.K - k)`;
    const load = vector ? `a[(aBase + ${flat}) / 4u]` : `quad_a(aBase + ${flat}, 4u)`;
    return p.K % 4 === 0 ? load : `select(vec4f(), ${load}, k + ${v} / ${R / 4}u < u.K)`;
  };
  const shared = shareLoads('a', R, lanes, address);
  const value = (row: number, k: number) =>
    alongK
      ? shared.value(row, `.${axis[k]}`)
      : shared.value(k * (R / 4) + Math.floor(row / 4), `.${axis[row % 4]}`);
  return { element: vector ? 'vec4f' : 'f32', loads: shared.loads, value };
}

/** Columns of B: four of them in each lane, as one vec4 for each of four k. */
function columnsOperand(p: Product): Operand {
  const alongN = !p.transposeB;
  const vector = (alongN ? p.N : p.K) % 4 === 0;
  const loads = [0, 1, 2, 3].map((j) => {
    if (alongN) {
      const flat = `bBase + min(k + ${j}u, u.K - 1u) * u.N + n`;
      const load = vector ? `b[(${flat}) / 4u]` : `quad_b(${flat}, 4u)`;
      return `let b${j} = ${p.K % 4 === 0 ? load : `select(vec4f(), ${load}, k + ${j}u < u.K)`};`;
    }
    const flat = `bBase + min(n + ${j}u, u.N - 1u) * u.K + k`;
    return `let b${j} = ${vector ? `b[(${flat}) / 4u]` : `quad_b(${flat}, u.K - k)`};`;
  });
  const value = (_: number, k: number) =>
    alongN ? `b${k}` : `vec4f(b0.${axis[k]}, b1.${axis[k]}, b2.${axis[k]}, b3.${axis[k]})`;
  return { element: vector ? 'vec4f' : 'f32', loads: loads.join('\n  '), value };
}

/** R rows by 4 columns a lane. */
export function lines(engine: Engine, p: Product, R: number, A: Tensor, B: Tensor, C: Tensor): void {
  const lanes = engine.lanes;
  const width = lanes || plainWorkgroup;
  const rows = rowsOperand(p, R, lanes);
  const columns = columnsOperand(p);
  const vector = storesVectors(p) ? 'vec4f' : 'f32';
  const multiply = each(4, (k) =>
    [
      `let w${k} = ${columns.value(0, k)};`,
      ...each(R, (r) => `s${r} = fma(vec4f(${rows.value(r, k)}), w${k}, s${r});`),
    ].join('\n  '),
  ).join('\n  ');
  const [aRow, aK] = p.transposeA ? ['1u', 'u.M'] : ['u.K', '1u'];
  const sums = `if (tile % tilesN == 0u) {
  for (var r = lane; r < ${R}u && m0 + r < u.M; r += ${width}u) {
    var sum = 0.0;
    for (var k = 0u; k < u.K; k++) {
      let i = aBase + (m0 + r) * ${aRow} + k * ${aK};
      sum += ${rows.element === 'f32' ? 'a[i]' : 'a[i / 4u][i % 4u]'};
    }
    rowSums[m0 + r] = sum;
  }
}`;
  const tilesN = Math.ceil(p.N / (4 * width));
  const tilesM = Math.ceil(p.M / R);
  run(
    {
      name: p.name,
      reads: { a: [rows.element, A], b: [columns.element, B], bias: p.bias && [vector, p.bias] },
      writes: { c: [vector, C], rowSums: p.rowSums },
      sizes: { M: p.M, N: p.N, K: p.K, tilesN, tilesM },
      workgroup: width,
      subgroups: lanes > 0,
      declarations: [
        activationFunctions(p.activation ?? 'none', 'vec4f'),
        rows.element === 'f32' ? quad('a') : '',
        columns.element === 'f32' ? quad('b') : '',
      ].join('\n'),
      body: `let tilesN = u.tilesN;
let batch = group / (tilesN * u.tilesM);
let tile = group % (tilesN * u.tilesM);
let m0 = tile / tilesN * ${R}u;
let column = (tile % tilesN * ${width}u + lane) * 4u;
let n = min(column, (u.N - 1u) / 4u * 4u);
let aBase = batch * u.M * u.K;
let bBase = batch * u.N * u.K;
let cBase = batch * u.M * u.N;
${each(R, (r) => `var s${r} = vec4f();`).join(' ')}
for (var k = 0u; k < u.K; k += 4u) {
  ${rows.loads}
  ${columns.loads}
  ${multiply}
}
if (column < u.N) {
  ${loadBias(p)}
  ${each(R, (r) => storeRow(p, 'm0', r)).join('\n  ')}
}
${p.rowSums ? sums : ''}`,
    },
    tilesN * tilesM * (p.batches ?? 1),
  );
}

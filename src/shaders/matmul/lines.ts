// C (M, N) = A (M, K) B (K, N), batched, either operand stored transposed, with bias and activation on the way out.
// A tile is R rows by 4 columns a lane (8 in a narrow subgroup): a lane keeps vec4 accumulators and walks K in blocks of four. The rows'
// operand A is what lanes share. With subgroups one workgroup is one subgroup: each lane loads another vec4 of A and
// subgroupBroadcast hands it to all; the plain variant lets every lane load all of A's block itself (NOTES.md has
// what that costs). Operands are read as vec4 along whichever dimension is contiguous in memory; where that one is
// no multiple of four, as four floats with the K tail masked, so that nothing beyond a row is ever multiplied.

import type { Engine } from '../../engine/engine.ts';
import type { Element } from '../../engine/kernel.ts';
import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { activationFunctions } from '../activation.ts';
import { axis, each, isNarrow, plainWorkgroup, quad, shareLoads } from '../tile.ts';
import type { Product } from './product.ts';
import { loadBias, storeRow, storesVectors } from './store.ts';

/** Rows of A: R of them, shared by all lanes. */
function rowsOperand(p: Product, R: number, lanes: number) {
  const alongK = !p.transposeA;
  const vector = (alongK ? p.K : p.M) % 4 === 0;
  const element: Element = vector ? 'vec4f' : 'f32';
  // A block is R vec4s: along K one for each row, along M one for each of 4 k and each 4 rows.
  if (alongK) {
    const place = (v: string) => `aBase + min(m0 + ${v}, u.M - 1u) * u.K`;
    const load = (at: string) => (vector ? `a[(${at} + k) / 4u]` : `quad_a(${at} + k, u.K - k)`);
    const shared = shareLoads('a', R, lanes, place, load);
    return { element, ...shared, value: (row: number, k: number) => shared.value(row, `.${axis[k]}`) };
  }
  const place = (v: string) => `vec2u(aBase + min(m0 + 4u * (${v} % ${R / 4}u), u.M - 1u), ${v} / ${R / 4}u)`;
  const whole = p.K % 4 === 0;
  const load = (at: string) => {
    const flat = `${at}.x + ${whole ? `(k + ${at}.y)` : `min(k + ${at}.y, u.K - 1u)`} * u.M`;
    const four = vector ? `a[(${flat}) / 4u]` : `quad_a(${flat}, 4u)`;
    return whole ? four : `select(vec4f(), ${four}, k + ${at}.y < u.K)`;
  };
  const shared = shareLoads('a', R, lanes, place, load);
  const value = (row: number, k: number) =>
    shared.value(k * (R / 4) + Math.floor(row / 4), `.${axis[row % 4]}`);
  return { element, ...shared, value };
}

/**
 * Columns of B: four of them from `n` on, as one vec4 for each of four k; block c of a lane. A vec4 that belongs to one
 * k alone is loaded where it is used, so that fewer of them live at once.
 */
function columnsOperand(p: Product, c: number) {
  const alongN = !p.transposeB;
  const vector = (alongN ? p.N : p.K) % 4 === 0;
  const element: Element = vector ? 'vec4f' : 'f32';
  const name = (j: number) => `b${j}_${c}`;
  const whole = p.K % 4 === 0;
  const loads = each(4, (j) => {
    if (alongN) {
      const flat = `bBase + ${whole ? `(k + ${j}u)` : `min(k + ${j}u, u.K - 1u)`} * u.N + n${c}`;
      const load = vector ? `b[(${flat}) / 4u]` : `quad_b(${flat}, 4u)`;
      return `let ${name(j)} = ${whole ? load : `select(vec4f(), ${load}, k + ${j}u < u.K)`};`;
    }
    const flat = `bAt${j}_${c} + k`;
    return `let ${name(j)} = ${vector ? `b[(${flat}) / 4u]` : `quad_b(${flat}, u.K - k)`};`;
  });
  const setup = alongN
    ? []
    : each(4, (j) => `let bAt${j}_${c} = bBase + min(n${c} + ${j}u, u.N - 1u) * u.K;`);
  const value = (k: number) =>
    alongN ? name(k) : `vec4f(${each(4, (j) => `${name(j)}.${axis[k]}`).join(', ')})`;
  return { element, setup: setup.join('\n'), loads, alongN, value };
}

/** R rows by four columns a lane, or twice as many. */
export function lines(engine: Engine, p: Product, R: number, A: Tensor, B: Tensor, C: Tensor): void {
  const lanes = engine.lanes;
  const width = lanes || plainWorkgroup;
  const rows = rowsOperand(p, R, lanes);
  const columns = each(p.N > 4 * width && isNarrow(lanes) ? 2 : 1, (c) => columnsOperand(p, c));
  const vector = storesVectors(p) ? 'vec4f' : 'f32';
  const multiply = each(4, (k) =>
    [
      ...columns.map((b, c) => `${b.alongN ? b.loads[k] : ''} let w${k}_${c} = ${b.value(k)};`),
      ...each(R, (r) => {
        const sums = columns.map((_, c) => `s${r}_${c} = fma(f, w${k}_${c}, s${r}_${c});`);
        return `{ let f = vec4f(${rows.value(r, k)}); ${sums.join(' ')} }`;
      }),
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
  const tileN = 4 * width * columns.length;
  const tilesN = Math.ceil(p.N / tileN);
  const tilesM = Math.ceil(p.M / R);
  run(
    {
      name: p.name,
      reads: { a: [rows.element, A], b: [columns[0].element, B], bias: p.bias && [vector, p.bias] },
      writes: { c: [vector, C], rowSums: p.rowSums },
      sizes: { M: p.M, N: p.N, K: p.K, tilesN, tilesM },
      workgroup: width,
      subgroups: lanes > 0,
      declarations: [
        activationFunctions(p.activation ?? 'none', 'vec4f'),
        rows.element === 'f32' ? quad('a') : '',
        columns[0].element === 'f32' ? quad('b') : '',
      ].join('\n'),
      body: `let tilesN = u.tilesN;
let batch = group / (tilesN * u.tilesM);
let tile = group % (tilesN * u.tilesM);
let m0 = tile / tilesN * ${R}u;
let n = tile % tilesN * ${tileN}u + lane * 4u;
let aBase = batch * u.M * u.K;
let bBase = batch * u.N * u.K;
let cBase = batch * u.M * u.N;
${columns.map((b, c) => `let n${c} = min(n + ${4 * width * c}u, (u.N - 1u) / 4u * 4u);\n${b.setup}`).join('\n')}
${rows.setup}
${each(R, (r) => columns.map((_, c) => `var s${r}_${c} = vec4f();`).join(' ')).join(' ')}
for (var k = 0u; k < u.K; k += 4u) {
  ${rows.loads}
  ${columns.flatMap((b) => (b.alongN ? [] : b.loads)).join('\n  ')}
  ${multiply}
}
${columns.map((_, c) => storeColumns(p, R, c, 4 * width)).join('\n')}
${p.rowSums ? sums : ''}`,
    },
    tilesN * tilesM * (p.batches ?? 1),
  );
}

/** Stores block c of the columns of a lane. */
const storeColumns = (
  p: Product,
  R: number,
  c: number,
  apart: number,
): string => `if (n + ${apart * c}u < u.N) {
  let n = n${c};
  ${loadBias(p)}
  ${each(R, (r) => storeRow(p, 'm0', r, `s${r}_${c}`)).join('\n  ')}
}`;

// C (M, N) = A (M, K) B (K, N), batched, either operand stored transposed, with bias and activation on the way out.
// A tile is R rows by 4 columns a lane: a lane keeps R vec4 accumulators and walks K in blocks of four. The rows'
// operand A is what lanes share. With subgroups one workgroup is one subgroup: each lane loads another vec4 of A and
// subgroupBroadcast hands it to all; the plain variant lets every lane load all of A's block itself (NOTES.md has
// what that costs). Operands are read as vec4 along whichever dimension is contiguous in memory; where that one is
// no multiple of four, as four floats with the K tail masked, so that nothing beyond a row is ever multiplied.

import type { Engine } from '../engine/engine.ts';
import { ShapeError } from '../engine/errors.ts';
import type { Element } from '../engine/kernel.ts';
import { record } from '../engine/op.ts';
import { run } from '../engine/run.ts';
import { type Shape, shapeText, sizeOf, type Tensor } from '../engine/tensor.ts';
import {
  type Activation,
  activate,
  activationFunctions,
  activationGradient,
  checkActivation,
} from './activation.ts';
import { axis, each, plainWorkgroup, quad, shareLoads } from './tile.ts';

interface Product {
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

function storeRow(p: Product, row: number, vector: boolean): string {
  const index = `cBase + (m0 + ${row}u) * u.N + n`;
  const withBias = p.bias ? `s${row} + bias4` : `s${row}`;
  const result = activate(p.activation ?? 'none', withBias, 'vec4f');
  const op = p.add ? '+=' : '=';
  const store = vector
    ? `c[(${index}) / 4u] ${op} ${result};`
    : `let r = ${result}; ${[0, 1, 2, 3].map((e) => `if (n + ${e}u < u.N) { c[${index} + ${e}u] ${op} r.${axis[e]}; }`).join(' ')}`;
  return `if (m0 + ${row}u < u.M) { ${store} }`;
}

/** Rows of a tile: as many as fit the work without idle rows, 4 to 16. */
function tileRows(M: number, lanes: number): number {
  const most = lanes ? 16 : 8;
  let R = most;
  while (R > 4 && R / 2 >= M) R /= 2;
  return R;
}

/** Records the dispatch of one product. Operands are flat; the caller checked all shapes. */
export function product(engine: Engine, p: Product, A: Tensor, B: Tensor, C: Tensor): void {
  const lanes = engine.lanes;
  const R = tileRows(p.M, lanes);
  const width = lanes || plainWorkgroup;
  const rows = rowsOperand(p, R, lanes);
  const columns = columnsOperand(p);
  const vector = p.N % 4 === 0;
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
    engine,
    {
      name: p.name,
      reads: { a: rows.element, b: columns.element, ...(p.bias ? { bias: vector ? 'vec4f' : 'f32' } : {}) },
      writes: { c: vector ? 'vec4f' : 'f32', ...(p.rowSums ? { rowSums: 'f32' } : {}) },
      uniforms: { M: 'u32', N: 'u32', K: 'u32', tilesN: 'u32', tilesM: 'u32' },
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
  ${p.bias ? `let bias4 = ${vector ? 'bias[n / 4u]' : 'vec4f(bias[n], bias[min(n + 1u, u.N - 1u)], bias[min(n + 2u, u.N - 1u)], bias[min(n + 3u, u.N - 1u)])'};` : ''}
  ${each(R, (r) => storeRow(p, r, vector)).join('\n  ')}
}
${p.rowSums ? sums : ''}`,
    },
    {
      a: A,
      b: B,
      c: C,
      ...(p.bias ? { bias: p.bias } : {}),
      ...(p.rowSums ? { rowSums: p.rowSums } : {}),
    },
    { M: p.M, N: p.N, K: p.K, tilesN, tilesM },
    tilesN * tilesM * (p.batches ?? 1),
  );
}

export interface MatmulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
}

/**
 * Matrix product of the last two dimensions. Leading dimensions are batches and must be equal.
 * @param a (..., M, K), or (..., K, M) with transposeA
 * @param b (..., K, N), or (..., N, K) with transposeB
 * @returns (..., M, N)
 * @throws ShapeError if the shapes do not fit.
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const { engine } = a;
  const { M, N, K, lead } = matmulShapes(a.shape, b.shape, transposeA, transposeB);
  const batches = sizeOf(lead);
  const y = engine.empty([...lead, M, N]);
  product(engine, { name: 'matmul', M, N, K, batches, transposeA, transposeB }, a, b, y);
  return record('matmul', [a, b], [y], (g) => {
    const dy = g.out();
    // dA = dY B^T and dB = A^T dY, each written in the layout its operand is stored in.
    if (g.needs(0)) {
      const { tensor, add } = g.accumulate(0);
      const at = { name: 'matmul.da', K: N, batches, add };
      if (transposeA)
        product(engine, { ...at, M: K, N: M, transposeA: transposeB, transposeB: true }, b, dy, tensor);
      else product(engine, { ...at, M, N: K, transposeA: false, transposeB: !transposeB }, dy, b, tensor);
    }
    if (g.needs(1)) {
      const { tensor, add } = g.accumulate(1);
      const at = { name: 'matmul.db', K: M, batches, add };
      if (transposeB)
        product(engine, { ...at, M: N, N: K, transposeA: true, transposeB: transposeA }, dy, a, tensor);
      else product(engine, { ...at, M: K, N, transposeA: !transposeA, transposeB: false }, a, dy, tensor);
    }
  });
}

function matmulShapes(a: Shape, b: Shape, transposeA: boolean, transposeB: boolean) {
  const text = `${shapeText(a)}${transposeA ? ' transposed' : ''} and ${shapeText(b)}${transposeB ? ' transposed' : ''}`;
  if (a.length < 2 || b.length < 2)
    throw new ShapeError(`matmul: ${text}; both operands need two dimensions`);
  const [M, K] = transposeA
    ? [a.at(-1) as number, a.at(-2) as number]
    : [a.at(-2) as number, a.at(-1) as number];
  const [K2, N] = transposeB
    ? [b.at(-1) as number, b.at(-2) as number]
    : [b.at(-2) as number, b.at(-1) as number];
  if (K !== K2) throw new ShapeError(`matmul: ${text}; the inner dimensions ${K} and ${K2} differ`);
  const lead = a.slice(0, -2);
  if (lead.length !== b.length - 2 || lead.some((d, i) => d !== b[i]))
    throw new ShapeError(`matmul: ${text}; the leading (batch) dimensions must be equal`);
  return { M, N, K, lead };
}

/**
 * x Wᵀ + b, as torch.nn.functional.linear, with an activation on the way out.
 * @param x (..., K)
 * @param w (N, K)
 * @param b (N) or null
 * @returns (..., N)
 * @throws ShapeError if the shapes do not fit.
 */
export function linear(x: Tensor, w: Tensor, b: Tensor | null, activation: Activation = 'none'): Tensor {
  const { engine } = x;
  checkActivation('linear', activation);
  if (x.rank < 1) throw new ShapeError(`linear: x ${shapeText(x.shape)}; it must be (..., K)`);
  const K = x.shape.at(-1) as number;
  const N = w.shape[0];
  if (w.rank !== 2 || w.shape[1] !== K)
    throw new ShapeError(`linear: x ${shapeText(x.shape)} needs w (N, ${K}); w is ${shapeText(w.shape)}`);
  if (b && (b.rank !== 1 || b.size !== N))
    throw new ShapeError(`linear: w ${shapeText(w.shape)} needs b (${N}); b is ${shapeText(b.shape)}`);
  const M = x.size / K;
  const y = engine.empty([...x.shape.slice(0, -1), N]);
  const forward = { name: 'linear', M, N, K, transposeA: false, transposeB: true, activation };
  product(engine, { ...forward, ...(b ? { bias: b } : {}) }, x, w, y);
  return record('linear', b ? [x, w, b] : [x, w], [y], (g) => {
    const dz = activationGradient(activation, g.out(), y);
    if (g.needs(0)) {
      const { tensor, add } = g.accumulate(0);
      product(
        engine,
        { name: 'linear.dx', M, N: K, K: N, transposeA: false, transposeB: false, add },
        dz,
        w,
        tensor,
      );
    }
    if (!g.needs(1) && !(b && g.needs(2))) return;
    const { tensor, add } = g.needs(1) ? g.accumulate(1) : { tensor: engine.empty(w.shape), add: false };
    const rowSums = b && g.needs(2) ? { rowSums: g.into(2) } : {};
    const weights = {
      name: 'linear.dw',
      M: N,
      N: K,
      K: M,
      transposeA: true,
      transposeB: false,
      add,
      ...rowSums,
    };
    product(engine, weights, dz, x, tensor);
  });
}

// C (M, N) = A (M, K) B (K, N) for real GPUs, batched, either operand stored transposed, with bias and activation on
// the way out. A workgroup of (T/4)^2 invocations makes T x T of C, each invocation 4 x 4 in four vec4 registers. It
// walks K sixteen at a time: the panels of A and B (T x 16 each) are copied to workgroup memory, then every invocation
// reads eight vec4s for 64 products of four. Panels keep the direction that is contiguous in memory, so that all
// traffic is vec4s (rows that are no multiple of four: four floats). Beyond K panels hold zeros, beyond M and N
// whatever is read there: it reaches no element that is stored. K can be cut into slices, each with a C of its own
// (slices.ts adds them up). T = 64 takes 10 KiB of workgroup memory at most, of WebGPU's 16. Sums of A's rows are made
// by all invocations from the values they hold: an addition for four products, but no branch around workgroup memory,
// with which lavapipe compiled for 5 s instead of 2.

import type { Element } from '../../engine/kernel.ts';
import { run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { activationFunctions } from '../activation.ts';
import { axis, each, quad } from '../tile.ts';
import type { Product } from './product.ts';
import { loadBias, storeRow, storesVectors } from './store.ts';

/** Depth of a panel; slices of K are multiples of it. */
export const panelDepth = 16;
/** vec4s from one line of a panel along K to the next: five instead of four, so that neighbours meet other banks. */
const pitch = panelDepth / 4 + 1;

/** One operand: T of its lines (rows of A, columns of B) by sixteen k. */
interface Panel {
  element: Element;
  declarations: string;
  /** Copies the panel at k0 from memory. */
  stage: string;
  /** Loads four lines by four k; `value` is one of them, k4 the block of four k. */
  loads: string;
  value: (line: number, k: number) => string;
  /** The four lines' sums over the four k that were loaded. */
  sums: string;
}

interface PanelSource {
  name: 'a' | 'b';
  /** WGSL: how many lines there are, the first of this tile, and where the batch begins. */
  count: string;
  first: string;
  /** Contiguous along K rather than along the lines. */
  alongK: boolean;
  vector: boolean;
  /** This invocation's place among those that divide the lines. */
  place: string;
}

function panel({ name, count, first, alongK, vector, place }: PanelSource, T: number): Panel {
  const Q = T / 4;
  const cells = alongK ? T * pitch : Q * panelDepth;
  const shared = `panel_${name}`;
  // Along K, line l lies at (l % 4) Q + l / 4: an invocation's four lines are Q apart, its neighbour's next to them.
  const slot = (line: string) => (alongK ? `(${line} % 4u * ${Q}u + ${line} / 4u) * ${pitch}u` : '');
  const copies = each(64 / T, (i) => {
    const v = `v${i}`;
    const [line, k] = alongK
      ? [`min(${first} + ${v} / 4u, ${count} - 1u)`, `k0 + ${v} % 4u * 4u`]
      : [`min(${first} + ${v} % ${Q}u * 4u, (${count} - 1u) / 4u * 4u)`, `k0 + ${v} / ${Q}u`];
    const flat = alongK ? `${name}Base + line * u.K + k` : `${name}Base + k * ${count} + line`;
    const load = vector
      ? `select(vec4f(), ${name}[(${flat}) / 4u], k < u.K)`
      : `quad_${name}(${flat}, ${alongK ? 'max(u.K, k) - k' : 'select(0u, 4u, k < u.K)'})`;
    const to = alongK ? `${slot(`(${v} / 4u)`)} + ${v} % 4u` : v;
    return `{ let ${v} = lane + ${i * Q * Q}u; let line = ${line}; let k = ${k}; ${shared}[${to}] = ${load}; }`;
  });
  const cell = (i: number) =>
    alongK ? `(${i * Q}u + ${place}) * ${pitch}u + k4` : `(4u * k4 + ${i}u) * ${Q}u + ${place}`;
  const sums = alongK
    ? `vec4f(${each(4, (i) => `dot(${name}${i}, vec4f(1.0))`).join(', ')})`
    : each(4, (i) => `${name}${i}`).join(' + ');
  return {
    element: vector ? 'vec4f' : 'f32',
    declarations: `var<workgroup> ${shared}: array<vec4f, ${cells}>;\n${vector ? '' : quad(name)}`,
    stage: copies.join('\n  '),
    loads: each(4, (i) => `let ${name}${i} = ${shared}[${cell(i)}];`).join(' '),
    value: (line, k) => (alongK ? `${name}${line}.${axis[k]}` : `${name}${k}.${axis[line]}`),
    sums,
  };
}

/** The panels of a product's operands. */
function operands(p: Product, T: number): { a: Panel; b: Panel } {
  const a: PanelSource = {
    name: 'a',
    count: 'u.M',
    first: 'm0',
    alongK: !p.transposeA,
    vector: (p.transposeA ? p.M : p.K) % 4 === 0,
    place: 'down',
  };
  const b: PanelSource = {
    name: 'b',
    count: 'u.N',
    first: 'n0',
    alongK: p.transposeB,
    vector: (p.transposeB ? p.K : p.N) % 4 === 0,
    place: 'across',
  };
  return { a: panel(a, T), b: panel(b, T) };
}

/** The statements of one workgroup. */
function body(p: Product, T: number, a: Panel, b: Panel): string {
  const Q = T / 4;
  const column = (k: number) =>
    p.transposeB ? `vec4f(${each(4, (n) => b.value(n, k)).join(', ')})` : `b${k}`;
  const multiply = each(4, (k) =>
    [
      `let w${k} = ${column(k)};`,
      ...each(4, (r) => `s${r} = fma(vec4f(${a.value(r, k)}), w${k}, s${r});`),
    ].join('\n    '),
  ).join('\n    ');
  return `let tile = group % (u.tilesN * u.tilesM);
let part = group / (u.tilesN * u.tilesM);
let batch = part % u.batches;
let begin = part / u.batches * u.sliceK;
let end = min(begin + u.sliceK, u.K);
let m0 = tile / u.tilesN * ${T}u;
let n0 = tile % u.tilesN * ${T}u;
let down = lane / ${Q}u;
let across = lane % ${Q}u;
let aBase = batch * u.M * u.K;
let bBase = batch * u.N * u.K;
let cBase = part * u.M * u.N;
var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
${p.rowSums ? 'var sums = vec4f();' : ''}
for (var k0 = begin; k0 < end; k0 += ${panelDepth}u) {
  ${a.stage}
  ${b.stage}
  workgroupBarrier();
  for (var k4 = 0u; k4 < ${panelDepth / 4}u; k4++) {
    ${a.loads}
    ${b.loads}
    ${multiply}
    ${p.rowSums ? `sums += ${a.sums};` : ''}
  }
  workgroupBarrier();
}
let m = m0 + 4u * down;
let n = n0 + 4u * across;
if (n < u.N) {
  ${loadBias(p)}
  ${each(4, (r) => storeRow(p, 'm', r)).join('\n  ')}
}
${p.rowSums ? `if (n == 0u) { ${each(4, (r) => `if (m + ${r}u < u.M) { rowSums[part * u.M + m + ${r}u] = sums.${axis[r]}; }`).join(' ')} }` : ''}`;
}

/** Tiles of T x T, T 32 or 64. With several slices C holds one product for each (slice, batch), rowSums M for each. */
export function panels(p: Product, T: number, slices: number, A: Tensor, B: Tensor, C: Tensor): void {
  const { a, b } = operands(p, T);
  const vector = storesVectors(p) ? 'vec4f' : 'f32';
  const tilesN = Math.ceil(p.N / T);
  const tilesM = Math.ceil(p.M / T);
  const batches = p.batches ?? 1;
  const sliceK = Math.ceil(p.K / slices / panelDepth) * panelDepth;
  run(
    {
      name: p.name,
      reads: { a: [a.element, A], b: [b.element, B], bias: p.bias && [vector, p.bias] },
      writes: { c: [vector, C], rowSums: p.rowSums },
      sizes: { M: p.M, N: p.N, K: p.K, tilesN, tilesM, batches, sliceK },
      workgroup: (T / 4) ** 2,
      declarations: [
        a.declarations,
        b.declarations,
        activationFunctions(p.activation ?? 'none', 'vec4f'),
      ].join('\n'),
      body: body(p, T, a, b),
    },
    tilesN * tilesM * batches * slices,
  );
}

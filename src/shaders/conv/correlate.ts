// The weight gradient of both convolutions:
//   dw[m, z, k] = sum over b, q of v[b, m, q] z[b, z, IS q + d_k]
// For conv1d v is dy and z is x; for convTranspose1d v is x and z is dy. A lane holds one channel z (two where there is much
// to do) and R channels m times K taps as scalar accumulators; it walks the positions four at a time. The lanes share the R
// rows of v through subgroupBroadcast. No atomics. A tile for every R x lanes channels (or twice as many) keeps a processor busy, but not a
// GPU, which is offered the same kernel over slices of b, each with a dw of its own, and their sum (slices.ts).
// Workgroups of the first tile also sum one of the signals over b and q: the bias gradient, at no dispatch more.

import type { Engine } from '../../engine/engine.ts';
import { perItem, run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { sumSlices } from '../slices.ts';
import { axis, deservesLargeTile, each, plainWorkgroup, quad, shareLoads } from '../tile.ts';
import { inputWindow } from './geometry.ts';

const mostTaps = 32;
/** Floats of an unaligned window, loaded one by one; SwiftShader compiles 19 in 0.2 s, 28 in 19 s, 34 in minutes. */
const mostFloats = 20;
/** Workgroups, of one subgroup each, that keep a GPU busy. */
const gpuTiles = 512;

export interface CorrelateJob {
  name: string;
  B: number;
  groups: number;
  /** Channels per group and lengths of the two signals. */
  Cv: number;
  Cz: number;
  Lv: number;
  Lz: number;
  /** Offset of every tap. */
  offsets: number[];
  inputStride: number;
  add: boolean;
  /** Which signal the bias gradient sums: dy is v for conv1d, z for convTranspose1d. */
  bias: 'v' | 'z' | null;
}

/** dw (groups Cv, Cz, K) and, if asked for, db. */
export function correlate(
  engine: Engine,
  job: CorrelateJob,
  v: Tensor,
  z: Tensor,
  dw: Tensor,
  db: Tensor | null,
): void {
  const scattered = job.Lz % 4 !== 0 && new Set(windowOffsets(job)).size > mostFloats;
  if (job.offsets.length > mostTaps || scattered) {
    naiveCorrelate(job, v, z, dw, db);
    return;
  }
  engine.plan.run(keyOf(job), variantsOf(engine, job), { v, z, dw, db }, (variant, t) =>
    compute(engine, job, variant, t.v, t.z, t.dw, t.db),
  );
}

/** `rows8`: tiles of 8 channels m. `split16`: such tiles over 16 slices of the batch, then their sum. */
function variantsOf(engine: Engine, job: CorrelateJob): string[] {
  const R = tileRows(engine, job);
  if (!engine.gpu) return [R, R / 2].filter((r) => r >= 1).map((r) => `rows${r}`);
  const tiles = Math.ceil(job.Cz / (engine.lanes || plainWorkgroup)) * Math.ceil(job.Cv / R) * job.groups;
  let slices = 1;
  while (tiles * slices < gpuTiles && 2 * slices <= job.B) slices *= 2;
  const splits = [slices, slices / 4].filter((n) => n >= 2).map((n) => `split${n}`);
  return [...splits, `rows${R}`];
}

function compute(
  engine: Engine,
  job: CorrelateJob,
  variant: string,
  v: Tensor,
  z: Tensor,
  dw: Tensor,
  db: Tensor | null,
): void {
  const number = Number(variant.replace(/^[a-z]+/, ''));
  if (variant.startsWith('rows')) {
    tiledCorrelate(engine, job, number, 1, v, z, dw, db);
    return;
  }
  engine.scope(() => {
    const parts = engine.empty([number, dw.size]);
    const beside = db && { parts: engine.empty([number, db.size]), y: db };
    const slice = { ...job, add: false };
    tiledCorrelate(engine, slice, tileRows(engine, job), number, v, z, parts, beside?.parts ?? null);
    sumSlices({ name: job.name, slices: number, add: job.add }, parts, dw, beside);
  });
}

/** Channels m of a tile: bounded by accumulators and by the channels there are. */
function tileRows(engine: Engine, job: CorrelateJob): number {
  const [rows, accumulators] = isLarge(engine, job) ? [16, 96] : [8, 48];
  let R = rows;
  while (R > 1 && (R * job.offsets.length > accumulators || R / 2 >= job.Cv)) R /= 2;
  return R;
}

/** Tiles that must be left for a machine's cores, and how much more the larger tile may compute for channels that are not there. */
const fewTiles = 8;
const mostIdle = 1.25;

/** Whether a tile has 16 rows and two channels a lane. */
function isLarge(engine: Engine, { B, groups, Cv, Cz, Lv, offsets }: CorrelateJob): boolean {
  if (!deservesLargeTile(engine, B * groups * Cv * Cz * Lv * offsets.length)) return false;
  const [rows, channels] = [16, 2 * engine.lanes];
  const tiles = Math.ceil(Cv / rows) * Math.ceil(Cz / channels);
  return tiles * groups >= fewTiles && tiles * rows * channels <= mostIdle * Cv * Cz;
}

/** What the time of a correlation depends on. */
function keyOf({ B, groups, Cv, Cz, Lv, Lz, offsets, inputStride, add, bias }: CorrelateJob): string {
  const parts = [add && 'add', bias && `bias ${bias}`].filter(Boolean).join(' ');
  return `correlate ${B}x${groups} ${Cv}x${Lv} ${Cz}x${Lz} ${offsets.join(',')} s${inputStride} ${parts}`.trimEnd();
}

/** Offsets of z that four neighbouring positions of v meet, around 4 q IS. */
function windowOffsets({ offsets, inputStride }: CorrelateJob): number[] {
  return offsets.flatMap((d) => each(4, (e) => e * inputStride + d));
}

/** Rows of v for four positions, shared by the lanes. */
function rowsOperand(job: CorrelateJob, R: number, lanes: number) {
  const aligned = job.Lv % 4 === 0;
  const place = (i: string) => `min(m0 + ${i}, u.Cv - 1u) * u.Lv`;
  const load = (at: string) =>
    aligned ? `v[(vRow + ${at}) / 4u + q]` : `quad_v(vRow + ${at} + 4u * q, u.Lv - 4u * q)`;
  const shared = shareLoads('v', R, lanes, place, load);
  const value = (r: number, e: number) => shared.value(r, `.${axis[e]}`);
  return { ...shared, aligned, value, declarations: aligned ? '' : quad('v') };
}

/** With several slices dw and db hold as many results, one for each part of the batch. */
function tiledCorrelate(
  engine: Engine,
  job: CorrelateJob,
  R: number,
  slices: number,
  v: Tensor,
  z: Tensor,
  dw: Tensor,
  db: Tensor | null,
): void {
  const { lanes } = engine;
  const width = lanes || plainWorkgroup;
  const K = job.offsets.length;
  const IS = job.inputStride;
  const zAligned = job.Lz % 4 === 0;
  const Z = isLarge(engine, job) && zAligned ? 2 : 1;
  const rows = rowsOperand(job, R, lanes);
  const window = inputWindow('z', windowOffsets(job), IS, zAligned);
  const perZ = (text: (j: number) => string, between = '\n') => each(Z, text).join(between);
  const sums = each(R, (r) =>
    [
      `{ ${each(4, (e) => `let f${e} = ${rows.value(r, e)};`).join(' ')}`,
      ...job.offsets.map((d, k) =>
        each(4, (e) =>
          perZ(
            (j) => `s${r}_${k}_${j} = fma(f${e}, ${window.element(e * IS + d, j)}, s${r}_${k}_${j});`,
            ' ',
          ),
        ).join(' '),
      ),
      '}',
    ].join('\n      '),
  ).join('\n    ');
  const store = (r: number, j: number) => `if (m0 + ${r}u < u.Cv) {
    let at = ${slices > 1 ? 'dwBase + ' : ''}((g * u.Cv + m0 + ${r}u) * u.Cz + cz${j}) * ${K}u;
    ${each(K, (k) => `dw[at + ${k}u] ${job.add ? '+=' : '='} s${r}_${k}_${j};`).join(' ')} }`;
  const tilesZ = Math.ceil(job.Cz / (Z * width));
  const tilesM = Math.ceil(job.Cv / R);
  const positions = Math.ceil(job.Lv / 4);
  const batch = slices > 1 ? 'var b = firstB; b < lastB; b++' : 'var b = 0u; b < u.B; b++';
  const { B, groups, Cv, Cz, Lv, Lz } = job;
  const sliceB = Math.ceil(B / slices);
  run(
    {
      name: job.name,
      reads: { v: [rows.aligned ? 'vec4f' : 'f32', v], z: [zAligned ? 'vec4f' : 'f32', z] },
      writes: { dw, db },
      sizes: { B, groups, Cv, Cz, Lv, Lz, positions, tilesZ, tilesM, sliceB },
      workgroup: width,
      subgroups: lanes > 0,
      declarations: rows.declarations,
      body: `${slices > 1 ? sliceOfBatch(K) : 'let g = group / (u.tilesZ * u.tilesM);'}
let tile = group % (u.tilesZ * u.tilesM);
let m0 = tile / u.tilesZ * ${R}u;
let tileZ = tile % u.tilesZ;
${perZ((j) => `let cz${j} = tileZ * ${Z * width}u + ${j * width}u + lane;`)}
let length = u.Lz${zAligned ? ' / 4u' : ''};
${rows.setup}
${each(R, (r) => each(K, (k) => perZ((j) => `var s${r}_${k}_${j} = 0.0;`, ' ')).join(' ')).join('\n')}
for (${batch}) {
  let vRow = (b * u.groups + g) * u.Cv * u.Lv;
  ${perZ((j) => `let zRow${j} = ((b * u.groups + g) * u.Cz + min(cz${j}, u.Cz - 1u)) * length;`)}
  for (var q = 0u; q < u.positions; q++) {
    ${window.setup('q', 'length')}
    ${perZ((j) => window.loads(`zRow${j}`, j))}
    ${rows.loads}
    ${sums}
  }
}
${perZ((j) => `if (cz${j} < u.Cz) { ${each(R, (r) => store(r, j)).join('\n  ')} }`)}
${db ? biasSum(job, R, Z * width, width, rows.aligned, zAligned, slices > 1) : ''}`,
    },
    tilesZ * tilesM * job.groups * slices,
  );
}

/** A workgroup's slice: its batch elements (the last slices may have none) and where its dw begins. */
const sliceOfBatch = (K: number): string => `let part = group / (u.tilesZ * u.tilesM * u.groups);
let g = group / (u.tilesZ * u.tilesM) % u.groups;
let firstB = part * u.sliceB;
let lastB = min(firstB + u.sliceB, u.B);
let dwBase = part * u.groups * u.Cv * u.Cz * ${K}u;`;

/** Sums whole rows of one signal in the workgroups that no other tile repeats; `span` channels z are a tile's. */
function biasSum(
  job: CorrelateJob,
  R: number,
  span: number,
  width: number,
  vAligned: boolean,
  zAligned: boolean,
  sliced: boolean,
): string {
  const s =
    job.bias === 'z'
      ? { name: 'z', C: 'u.Cz', L: 'u.Lz', aligned: zAligned }
      : { name: 'v', C: 'u.Cv', L: 'u.Lv', aligned: vAligned };
  const first = job.bias === 'z' ? `tileZ * ${span}u` : 'm0';
  const count = job.bias === 'z' ? span : R;
  const other = job.bias === 'z' ? 'm0 == 0u' : 'tileZ == 0u';
  return `if (${other}) {
  for (var r = lane; r < ${count}u && ${first} + r < ${s.C}; r += ${width}u) {
    let c = g * ${s.C} + ${first} + r;
    var sum = ${s.aligned ? 'vec4f()' : '0.0'};
    let length = ${s.L}${s.aligned ? ' / 4u' : ''};
    for (${sliced ? 'var b = firstB; b < lastB; b++' : 'var b = 0u; b < u.B; b++'}) {
      for (var t = 0u; t < length; t++) { sum += ${s.name}[(b * u.groups * ${s.C} + c) * length + t]; }
    }
    db[${sliced ? `part * u.groups * ${s.C} + c` : 'c'}] = ${s.aligned ? 'dot(sum, vec4f(1.0))' : 'sum'};
  }
}`;
}

/** One invocation a weight, for kernels too long to unroll; also what the benchmark compares against. */
export function naiveCorrelate(job: CorrelateJob, v: Tensor, z: Tensor, dw: Tensor, db: Tensor | null): void {
  const { B, groups, Cv, Cz, Lv, Lz, offsets } = job;
  const K = offsets.length;
  perItem(groups * Cv * Cz * K, {
    name: `${job.name}.naive`,
    reads: { v, z },
    writes: { dw },
    sizes: { B, groups, Cv, Cz, Lv, Lz, K },
    body: `let k = i % u.K;
let cz = i / u.K % u.Cz;
let m = i / (u.K * u.Cz);
let g = m / u.Cv;
let d = ${offsets[0]} + i32(k) * ${K > 1 ? offsets[1] - offsets[0] : 0};
var sum = 0.0;
for (var b = 0u; b < u.B; b++) {
  let vAt = (b * u.groups * u.Cv + m) * u.Lv;
  let zAt = ((b * u.groups + g) * u.Cz + cz) * u.Lz;
  for (var q = 0u; q < u.Lv; q++) {
    let at = i32(q * ${job.inputStride}u) + d;
    if (at >= 0 && at < i32(u.Lz)) { sum = fma(v[vAt + q], z[zAt + u32(at)], sum); }
  }
}
dw[i] ${job.add ? '+=' : '='} sum;`,
  });
  if (!db) return;
  const [x, L] = job.bias === 'z' ? [z, Lz] : [v, Lv];
  perItem(db.size, {
    name: `${job.name}.naive.bias`,
    reads: { x },
    writes: { db },
    sizes: { B, L },
    body: `var sum = 0.0;
for (var b = 0u; b < u.B; b++) { for (var t = 0u; t < u.L; t++) { sum += x[(b * u.n + i) * u.L + t]; } }
db[i] = sum;`,
  });
}

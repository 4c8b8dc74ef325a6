// The sliding sum of geometry.ts: forward of conv1d and convTranspose1d and the input gradient of both.
// Channels-first. A lane holds four neighbouring positions q as a vec4 (two vec4s in a narrow subgroup and where there is
// much to do) and R output channels (in each phase) as named accumulators; it walks the input channels. Per channel it
// loads its window, a few vec4s cut by swizzles, and the lanes together the R x T weights, which subgroupBroadcast hands
// round; in the plain variant each lane loads all of them; for real GPUs there is a third, in which a workgroup first
// copies the weights of several input channels to workgroup memory. Weights stay in PyTorch's layout and are loaded as
// scalars, four of which cost 1.6 vec4s (NOTES.md).
// Long kernels and large strides go to the naive kernel, one invocation an output, whose code does not grow.

import type { Engine } from '../../engine/engine.ts';
import { perItem, run } from '../../engine/run.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { type Activation, activate, activationFunctions } from '../activation.ts';
import { axis, deservesLargeTile, each, isNarrow, plainWorkgroup, shareLoads } from '../tile.ts';
import { inputWindow, type Slide } from './geometry.ts';

/** Above these the unrolled kernel would compile for seconds. */
const mostTaps = 32;
const mostPhases = 4;

export interface SlideJob extends Slide {
  name: string;
  bias?: Tensor | null;
  activation?: Activation;
  /** Add to what y holds. */
  add?: boolean;
}

/** y from x and w; the caller checked the shapes. */
export function slide(engine: Engine, job: SlideJob, x: Tensor, w: Tensor, y: Tensor): void {
  const long = job.K > mostTaps || job.phases.length > mostPhases;
  if (long) {
    naiveSlide(engine, job, x, w, y);
    return;
  }
  const R = tileChannels(job, engine.lanes);
  const variants = [R, R / 2].filter((r) => r >= 1).map((r) => `channels${r}`);
  if (engine.gpu) variants.push(`staged${tileChannels(job, 0)}`);
  engine.plan.run(keyOf(job), variants, { x, w, y, bias: job.bias }, (variant, { bias, ...t }) =>
    tiledSlide(engine, { ...job, bias }, variant, t.x, t.w, t.y),
  );
}

/** What the time of a sliding sum depends on. */
function keyOf(job: SlideJob): string {
  const {
    B,
    groups,
    Cin,
    Cout,
    Lin,
    Lout,
    K,
    inputStride,
    weightByInput,
    bias,
    activation = 'none',
    add,
  } = job;
  const sizes = `${B}x${groups} ${Cin}x${Lin}>${Cout}x${Lout} K${K} s${inputStride}`;
  const taps = job.phases.map((phase) => phase.map((t) => t.d).join(',')).join('|');
  const parts = [
    weightByInput && 'swapped',
    bias && 'bias',
    activation !== 'none' && activation,
    add && 'add',
  ];
  return `slide ${sizes} ${taps} ${parts.filter(Boolean).join(' ')}`.trimEnd();
}

/** Channels of a tile: bounded by accumulators, by weights in flight and by the channels there are. */
function tileChannels(job: Slide, lanes: number): number {
  let R = lanes ? 16 : 8;
  R /= job.phases.length > 2 ? 4 : job.phases.length;
  while (R > 1 && (R * job.K > 160 || R / 2 >= job.Cout)) R /= 2;
  return Math.max(1, Math.floor(R));
}

/** Loads of the R x K weights of one input channel, and the expression for one of them. */
function weightOperand(job: Slide, R: number, lanes: number) {
  const rowStride = job.weightByInput ? 'u.K' : 'u.Cin * u.K';
  const place = (v: string) => `min(co0 + ${v} % ${R}u, u.Cout - 1u) * ${rowStride} + ${v} / ${R}u`;
  const shared = shareLoads('w', R * job.K, lanes, place, (at) => `w[wAt + ${at}]`);
  return {
    declarations: '',
    setup: shared.setup,
    loads: shared.loads,
    value: (r: number, k: number) => shared.value(k * R + r),
    around: (loop: (from: string, to: string) => string) => loop('0u', 'u.Cin'),
  };
}

/** Bytes of workgroup memory that staged weights may take: half of what WebGPU promises. */
const stagedBytes = 8192;
/** Input channels staged at once, at most. */
const stagedChannels = 16;

/** The same weights from workgroup memory: `around` copies those of a block of input channels, then runs the loop. */
function stagedWeights(job: Slide, R: number) {
  const n = R * job.K;
  const block = Math.min(stagedChannels, Math.floor(stagedBytes / 4 / n));
  const [rowStride, channel] = job.weightByInput ? ['u.K', 'u.Cout * u.K'] : ['u.Cin * u.K', 'u.K'];
  const around = (
    loop: (from: string, to: string) => string,
  ) => `for (var c0 = 0u; c0 < u.Cin; c0 += ${block}u) {
  for (var i = lane; i < ${block * n}u; i += ${plainWorkgroup}u) {
    let at = min(c0 + i / ${n}u, u.Cin - 1u) * ${channel} + min(co0 + i % ${R}u, u.Cout - 1u) * ${rowStride};
    staged[i] = w[g * u.Cin * u.Cout * u.K + at + i / ${R}u % ${job.K}u];
  }
  workgroupBarrier();
  ${loop('c0', `min(c0 + ${block}u, u.Cin)`)}
  workgroupBarrier();
}`;
  return {
    declarations: `var<workgroup> staged: array<f32, ${block * n}>;`,
    setup: '',
    loads: `let stagedAt = (ci - c0) * ${n}u;`,
    value: (r: number, k: number) => `staged[stagedAt + ${k * R + r}u]`,
    around,
  };
}

/** Stores the positions (of every phase) of one channel: Q vec4s of each. */
function storeChannel(job: SlideJob, r: number, Q: number, vector: boolean): string {
  const OS = job.phases.length;
  const finish = (s: string) =>
    activate(job.activation ?? 'none', job.bias ? `${s} + vec4f(bias${r})` : s, 'vec4f');
  const results = each(OS, (p) => each(Q, (h) => `let r${p}_${h} = ${finish(`s${r}_${p}_${h}`)};`).join(' '));
  const op = job.add ? '+=' : '=';
  // Output position i of a lane belongs to phase i % OS, element i / OS.
  const parts = each(4 * Q * OS, (i) => {
    const e = Math.floor(i / OS);
    return `r${i % OS}_${Math.floor(e / 4)}.${axis[e % 4]}`;
  });
  const stores = vector
    ? each(Q * OS, (v) => `y[yAt / 4u + ${v}u] ${op} vec4f(${parts.slice(4 * v, 4 * v + 4).join(', ')});`)
    : parts.map((part, i) => `if (t0 + ${i}u < u.Lout) { y[yAt + ${i}u] ${op} ${part}; }`);
  const bias = job.bias ? `let bias${r} = bias[g * u.Cout + co0 + ${r}u]; ` : '';
  return `if (co0 + ${r}u < u.Cout) { ${bias}${results.join(' ')}
    let yAt = ((b * u.groups + g) * u.Cout + co0 + ${r}u) * u.Lout + t0;
    ${stores.join('\n    ')} }`;
}

/** `channels8`: R = 8, weights shared by subgroup or not at all; `staged8`: through workgroup memory. */
function tiledSlide(engine: Engine, job: SlideJob, variant: string, x: Tensor, w: Tensor, y: Tensor): void {
  const isStaged = variant.startsWith('staged');
  const R = Number(variant.replace(/^[a-z]+/, ''));
  const lanes = isStaged ? 0 : engine.lanes;
  const width = lanes || plainWorkgroup;
  const OS = job.phases.length;
  const IS = job.inputStride;
  const aligned = job.Lin % 4 === 0;
  const vector = job.Lout % (4 * OS) === 0;
  const { B, groups, Cin, Cout, Lin, Lout, K } = job;
  const large =
    isNarrow(lanes) || (!isStaged && deservesLargeTile(engine, (B * groups * Cin * Cout * Lout * K) / OS));
  const Q = large && job.Lout % (8 * OS) === 0 ? 2 : 1;
  const offsets = job.phases.flatMap((taps) => taps.flatMap((t) => each(4 * Q, (e) => e * IS + t.d)));
  const window = inputWindow('x', offsets, Q * IS, aligned);
  const weights = isStaged ? stagedWeights(job, R) : weightOperand(job, R, lanes);
  const multiply = job.phases
    .flatMap((taps, p) =>
      taps.map((t) => {
        const values = (h: number) => each(4, (e) => window.element((4 * h + e) * IS + t.d)).join(', ');
        const sums = each(R, (r) => {
          const each4 = each(Q, (h) => `s${r}_${p}_${h} = fma(f, v${h}, s${r}_${p}_${h});`);
          return `{ let f = vec4f(${weights.value(r, t.k)}); ${each4.join(' ')} }`;
        });
        return `{ ${each(Q, (h) => `let v${h} = vec4f(${values(h)});`).join(' ')}\n  ${sums.join('\n  ')} }`;
      }),
    )
    .join('\n  ');
  const positions = Math.ceil(Math.ceil(job.Lout / OS) / (4 * Q));
  const tilesQ = Math.ceil((job.B * positions) / width);
  const tilesC = Math.ceil(job.Cout / R);
  const wChannel = job.weightByInput ? 'u.Cout * u.K' : 'u.K';
  const loop = (from: string, to: string) => `for (var ci = ${from}; ci < ${to}; ci++) {
  let row = ((b * u.groups + g) * u.Cin + ci) * length;
  let wAt = g * u.Cin * u.Cout * u.K + ci * ${wChannel};
  ${window.loads('row')}
  ${weights.loads}
  ${multiply}
}`;
  run(
    {
      name: job.name,
      reads: { x: [aligned ? 'vec4f' : 'f32', x], w, bias: job.bias },
      writes: { y: [vector ? 'vec4f' : 'f32', y] },
      sizes: { B, groups, Cin, Cout, Lin, Lout, K, positions, tilesQ, tilesC },
      workgroup: width,
      subgroups: lanes > 0,
      declarations: [weights.declarations, activationFunctions(job.activation ?? 'none', 'vec4f')].join('\n'),
      body: `let g = group / (u.tilesQ * u.tilesC);
let tile = group % (u.tilesQ * u.tilesC);
let co0 = tile / u.tilesQ * ${R}u;
let place = tile % u.tilesQ * ${width}u + lane;
let b = min(place / u.positions, u.B - 1u);
let q = place % u.positions;
let t0 = q * ${4 * Q * OS}u;
let length = u.Lin${aligned ? ' / 4u' : ''};
${window.setup('q', 'length')}
${weights.setup}
${each(R, (r) => each(OS, (p) => each(Q, (h) => `var s${r}_${p}_${h} = vec4f();`).join(' ')).join(' ')).join(' ')}
${weights.around(loop)}
if (place < u.B * u.positions) {
  ${each(R, (r) => storeChannel(job, r, Q, vector)).join('\n  ')}
}`,
    },
    tilesQ * tilesC * job.groups,
  );
}

/** One invocation an output, whatever the kernel size and stride; also what the benchmark compares against. */
export function naiveSlide(engine: Engine, job: SlideJob, x: Tensor, w: Tensor, y: Tensor): void {
  const OS = job.phases.length;
  // Taps of one phase are evenly spaced in k and in d, so three numbers describe them.
  const table = engine.constant(`conv taps ${JSON.stringify(job.phases)}`, () => ({
    data: Float32Array.from(job.phases.flatMap((taps) => tapSeries(taps))),
    shape: [OS, 5],
  }));
  const result = activate(job.activation ?? 'none', job.bias ? 'sum + bias[g * u.Cout + co]' : 'sum', 'f32');
  const wAt = job.weightByInput
    ? '((g * u.Cin + ci) * u.Cout + co) * u.K'
    : '((g * u.Cout + co) * u.Cin + ci) * u.K';
  const { B, groups, Cin, Cout, Lin, Lout, K } = job;
  perItem(B * groups * Cout * Lout, {
    name: `${job.name}.naive`,
    reads: { x, w, taps: table, bias: job.bias },
    writes: { y },
    sizes: { groups, Cin, Cout, Lin, Lout, K },
    declarations: activationFunctions(job.activation ?? 'none', 'f32'),
    body: `let t = i % u.Lout;
let co = i / u.Lout % u.Cout;
let g = i / (u.Lout * u.Cout) % u.groups;
let b = i / (u.Lout * u.Cout * u.groups);
let row = 5u * (t % ${OS}u);
let start = i32(t / ${OS}u * ${job.inputStride}u) + i32(taps[row + 3u]);
var sum = 0.0;
for (var ci = 0u; ci < u.Cin; ci++) {
  let xAt = ((b * u.groups + g) * u.Cin + ci) * u.Lin;
  let wAt = ${wAt} + u32(taps[row + 1u]);
  for (var j = 0u; j < u32(taps[row]); j++) {
    let at = start + i32(j) * i32(taps[row + 4u]);
    if (at >= 0 && at < i32(u.Lin)) { sum = fma(x[xAt + u32(at)], w[wAt + j * u32(taps[row + 2u])], sum); }
  }
}
y[i] ${job.add ? '+=' : '='} ${result};`,
  });
}

/** [count, first k, step of k, first d, step of d] of the taps of one phase. */
function tapSeries(taps: Slide['phases'][number]): number[] {
  const [a, b] = taps;
  if (!a) return [0, 0, 0, 0, 0];
  return [taps.length, a.k, b ? b.k - a.k : 0, a.d, b ? b.d - a.d : 0];
}

// What the adapter can do at most, by two kernels that do nothing else: fused multiply-adds on registers, and a copy of
// 16 MiB. A row's share of the ceiling is the time that its operations or its bytes would take at these speeds
// (whichever is longer) over the time it takes. Small tensors lie in a cache, and may exceed a copy from memory.

import { copyInto } from '../src/engine/primitives.ts';
import { run } from '../src/engine/run.ts';
import type { Engine, Tensor } from '../src/index.ts';
import { measure } from './measure.ts';
import type { Row } from './report.ts';

export interface Ceiling {
  gflops: number;
  gbs: number;
}

const rounds = 128;
const invocations = 2 ** 17;
/** Sums, and multiply-adds of each a round. */
const shapes = [
  [4, 1],
  [8, 1],
  [16, 1],
  [4, 4],
  [8, 4],
] as const;

/**
 * `sums` independent vec4 accumulators an invocation, each multiplied and added to `chain` times a round, since an adapter
 * may pay for what a loop carries; the operands come from a buffer, so nothing is folded.
 */
function multiplyAdds(
  engine: Engine,
  operands: Tensor,
  sums: number,
  chain: number,
  workgroup: number,
): Tensor {
  const out = engine.empty([invocations, 4]);
  const each = (text: (i: number) => string) => Array.from({ length: sums }, (_, i) => text(i)).join('\n  ');
  run(
    {
      name: `ceiling.fma${sums}x${chain}`,
      reads: { x: ['vec4f', operands] },
      writes: { y: ['vec4f', out] },
      sizes: { rounds: rounds / chain },
      workgroup,
      body: `let i = group * ${workgroup}u + lane;
let a = x[0];
let b = x[1];
${each((s) => `var s${s} = vec4f(f32(i + ${s}u));`)}
for (var r = 0u; r < u.rounds; r++) {
  ${Array(chain)
    .fill(each((s) => `s${s} = fma(s${s}, a, b);`))
    .join('\n  ')}
}
y[i] = ${Array.from({ length: sums }, (_, s) => `s${s}`).join(' + ')};`,
    },
    invocations / workgroup,
  );
  return out;
}

/** The fastest run of a few shapes of the same work. */
export async function ceilings(engine: Engine): Promise<{ ceiling: Ceiling; rows: Row[] }> {
  const operands = engine.tensor([0.5, 0.25, 0.125, 0.75, 0.1, 0.2, 0.3, 0.4]);
  let fma: Row = { section: 'ceiling', name: 'pure FMA', ms: Number.POSITIVE_INFINITY, gflop: 0 };
  const speed = (r: Row) => (r.gflop as number) / (r.ms as number);
  for (const workgroup of new Set([engine.lanes || 64, 64]))
    for (const [sums, chain] of shapes) {
      const work = () => multiplyAdds(engine, operands, sums, chain, workgroup);
      const { fastest: ms } = await measure(engine, 'fma', work, 5);
      const gflop = (invocations * rounds * sums * 8) / 1e9;
      const note = `${sums} vec4 sums, ${chain} a round, workgroups of ${workgroup}`;
      if (gflop / ms > speed(fma)) fma = { ...fma, ms, gflop, note };
    }
  operands.dispose();
  const from = engine.tensor(new Float32Array(2 ** 22).fill(1));
  const { fastest: ms } = await measure(engine, 'copy', () => {
    const to = engine.empty(from.shape);
    copyInto(to, from);
    return to;
  });
  from.dispose();
  const copy: Row = { section: 'ceiling', name: 'copy', ms, gb: (8 * 2 ** 22) / 1e9, note: '16 MiB, vec4' };
  const ceiling = { gflops: 1000 * speed(fma), gbs: (1000 * (copy.gb as number)) / ms };
  return { ceiling, rows: [fma, copy] };
}

/** Share of the ceiling that a time comes to. */
export function shareOf({ gflops, gbs }: Ceiling, ms: number, gflop = 0, gb = 0): number {
  return (1000 * Math.max(gflop / gflops, gb / gbs)) / ms;
}

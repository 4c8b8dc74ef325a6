// npm run bench: the kernels that a training step spends its time in, each checked against and timed beside its naive
// version, and the whole speech-ref step. Figures are medians; run it with nothing else on the machine.

import { parseArgs } from 'node:util';
import { presetConfig } from '../src/model/presets.ts';
import {
  Adam,
  backward,
  type Engine,
  matmul,
  openEngine,
  profileTable,
  Random,
  type Tensor,
  Vae,
  vaeLoss,
} from '../src/node.ts';
import { correlate, naiveCorrelate } from '../src/shaders/conv/correlate.ts';
import { forwardPhases, transposedPhases } from '../src/shaders/conv/geometry.ts';
import { naiveSlide, slide } from '../src/shaders/conv/slide.ts';
import { measure, replay, type Timing } from './measure.ts';

const { values: flags } = parseArgs({
  options: { json: { type: 'boolean', default: false }, profile: { type: 'boolean', default: false } },
});

interface Row extends Timing {
  name: string;
  gflops: number;
  /** Milliseconds of the naive kernel. */
  naive?: number;
}

const random = new Random(1, 'bench');
let stream = 0;
const values = (engine: Engine, shape: number[]): Tensor =>
  engine.tensor(
    random.normal(
      stream++,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );

/** The convolutions of speech-ref: [kind, Cin, Cout, input length], batch 64. */
const layers = [
  ['conv1d', 64, 64, 64],
  ['conv1d', 64, 128, 32],
  ['conv1d', 128, 256, 16],
  ['convTranspose1d', 256, 128, 8],
  ['convTranspose1d', 128, 64, 16],
  ['convTranspose1d', 64, 64, 32],
] as const;

async function compare(
  engine: Engine,
  name: string,
  flops: number,
  out: number[],
  fast: (y: Tensor) => void,
  slow: (y: Tensor) => void,
): Promise<Row> {
  const run = (body: (y: Tensor) => void) => () => {
    const y = engine.empty(out);
    body(y);
    return y;
  };
  const [a, b] = await engine.read([run(fast)(), run(slow)()]);
  let worst = 0;
  let most = 0;
  a.forEach((v, i) => {
    worst = Math.max(worst, Math.abs(v - b[i]));
    most = Math.max(most, Math.abs(b[i]));
  });
  if (!(worst <= 1e-4 * most))
    throw new Error(`${name}: differs from its naive version by ${worst} of ${most}`);
  const timing = await measure(engine, name, run(fast));
  const naive = await measure(engine, `${name}.naive`, run(slow), 3);
  return { name, ...timing, gflops: flops / timing.ms / 1e6, naive: naive.ms };
}

async function convolutions(engine: Engine): Promise<Row[]> {
  const rows: Row[] = [];
  const B = 64;
  for (const [kind, Cin, Cout, L] of layers) {
    const plain = kind === 'conv1d';
    const K = plain ? 5 : 4;
    const o = plain ? { stride: 1, padding: 2, dilation: 1 } : { stride: 2, padding: 1, dilation: 1 };
    const Lout = plain ? L : 2 * L;
    const x = values(engine, [B, Cin, L]);
    const y = values(engine, [B, Cout, Lout]);
    const w = values(engine, plain ? [Cout, Cin, K] : [Cin, Cout, K]);
    const flops = 2 * B * Cin * Cout * K * L;
    const label = `${kind} ${Cin}>${Cout} T${L}`;
    const sizes = { B, groups: 1, K };
    const ahead = {
      ...sizes,
      name: kind,
      Cin,
      Cout,
      Lin: L,
      Lout,
      inputStride: 1,
      weightByInput: !plain,
      phases: plain ? forwardPhases(K, o) : transposedPhases(K, o),
    };
    const back = {
      ...sizes,
      name: `${kind}.dx`,
      Cin: Cout,
      Cout: Cin,
      Lin: Lout,
      Lout: L,
      inputStride: o.stride,
      weightByInput: plain,
      phases: plain ? transposedPhases(K, o) : forwardPhases(K, o),
    };
    rows.push(
      await compare(
        engine,
        label,
        flops,
        [B, Cout, Lout],
        (t) => slide(engine, ahead, x, w, t),
        (t) => naiveSlide(engine, ahead, x, w, t),
      ),
    );
    rows.push(
      await compare(
        engine,
        `${label} dx`,
        flops,
        [B, Cin, L],
        (t) => slide(engine, back, y, w, t),
        (t) => naiveSlide(engine, back, y, w, t),
      ),
    );
    const job = {
      name: `${kind}.dw`,
      B,
      groups: 1,
      Cv: plain ? Cout : Cin,
      Cz: plain ? Cin : Cout,
      Lv: plain ? Lout : L,
      Lz: plain ? L : Lout,
      offsets: forwardPhases(K, o)[0].map((t) => t.d),
      inputStride: o.stride,
      add: false,
      bias: null,
    };
    const [v, z] = plain ? [y, x] : [x, y];
    rows.push(
      await compare(
        engine,
        `${label} dw`,
        flops,
        w.shape as number[],
        (t) => correlate(engine, job, v, z, t, null),
        (t) => naiveCorrelate(engine, job, v, z, t, null),
      ),
    );
    for (const t of [x, y, w]) t.dispose();
  }
  return rows;
}

async function products(engine: Engine): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [M, N, K] of [
    [512, 512, 512],
    [64, 256, 2048],
    [64, 2048, 256],
  ]) {
    const [a, b] = [values(engine, [M, K]), values(engine, [K, N])];
    const timing = await measure(engine, 'matmul', () => matmul(a, b));
    rows.push({ name: `matmul ${M} ${N} ${K}`, ...timing, gflops: (2 * M * N * K) / timing.ms / 1e6 });
    a.dispose();
    b.dispose();
  }
  return rows;
}

/** 538.4 million multiply-adds forward, twice that backward, less the first layer's input gradient. */
const stepGflop = 3.063;

/** One training step of speech-ref: forward, backward, Adam. */
async function speechStep(engine: Engine, kind: 'vae' | 'cvae'): Promise<Row> {
  const B = 64;
  const classes = kind === 'cvae' ? 10 : 0;
  const config = presetConfig('speech-ref', kind);
  const model = new Vae(engine, { ...config, inputs: 64, frames: 64, classes }, 1);
  const adam = new Adam(model.params);
  const beta = engine.tensor([1]);
  const step = engine.capture('speech step', ({ x, eps, label }) => {
    const { loss } = vaeLoss(model, x, eps, label ?? null, beta, config);
    backward(loss);
    adam.step(loss);
    return loss;
  });
  const inputs = {
    x: { data: random.uniform(0, B * 4096), shape: [B, 64, 64] },
    eps: { data: random.normal(1, B * 32), shape: [B, 32] },
    ...(classes ? { label: { data: new Float32Array(B * 10).fill(0.1), shape: [B, 10] } } : {}),
  };
  const timing = await replay(engine, () => step.run(inputs));
  if (flags.profile) {
    const profile = engine.profile();
    step.run(inputs);
    process.stderr.write(`${profileTable(await profile.table())}\n`);
    profile.stop();
  }
  const { dispatches } = step;
  step.dispose();
  const gflops = stepGflop / (timing.ms / 1000);
  return { name: `speech-ref ${kind}, step of ${B}`, ...timing, dispatches, gflops };
}

const engine = await openEngine();
try {
  process.stderr.write(`adapter: ${engine.adapter.name}, subgroup ${engine.lanes || 'none'}\n`);
  const rows = [
    ...(await products(engine)),
    ...(await convolutions(engine)),
    await speechStep(engine, 'vae'),
    await speechStep(engine, 'cvae'),
  ];
  if (flags.json) process.stdout.write(`${JSON.stringify({ adapter: engine.adapter, rows })}\n`);
  else {
    const line = (...cells: string[]) =>
      `${cells[0].padEnd(34)}${cells
        .slice(1)
        .map((c) => c.padStart(12))
        .join('')}\n`;
    process.stdout.write(line('', 'ms', 'GFLOP/s', 'naive ms', 'JS ms', 'dispatches'));
    for (const r of rows)
      process.stdout.write(
        line(
          r.name,
          r.ms.toFixed(2),
          r.gflops.toFixed(1),
          r.naive?.toFixed(2) ?? '',
          r.js.toFixed(2),
          `${r.dispatches}`,
        ),
      );
  }
} finally {
  engine.close();
}

// The kernels that multiply: matrix products, linear layers and both convolutions, forward and both gradients, at the
// sizes of the reference models.

import { conv1d, convTranspose1d, type Engine, linear, matmul, type Tensor } from '../src/index.ts';
import { naiveCorrelate } from '../src/shaders/conv/correlate.ts';
import { forwardPhases, transposedPhases } from '../src/shaders/conv/geometry.ts';
import { naiveSlide } from '../src/shaders/conv/slide.ts';
import { type Bench, bytesOf, gradient, type Make, runCase } from './cases.ts';
import { naiveMatmul } from './naive.ts';

const section = 'products';

async function products(bench: Bench): Promise<void> {
  for (const [M, N, K] of [
    [512, 512, 512],
    [64, 256, 2048],
    [64, 2048, 256],
  ])
    await runCase(bench, section, `matmul ${M} x ${N} x ${K}`, (make) => {
      const [a, b] = [make(M, K), make(K, N)];
      const size = { flops: 2 * M * N * K, bytes: bytesOf(a, b) + 4 * M * N };
      return { ...size, ours: () => matmul(a, b), naive: () => naiveMatmul(a, b) };
    });
}

/** The widest fully connected layer of speech-ref, and of mnist-ref. */
async function linears(bench: Bench): Promise<void> {
  for (const [B, K, N] of [
    [64, 2048, 256],
    [128, 784, 400],
  ]) {
    const name = `linear ${K} > ${N}, B ${B}`;
    const setUp = (make: Make) => {
      const [x, w] = [make(B, K), make(N, K)];
      const size = { flops: 2 * B * N * K, bytes: bytesOf(x, w) + 4 * B * N };
      return { x, w, size, forward: () => linear(x, w, null) };
    };
    await runCase(bench, section, name, (make) => {
      const { x, w, size, forward } = setUp(make);
      return { ...size, ours: forward, naive: () => naiveMatmul(x, w, false, true) };
    });
    await runCase(bench, section, `${name}: dx`, (make) => {
      const { x, w, size, forward } = setUp(make);
      const { run, dy } = gradient(make, forward, x);
      return { ...size, ours: run, naive: () => naiveMatmul(dy, w) };
    });
    await runCase(bench, section, `${name}: dw`, (make) => {
      const { x, w, size, forward } = setUp(make);
      const { run, dy } = gradient(make, forward, w);
      return { ...size, ours: run, naive: () => naiveMatmul(dy, x, true) };
    });
  }
}

const B = 64;

interface Layer {
  kind: 'conv1d' | 'convTranspose1d';
  Cin: number;
  Cout: number;
  L: number;
}

/** The convolutions of speech-ref, batch 64: kind, channels, length of the input. */
const layers: Layer[] = [
  { kind: 'conv1d', Cin: 64, Cout: 64, L: 64 },
  { kind: 'conv1d', Cin: 64, Cout: 128, L: 32 },
  { kind: 'conv1d', Cin: 128, Cout: 256, L: 16 },
  { kind: 'convTranspose1d', Cin: 256, Cout: 128, L: 8 },
  { kind: 'convTranspose1d', Cin: 128, Cout: 64, L: 16 },
  { kind: 'convTranspose1d', Cin: 64, Cout: 64, L: 32 },
];

/** What the forward pass and both gradients of a layer are as naive kernels. */
function naiveConvolution(engine: Engine, { kind, Cin, Cout, L }: Layer) {
  const plain = kind === 'conv1d';
  const K = plain ? 5 : 4;
  const o = plain ? { stride: 1, padding: 2, dilation: 1 } : { stride: 2, padding: 1, dilation: 1 };
  const Lout = plain ? L : 2 * L;
  const gathering = { phases: forwardPhases(K, o), inputStride: o.stride, weightByInput: false };
  const scattering = { phases: transposedPhases(K, o), inputStride: 1, weightByInput: true };
  const [ahead, back] = plain ? [gathering, scattering] : [scattering, gathering];
  const sizes = { name: kind, B, groups: 1, K };
  const into = (shape: readonly number[], body: (y: Tensor) => void) => {
    const y = engine.empty(shape);
    body(y);
    return y;
  };
  return {
    forward: (x: Tensor, w: Tensor) =>
      into([B, Cout, Lout], (y) =>
        naiveSlide(engine, { ...sizes, ...ahead, Cin, Cout, Lin: L, Lout }, x, w, y),
      ),
    dx: (dy: Tensor, w: Tensor) =>
      into([B, Cin, L], (dx) =>
        naiveSlide(engine, { ...sizes, ...back, Cin: Cout, Cout: Cin, Lin: Lout, Lout: L }, dy, w, dx),
      ),
    dw: (x: Tensor, dy: Tensor, w: Tensor) => {
      const [v, z] = plain ? [dy, x] : [x, dy];
      const [Cv, Lv, Cz, Lz] = [...v.shape.slice(1), ...z.shape.slice(1)];
      const offsets = gathering.phases[0].map((t) => t.d);
      const job = { name: kind, B, groups: 1, Cv, Cz, Lv, Lz, offsets, inputStride: o.stride };
      return into(w.shape, (dw) => naiveCorrelate({ ...job, add: false, bias: null }, v, z, dw, null));
    },
  };
}

async function convolutions(bench: Bench): Promise<void> {
  for (const layer of layers) {
    const { kind, Cin, Cout, L } = layer;
    const plain = kind === 'conv1d';
    const K = plain ? 5 : 4;
    const name = `${kind} ${Cin} > ${Cout}, T ${L}`;
    const slow = naiveConvolution(bench.engine, layer);
    const setUp = (make: Make) => {
      const x = make(B, Cin, L);
      const w = plain ? make(Cout, Cin, K) : make(Cin, Cout, K);
      const bytes = bytesOf(x, w) + 4 * B * Cout * (plain ? L : 2 * L);
      const forward = () =>
        plain ? conv1d(x, w, null, { padding: 2 }) : convTranspose1d(x, w, null, { stride: 2, padding: 1 });
      return { x, w, size: { flops: 2 * B * Cin * Cout * K * L, bytes }, forward };
    };
    await runCase(bench, 'convolutions, B 64', name, (make) => {
      const { x, w, size, forward } = setUp(make);
      return { ...size, ours: forward, naive: () => slow.forward(x, w) };
    });
    await runCase(bench, 'convolutions, B 64', `${name}: dx`, (make) => {
      const { x, w, size, forward } = setUp(make);
      const { run, dy } = gradient(make, forward, x);
      return { ...size, ours: run, naive: () => slow.dx(dy, w) };
    });
    await runCase(bench, 'convolutions, B 64', `${name}: dw`, (make) => {
      const { x, w, size, forward } = setUp(make);
      const { run, dy } = gradient(make, forward, w);
      return { ...size, ours: run, naive: () => slow.dw(x, dy, w) };
    });
  }
}

export async function contractions(bench: Bench): Promise<void> {
  await products(bench);
  await linears(bench);
  await convolutions(bench);
}

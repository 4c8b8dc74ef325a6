// The kernels that mostly move numbers: elementwise functions, sums, normalisation, pooling, rearranging, the VAE's
// sample with its divergence, losses, and the optimiser.

import {
  Adam,
  add,
  avgPool1d,
  batchNorm,
  bceWithLogits,
  concat,
  dropout,
  embedding,
  exp,
  gaussianNll,
  gelu,
  groupNorm,
  layerNorm,
  maxPool1d,
  mse,
  Parameters,
  pad,
  Random,
  reparameterize,
  sigmoid,
  softmax,
  sum,
  type Tensor,
  transpose,
} from '../src/index.ts';
import { type Bench, bytesOf, type Case, gradient, type Make, runCase } from './cases.ts';
import {
  naiveAdam,
  naiveMap,
  naivePool,
  naivePoolGradient,
  naiveReparameterize,
  naiveSoftmax,
  naiveSum,
} from './naive.ts';

/** A function of one tensor: reads and writes it once. */
const through = (x: Tensor, ours: () => Tensor, naive?: () => Tensor[]): Case => ({
  bytes: 2 * bytesOf(x),
  ours,
  naive,
});

async function elementwise(bench: Bench): Promise<void> {
  const section = 'elementwise, 4 million floats';
  const n = 2 ** 22;
  await runCase(bench, section, 'add', (make) => {
    const [a, b] = [make(n), make(n)];
    return {
      bytes: 3 * bytesOf(a),
      ours: () => add(a, b),
      naive: () => naiveMap('add', { a, b }, 'a[i] + b[i]'),
    };
  });
  await runCase(bench, section, 'add of a row', (make) => {
    const [a, b] = [make(n / 1024, 1024), make(1024)];
    return through(a, () => add(a, b));
  });
  await runCase(bench, section, 'exp', (make) => {
    const x = make(n);
    return through(
      x,
      () => exp(x),
      () => naiveMap('exp', { x }, 'exp(x[i])'),
    );
  });
  await runCase(bench, section, 'sigmoid', (make) => {
    const x = make(n);
    return through(
      x,
      () => sigmoid(x),
      () => naiveMap('sigmoid', { x }, '1.0 / (1.0 + exp(-x[i]))'),
    );
  });
  await runCase(bench, section, 'gelu', (make) => {
    const x = make(n);
    return through(x, () => gelu(x));
  });
  await runCase(bench, section, 'gelu: dx', (make) => {
    const x = make(n);
    return { bytes: 3 * bytesOf(x), ours: gradient(make, () => gelu(x), x).run };
  });
  await runCase(bench, section, 'dropout', (make) => {
    const x = make(n);
    return through(x, () => dropout(x, 0.1, new Random(1, 'dropout'), 1));
  });
}

async function reductions(bench: Bench): Promise<void> {
  const section = 'sums and normalisation, 1 million floats';
  const shape = [1024, 1024] as const;
  const read = (x: Tensor, ours: () => Tensor, naive?: () => Tensor[]): Case => ({
    bytes: bytesOf(x),
    ours,
    naive,
  });
  await runCase(bench, section, 'sum of all', (make) => {
    const x = make(...shape);
    // A sum of a million normal numbers: compared relative to itself, while each is rounded relative to the terms.
    return {
      ...read(
        x,
        () => sum(x),
        () => naiveSum('sum', { x }, 1, 'x[e]'),
      ),
      tolerance: 1e-2,
    };
  });
  await runCase(bench, section, 'sum of rows', (make) => {
    const x = make(...shape);
    return read(
      x,
      () => sum(x, [1]),
      () => naiveSum('sum', { x }, 1024, 'x[e]'),
    );
  });
  await runCase(bench, section, 'sum of columns', (make) => {
    const x = make(...shape);
    return read(x, () => sum(x, [0]));
  });
  await runCase(bench, section, 'softmax of rows', (make) => {
    const x = make(...shape);
    return through(
      x,
      () => softmax(x),
      () => naiveSoftmax(x),
    );
  });
  await runCase(bench, section, 'layerNorm of rows', (make) => {
    const [x, w, b] = [make(...shape), make(1024), make(1024)];
    return through(x, () => layerNorm(x, [1024], w, b));
  });
  await runCase(bench, section, 'layerNorm of rows: dx', (make) => {
    const [x, w, b] = [make(...shape), make(1024), make(1024)];
    return { bytes: 3 * bytesOf(x), ours: gradient(make, () => layerNorm(x, [1024], w, b), x).run };
  });
  await runCase(bench, section, 'groupNorm, 8 groups', (make) => {
    const [x, w, b] = [make(64, 64, 256), make(64), make(64)];
    return through(x, () => groupNorm(x, 8, w, b));
  });
  await runCase(bench, section, 'batchNorm', (make) => {
    const [x, w, b] = [make(64, 64, 256), make(64), make(64)];
    return through(x, () => batchNorm(x, w, b));
  });
}

async function layersOfData(bench: Bench): Promise<void> {
  const section = 'pooling and rearranging';
  for (const [C, T] of [
    [64, 64],
    [256, 16],
  ]) {
    const name = `maxPool1d 2 with ReLU, (64, ${C}, ${T})`;
    const forward = (x: Tensor) => maxPool1d(x, 2, { activation: 'relu' });
    await runCase(bench, section, name, (make) => {
      const x = make(64, C, T);
      return { bytes: 1.5 * bytesOf(x), ours: () => forward(x), naive: () => naivePool(x) };
    });
    await runCase(bench, section, `${name}: dx`, (make) => {
      const x = make(64, C, T);
      const { run, dy } = gradient(make, () => forward(x), x);
      return { bytes: 1.5 * bytesOf(x), ours: run, naive: () => naivePoolGradient(x, dy) };
    });
  }
  const one = async (name: string, shape: number[], op: (x: Tensor) => Tensor) =>
    runCase(bench, section, name, (make) => {
      const x = make(...shape);
      return through(x, () => op(x));
    });
  await one('avgPool1d 3, stride 1, (64, 64, 256)', [64, 64, 256], (x) => avgPool1d(x, 3, { stride: 1 }));
  await one('transpose (1024, 1024)', [1024, 1024], (x) => transpose(x, [1, 0]));
  await one('concat of two (512, 1024)', [512, 1024], (x) => concat([x, x], 1));
  await one('pad (64, 64, 256) by 8', [64, 64, 256], (x) => pad(x, [8, 8], { mode: 'reflect' }));
  await runCase(bench, section, 'embedding, 8192 of (1000, 128)', (make) => {
    const w = make(1000, 128);
    const { engine } = w;
    const index = engine.constant('bench indices', () => ({
      data: Float32Array.from({ length: 8192 }, (_, i) => (i * 7919) % 1000),
      shape: [8192],
    }));
    return { bytes: 8 * 8192 * 128, ours: () => embedding(index, w) };
  });
}

async function objective(bench: Bench): Promise<void> {
  const section = 'sample, losses, optimiser';
  for (const [B, Z] of [
    [64, 32],
    [8192, 32],
  ]) {
    const name = `reparameterize and KL, (${B}, ${Z})`;
    await runCase(bench, section, name, (make) => {
      const [mu, logVar, eps] = [make(B, Z), make(B, Z), make(B, Z)];
      return {
        bytes: 4 * bytesOf(mu),
        ours: () => {
          const { z, kl } = reparameterize(mu, logVar, eps);
          return [z, kl];
        },
        naive: () => naiveReparameterize(mu, logVar, eps),
      };
    });
  }
  await losses(bench, section);
  await runCase(bench, section, 'Adam, 1,481,984 parameters', adamCase);
}

async function losses(bench: Bench, section: string): Promise<void> {
  const all = [
    ['mse', mse, '(x[e] - t[e]) * (x[e] - t[e])'],
    ['bceWithLogits', bceWithLogits, 'max(x[e], 0.0) - x[e] * t[e] + log(1.0 + exp(-abs(x[e])))'],
  ] as const;
  for (const [name, op, term] of all) {
    await runCase(bench, section, `${name} (64, 4096)`, (make) => {
      const [x, t] = [make(64, 4096), make(64, 4096)];
      return {
        bytes: bytesOf(x, t),
        ours: () => op(x, t),
        naive: () => naiveSum(name, { x, t }, 64, term),
      };
    });
    await runCase(bench, section, `${name} (64, 4096): dx`, (make) => {
      const [x, t] = [make(64, 4096), make(64, 4096)];
      const { run } = gradient(make, () => op(x, t), x);
      return { bytes: bytesOf(x, t, x), ours: run };
    });
  }
  await runCase(bench, section, 'gaussianNll (64, 4096)', (make) => {
    const [x, t, logVar] = [make(64, 4096), make(64, 4096), make(64, 4096)];
    return { bytes: bytesOf(x, t, logVar), ours: () => gaussianNll(x, t, logVar) };
  });
}

/** Adam over as many parameters as speech-ref has: norm, guard and update beside one kernel without a guard. */
function adamCase(make: Make): Case {
  const n = 1_481_984;
  const [p, g] = [make(n), make(n)];
  const { engine } = p;
  const params = new Parameters(engine);
  const start = new Float32Array(n).map((_, i) => ((i * 7919) % 1000) / 1000);
  const w = params.add('w', [n], start);
  p.write(start);
  const gradients = new Float32Array(n).map((_, i) => ((i * 31) % 997) / 997 - 0.4);
  g.write(gradients);
  params.grads.write(gradients);
  const adam = new Adam(params, { lr: 1e-3 });
  const zero = engine.constant('bench zeros', () => ({ data: new Float32Array(n), shape: [n] }));
  return {
    bytes: 7 * bytesOf(p),
    ours: () => {
      w.gradStale = false;
      adam.step();
      return params.values;
    },
    naive: () => naiveAdam(p, g, zero, zero).slice(0, 1),
  };
}

export async function memory(bench: Bench): Promise<void> {
  await elementwise(bench);
  await reductions(bench);
  await layersOfData(bench);
  await objective(bench);
}

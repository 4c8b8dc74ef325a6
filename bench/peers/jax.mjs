// jax-js on its WebGPU backend: matmul and the two reference steps, each one jitted function of value, gradient and
// Adam, from the same weights as ours. Its layouts are ours (channels-first). Arrays are counted by hand there: a use
// consumes, `.ref` keeps.
// Plain JavaScript, so that the project's check of types runs without the peers installed.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as jax from '@jax-js/jax';

const { numpy: np, nn, lax, jit, valueAndGrad, tree } = jax;

export async function open() {
  const devices = await jax.init('webgpu');
  if (!devices.includes('webgpu')) throw new Error('jax-js found no WebGPU adapter');
  jax.defaultDevice('webgpu');
  const entry = createRequire(import.meta.url).resolve('@jax-js/jax');
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '..', 'package.json'), 'utf8'));
  return {
    name: 'jax-js',
    version,
    matmul,
    mnist: (job) => step(job, mnistLoss),
    speech: (job) => step(job, speechLoss),
    close: () => jax.getWebGPUDevice().destroy(),
  };
}

function matmul([M, N, K], a, b, products) {
  const x = np.array(a).reshape([M, K]);
  const y = np.array(b).reshape([K, N]);
  const product = jit((p, q) => np.matmul(p, q));
  return {
    run: async () => {
      const one = () => product(x.ref, y.ref).slice([0, 1], [0, 1]);
      const corner = Array.from({ length: products }, one).reduce((p, q) => p.add(q));
      const [value] = await corner.data();
      return value;
    },
    dispose: () => {
      product.dispose();
      x.dispose();
      y.dispose();
    },
  };
}

/** One training step: value and gradient of the loss, Adam, all in one jitted function. */
function step({ weights, x, eps, batch }, lossOf) {
  const { loss, data } = lossOf(x, eps, batch);
  let params = Object.fromEntries(
    Object.entries(weights).map(([name, w]) => [name, np.array(w.data).reshape(w.shape)]),
  );
  const zeros = (shape) => np.zeros(shape);
  const state = () => Object.fromEntries(Object.entries(weights).map(([name, w]) => [name, zeros(w.shape)]));
  let [m, v] = [state(), state()];
  const update = jit((params, m, v, inputs, rates) => {
    const [value, grads] = valueAndGrad(loss)(tree.ref(params), inputs);
    const next = { params: {}, m: {}, v: {} };
    const [rate, correction] = [rates.ref.slice(0), rates.slice(1)];
    for (const name of Object.keys(params)) {
      const g = grads[name];
      next.m[name] = m[name].mul(0.9).add(g.ref.mul(0.1));
      next.v[name] = v[name].mul(0.999).add(np.square(g).mul(0.001));
      const size = np.sqrt(next.v[name].ref).mul(correction.ref).add(1e-8);
      next.params[name] = params[name].sub(next.m[name].ref.mul(rate.ref).div(size));
    }
    rate.dispose();
    correction.dispose();
    return { value, ...next };
  });
  let t = 0;
  return {
    run: async () => {
      t++;
      const rates = np.array(Float32Array.of(1e-3 / (1 - 0.9 ** t), 1 / Math.sqrt(1 - 0.999 ** t)));
      const out = update(params, m, v, tree.ref(data), rates);
      ({ params, m, v } = out);
      const value = await out.value.data();
      return value[0];
    },
    dispose: () => {
      update.dispose();
      tree.dispose([params, m, v, data]);
    },
  };
}

/** x W^T + b. */
const dense = (p, name, x) => np.matmul(x, p[`${name}.weight`].transpose()).add(p[`${name}.bias`]);

function sample(mu, logVar, eps) {
  const z = mu.ref.add(np.exp(logVar.ref.mul(0.5)).mul(eps));
  const kl = np.square(mu).add(np.exp(logVar.ref)).sub(logVar).sub(1).sum().mul(0.5);
  return { z, kl };
}

function mnistLoss(x, eps, B) {
  const data = { x: np.array(x).reshape([B, 784]), eps: np.array(eps).reshape([B, 20]) };
  const loss = (p, { x, eps }) => {
    const h = nn.relu(dense(p, 'encoder.0', x.ref));
    const { z, kl } = sample(dense(p, 'mu', h.ref), dense(p, 'logvar', h), eps);
    const logits = dense(p, 'decoder.1', nn.relu(dense(p, 'decoder.0', z)));
    // max(l, 0) - l x + log(1 + exp(-|l|)), summed.
    const soft = np.log(np.exp(np.abs(logits.ref).mul(-1)).add(1));
    return nn.relu(logits.ref).sub(logits.mul(x)).add(soft).sum().add(kl);
  };
  return { loss, data };
}

function speechLoss(x, eps, B) {
  const data = { x: np.array(x).reshape([B, 64, 64]), eps: np.array(eps).reshape([B, 32]) };
  const bias = (p, name) => p[`${name}.bias`].reshape([1, -1, 1]);
  const loss = (p, { x, eps }) => {
    let h = x.ref;
    for (let i = 0; i < 3; i++) {
      h = lax.convGeneralDilated(h, p[`conv.${i}.weight`], [1], [[2, 2]]).add(bias(p, `conv.${i}`));
      const [, C, T] = h.shape;
      h = nn.relu(h.reshape([B, C, T / 2, 2]).max(-1));
    }
    h = nn.relu(dense(p, 'fc', h.reshape([B, 2048])));
    const { z, kl } = sample(dense(p, 'mu', h.ref), dense(p, 'logvar', h), eps);
    h = nn.relu(dense(p, 'fc2', nn.relu(dense(p, 'fc1', z)))).reshape([B, 256, 8]);
    for (let i = 0; i < 3; i++) {
      const options = { transposeKernel: true };
      h = lax.convTranspose(h, p[`deconv.${i}.weight`], [2], [[1, 1]], options).add(bias(p, `deconv.${i}`));
      h = i < 2 ? nn.relu(h) : nn.sigmoid(h);
    }
    // D/2 log(SSE / D) + KL, both means over the batch.
    const error = np.square(h.sub(x)).sum();
    return np
      .log(error.div(B * 4096))
      .mul(2048)
      .add(kl.div(B));
  };
  return { loss, data };
}

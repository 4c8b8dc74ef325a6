// TensorFlow.js on its WebGPU backend: matmul and the two reference steps, from the same weights as ours. It works
// channels-last, so weights are brought into its order once: x (B, 1, T, C), filters (1, K, Cin, Cout), and the flat
// features (T, C) instead of (C, T). There is no compiled mode; the fused operations are used where they exist.
// Its packages have no modules that Node can load with gradients, so the benchmark bundles this file first. Plain
// JavaScript, so that the project's check of types runs without the peers installed.

import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-webgpu';

/** A flat tensor with its axes in another order: axis i of the result is axis order[i] of the given one. */
export function permute({ data, shape }, order) {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const to = order.map((i) => shape[i]);
  const out = new Float32Array(data.length);
  const index = new Array(to.length).fill(0);
  for (let n = 0; n < out.length; n++) {
    out[n] = data[index.reduce((sum, v, i) => sum + v * strides[order[i]], 0)];
    for (let d = to.length - 1; d >= 0 && ++index[d] === to[d]; d--) index[d] = 0;
  }
  return { data: out, shape: to };
}

/** Takes the adapter from `navigator.gpu`, and asks it for a device as it does in a browser. */
export async function open() {
  if (!(await tf.setBackend('webgpu'))) throw new Error('TensorFlow.js found no WebGPU adapter');
  return {
    name: 'TensorFlow.js',
    version: tf.version_core,
    matmul,
    mnist: (job) => step(mnistLoss(job)),
    speech: (job) => step(speechLoss(job)),
    close: () => tf.backend().device.destroy(),
  };
}

function matmul([M, N, K], a, b, products) {
  const x = tf.tensor2d(a, [M, K]);
  const y = tf.tensor2d(b, [K, N]);
  return {
    run: async () => {
      const one = () => tf.slice(tf.matMul(x, y), [0, 0], [1, 1]);
      const corner = tf.tidy(() => Array.from({ length: products }, one).reduce((p, q) => tf.add(p, q)));
      const [value] = await corner.data();
      corner.dispose();
      return value;
    },
    dispose: () => tf.dispose([x, y]),
  };
}

/** One training step of a loss: forward, backward, Adam; gives the loss. */
function step({ loss, kept }) {
  const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
  return {
    run: async () => {
      const value = tf.tidy(() => optimizer.minimize(loss, true));
      const [number] = await value.data();
      value.dispose();
      return number;
    },
    dispose: () => {
      optimizer.dispose();
      tf.dispose(kept);
    },
  };
}

function linear(weights, name) {
  const w = weights[`${name}.weight`];
  return {
    w: tf.variable(tf.tensor(permute(w, [1, 0]).data, [w.shape[1], w.shape[0]])),
    b: tf.variable(tf.tensor(weights[`${name}.bias`].data)),
  };
}

const dense = (x, { w, b }, activation = 'linear') => tf.fused.matMul({ a: x, b: w, bias: b, activation });

const all = (layers) => layers.flatMap(({ w, b }) => [w, b]);

function sample(mu, logVar, eps) {
  const z = tf.add(mu, tf.mul(tf.exp(tf.mul(logVar, 0.5)), eps));
  const kl = tf.mul(tf.sum(tf.sub(tf.add(tf.square(mu), tf.exp(logVar)), tf.add(logVar, 1))), 0.5);
  return { z, kl };
}

function mnistLoss({ weights, x, eps, batch }) {
  const names = ['encoder.0', 'mu', 'logvar', 'decoder.0', 'decoder.1'];
  const layers = names.map((name) => linear(weights, name));
  const [fc1, mu, logvar, fc3, fc4] = layers;
  const data = tf.tensor2d(x, [batch, 784]);
  const noise = tf.tensor2d(eps, [batch, 20]);
  const loss = () => {
    const h = dense(data, fc1, 'relu');
    const { z, kl } = sample(dense(h, mu), dense(h, logvar), noise);
    const logits = dense(dense(z, fc3, 'relu'), fc4);
    // max(l, 0) - l x + log(1 + exp(-|l|)), summed.
    const cross = tf.add(
      tf.sub(tf.relu(logits), tf.mul(logits, data)),
      tf.log1p(tf.exp(tf.neg(tf.abs(logits)))),
    );
    return tf.add(tf.sum(cross), kl);
  };
  return { loss, kept: [...all(layers), data, noise] };
}

function convolution(weights, name, order) {
  const { data, shape } = permute(weights[`${name}.weight`], order);
  return {
    w: tf.variable(tf.tensor(data, [1, ...shape])),
    b: tf.variable(tf.tensor(weights[`${name}.bias`].data)),
  };
}

/** Weights between features flattened as (C, T) with those flattened as (T, C). */
function reordered(weights, C, T) {
  const { data, shape } = weights['fc.weight'];
  const fc = permute({ data, shape: [shape[0], C, T] }, [0, 2, 1]);
  const w = weights['fc2.weight'];
  const fc2 = permute({ data: w.data, shape: [C, T, w.shape[1]] }, [1, 0, 2]);
  const b = permute({ data: weights['fc2.bias'].data, shape: [C, T] }, [1, 0]);
  return {
    ...weights,
    'fc.weight': { data: fc.data, shape },
    'fc2.weight': { data: fc2.data, shape: w.shape },
    'fc2.bias': { data: b.data, shape: [C * T] },
  };
}

function speechLoss({ weights, x, eps, batch: B }) {
  const [C, T] = [256, 8];
  const own = reordered(weights, C, T);
  const conv = [0, 1, 2].map((i) => convolution(own, `conv.${i}`, [2, 1, 0]));
  const deconv = [0, 1, 2].map((i) => convolution(own, `deconv.${i}`, [2, 1, 0]));
  const layers = ['fc', 'mu', 'logvar', 'fc1', 'fc2'].map((name) => linear(own, name));
  const [fc, mu, logvar, fc1, fc2] = layers;
  const data = tf.tensor(permute({ data: x, shape: [B, 64, 64] }, [0, 2, 1]).data, [B, 1, 64, 64]);
  const noise = tf.tensor2d(eps, [B, 32]);
  const loss = () => {
    let h = data;
    for (const { w, b } of conv) {
      h = tf.fused.conv2d({ x: h, filter: w, strides: 1, pad: 'same', bias: b, activation: 'relu' });
      h = tf.maxPool(h, [1, 2], [1, 2], 'valid');
    }
    h = dense(tf.reshape(h, [B, C * T]), fc, 'relu');
    const { z, kl } = sample(dense(h, mu), dense(h, logvar), noise);
    h = dense(dense(z, fc1, 'relu'), fc2, 'relu');
    h = tf.reshape(h, [B, 1, T, C]);
    deconv.forEach(({ w, b }, i) => {
      const shape = [B, 1, 2 * h.shape[2], w.shape[2]];
      h = tf.add(tf.conv2dTranspose(h, w, shape, [1, 2], 'same'), b);
      h = i < 2 ? tf.relu(h) : tf.sigmoid(h);
    });
    // D/2 log(SSE / D) + KL, both means over the batch.
    const error = tf.sum(tf.square(tf.sub(h, data)));
    return tf.add(tf.mul(tf.log(tf.div(error, B * 4096)), 2048), tf.div(kl, B));
  };
  return { loss, kept: [...all([...conv, ...deconv, ...layers]), data, noise] };
}

// The `train` cases: five Adam steps of a small VAE or CVAE, captured once and replayed, against PyTorch's losses,
// first gradients and final weights.

import { Adam, backward, type Engine, Vae, vaeLoss } from '../../src/index.ts';
import { closeTo, equalTo, type Tolerance } from '../close.ts';
import type { GoldenCase } from './case.ts';

interface TrainAttrs {
  ci: number;
  ch: number[];
  k: number;
  h: number;
  z: number;
  T: number;
  nc: number;
  steps: number;
  batch: number;
  classes: number;
  adam: { lr: number };
  loss: string;
}

const known = ['ci', 'ch', 'k', 'h', 'z', 'T', 'nc', 'steps', 'batch', 'classes', 'adam', 'loss'];

export async function runTrainCase(engine: Engine, c: GoldenCase, forward: Tolerance, gradient: Tolerance) {
  const a = c.attrs as unknown as TrainAttrs;
  equalTo(Object.keys(a).filter((name) => !known.includes(name)), [], 'attributes not handled');
  equalTo(a.loss, 'mean over batch of (sum squared error + KL)', 'loss');
  equalTo(Object.keys(a.adam), ['lr'], 'settings of Adam');
  equalTo(a.nc, a.classes, 'nc');
  const config = { network: 'conv' as const, inputs: a.ci, frames: a.T, channels: a.ch, kernel: a.k, hidden: a.h, latent: a.z, classes: a.classes };
  const model = new Vae(engine, config, 0);
  const { X, eps, labels, ...weights } = c.in;
  model.params.load(weights, 'golden');
  const adam = new Adam(model.params, a.adam);
  const beta = engine.tensor([1]);
  const step = engine.capture('train', ({ x, noise, label }) => {
    const out = vaeLoss(model, x, noise, label ?? null, beta, { likelihood: 'fixed', weight: 1 });
    backward(out.loss);
    adam.step(out.loss);
    const { metrics, reconstruction, mu, logVar } = out;
    return { metrics, reconstruction, mu, logVar };
  });
  const losses: number[] = [];
  for (let s = 0; s < a.steps; s++) {
    const row = (t: { data: Float32Array; shape: readonly number[] }) => {
      const shape = t.shape.slice(1);
      const n = t.data.length / t.shape[0];
      return { shape, data: t.data.slice(s * n, (s + 1) * n) };
    };
    const inputs = { x: row(X), noise: row(eps) };
    const out = step.run(a.classes > 0 ? { ...inputs, label: oneHot(row(labels), a.classes) } : inputs);
    losses.push(...(await out.metrics.read()));
    if (s > 0) continue;
    const [reconstruction, mu, logVar] = await engine.read([out.reconstruction, out.mu, out.logVar]);
    closeTo(reconstruction, c.out.recon0.data, forward, 'recon0');
    closeTo(mu, c.out.mu0.data, forward, 'mu0');
    closeTo(logVar, c.out.logvar0.data, forward, 'logvar0');
    const grads = model.params.split(await model.params.grads.read());
    for (const [name, want] of Object.entries(c.gin)) closeTo(grads[name].data, want.data, gradient, `gin.${name}`);
    equalTo(Object.keys(c.gin).sort(), Object.keys(grads).sort(), 'gradients');
  }
  closeTo(losses, c.out.losses.data, { relative: 1e-4, ofRms: 0 }, 'losses');
  const after = await model.params.state();
  for (const [name, { data }] of Object.entries(after)) closeMovement(name, data, weights[name].data, c.out[name].data);
  step.dispose();
}

function oneHot(labels: { data: Float32Array }, classes: number) {
  // Labels come as indices, (B).
  const B = labels.data.length;
  const data = new Float32Array(B * classes);
  labels.data.forEach((label, b) => {
    data[b * classes + label] = 1;
  });
  return { data, shape: [B, classes] };
}

/**
 * Adam divides by the gradient's own size, so a weight whose gradient is nearly zero moves by up to lr whatever that
 * gradient's rounding. Single weights therefore say little: the error's rms must be below 1e-3 of the movement's.
 */
function closeMovement(name: string, got: Float32Array, before: Float32Array, want: Float32Array): void {
  let error = 0;
  let movement = 0;
  want.forEach((w, i) => {
    error += (got[i] - w) ** 2;
    movement += (w - before[i]) ** 2;
  });
  const relative = Math.sqrt(error / movement);
  if (!(relative < 1e-3)) throw new Error(`movement of ${name}: ${relative} of it is error, expected below 1e-3`);
}

// The two reference steps, forward, backward and Adam 1e-3, each a captured step with its weights and one batch:
//   speech-ref   the VAE (or CVAE) of src/model, batch 64, optimal variance (CVAE: fixed, weight 10)
//   mnist-ref    784-400-20-400-784, ReLU, Bernoulli likelihood, batch 128; the loss is the sum over the batch
// Inputs are random numbers: time does not depend on them.

import {
  Adam,
  backward,
  bceWithLogits,
  type Capture,
  type Engine,
  elbo,
  type HostArray,
  type Inputs,
  Linear,
  Parameters,
  presetConfig,
  Random,
  reparameterize,
  type Tensor,
  Vae,
  vaeLoss,
} from '../src/index.ts';
import type { Init } from '../src/model/layers.ts';

export interface Step {
  name: string;
  batch: number;
  /** Billions of floating-point operations of the products in it. */
  gflop: number;
  params: Parameters;
  capture: Capture<Tensor>;
  inputs: Inputs;
  /** The step on tensors that hold nothing, for the tuner. */
  rehearse: () => void;
  /** What a peer needs for the same step, with the weights as they are now. */
  job: () => Promise<PeerJob>;
  dispose: () => void;
}

export interface PeerJob {
  weights: Record<string, HostArray>;
  x: Float32Array;
  eps: Float32Array;
  batch: number;
}

const random = new Random(1, 'bench');

/** The captured step of a loss with its optimiser. */
function trainingStep(
  engine: Engine,
  params: Parameters,
  about: { name: string; batch: number; gflop: number; inputs: Inputs },
  loss: (inputs: Record<string, Tensor>) => Tensor,
): Step {
  const adam = new Adam(params);
  const body = (inputs: Record<string, Tensor>) => {
    const value = loss(inputs);
    backward(value);
    adam.step(value);
    return value;
  };
  const capture = engine.capture(about.name, body);
  const { x, eps } = about.inputs;
  return {
    ...about,
    params,
    capture,
    rehearse: () => {
      const empty = Object.entries(about.inputs).map(([name, { shape }]) => [name, engine.empty(shape)]);
      body(Object.fromEntries(empty));
    },
    job: async () => ({ weights: await params.state(), x: x.data, eps: eps.data, batch: about.batch }),
    dispose: () => {
      capture.dispose();
      adam.dispose();
      params.dispose();
    },
  };
}

/** 538.4 million multiply-adds forward, twice that backward, less the first layer's input gradient. */
const speechGflop = 3.063;

export function speechStep(engine: Engine, kind: 'vae' | 'cvae', B = 64): Step {
  const classes = kind === 'cvae' ? 10 : 0;
  const config = presetConfig('speech-ref', kind);
  const model = new Vae(engine, { ...config, inputs: 64, frames: 64, classes }, 1);
  const beta = engine.constant('bench one', () => ({ data: Float32Array.of(1), shape: [1] }));
  const inputs = {
    x: { data: random.uniform(0, B * 4096), shape: [B, 64, 64] },
    eps: { data: random.normal(1, B * 32), shape: [B, 32] },
    ...(classes ? { label: { data: new Float32Array(B * 10).fill(0.1), shape: [B, 10] } } : {}),
  };
  const about = { name: `speech-ref ${kind.toUpperCase()}, B ${B}`, batch: B, inputs };
  return trainingStep(
    engine,
    model.params,
    { ...about, gflop: (speechGflop * B) / 64 },
    ({ x, eps, label }) => vaeLoss(model, x, eps, label ?? null, beta, config).loss,
  );
}

/** Multiply-adds of an example: forward three times, less the first layer's input gradient. */
const mnistProducts = 3 * (784 * 400 + 400 * 40 + 20 * 400 + 400 * 784) - 784 * 400;

export function mnistStep(engine: Engine, B = 128): Step {
  const params = new Parameters(engine);
  const init: Init = { params, seed: 1 };
  const fc1 = new Linear(init, 'fc1', 784, 400);
  const mu = new Linear(init, 'mu', 400, 20);
  const logvar = new Linear(init, 'logvar', 400, 20);
  const fc3 = new Linear(init, 'fc3', 20, 400);
  const fc4 = new Linear(init, 'fc4', 400, 784);
  const beta = engine.constant('bench one', () => ({ data: Float32Array.of(1), shape: [1] }));
  const inputs = {
    x: { data: random.uniform(2, B * 784), shape: [B, 784] },
    eps: { data: random.normal(3, B * 20), shape: [B, 20] },
  };
  const about = { name: `mnist-ref VAE, B ${B}`, batch: B, gflop: (2 * B * mnistProducts) / 1e9, inputs };
  return trainingStep(engine, params, about, ({ x, eps }) => {
    const h = fc1.forward(x, 'relu');
    const { z, kl } = reparameterize(mu.forward(h), logvar.forward(h), eps);
    const logits = fc4.forward(fc3.forward(z, 'relu'));
    return elbo(bceWithLogits(logits, x), kl, beta, { kind: 'weighted', scale: B }).loss;
  });
}

// The two reference steps, forward, backward and Adam 1e-3, each a captured step with its weights and one batch:
//   speech-ref   the VAE (or CVAE) of src/model, batch 64, optimal variance (CVAE: fixed, weight 10)
//   mnist-ref    784-400-20-400-784, ReLU, Bernoulli likelihood, batch 128; the loss is the sum over the batch
// Inputs are random numbers: time does not depend on them.

import {
  Adam,
  backward,
  type Capture,
  type Engine,
  type HostArray,
  type Inputs,
  type Parameters,
  presetConfig,
  Random,
  type Tensor,
  Vae,
  vaeConfig,
  vaeLoss,
} from '../src/index.ts';

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
  const labels = [...'0123456789'].slice(0, classes);
  const model = new Vae(engine, vaeConfig(config, [64, 64], { labels }), 1);
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
  const config = presetConfig('mnist-ref', 'vae');
  const model = new Vae(engine, vaeConfig(config, [28, 28], { labels: [] }), 1);
  const beta = engine.constant('bench one', () => ({ data: Float32Array.of(1), shape: [1] }));
  const inputs = {
    x: { data: random.uniform(2, B * 784), shape: [B, 28, 28] },
    eps: { data: random.normal(3, B * 20), shape: [B, 20] },
  };
  const about = { name: `mnist-ref VAE, B ${B}`, batch: B, gflop: (2 * B * mnistProducts) / 1e9, inputs };
  return trainingStep(
    engine,
    model.params,
    about,
    ({ x, eps }) => vaeLoss(model, x, eps, null, beta, config).loss,
  );
}

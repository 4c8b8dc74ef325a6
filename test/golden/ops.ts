// How each operation of the golden vectors is called: which attributes with which values it takes, and the call.

import {
  abs, Adam, AdamW, add, avgPool1d, batchNorm, bceWithLogits, concat, conv1d, convTranspose1d, cos, div, type Engine,
  exp, fft, type FftNorm, gaussianNll, gelu, griffinLim, groupNorm, irfft, istft, type IstftOptions, layerNorm, leakyRelu, log,
  logSoftmax, logSumExp, matmul, max, maximum, maxPool1d, mean, melFilterbank, type MelOptions, min, minimum, mse,
  mul, neg, type Optimizer, Parameters, reciprocal, relu, reparameterize, resample, type ResampleOptions,
  rfft, rsqrt, SGD, sigmoid, silu, sin, slice,
  softmax, softplus, sqrt, square, stft, type StftOptions, sub, sum, tanh, type Tensor, transpose,
} from '../../src/index.ts';
import type { Tolerance } from '../close.ts';
import type { GoldenCase } from './case.ts';

type Attrs = GoldenCase['attrs'];
type Outputs = Record<string, Tensor>;

export interface GoldenOp {
  /** Attributes the call heeds, each with the test of a value it can heed. */
  attrs: Record<string, (value: unknown) => boolean>;
  run: (engine: Engine, x: Record<string, Tensor>, attrs: Attrs, c: GoldenCase) => Outputs | Promise<Outputs>;
  tolerance?: Tolerance;
}

const any = () => true;
const only = (value: unknown) => (v: unknown) => v === value;
const num = (attrs: Attrs, name: string) => attrs[name] as number;

const unary = (f: (x: Tensor) => Tensor): GoldenOp => ({ attrs: {}, run: (_, { x }) => ({ y: f(x) }) });
const binary = (f: (a: Tensor, b: Tensor) => Tensor): GoldenOp => ({ attrs: {}, run: (_, { a, b }) => ({ y: f(a, b) }) });
const reduction = (f: typeof sum): GoldenOp => ({
  attrs: { axes: any, keepDims: any },
  run: (_, { x }, a) => ({ y: f(x, a.axes as number[] | null, a.keepDims as boolean) }),
});
/** stft and istft refuse windows and paddings they don't know themselves. */
const spectral = { nFft: any, hop: any, winLength: any, window: any, center: any, normalized: any, onesided: any };

const adamAttrs = { lr: any, beta1: any, beta2: any, eps: any };
const adamOptions = ({ beta1, beta2, ...a }: Attrs) => ({ ...a, betas: [beta1, beta2] as [number, number] });

const sumPerExample = { reduction: only('sumPerExample') };

export const goldenOps: Record<string, GoldenOp> = {
  neg: unary(neg),
  abs: unary(abs),
  square: unary(square),
  sqrt: unary(sqrt),
  rsqrt: unary(rsqrt),
  reciprocal: unary(reciprocal),
  exp: unary(exp),
  log: unary(log),
  relu: unary(relu),
  sigmoid: unary(sigmoid),
  tanh: unary(tanh),
  softplus: unary(softplus),
  silu: unary(silu),
  gelu: unary(gelu),
  sin: unary(sin),
  cos: unary(cos),
  leakyRelu: { attrs: { slope: any }, run: (_, { x }, a) => ({ y: leakyRelu(x, num(a, 'slope')) }) },
  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: binary(div),
  maximum: binary(maximum),
  minimum: binary(minimum),
  sum: reduction(sum),
  mean: reduction(mean),
  max: reduction(max),
  min: reduction(min),
  logSumExp: reduction(logSumExp),
  softmax: { attrs: { axis: any }, run: (_, { x }, { axis }) => ({ y: softmax(x, axis as number) }) },
  logSoftmax: { attrs: { axis: any }, run: (_, { x }, { axis }) => ({ y: logSoftmax(x, axis as number) }) },
  concat: { attrs: { axis: any }, run: (_, { a, b }, { axis }) => ({ y: concat([a, b], axis as number) }) },
  slice: {
    attrs: { axis: any, start: any, end: any },
    run: (_, { x }, a) => ({ y: slice(x, num(a, 'axis'), num(a, 'start'), num(a, 'end')) }),
  },
  transpose: { attrs: { perm: any }, run: (_, { x }, { perm }) => ({ y: transpose(x, perm as number[]) }) },
  matmul: {
    attrs: { transposeA: any, transposeB: any },
    run: (_, { a, b }, attrs) => ({ y: matmul(a, b, attrs) }),
  },
  conv1d: {
    attrs: { stride: any, padding: any, dilation: any, groups: any },
    run: (_, { x, w, b }, attrs) => ({ y: conv1d(x, w, b ?? null, attrs) }),
  },
  convTranspose1d: {
    attrs: { stride: any, padding: any, outputPadding: any, dilation: any, groups: any },
    run: (_, { x, w, b }, attrs) => ({ y: convTranspose1d(x, w, b ?? null, attrs) }),
  },
  maxPool1d: {
    attrs: { kernel: any, stride: any, padding: any },
    run: (_, { x }, a) => ({ y: maxPool1d(x, num(a, 'kernel'), { stride: num(a, 'stride'), padding: num(a, 'padding') }) }),
  },
  avgPool1d: {
    attrs: { kernel: any, stride: any, padding: any, countIncludePad: any },
    run: (_, { x }, a) => ({
      y: avgPool1d(x, num(a, 'kernel'), {
        stride: num(a, 'stride'), padding: num(a, 'padding'), countIncludePad: a.countIncludePad as boolean,
      }),
    }),
  },
  batchNorm: {
    attrs: { eps: any, training: only(true) },
    run: (_, { x, w, b }, a) => ({ y: batchNorm(x, w ?? null, b ?? null, { eps: num(a, 'eps') }) }),
  },
  groupNorm: {
    attrs: { groups: any, eps: any },
    run: (_, { x, w, b }, a) => ({ y: groupNorm(x, num(a, 'groups'), w ?? null, b ?? null, num(a, 'eps')) }),
  },
  layerNorm: {
    attrs: { eps: any },
    run: (_, { x, w, b }, a) => ({ y: layerNorm(x, w.shape, w, b ?? null, num(a, 'eps')) }),
  },
  reparameterize: { attrs: {}, run: (_, { mu, logvar, eps }) => reparameterize(mu, logvar, eps) },
  mse: { attrs: sumPerExample, run: (_, { x, t }) => ({ y: mse(x, t) }) },
  bceWithLogits: { attrs: sumPerExample, run: (_, { x, t }) => ({ y: bceWithLogits(x, t) }) },
  gaussianNll: { attrs: sumPerExample, run: (_, { x, t, logvar }) => ({ y: gaussianNll(x, t, logvar) }) },
  fft: { attrs: { n: any, norm: any }, run: (_, { x }, a) => ({ y: fft(x, num(a, 'n'), a.norm as FftNorm) }) },
  rfft: { attrs: { n: any, norm: any }, run: (_, { x }, a) => ({ y: rfft(x, num(a, 'n'), a.norm as FftNorm) }) },
  irfft: { attrs: { n: any, norm: any }, run: (_, { x }, a) => ({ y: irfft(x, num(a, 'n'), a.norm as FftNorm) }) },
  stft: {
    attrs: { ...spectral, padMode: any },
    run: (_, { x }, { hop, ...a }) => ({ y: stft(x, { ...a, hopLength: hop } as StftOptions) }),
  },
  istft: {
    attrs: { ...spectral, length: any },
    run: (_, { x }, { hop, ...a }) => ({ y: istft(x, { ...a, hopLength: hop } as IstftOptions) }),
  },
  melFilterbank: {
    attrs: {
      sampleRate: any, nFft: any, nMels: any, fMin: any, fMax: any,
      norm: (v) => v === null || v === 'slaney', scale: (v) => v === 'htk' || v === 'slaney',
    },
    run: (engine, _, a) => {
      const { data, shape } = melFilterbank(a as unknown as MelOptions);
      return { y: engine.tensor(data, shape) };
    },
  },
  resample: {
    attrs: { from_: any, to: any, method: (v) => v === 'sinc_interp_hann' || v === 'sinc_interp_kaiser', lowpassFilterWidth: any, rolloff: any },
    run: (_, { x }, { from_, to, ...a }) => ({ y: resample(x, from_ as number, to as number, a as ResampleOptions) }),
  },
  griffinLim: {
    attrs: { nFft: any, hop: any, iterations: any, momentum: any, init: only('zeroPhase'), length: any },
    run: (_, { magnitude }, a) => ({
      y: griffinLim(magnitude, {
        nFft: num(a, 'nFft'), hopLength: num(a, 'hop'), iterations: num(a, 'iterations'), momentum: num(a, 'momentum'),
        init: 'zeroPhase', length: num(a, 'length'),
      }),
    }),
    // Phases of bins near zero turn on the last bit, and 32 iterations feed them on: a float64 Griffin-Lim from the
    // stored magnitudes, which are rounded to float32, is off by 6e-4 of the rms itself (this one: 3e-4).
    tolerance: { relative: 1e-3, ofRms: 1e-3 },
  },
  adam: { attrs: adamAttrs, run: trajectory((p, a) => new Adam(p, adamOptions(a))) },
  adamw: { attrs: { ...adamAttrs, weightDecay: any }, run: trajectory((p, a) => new AdamW(p, adamOptions(a))) },
  sgd: { attrs: { lr: any, momentum: any }, run: trajectory((p, a) => new SGD(p, a)) },
};

/** Steps with given gradients; the parameter after each. */
function trajectory(make: (params: Parameters, attrs: Attrs) => Optimizer): GoldenOp['run'] {
  return async (engine, _, a, c) => {
    const params = new Parameters(engine);
    const p = params.add('p', c.in.param.shape, c.in.param.data);
    const optimizer = make(params, a);
    const [steps, n] = c.in.grads.shape;
    const rows = new Float32Array(steps * n);
    for (let s = 0; s < steps; s++) {
      p.grad?.write(c.in.grads.data.slice(s * n, (s + 1) * n));
      p.gradStale = false;
      optimizer.step();
      rows.set(await p.read(), s * n);
    }
    return { trajectory: engine.tensor(rows, [steps, n]) };
  };
}

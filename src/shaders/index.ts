// Every operation of the engine.

export type { Activation } from './activation.ts';
export * from './binary.ts';
export { type Conv1dOptions, type ConvTranspose1dOptions, conv1d, convTranspose1d } from './conv1d.ts';
export { dropout } from './dropout.ts';
export { type ElboOptions, elbo } from './elbo.ts';
export * from './elementwise.ts';
export { type FftNorm, fft, ifft, irfft, rfft } from './fft/fft.ts';
export type { Window } from './fft/window.ts';
export { embedding, gather } from './gather.ts';
export { reparameterize } from './latent.ts';
export { bceWithLogits, gaussianNll, mse } from './losses.ts';
export { linear, type MatmulOptions, matmul } from './matmul.ts';
export { type BatchNormOptions, batchNorm, groupNorm, layerNorm } from './norm.ts';
export { type PadMode, type PadOptions, pad } from './pad.ts';
export { type AvgPoolOptions, avgPool1d, type MaxPoolOptions, maxPool1d, type PoolOptions } from './pool.ts';
export { logSumExp, max, mean, min, sum } from './reduce.ts';
export { type ResampleOptions, resample } from './resample.ts';
export { concat, detach, reshape, slice, transpose } from './shape.ts';
export { crossEntropy, logSoftmax, softmax } from './softmax.ts';
export { type IstftOptions, istft, type StftOptions, stft } from './stft.ts';

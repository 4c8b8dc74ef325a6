// Every operation of the engine.

export type { Activation } from './activation.ts';
export { type Conv1dOptions, type ConvTranspose1dOptions, conv1d, convTranspose1d } from './conv1d.ts';
export { type ElboOptions, elbo } from './elbo.ts';
export * from './elementwise.ts';
export { fft, ifft, irfft, rfft } from './fft/fft.ts';
export { reparameterize } from './latent.ts';
export { bceWithLogits, gaussianNll, mse } from './losses.ts';
export { linear, type MatmulOptions, matmul } from './matmul.ts';
export { type MaxPoolOptions, maxPool1d, type PoolOptions } from './pool.ts';
export { mean, sum } from './reduce.ts';
export { concat, reshape, slice, transpose } from './shape.ts';
export { type IstftOptions, istft, type StftOptions, stft } from './stft.ts';

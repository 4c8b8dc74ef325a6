// The engine by itself: `formant/engine`. Tensors, gradients, every operation, captured steps, optimisers and the tuner,
// without sound and models. It shares its code with the package's other entry points, so that tensors of all mix.

export { Capture, type Inputs } from './engine/capture.ts';
export { Engine, type EngineOptions } from './engine/engine.ts';
export * from './engine/errors.ts';
export { Metrics } from './engine/metrics.ts';
export { backward, backwardFrom } from './engine/op.ts';
export * from './engine/optim/index.ts';
export { Parameters } from './engine/params.ts';
export type { Choices } from './engine/plan.ts';
export { type ProfileRow, profileTable } from './engine/profile.ts';
export { Random } from './engine/random.ts';
export { type HostArray, type Shape, Tensor } from './engine/tensor.ts';
export { browserStore, type TuneOptions, type TuneRow, type TunerStore, tune } from './engine/tuner.ts';
export * from './shaders/index.ts';

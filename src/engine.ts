// The engine, gradients and every operation, without optimisers, sound and models: `formant/engine`, for pages that only
// compute. In Node it shares its code with `formant`, so their tensors mix; a page imports one of the two.

export { Capture, type Inputs } from './engine/capture.ts';
export { Engine, type EngineOptions } from './engine/engine.ts';
export * from './engine/errors.ts';
export { backward, backwardFrom } from './engine/op.ts';
export { Parameters } from './engine/params.ts';
export { type ProfileRow, profileTable } from './engine/profile.ts';
export { Random } from './engine/random.ts';
export { type HostArray, type Shape, Tensor } from './engine/tensor.ts';
export * from './shaders/index.ts';

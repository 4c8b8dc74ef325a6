// The engine, the operations, and what is built on them: everything that runs in a browser as in Node.

export { atLevel, featureLevel, soundingFrames } from './audio/featureLevel.ts';
export * from './audio/features.ts';
export { type GriffinLimOptions, griffinLim } from './audio/griffinLim.ts';
export { featuresToWaves, type InverseOptions } from './audio/inverse.ts';
export { type Joined, joinClips } from './audio/join.ts';
export { type Level, loudness, measureLevel, mixDown } from './audio/level.ts';
export { featuresToWave, waveToFeatures } from './audio/long.ts';
export { type MelBand, type MelOptions, melBands, melFilterbank } from './audio/mel.ts';
export { bestQuality, resampleBatch } from './audio/resample.ts';
export { multiResolutionStftLoss, type Resolution, type SpectralLossOptions } from './audio/spectralLoss.ts';
export { decodeWav, encodeWav, type Wav } from './audio/wav.ts';
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
export {
  Adaptation,
  type AdaptFigures,
  type AdaptSettings,
  adaptDefaults,
  type TrainedPart,
  trainedParts,
} from './model/adapt.ts';
export {
  type AnomalyOptions,
  type AnomalyScores,
  anomalyScores,
  auroc,
  quantile,
  trainingNats,
} from './model/anomaly.ts';
export {
  buildModel,
  decodeCheckpoint,
  decodeModel,
  encodeCheckpoint,
  encodeModel,
  type ModelFile,
  type ModelInfo,
} from './model/checkpoint.ts';
export { type Dataset, inMemory, type ReadExample, type Split } from './model/dataset.ts';
export {
  type Assessment,
  type AssessOptions,
  assess,
  type Evaluation,
  type ExampleFigures,
  evaluate,
  examine,
  klPerUnit,
  type PartFigures,
} from './model/evaluate.ts';
export { imageDataset } from './model/images.ts';
export { exampleShape, type ImageSettings, type InputSettings, isImage } from './model/inputs.ts';
export { type IwaeOptions, iwaeBound } from './model/iwae.ts';
export { type LatentMap, latentMap } from './model/latentMap.ts';
export * from './model/layers.ts';
export { type Likelihood, likelihoods, type Nats, natsOf, type VaeLoss, vaeLoss } from './model/objective.ts';
export { presetConfig, presetNames, type TrainConfig, vaeConfig } from './model/presets.ts';
export { atMean, type Reconstruction, reconstructWave } from './model/reconstruct.ts';
export { decodeReplay, encodeReplay, replayExamples, replayOf } from './model/replay.ts';
export { readSafetensors, writeSafetensors } from './model/safetensors.ts';
export { type SampleOptions, samplePrior } from './model/sampling.ts';
export { type SpeechClip, speechDataset } from './model/speech.ts';
export { encodeStateDict, loadStateDict } from './model/stateDict.ts';
export type { Take } from './model/takes.ts';
export { type EpochRow, type StepRow, type TrainEvent, Trainer, type TrainState } from './model/trainer.ts';
export { Vae, type VaeConfig, type VaeOutput } from './model/vae.ts';
export {
  interpolate,
  latentPlane,
  type Points,
  type WalkMode,
  walk,
  walkModes,
} from './model/walk.ts';
export * from './shaders/index.ts';

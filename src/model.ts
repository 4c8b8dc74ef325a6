// Models: `formant/model`. Layers, VAEs, their training, adaptation, judging and playing, and their files.

export * from './engine/errors.ts';
export {
  Adaptation,
  type AdaptFigures,
} from './model/adapt.ts';
export { type AdaptSettings, adaptDefaults, type TrainedPart, trainedParts } from './model/adaptSettings.ts';
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
export { adaptedPrior, fitPrior } from './model/fitPrior.ts';
export { imageDataset } from './model/images.ts';
export { exampleShape, type ImageSettings, type InputSettings, isImage } from './model/inputs.ts';
export { type IwaeOptions, iwaeBound } from './model/iwae.ts';
export { type LatentMap, latentMap } from './model/latentMap.ts';
export * from './model/layers.ts';
export { type Likelihood, likelihoods, type Nats, natsOf, type VaeLoss, vaeLoss } from './model/objective.ts';
export { presetConfig, presetNames, type TrainConfig, vaeConfig } from './model/presets.ts';
export { type Mixture, type Noise, noiseOf, priorMean, priorPoint } from './model/prior.ts';
export { atMean, type Reconstruction, reconstructWave } from './model/reconstruct.ts';
export { decodeReplay, encodeReplay, replayExamples, replayOf } from './model/replay.ts';
export { readSafetensors, writeSafetensors } from './model/safetensors.ts';
export { type DrawOptions, priorDraw, type SampleOptions, samplePrior } from './model/sampling.ts';
export { type DecodedSound, loadModel, SoundModel, type SpeakOptions } from './model/soundModel.ts';
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

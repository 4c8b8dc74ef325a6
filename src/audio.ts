// Sound to tensors and back: `formant/audio`. Files, features and their inverse, resampling, levels, losses on spectra.

export { atLevel, featureLevel, soundingFrames } from './audio/featureLevel.ts';
export * from './audio/features.ts';
export { type GriffinLimOptions, griffinLim } from './audio/griffinLim.ts';
export { featuresToWaves, type InverseOptions } from './audio/inverse.ts';
export { type Joined, joinClips } from './audio/join.ts';
export { type Level, loudness, measureLevel, mixDown } from './audio/level.ts';
export { featuresToWave, type LongOptions, waveToFeatures } from './audio/long.ts';
export { type MelBand, type MelOptions, melBands, melFilterbank } from './audio/mel.ts';
export { bestQuality, resampleBatch } from './audio/resample.ts';
export { multiResolutionStftLoss, type Resolution, type SpectralLossOptions } from './audio/spectralLoss.ts';
export { decodeWav, encodeWav, type Wav } from './audio/wav.ts';
export * from './engine/errors.ts';

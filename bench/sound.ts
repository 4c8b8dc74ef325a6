// Fourier transforms and what is built on them, at the size of the reference features: 64 clips of 8,192 samples at
// 8 kHz, 65.5 seconds of sound. A real transform of n counts as 2.5 n log2 n operations, a complex one as twice that.

import {
  featuresToWaves,
  fft,
  griffinLim,
  irfft,
  istft,
  logMel,
  referenceFeatures,
  rfft,
  type Shape,
  sqrt,
  square,
  stft,
  sum,
  type Tensor,
  wavesToFeatures,
} from '../src/index.ts';
import { type Bench, bytesOf, type Case, runCase } from './cases.ts';
import { naiveRfft } from './naive.ts';

const section = 'sound';
const clips = 64;
const samples = referenceFeatures.length;
const seconds = (clips * samples) / referenceFeatures.sampleRate;
const settings = { ...referenceFeatures, maxDb: 20 };
const frames = 64;
const bins = referenceFeatures.nFft / 2 + 1;

/** Centred frames, as `stft` cuts them by default. */
const framing = { nFft: 512, hopLength: 128 };
const columns = 1 + samples / 128;

const realFlops = (count: number, n: number) => 2.5 * count * n * Math.log2(n);

async function transforms(bench: Bench): Promise<void> {
  const rows = async (name: string, shape: Shape, c: (x: Tensor) => Case) =>
    runCase(bench, section, name, (make) => c(make(...shape)));
  await rows('rfft, 4096 of 512', [4096, 512], (x) => ({
    flops: realFlops(4096, 512),
    bytes: bytesOf(x) + 8 * 4096 * 257,
    ours: () => rfft(x),
    naive: () => naiveRfft(x),
  }));
  await rows('irfft, 4096 of 512', [4096, 257, 2], (x) => ({
    flops: realFlops(4096, 512),
    bytes: bytesOf(x) + 4 * 4096 * 512,
    ours: () => irfft(x),
  }));
  await rows('fft, 1024 of 1024', [1024, 1024, 2], (x) => ({
    flops: 2 * realFlops(1024, 1024),
    bytes: 2 * bytesOf(x),
    ours: () => fft(x),
  }));
  await rows('rfft, 1024 of 1000', [1024, 1000], (x) => ({
    flops: realFlops(1024, 1000),
    bytes: bytesOf(x) + 8 * 1024 * 501,
    ours: () => rfft(x),
  }));
}

async function spectra(bench: Bench): Promise<void> {
  const cost = {
    flops: realFlops(clips * columns, 512),
    bytes: 4 * clips * (samples + 2 * bins * columns),
    seconds,
  };
  await runCase(bench, section, 'stft, nFft 512, hop 128', (make) => {
    const x = make(clips, samples);
    return { ...cost, ours: () => stft(x, framing) };
  });
  await runCase(bench, section, 'istft', (make) => {
    const X = make(clips, bins, columns, 2);
    return { ...cost, ours: () => istft(X, { ...framing, length: samples }) };
  });
}

async function features(bench: Bench): Promise<void> {
  const { engine } = bench;
  const bytes = 4 * clips * (samples + 64 * frames);
  const flops = realFlops(clips * frames, 512);
  await runCase(bench, section, 'log-mel features of 64 clips', (make) => {
    const x = make(clips, samples);
    return { flops, bytes, seconds, ours: () => logMel(engine, x, referenceFeatures) };
  });
  await runCase(bench, section, 'the same, scaled to [0, 1]', (make) => {
    const x = make(clips, samples);
    return { flops, bytes, seconds, ours: () => wavesToFeatures(engine, x, settings) };
  });
  // Per iteration a transform there and one back.
  await runCase(bench, section, 'fast Griffin-Lim, 32 iterations', (make) => {
    const x = make(clips, samples);
    const magnitude = engine.scope(() => sqrt(sum(square(stft(x, framing)), [3])));
    return {
      flops: 64 * realFlops(clips * columns, 512),
      seconds,
      ours: () => griffinLim(magnitude, { ...framing, iterations: 32, length: samples }),
    };
  });
  await runCase(bench, section, 'features to waves, everything', (make) => {
    const x = make(clips, samples);
    const y = engine.scope(() => wavesToFeatures(engine, x, settings));
    return { seconds, ours: () => featuresToWaves(engine, y, settings) };
  });
}

export async function sound(bench: Bench): Promise<void> {
  await transforms(bench);
  await spectra(bench);
  await features(bench);
}

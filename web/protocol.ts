// What the page and its worker say to each other. The page asks: each request has an answer or an error, by its number.
// The worker tells events of its own accord. Arrays travel by transfer where they are large.

import type { LatentMap } from '../src/model/latentMap.ts';
import type { ModelKind } from '../src/model/presets.ts';
import type { EpochRow } from '../src/model/trainer.ts';
import type { TeachEvent, TeachRequests } from './teach/protocol.ts';

/** The adapter that everything runs on. */
export interface AdapterInfo {
  name: string;
  software: boolean;
}

/** A plane through latent space: z = mean + u first + v second + what lies across. */
export interface Plane {
  mean: number[];
  /** Two orthonormal directions. */
  basis: [number[], number[]];
}

/** What the page must know of a model to play it. */
export interface ModelSummary {
  name: string;
  latent: number;
  parameters: number;
  bytes: number;
  sampleRate: number;
  /** Of a model that says a given label; else empty. */
  labels: string[];
  /** Training examples, where the file has them. */
  map: LatentMap | null;
  /** Of the training examples, else the two dimensions that change the sound most. */
  plane: Plane;
  /** Dimensions of z, the one that matters most first, with the root of its variance over the training examples. */
  dimensions: { index: number; spread: number }[];
}

/** A sound to make: z (latent), and weights of the labels (classes) for a model that has some. */
export interface Point {
  z: number[];
  label: number[] | null;
}

export interface Sound {
  /** (rows, columns) in [0, 1], bands by frames. */
  features: Float32Array;
  rows: number;
  columns: number;
  wave: Float32Array;
  sampleRate: number;
  /** From request to sound. */
  ms: number;
}

/** A file of a folder, by its path from the folder's name on. */
export interface FolderFile {
  path: string;
  file: File;
}

/** What became of a folder of recordings. */
export interface TrainingData {
  name: string;
  train: number;
  test: number;
  labels: string[];
  leftOut: { file: string; reason: string }[];
  /** Files that are used in spite of a fault. */
  notes: { file: string; note: string }[];
}

export interface TrainingSettings {
  preset: string;
  model: ModelKind;
  epochs: number;
  seed: number;
  /** Others, as `key=value`, separated by spaces. */
  others: string;
}

/** Where the training stands. `elsewhere`: another tab has it, and this one may not touch it. */
export interface TrainingStatus {
  state: 'empty' | 'ready' | 'running' | 'paused' | 'finished' | 'failed' | 'elsewhere';
  data: TrainingData | null;
  settings: TrainingSettings | null;
  step: number;
  steps: number;
  epoch: number;
  /** Of the last steps, 0 before the first. */
  msPerStep: number;
  /** Why it failed, or what a person should know. */
  message: string | null;
  /** Steps that a reload of the page keeps. */
  kept: number;
}

/** A step of a training: number, loss, reconstruction, KL, in nats a clip. */
export type LossRow = [step: number, loss: number, recon: number, kl: number];

/** What a model in training makes of the same z, for each label. */
export interface Pictures {
  /** (count, rows, columns) in [0, 1]. */
  features: Float32Array;
  count: number;
  rows: number;
  columns: number;
}

/** Each request with what is sent and what comes back. */
export interface Requests extends TeachRequests {
  /** Opens the adapter. */
  open: { in: null; out: AdapterInfo };
  /** Reads a model file, and plays it from now on; the one before stays where it is refused. */
  load: { in: { bytes: ArrayBuffer; name: string }; out: ModelSummary };
  sound: { in: Point; out: Sound };
  /** A z of the prior, the same that `formant generate` draws. */
  sample: { in: { seed: number; label: number | null; index: number; temperature: number }; out: number[] };
  /** A WAV file, 16 bits. */
  wav: { in: { wave: Float32Array; sampleRate: number }; out: Uint8Array<ArrayBuffer> };
  /** What is kept of a training, with all its rows by events. */
  trainFind: { in: null; out: TrainingStatus };
  /** Reads recordings; the run before, and what is kept of it, is given up. */
  trainRead: { in: { name: string; files: FolderFile[] }; out: TrainingStatus };
  trainStart: { in: TrainingSettings; out: TrainingStatus };
  trainPause: { in: null; out: TrainingStatus };
  trainResume: { in: null; out: TrainingStatus };
  trainDiscard: { in: null; out: TrainingStatus };
  /** The model as it is now, a file that every command takes. */
  trainModel: { in: null; out: Uint8Array<ArrayBuffer> };
  /** Picture `index` as sound. */
  trainSound: { in: { index: number }; out: Sound };
}

export type Kind = keyof Requests;

/** What the worker tells unasked. */
export type Event =
  | { event: 'lost'; reason: string }
  /** Another adapter was opened after a loss, and everything is as it was. */
  | { event: 'recovered'; adapter: AdapterInfo }
  | TeachEvent
  | { event: 'reading'; done: number; total: number }
  | { event: 'training'; status: TrainingStatus }
  /** Rows of steps and epochs; `from` takes back those after this step first. */
  | { event: 'losses'; from: number | null; rows: LossRow[]; epochs: EpochRow[] }
  | { event: 'pictures'; pictures: Pictures };

export type Request = { [K in Kind]: { id: number; kind: K; body: Requests[K]['in'] } }[Kind];

export type Answer =
  | { id: number; result: Requests[Kind]['out'] }
  | { id: number; error: { name: string; message: string } };

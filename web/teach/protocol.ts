// What the Teach tab and the worker say to each other.

import type { Sound } from '../protocol.ts';

/** One recording of the person, as the page shows it. */
export interface TakeInfo {
  id: number;
  /** Index of its label, null for a model without labels. */
  label: number | null;
  /** Measured by, never learnt from. */
  heldOut: boolean;
  /** What is wrong with it; it is kept, but not learnt from. */
  fault: string | null;
  /** As the model hears it: at the level of the voices that it was trained on. */
  sound: Sound;
  /** Mean squared error of the model's reconstruction, by the model it began with and as it is now. */
  before: number;
  now: number;
}

/** Mean squared errors over takes or examples that are held out. */
export interface Change {
  before: number;
  now: number;
}

/** Where the teaching stands. */
export interface Lesson {
  learning: boolean;
  /** The person said to pause. */
  paused: boolean;
  /** Steps taken since the model it began with. */
  step: number;
  /** Takes it learns from, held out, and how many of the former must be there before it begins. */
  counts: { train: number; heldOut: number; least: number };
  /** The person's held-out takes; null while there are none. */
  fresh: Change | null;
  /** Held-out examples of the voices that the model was trained on; null without any. */
  old: Change | null;
  takes: Pick<TakeInfo, 'id' | 'heldOut' | 'before' | 'now'>[];
}

export interface TeachState {
  /** Of a model that says a given label; else empty. */
  labels: string[];
  /** Decibels that features of 0 to 1 span. */
  dynamicRange: number;
  takes: TakeInfo[];
  lesson: Lesson;
}

/** The model that it began with, or as it is now. */
export type Version = 'before' | 'now';

export type Picture = Pick<Sound, 'features' | 'rows' | 'columns'>;

/** A take's reconstruction by both. */
export type Comparison = Record<Version, Picture>;

export interface TeachRequests {
  /** Teaches the model that plays; takes kept from another time are read. `replay`: bytes of its old voices, see replay.ts. */
  teachOpen: { in: { replay: ArrayBuffer | null }; out: TeachState };
  /** An utterance as the microphone gave it. */
  teachAdd: { in: { wave: Float32Array; rate: number; label: number | null }; out: TakeInfo };
  teachRelabel: { in: { id: number; label: number }; out: null };
  teachDelete: { in: { id: number }; out: null };
  /** Brings back the take that was deleted last. */
  teachBringBack: { in: null; out: TakeInfo | null };
  /** Goes on, or pauses. */
  teachLearn: { in: { on: boolean }; out: null };
  /** Back to the model before the teaching, and pauses; the takes stay. */
  teachForget: { in: null; out: null };
  teachCompare: { in: { id: number }; out: Comparison };
  /** A take's reconstruction as sound. */
  teachSpeak: { in: { id: number; version: Version }; out: Sound };
  /** The taught model as a file, with the person's takes in its map as the voice `you`. */
  teachFile: { in: null; out: Uint8Array<ArrayBuffer> };
}

export type TeachEvent =
  | { event: 'lesson'; lesson: Lesson }
  /** What went wrong while nobody asked, in a sentence. */
  | { event: 'teachFault'; message: string };

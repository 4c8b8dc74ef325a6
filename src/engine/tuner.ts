// Measures what no rule foretells: for every question that a step asks its plan, the variants are timed on scratch
// tensors, alternating, and the fastest is decided if it beats the first guess by a margin. A rehearsal of the step
// (nothing is sent to the GPU) asks the questions. Winners are remembered for each adapter in a store, so a second run
// measures nothing; time is bounded, and questions beyond it keep their guess until the next run.

import type { Engine } from './engine.ts';
import type { Choices, Question } from './plan.ts';
import type { Tensor } from './tensor.ts';

/** Where winners are kept between runs. Errors of a store are not errors of the tuner. */
export interface TunerStore {
  /** What `save` was given last for this key; null if nothing. */
  load(adapter: string): Promise<Choices | null>;
  /** Keeps the winners of an adapter under its key. */
  save(adapter: string, choices: Choices): Promise<void>;
}

/** How variants of kernels are chosen. */
export interface TuneOptions {
  /** Milliseconds that measuring may take; default 2,000. One question may overrun it. */
  budgetMs?: number;
  store?: TunerStore;
}

/** What one question came to: least milliseconds of some by variant, the first guess first. */
export interface TuneRow {
  key: string;
  ms: Record<string, number>;
  chosen: string;
}

/** A variant must be faster than the first guess by this factor: below it is noise. */
const margin = 1.1;
/** Milliseconds of work in one measurement, and measurements of each variant. */
const sampleMs = 4;
const samples = 3;

/**
 * Decides the variants for the kernels of a step.
 * @param step what a training step or an inference does; it is rehearsed, nothing runs
 * @returns the questions measured now
 */
export async function tune(engine: Engine, step: () => void, options: TuneOptions = {}): Promise<TuneRow[]> {
  const { budgetMs = 2000, store } = options;
  const adapter = engine.tuningKey;
  const known = await store?.load(adapter).catch(() => null);
  if (known) engine.plan.choices = { ...known, ...engine.plan.choices };
  const questions = engine.plan.listen(() => engine.rehearse(step));
  const rows: TuneRow[] = [];
  const until = performance.now() + budgetMs;
  for (const [key, question] of questions) {
    if (performance.now() > until) break;
    const ms = await measure(engine, question);
    const [guess, ...others] = question.variants;
    const best = others.reduce((a, b) => (ms[b] < ms[a] ? b : a), guess);
    const chosen = ms[best] * margin < ms[guess] ? best : guess;
    engine.plan.decide(key, chosen);
    rows.push({ key, ms, chosen });
  }
  if (rows.length > 0) await store?.save(adapter, engine.plan.choices).catch(() => undefined);
  return rows;
}

async function measure(engine: Engine, { variants, sizes, run }: Question): Promise<Record<string, number>> {
  const tensors: Record<string, Tensor> = Object.fromEntries(
    Object.entries(sizes).map(([name, n]) => [name, engine.tensor(new Float32Array(n))]),
  );
  const times = new Map<string, number[]>();
  const timed = async (variant: string, repeats: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) run(variant, tensors);
    await engine.idle();
    return (performance.now() - start) / repeats;
  };
  try {
    const repeats = new Map<string, number>();
    for (const variant of variants) {
      await timed(variant, 1); // compiles
      const once = await timed(variant, 1);
      repeats.set(variant, Math.max(1, Math.min(64, Math.round(sampleMs / once))));
    }
    for (let s = 0; s < samples; s++)
      for (const variant of variants)
        times.set(variant, [
          ...(times.get(variant) ?? []),
          await timed(variant, repeats.get(variant) as number),
        ]);
  } finally {
    for (const t of Object.values(tensors)) t.dispose();
  }
  return Object.fromEntries([...times].map(([variant, t]) => [variant, Math.min(...t)]));
}

const storageKey = 'formant.tuned';

/** Winners in a page's local storage; null where there is none. */
export function browserStore(): TunerStore | null {
  const storage = (globalThis as { localStorage?: Storage }).localStorage;
  if (!storage) return null;
  const all = (): Record<string, Choices> => JSON.parse(storage.getItem(storageKey) ?? '{}');
  return {
    load: async (adapter) => all()[adapter] ?? null,
    save: async (adapter, choices) =>
      storage.setItem(storageKey, JSON.stringify({ ...all(), [adapter]: choices })),
  };
}

interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

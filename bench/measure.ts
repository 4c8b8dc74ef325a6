// Timing of captured work: the median over runs of several replays each, after a warm-up. Work that takes long gets
// fewer runs, so that a naive kernel on a software adapter does not hold up the rest.

import type { Engine, Tensor } from '../src/index.ts';

export interface Timing {
  /** Median milliseconds of one replay, and the fastest run's. */
  ms: number;
  fastest: number;
  /** Milliseconds JavaScript spends to encode and submit it. */
  js: number;
}

/** Milliseconds of replays in one run; of a single replay above which there are fewer runs, or none but itself. */
const runLength = 40;
const long = 400;
const longest = 2000;

/** Times one unit of GPU work. `body` records it; it is captured once and replayed. */
export async function measure(
  engine: Engine,
  name: string,
  body: () => Tensor | readonly Tensor[],
  runs = 7,
): Promise<Timing & { dispatches: number }> {
  const work = engine.capture(name, () => engine.noGrad(body));
  try {
    const timing = await replay(engine, () => work.run({}), runs);
    return { ...timing, dispatches: work.dispatches };
  } finally {
    work.dispose();
  }
}

/** Times repeated calls of `once`, which submits work. */
export async function replay(engine: Engine, once: () => void, runs = 7): Promise<Timing> {
  once();
  await engine.idle();
  const from = performance.now();
  once();
  const submitted = performance.now() - from;
  await engine.idle();
  const single = performance.now() - from;
  if (single > longest) return { ms: single, fastest: single, js: submitted };
  const repeats = Math.max(1, Math.min(50, Math.round(runLength / single)));
  const times: number[] = [];
  const js: number[] = [];
  for (let r = 0; r < (single > long ? Math.min(3, runs) : runs); r++) {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) once();
    js.push((performance.now() - start) / repeats);
    await engine.idle();
    times.push((performance.now() - start) / repeats);
  }
  return { ms: median(times), fastest: Math.min(...times), js: median(js) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Largest difference between two arrays, relative to the largest value of the second; infinite with a NaN. */
export function difference(a: Float32Array, b: Float32Array): number {
  let worst = 0;
  let most = 0;
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i] - b[i]);
    if (Number.isNaN(d)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, d);
    most = Math.max(most, Math.abs(b[i]));
  }
  return a.length === b.length ? worst / (most || 1) : Number.POSITIVE_INFINITY;
}

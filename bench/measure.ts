// Timing of captured work: the median over runs, several replays each, after a warm-up; and its speed.

import type { Engine, Tensor } from '../src/node.ts';

export interface Timing {
  /** Median milliseconds of one replay. */
  ms: number;
  /** Milliseconds JavaScript spends to encode and submit it. */
  js: number;
  dispatches: number;
}

/** Times one unit of GPU work. `body` records it; it is captured once and replayed. */
export async function measure(
  engine: Engine,
  name: string,
  body: () => Tensor | Tensor[],
  runs = 7,
): Promise<Timing> {
  const work = engine.capture(name, () => engine.noGrad(body));
  const timing = await replay(engine, () => work.run({}), runs);
  const { dispatches } = work;
  work.dispose();
  return { ...timing, dispatches };
}

/** Times repeated calls of `once`, which submits work; about 40 ms of it a run. */
export async function replay(
  engine: Engine,
  once: () => void,
  runs = 7,
): Promise<{ ms: number; js: number }> {
  once();
  await engine.idle();
  const from = performance.now();
  once();
  await engine.idle();
  const repeats = Math.max(1, Math.min(50, Math.round(40 / (performance.now() - from))));
  const times: number[] = [];
  const js: number[] = [];
  for (let r = 0; r < runs; r++) {
    const start = performance.now();
    for (let i = 0; i < repeats; i++) once();
    js.push((performance.now() - start) / repeats);
    await engine.idle();
    times.push((performance.now() - start) / repeats);
  }
  return { ms: median(times), js: median(js) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

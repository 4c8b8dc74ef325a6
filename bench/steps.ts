// The reference steps as rows, and what a start costs: the adapter, the first step with all it compiles, the second.

import { type Engine, profileTable } from '../src/index.ts';
import type { Bench } from './cases.ts';
import { shareOf } from './ceiling.ts';
import { replay } from './measure.ts';
import { mnistStep, type Step, speechStep } from './models.ts';
import type { Row } from './report.ts';

/** Opens the engine and takes its first step, both on the clock. */
export async function startUp(open: () => Promise<Engine>, report: (row: Row) => void): Promise<Engine> {
  const section = 'start-up';
  const from = performance.now();
  const engine = await open();
  report({ section, name: 'adapter and device', ms: performance.now() - from });
  let compiling = 0;
  const { pipelines } = engine;
  const get = pipelines.get.bind(pipelines);
  pipelines.get = (kernel, ...rest) => {
    const start = performance.now();
    const before = pipelines.count;
    const pipeline = get(kernel, ...rest);
    if (pipelines.count > before) compiling += performance.now() - start;
    return pipeline;
  };
  const step = speechStep(engine, 'vae');
  const times: number[] = [];
  for (let i = 0; i < 2; i++) {
    const start = performance.now();
    await step.capture.run(step.inputs).item();
    times.push(performance.now() - start);
  }
  pipelines.get = get;
  const name = step.name.split(',')[0];
  const kernels = `${pipelines.count} kernels`;
  report({ section, name: `compiling ${name}`, ms: compiling, note: `${kernels}, part of its first step` });
  report({ section, name: `first step of ${name}`, ms: times[0] });
  report({ section, name: 'second step', ms: times[1] });
  step.dispose();
  return engine;
}

export interface StepOptions {
  /** Receives a table of the time of each kernel. */
  profile?: (table: string) => void;
}

export async function steps(bench: Bench, options: StepOptions = {}): Promise<void> {
  const all = [
    (engine: Engine) => speechStep(engine, 'vae'),
    (engine: Engine) => speechStep(engine, 'cvae'),
    (engine: Engine) => mnistStep(engine),
  ];
  for (const make of all) {
    const step = make(bench.engine);
    if (bench.wanted('training steps', step.name)) await oneStep(bench, step, options);
    step.dispose();
  }
}

async function oneStep(bench: Bench, step: Step, { profile }: StepOptions): Promise<void> {
  const { engine, ceiling } = bench;
  const { name, batch, gflop } = step;
  bench.progress(`training steps: ${name}`);
  const timing = await replay(engine, () => step.capture.run(step.inputs));
  bench.report({
    section: 'training steps',
    name,
    ms: timing.ms,
    js: timing.js,
    gflop,
    share: shareOf(ceiling, timing.ms, gflop),
    dispatches: step.capture.dispatches,
    perSecond: (1000 * batch) / timing.ms,
  });
  if (!profile) return;
  const profiler = engine.profile();
  step.capture.run(step.inputs);
  profile(`${name}\n${profileTable(await profiler.table())}`);
  profiler.stop();
}

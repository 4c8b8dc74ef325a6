// Who walks a long loop: one invocation alone, or the invocations of a workgroup together, each taking every 256th
// turn, after which a tree in workgroup memory combines what they have. Alone is 10 to 40 times faster on the software
// adapters (NOTES.md); together is for GPUs, where one invocation's loop leaves the machine idle. A kernel is written
// once for both: it walks from `first` by `step`, combines by `sum` or `max`, and stores results through `leader`.
// The tree needs no subgroups: their mapping onto a workgroup's invocations is not WebGPU's to promise.

import type { Engine } from '../engine/engine.ts';
import type { Kernel } from '../engine/kernel.ts';
import { perItem, run } from '../engine/run.ts';
import type { Tensor } from '../engine/tensor.ts';
import { larger1 } from './functions.ts';

/** Invocations of a workgroup that works together. */
export const teamSize = 256;

type By = 'sum' | 'max';

const combined: Record<By, (a: string, b: string) => string> = {
  sum: (a, b) => `${a} + ${b}`,
  max: (a, b) => `larger1(${a}, ${b})`,
};

/**
 * WGSL of fn NAME(value, lane): combines the values of all invocations whose lane is the same modulo `columns`, a power
 * of two. All invocations of a workgroup of `teamSize` must call it, and get the result of their column. A maximum is
 * one of f32, and needs `larger1` of functions.ts.
 */
export function treeFunction(name: string, type: string, by: By, columns = 1): string {
  const cells = `${name}Cells`;
  return `var<workgroup> ${cells}: array<${type}, ${teamSize}>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {
  workgroupBarrier();
  ${cells}[lane] = value;
  for (var half = ${teamSize / 2}u; half >= ${columns}u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { ${cells}[lane] = ${combined[by](`${cells}[lane]`, `${cells}[lane + half]`)}; }
  }
  workgroupBarrier();
  return ${cells}[lane % ${columns}u];
}`;
}

export interface Team {
  /** Invocations that walk a job together. */
  size: number;
  /** WGSL of the first turn of an invocation, and from one turn to its next. */
  first: string;
  step: string;
  /** An expression over what the walkers of a job have, combined. */
  sum: (value: string) => string;
  max: (value: string) => string;
  /** Runs a statement once a job. */
  leader: (statement: string) => string;
  /** Functions for sums of a type, and maxima, as WGSL declarations. */
  functions: (type: string, ...by: By[]) => string;
  /** Runs a body for every job `i` below n. */
  run: (n: number, job: Kernel) => void;
}

/** Each job by one invocation. */
export const alone: Team = {
  size: 1,
  first: '0u',
  step: '1u',
  sum: (value) => value,
  max: (value) => value,
  leader: (statement) => statement,
  functions: () => '',
  run: perItem,
};

/** One workgroup a job. */
export const together: Team = {
  size: teamSize,
  first: 'lane',
  step: `${teamSize}u`,
  sum: (value) => `teamSum(${value}, lane)`,
  max: (value) => `teamMax(${value}, lane)`,
  leader: (statement) => `if (lane == 0u) { ${statement} }`,
  functions: (type, ...by) =>
    by
      .map((b) =>
        b === 'sum' ? treeFunction('teamSum', type, b) : `${larger1}\n${treeFunction('teamMax', type, b)}`,
      )
      .join('\n'),
  run: (n, job) => run({ ...job, workgroup: teamSize, body: `let i = group;\n${job.body}` }, n),
};

/**
 * Runs `body` with whom the plan chose: alone on software adapters; on GPUs the guess first, and both may be tried.
 * @param key names the operation and its sizes
 * @param guess whether a GPU's first guess is together
 * @param tensors all that the body reads and writes; it takes them from its argument
 */
export function byTeam<T extends Record<string, Tensor | null | undefined>>(
  engine: Engine,
  key: string,
  guess: boolean,
  tensors: T,
  body: (team: Team, tensors: T) => void,
): void {
  const all = guess ? ['together', 'alone'] : ['alone', 'together'];
  engine.plan.run(key, engine.gpu ? all : ['alone'], tensors, (variant, t) =>
    body(variant === 'together' ? together : alone, t),
  );
}

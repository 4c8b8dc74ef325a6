// Learning-rate schedules: plain functions from the step, counted from 1 as optimisers count, to the learning rate.
// They are PyTorch's torch.optim.lr_scheduler in closed form, with k = step - 1 for its last_epoch and one update a
// step. A schedule holds no state, so a resumed run needs nothing but its step.

import { ShapeError } from '../errors.ts';

/** The learning rate of a step, counted from 1. */
export type Schedule = (step: number) => number;

function check(name: string, values: Record<string, number>, ok: (value: number) => boolean, want: string) {
  for (const [key, value] of Object.entries(values))
    if (!ok(value)) throw new ShapeError(`${name}: ${key} ${value}; it must be ${want}`);
}

const atLeast0 = (x: number) => x >= 0 && Number.isFinite(x);
const above0 = (x: number) => x > 0 && Number.isFinite(x);
const whole = (x: number) => Number.isSafeInteger(x) && x >= 1;

/** The same learning rate for ever. */
export function constantLr(lr: number): Schedule {
  check('constantLr', { lr }, atLeast0, '0 or more');
  return () => lr;
}

/** LinearLR: a factor that goes from startFactor to endFactor over totalIters steps and stays. */
export function linearLr(lr: number, { startFactor = 1 / 3, endFactor = 1, totalIters = 5 } = {}): Schedule {
  check('linearLr', { lr, startFactor, endFactor }, atLeast0, '0 or more');
  check('linearLr', { totalIters }, whole, 'a whole number of at least 1');
  return (step) => lr * (startFactor + (endFactor - startFactor) * Math.min(1, (step - 1) / totalIters));
}

/** CosineAnnealingLR: half a cosine from lr to etaMin over tMax steps; stays there (PyTorch's rises again). */
export function cosineAnnealingLr(
  lr: number,
  { tMax, etaMin = 0 }: { tMax: number; etaMin?: number },
): Schedule {
  check('cosineAnnealingLr', { lr, etaMin }, atLeast0, '0 or more');
  check('cosineAnnealingLr', { tMax }, whole, 'a whole number of at least 1');
  return (step) => cosine(lr, etaMin, Math.min(1, (step - 1) / tMax));
}

/** ExponentialLR: lr gamma^k. */
export function exponentialLr(lr: number, { gamma }: { gamma: number }): Schedule {
  check('exponentialLr', { lr, gamma }, atLeast0, '0 or more');
  return (step) => lr * gamma ** (step - 1);
}

/** StepLR: times gamma every stepSize steps. */
export function stepLr(
  lr: number,
  { stepSize, gamma = 0.1 }: { stepSize: number; gamma?: number },
): Schedule {
  check('stepLr', { lr, gamma }, atLeast0, '0 or more');
  check('stepLr', { stepSize }, whole, 'a whole number of at least 1');
  return (step) => lr * gamma ** Math.floor((step - 1) / stepSize);
}

/** As torch.optim.lr_scheduler.OneCycleLR. */
export interface OneCycleOptions {
  maxLr: number;
  totalSteps: number;
  /** Share of the steps in which the rate rises. Default 0.3. */
  pctStart?: number;
  /** Default `cos`. */
  annealStrategy?: 'cos' | 'linear';
  /** maxLr / divFactor is where it begins. Default 25. */
  divFactor?: number;
  /** The beginning divided by this is where it ends. Default 1e4. */
  finalDivFactor?: number;
}

/** OneCycleLR (Smith & Topin 2018), two phases: up to maxLr, then down; stays at its end. */
export function oneCycleLr(options: OneCycleOptions): Schedule {
  const { maxLr, totalSteps, pctStart = 0.3, annealStrategy = 'cos' } = options;
  const { divFactor = 25, finalDivFactor = 1e4 } = options;
  check('oneCycleLr', { maxLr, divFactor, finalDivFactor }, above0, 'above 0');
  check('oneCycleLr', { totalSteps }, whole, 'a whole number of at least 1');
  check('oneCycleLr', { pctStart }, (x) => x >= 0 && x <= 1, 'in [0, 1]');
  if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
    throw new ShapeError(`oneCycleLr: annealStrategy ${annealStrategy}; it must be cos or linear`);
  const first = maxLr / divFactor;
  const last = first / finalDivFactor;
  const top = pctStart * totalSteps - 1;
  const end = totalSteps - 1;
  const between = annealStrategy === 'cos' ? cosine : linear;
  return (step) => {
    const k = Math.min(step - 1, end);
    if (k <= top) return top > 0 ? between(first, maxLr, k / top) : maxLr;
    return between(maxLr, last, (k - top) / (end - top));
  };
}

/** SequentialLR: schedule i + 1 takes over, counting anew, when milestones[i] steps are done. */
export function sequentialLr(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  const rising = milestones.every((m, i) => whole(m) && (i === 0 || m > milestones[i - 1]));
  if (schedules.length !== milestones.length + 1 || !rising)
    throw new ShapeError(
      `sequentialLr: ${schedules.length} schedules with milestones ${milestones.join(', ')}; give one milestone ` +
        'less than schedules, rising whole numbers of at least 1',
    );
  return (step) => {
    const i = milestones.filter((m) => step > m).length;
    return schedules[i](step - (i > 0 ? milestones[i - 1] : 0));
  };
}

/** Rises linearly to the schedule's first rate over so many steps (step s of n: s / n of it), then begins it. */
export function warmup(schedule: Schedule, steps: number): Schedule {
  check('warmup', { steps }, (n) => n === 0 || whole(n), 'a whole number of at least 0');
  return (step) => (step <= steps ? (schedule(1) * step) / steps : schedule(step - steps));
}

function cosine(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}

function linear(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

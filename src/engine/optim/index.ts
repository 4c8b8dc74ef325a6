// Optimisers, learning-rate schedules and weight averages.

export { Adam, type AdamOptions, AdamW } from './adam.ts';
export { type AverageOptions, type AverageState, WeightAverage } from './average.ts';
export { Optimizer, type OptimizerOptions, type OptimizerState } from './optimizer.ts';
export * from './schedule.ts';
export { SGD, type SGDOptions } from './sgd.ts';

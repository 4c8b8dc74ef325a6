// Examples that come one by one, as a person records them: a split that grows; and the same ones faster and slower.

import { DataError } from '../engine/errors.ts';
import type { HostArray } from '../engine/tensor.ts';
import type { Split } from './dataset.ts';

/** One recording as a model takes it. */
export interface Take {
  /** (rows, columns) features in [0, 1], row-major. */
  x: Float32Array;
  /** Index of its label for a CVAE, null for a VAE. */
  label: number | null;
  /** Who speaks, for a model that knows speakers. */
  speaker?: string | null;
  name?: string;
}

export class Takes implements Split {
  label = new Int32Array(0);
  readonly names: string[] = [];
  readonly speakers: (string | null)[] = [];
  readonly #shape: readonly [number, number];
  readonly #classes: number;
  readonly #x: Float32Array[] = [];

  /** @param classes of the labels, 0 for a model that takes none */
  constructor(shape: readonly [number, number], classes: number) {
    this.#shape = shape;
    this.#classes = classes;
  }

  get count(): number {
    return this.#x.length;
  }

  /** @throws DataError for a take of another size, a silent one, values outside [0, 1], and a label that is none. */
  add({ x, label, speaker = null, name = `take ${this.count + 1}` }: Take): void {
    const [rows, columns] = this.#shape;
    if (x.length !== rows * columns)
      throw new DataError(`${name}: ${x.length} values; this model takes (${rows}, ${columns}) of them`);
    const outside = x.find((v) => !(v >= 0 && v <= 1));
    if (outside !== undefined)
      throw new DataError(`${name}: holds ${outside}; features are in [0, 1], see wavesToFeatures`);
    if (x.every((v) => v === 0)) throw new DataError(`${name}: is silent; record it again, or nearer`);
    const labelled = this.#classes > 0;
    if (labelled !== (label !== null) || (label !== null && !(label >= 0 && label < this.#classes)))
      throw new DataError(
        `${name}: label ${label}; give ${labelled ? `an index below ${this.#classes}` : 'null, this model takes none'}`,
      );
    this.#x.push(x);
    this.label = Int32Array.from([...this.label, label ?? -1]);
    this.names.push(name);
    this.speakers.push(speaker);
  }

  readonly read = (i: number, into: Float32Array, at: number): void => {
    into.set(this.#x[i], at);
  };
}

/**
 * Stretches the first examples of a batch in place, each by its own factor.
 * @param x (B, rows, columns) @param most 0.3: 0.7 to 1.3 times as fast @param draws of [0, 1), one for each
 */
export function stretchAll(x: HostArray, count: number, most: number, draws: Float32Array): void {
  if (most === 0) return;
  const [, rows, columns] = x.shape;
  for (let b = 0; b < count; b++) {
    const example = x.data.subarray(b * rows * columns, (b + 1) * rows * columns);
    example.set(stretched(example, columns, 1 + most * (2 * draws[b] - 1)));
  }
}

/**
 * Features played so many times as fast, neighbouring frames blended; what is beyond the last one is silence.
 * @param x (rows, columns) @returns the same shape
 */
export function stretched(x: Float32Array, columns: number, speed: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let c = 0; c < columns && c * speed < columns; c++) {
    const from = Math.floor(c * speed);
    const part = c * speed - from;
    for (let row = 0; row < x.length; row += columns) {
      const next = from + 1 < columns ? x[row + from + 1] : 0;
      y[row + c] = x[row + from] + part * (next - x[row + from]);
    }
  }
  return y;
}

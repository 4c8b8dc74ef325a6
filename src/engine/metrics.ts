// Late metrics: each run of a step writes a row of numbers into a ring on the GPU, and JavaScript reads the rows of
// many steps at once, so that no step waits for a read-back.

import type { Engine } from './engine.ts';
import { DeviceError } from './errors.ts';
import { run } from './run.ts';
import { Tensor } from './tensor.ts';

/** Rows of numbers that steps leave on the GPU, read many at once, so that no step waits. */
export class Metrics {
  readonly #engine: Engine;
  readonly #ring: Tensor;
  readonly #capacity: number;
  readonly #width: number;
  #recorded = 0;
  #read = 0;

  /** @param width numbers of a row @param capacity rows kept until they are read */
  constructor(engine: Engine, width: number, capacity = 512) {
    this.#engine = engine;
    this.#width = width;
    this.#capacity = capacity;
    this.#ring = new Tensor(engine, [capacity, width], engine.persistent(4 * capacity * width));
  }

  /** Rows waiting to be read. */
  get waiting(): number {
    return this.#recorded - this.#read;
  }

  /** Part of a step: writes the elements of the tensors, one after the other, as the next row. */
  record(tensors: readonly Tensor[]): void {
    const engine = this.#engine;
    const total = tensors.reduce((n, t) => n + t.size, 0);
    if (total !== this.#width) throw new DeviceError(`metrics: ${total} values for rows of ${this.#width}`);
    engine.scope(() => {
      const slot = engine.feed([1], () => {
        if (this.waiting >= this.#capacity)
          throw new DeviceError(`metrics: ${this.#capacity} rows unread; read them more often`);
        return Float32Array.of(this.#recorded++ % this.#capacity);
      });
      let at = 0;
      const copies = tensors.map((t, i) => {
        const copy = `for (var i = 0u; i < ${t.size}u; i++) { ring[row + ${at}u + i] = x${i}[i]; }`;
        at += t.size;
        return copy;
      });
      run(
        {
          name: 'metrics',
          reads: { slot, ...Object.fromEntries(tensors.map((t, i) => [`x${i}`, t])) },
          writes: { ring: this.#ring },
          workgroup: 1,
          body: `let row = u32(slot[0]) * ${this.#width}u;\n${copies.join('\n')}`,
        },
        1,
      );
    });
  }

  /** Waits for the recorded steps and returns the rows since the last read, oldest first. */
  async read(): Promise<Float32Array[]> {
    const [first, last] = [this.#read, this.#recorded];
    if (first === last) return [];
    const all = await this.#ring.read();
    this.#read = last;
    return Array.from({ length: last - first }, (_, i) => {
      const at = ((first + i) % this.#capacity) * this.#width;
      return all.slice(at, at + this.#width);
    });
  }

  /** Frees the ring. */
  dispose(): void {
    this.#ring.dispose();
  }
}

// What a capture assumes and changes besides its own buffers, noted while it records. A replay repeats GPU work alone,
// so what JavaScript decides at recording must still hold then: that buffers from outside the capture are still their
// tensors' (a block's `generation`), and whether each parameter's gradient was there (`gradStale`), by which a backward
// adds or overwrites and an optimiser takes zeros. `check` compares before each replay, `apply` sets what it leaves.

import { DeviceError } from './errors.ts';
import type { Block, Pool } from './pool.ts';
import type { Tensor } from './tensor.ts';

/** The state of one parameter's gradient in a recording. */
interface Gradient {
  /** Whether it was stale when the recording first looked; null if it set the state before it looked. */
  readonly assumed: boolean | null;
  /** The recording has set the state itself. */
  set: boolean;
  /** The state at the recording's begin. */
  readonly before: boolean;
}

export class CaptureNotes {
  readonly #blocks = new Set<Block>();
  readonly #gradients = new Map<Tensor, Gradient>();
  #outside: [Block, number][] = [];
  #states: { parameter: Tensor; assumed: boolean | null; leaves: boolean }[] = [];

  /** A dispatch binds this block. */
  uses(block: Block): void {
    this.#blocks.add(block);
  }

  /** A decision of the step depends on whether this parameter's gradient is stale. */
  looks(parameter: Tensor, stale: boolean): void {
    if (!this.#gradients.has(parameter))
      this.#gradients.set(parameter, { assumed: stale, set: false, before: stale });
  }

  /** The step changes whether this parameter's gradient is stale, from `before`. */
  sets(parameter: Tensor, before: boolean): void {
    const known = this.#gradients.get(parameter);
    if (known) known.set = true;
    else this.#gradients.set(parameter, { assumed: null, set: true, before });
  }

  /** Whether the gradient of a parameter is one that this recording began. */
  began(parameter: Tensor): boolean {
    return this.#gradients.get(parameter)?.set ?? false;
  }

  /** Undoes the changes of a recording that is thrown away. */
  rewind(): void {
    for (const [parameter, { before }] of this.#gradients) parameter.gradStale = before;
  }

  /** The end of the recording; `own` is the capture's pool, whose blocks nobody else can free. */
  finish(own: Pool): void {
    this.#outside = [...this.#blocks].filter((b) => b.owner !== own).map((b) => [b, b.generation]);
    this.#states = [...this.#gradients].map(([parameter, { assumed }]) => ({
      parameter,
      assumed,
      leaves: parameter.gradStale,
    }));
    this.#blocks.clear();
    this.#gradients.clear();
  }

  /** @throws DeviceError if a replay would not do what the step would do now. */
  check(where: string): void {
    for (const [block, generation] of this.#outside)
      if (block.generation !== generation)
        throw new DeviceError(
          `${where}: it uses a tensor from outside that was disposed since the first run; make another capture`,
        );
    for (const { parameter, assumed } of this.#states) {
      if (assumed === null || assumed === parameter.gradStale) continue;
      const which = `a parameter of shape ${parameter}`;
      throw new DeviceError(
        assumed
          ? `${where}: in its first run ${which} had no gradient yet, so every run overwrites it (backward) or takes ` +
              'it for zero (optimiser step), but now an earlier backward left one; call zeroGrad() of the parameters ' +
              'before run(), or dispose this capture and make it anew with the gradient there'
          : `${where}: in its first run ${which} had the gradient of an earlier backward, but now it has none; call ` +
              'backward() before run(), as before the first run',
      );
    }
  }

  /** After a replay: gradients are there, or not, as the first run left them. */
  apply(): void {
    for (const { parameter, leaves } of this.#states) parameter.gradStale = leaves;
  }
}

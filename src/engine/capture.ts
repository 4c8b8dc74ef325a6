// Capture and replay. The first run of a captured function executes it as usual while every dispatch is noted down
// as {pipeline, bind group, grid}; later runs write the inputs, encode that list in one pass and submit once. Both
// give the same bits, because they are the same dispatches on the same buffers. The buffers belong to the capture
// until it is disposed. What JavaScript computes anew for each step (noise, learning rate, step count) is a feed. What
// else JavaScript decided in the first run is noted (notes.ts): a replay that would do another thing now is refused.
// So a captured backward needs stale gradients, by the step of an optimiser or zeroGrad(), inside or before the run.

import type { Engine } from './engine.ts';
import { DeviceError, ShapeError } from './errors.ts';
import type { CaptureNotes } from './notes.ts';
import type { Pool } from './pool.ts';
import type { Cost, Dispatch } from './stream.ts';
import { checkValues, type HostArray, sameShape, shapeText, type Tensor } from './tensor.ts';

/** What a captured step is run with, by name. */
export type Inputs = Record<string, HostArray>;

/** Writes what JavaScript computes anew, before each run of a captured step. */
export type Feed = () => void;

/** A step that was recorded at its first run and is replayed by every later one; made by `engine.capture`. */
export class Capture<Out> {
  readonly name: string;
  readonly #engine: Engine;
  readonly #step: (inputs: Record<string, Tensor>) => Out;
  readonly #cost: Cost = { ms: 0 };
  #recorded: {
    list: Dispatch[];
    feeds: Feed[];
    inputs: Record<string, Tensor>;
    out: Out;
    pool: Pool;
    notes: CaptureNotes;
  } | null = null;
  #disposed = false;

  constructor(engine: Engine, name: string, step: (inputs: Record<string, Tensor>) => Out) {
    this.#engine = engine;
    this.name = name;
    this.#step = step;
  }

  /** Dispatches of one run, 0 before the first. */
  get dispatches(): number {
    return this.#recorded?.list.length ?? 0;
  }

  /** Names of the kernels of one run, in order. */
  get kernels(): string[] {
    return this.#recorded?.list.map((d) => d.name) ?? [];
  }

  /**
   * Runs the step. The tensors it returned are the same every time and hold the latest run's values.
   * @throws ShapeError if an input is missing, unknown, no Float32Array, or of another shape than in the first run.
   * @throws DeviceError after dispose(), and where a replay would do something else than the step now would: gradients
   * are there that were not in the first run, or the reverse, or a tensor from outside was disposed.
   */
  run(inputs: Inputs): Out {
    const engine = this.#engine;
    engine.check();
    if (this.#disposed)
      throw new DeviceError(`capture ${this.name}: used after dispose(); make another capture`);
    if (engine.stream.recording)
      throw new DeviceError(
        `capture ${this.name}: run inside another capture; call its function directly instead`,
      );
    for (const [name, { data, shape }] of Object.entries(inputs))
      checkValues(`capture ${this.name}: input ${name} has`, data, shape);
    const recorded = this.#recorded;
    if (!recorded) return this.#record(inputs);
    this.#compare(inputs, recorded.inputs);
    recorded.notes.check(`capture ${this.name}`);
    engine.stream.submit();
    for (const [name, tensor] of Object.entries(recorded.inputs)) engine.upload(tensor, inputs[name].data);
    for (const feed of recorded.feeds) feed();
    engine.stream.replay(recorded.list, this.#cost);
    recorded.notes.apply();
    return recorded.out;
  }

  /** Gives the capture's buffers back to the pool; its outputs are gone with them, and it cannot run again. */
  dispose(): void {
    this.#disposed = true;
    this.#engine.stream.submit();
    this.#engine.bindGroups.clear();
    this.#recorded?.pool.close();
    this.#recorded = null;
  }

  #record(host: Inputs): Out {
    const engine = this.#engine;
    engine.stream.startRecording();
    const session = engine.enterCapture();
    const { notes } = session;
    try {
      const inputs: Record<string, Tensor> = {};
      for (const [name, { data, shape }] of Object.entries(host)) {
        inputs[name] = engine.empty(shape);
        engine.upload(inputs[name], data);
      }
      const out = engine.scope(() => this.#step(inputs));
      const list = engine.stream.stopRecording();
      notes.finish(session.pool);
      this.#recorded = { list, feeds: session.feeds, inputs, out, pool: session.pool, notes };
      return out;
    } catch (error) {
      engine.stream.stopRecording();
      session.pool.close();
      throw error;
    } finally {
      session.leave();
    }
  }

  #compare(given: Inputs, recorded: Record<string, Tensor>): void {
    for (const name of Object.keys(given))
      if (!recorded[name])
        throw new ShapeError(`capture ${this.name}: input ${name} was not there in the first run`);
    for (const [name, tensor] of Object.entries(recorded)) {
      if (!given[name]) throw new ShapeError(`capture ${this.name}: input ${name} is missing`);
      if (!sameShape(given[name].shape, tensor.shape))
        throw new ShapeError(
          `capture ${this.name}: input ${name} has shape ${shapeText(given[name].shape)}, it was captured with ` +
            `${tensor}; make another capture for this shape`,
        );
    }
  }
}

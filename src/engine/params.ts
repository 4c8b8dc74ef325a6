// Parameters: every weight of a model in one flat buffer, its gradients in a parallel one, each tensor a slice that
// starts at a multiple of 256 bytes. An optimiser, a checkpoint or an average is then one kernel or one copy over
// the whole buffer. Names are those of a PyTorch state_dict. A module's buffers (running statistics) lie among them,
// part of every state, but without a gradient: their slices of the gradient buffer stay zero.

import type { Engine } from './engine.ts';
import { CheckpointError, DeviceError, ShapeError } from './errors.ts';
import { fill } from './primitives.ts';
import {
  checkShape,
  type HostArray,
  type Shape,
  Storage,
  sameShape,
  shapeText,
  sizeOf,
  Tensor,
} from './tensor.ts';

/** Floats in 256 bytes: WebGPU's alignment for the offset of a binding. */
const alignment = 64;

/** Initial values, row-major; a function is called when the first parameter is used, so a declaration costs nothing. */
export type Initial = Float32Array | (() => Float32Array);

/** The weights of a model by PyTorch's names, with their gradients: what optimisers move and files hold. */
export class Parameters {
  readonly engine: Engine;
  readonly #tensors = new Map<string, Tensor>();
  readonly #initial = new Map<string, Initial>();
  #floats = 0;
  #flat: { values: Tensor; grads: Tensor } | null = null;
  #disposed = false;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /**
   * Declares a parameter. All must be declared before the first is used.
   * @throws ShapeError if the name is taken, sizes differ, or parameters are in use already.
   */
  add(name: string, shape: Shape, values: Initial): Tensor {
    const t = this.addBuffer(name, shape, values);
    t.grad = new Tensor(this.engine, shape, new Storage(() => this.grads.storage.block), t.offset);
    t.requiresGrad = true;
    return t;
  }

  /** Declares a tensor that is saved with the parameters but not trained, as torch's register_buffer. Throws as `add`. */
  addBuffer(name: string, shape: Shape, values: Initial): Tensor {
    checkShape(`parameter ${name}`, shape);
    if (this.#flat)
      throw new ShapeError(`parameter ${name}: declare all parameters before the first one is used`);
    if (this.#tensors.has(name)) throw new ShapeError(`parameter ${name}: this name is taken`);
    if (typeof values !== 'function') checkCount(name, shape, values);
    const t = new Tensor(this.engine, shape, new Storage(() => this.values.storage.block), 4 * this.#floats);
    this.#tensors.set(name, t);
    this.#initial.set(name, values);
    this.#floats += Math.ceil(t.size / alignment) * alignment;
    return t;
  }

  /** Parameters and buffers by name, in order of declaration. */
  get tensors(): ReadonlyMap<string, Tensor> {
    return this.#tensors;
  }

  /** Number of trainable values, without the padding between slices. */
  get count(): number {
    let n = 0;
    for (const t of this.#tensors.values()) if (t.requiresGrad) n += t.size;
    return n;
  }

  /** All values as one flat tensor, padding included. */
  get values(): Tensor {
    return this.#materialise().values;
  }

  /** All gradients as one flat tensor, laid out as `values`. */
  get grads(): Tensor {
    return this.#materialise().grads;
  }

  /** @throws ShapeError if the parameters declared so far are more than the device binds. */
  checkSize(): void {
    const [bytes, most] = [4 * this.#floats, this.engine.maxBinding];
    if (bytes <= most) return;
    const [name, { shape }] = [...this.#tensors].reduce((a, b) => (b[1].size > a[1].size ? b : a));
    throw new ShapeError(
      `parameters: ${this.#floats} values are ${bytes} bytes, this device binds ${most} at most; make the model smaller ` +
        `(its largest is ${name} ${shapeText(shape)})`,
    );
  }

  /** A flat tensor of zeros laid out as `values`, for an optimiser's state. */
  flatState(): Tensor {
    this.checkSize();
    const t = new Tensor(this.engine, [this.#floats], this.engine.persistent(4 * this.#floats));
    this.engine.upload(t, new Float32Array(this.#floats));
    return t;
  }

  /** Forgets the gradients: the next backward overwrites them. */
  zeroGrad(): void {
    for (const t of this.#tensors.values()) if (t.grad) t.gradStale = true;
  }

  /** For optimisers: gradients of parameters that no backward reached are set to zero. */
  completeGrads(): void {
    for (const t of this.#tensors.values())
      if (t.grad && t.gradStale) {
        fill(t.grad, 0);
        t.gradStale = false;
      }
  }

  /**
   * Makes parameters buffers: no backward computes their gradient and no optimiser moves them. Before optimisers and
   * captures are made with them.
   */
  freeze(chosen: (name: string) => boolean): void {
    for (const [name, t] of this.#tensors) {
      if (!chosen(name)) continue;
      if (t.grad && this.#flat) fill(t.grad, 0);
      t.grad = null;
      t.requiresGrad = false;
    }
  }

  /** A flat array, laid out as `values`: 1 for the values of the tensors chosen, else 0. */
  mask(chosen: (name: string, tensor: Tensor) => boolean): Float32Array {
    const flat = new Float32Array(this.#floats);
    for (const [name, t] of this.#tensors)
      if (chosen(name, t)) flat.fill(1, t.offset / 4, t.offset / 4 + t.size);
    return flat;
  }

  /** Cuts a flat array, laid out as `values`, into named arrays: a state_dict. */
  split(flat: Float32Array): Record<string, HostArray> {
    const out: Record<string, HostArray> = {};
    for (const [name, t] of this.#tensors)
      out[name] = { shape: t.shape, data: flat.slice(t.offset / 4, t.offset / 4 + t.size) };
    return out;
  }

  /** What a state_dict of these shapes lacks, has too much, or has in another shape; empty if it fits. */
  differences(state: Record<string, { readonly shape: Shape }>): string[] {
    const lines: string[] = [];
    for (const [name, t] of this.#tensors) {
      if (!Object.hasOwn(state, name)) lines.push(`${name} ${t} is missing`);
      else if (!sameShape(state[name].shape, t.shape))
        lines.push(`${name} has shape ${shapeText(state[name].shape)}, not ${t}`);
    }
    for (const [name, { shape }] of Object.entries(state))
      if (!this.#tensors.has(name)) lines.push(`${name} ${shapeText(shape)} is not part of this model`);
    return lines;
  }

  /**
   * The reverse of `split`: one flat array from named ones.
   * @throws CheckpointError listing every name that is missing or unknown and every other shape.
   */
  join(state: Record<string, HostArray>, where = 'state'): Float32Array {
    refuseDifferences(this.differences(state), where);
    const flat = new Float32Array(this.#floats);
    for (const [name, t] of this.#tensors) {
      const { data } = state[name];
      if (data.length !== t.size)
        throw new CheckpointError(
          `${where}: ${name} has ${data.length} values for shape ${t}; give ${t.size}`,
        );
      flat.set(data, t.offset / 4);
    }
    return flat;
  }

  /** Reads all values back, by name. */
  async state(): Promise<Record<string, HostArray>> {
    return this.split(await this.values.read());
  }

  /** Replaces all values. @throws CheckpointError as `join`. */
  load(state: Record<string, HostArray>, where?: string): void {
    const flat = this.join(state, where);
    // What nobody will see is not drawn.
    if (this.#flat) this.values.write(flat);
    else this.#materialise(() => flat);
  }

  /** Gives the buffers back; every later use of a parameter throws a DeviceError. */
  dispose(): void {
    this.#disposed = true;
    if (!this.#flat) return;
    this.#flat.values.dispose();
    this.#flat.grads.dispose();
    this.#flat = null;
  }

  #materialise(initial = () => this.#drawn()): { values: Tensor; grads: Tensor } {
    if (this.#disposed)
      throw new DeviceError('parameters: used after dispose(); dispose of them after whatever uses them');
    if (!this.#flat) {
      if (this.#floats === 0) throw new ShapeError('parameters: none declared');
      this.#flat = { values: this.flatState(), grads: this.flatState() };
      this.engine.upload(this.#flat.values, initial());
      this.#initial.clear();
    }
    return this.#flat;
  }

  #drawn(): Float32Array {
    const flat = new Float32Array(this.#floats);
    for (const [name, t] of this.#tensors) {
      const initial = this.#initial.get(name) as Initial;
      const values = typeof initial === 'function' ? initial() : initial;
      checkCount(name, t.shape, values);
      flat.set(values, t.offset / 4);
    }
    return flat;
  }
}

function checkCount(name: string, shape: Shape, values: Float32Array): void {
  if (values.length !== sizeOf(shape))
    throw new ShapeError(`parameter ${name}: ${values.length} values for shape ${shapeText(shape)}`);
}

const mostShown = 24;

/** @throws CheckpointError naming the differences of a state_dict from a model, unless there are none. */
export function refuseDifferences(lines: readonly string[], where: string): void {
  if (lines.length === 0) return;
  const rest = lines.length > mostShown ? `; and ${lines.length - mostShown} more` : '';
  throw new CheckpointError(
    `${where}: does not fit this model, ${lines.length} ${lines.length === 1 ? 'difference' : 'differences'}: ` +
      `${lines.slice(0, mostShown).join('; ')}${rest}. It is another model's, or one of other sizes or classes: ` +
      'load it into a model with the settings it was saved with',
  );
}

// A tensor is a shape over a range of a GPU buffer: float32, row-major, always contiguous. Reshaping shares the
// storage; slicing and transposing copy. A storage belongs to the scope it was made in and goes back to the pool
// when that scope ends (engine.scope), so neither reference counts nor the garbage collector decide a lifetime.

import type { Engine } from './engine.ts';
import { DeviceError, ShapeError } from './errors.ts';
import type { Node } from './op.ts';
import type { Block } from './pool.ts';

/** Lengths of the dimensions, outermost first; each a whole number of at least 1. */
export type Shape = readonly number[];

/** Numbers of one tensor on the JavaScript side, row-major. */
export interface HostArray {
  readonly data: Float32Array;
  readonly shape: Shape;
}

/** The buffer under one or more tensors. */
export class Storage {
  readonly #block: Block | (() => Block);
  /** The block's owner at the time: whoever gives a block back to its pool counts it up. */
  readonly #generation: number;

  /** A function lends another storage's block, at every use: parameters lie in a buffer made when all are declared. */
  constructor(block: Block | (() => Block)) {
    this.#block = block;
    this.#generation = typeof block === 'function' ? 0 : block.generation;
  }

  get block(): Block {
    const block = this.#block;
    if (typeof block === 'function') return block();
    if (block.generation !== this.#generation)
      throw new DeviceError(
        'tensor: used after its scope ended, or after dispose() of it or of the capture it came from; return it ' +
          'from the scope, make it outside, or dispose later',
      );
    return block;
  }

  /** The block to give back to its pool, null if it was given back before. @throws DeviceError if it is lent. */
  take(): Block | null {
    const block = this.#block;
    if (typeof block === 'function')
      throw new DeviceError(
        'dispose: a parameter and its gradient are parts of one buffer for all; dispose of their Parameters instead',
      );
    return block.generation === this.#generation ? block : null;
  }
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** A shape as text, `(64, 1, 8192)`. */
export function shapeText(shape: Shape): string {
  return `(${shape.join(', ')})`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** Throws a ShapeError unless every dimension is a whole number of at least 1. */
export function checkShape(where: string, shape: Shape): void {
  if (shape.every((d) => Number.isInteger(d) && d >= 1)) return;
  throw new ShapeError(
    `${where}: shape ${shapeText(shape)}; every dimension must be a whole number of at least 1`,
  );
}

/** Throws a ShapeError unless the data is a Float32Array with the values of the shape. */
export function checkValues(where: string, data: unknown, shape: Shape): asserts data is Float32Array {
  if (!(data instanceof Float32Array)) {
    const what = Object.prototype.toString.call(data).slice(8, -1);
    throw new ShapeError(`${where} ${what}; it must be a Float32Array, ${sizeOf(shape)} values row-major`);
  }
  if (data.length !== sizeOf(shape))
    throw new ShapeError(
      `${where} ${data.length} values for shape ${shapeText(shape)}; give ${sizeOf(shape)}`,
    );
}

/** Throws a ShapeError if a function that must be synchronous returned a promise, whose failure is then unheard. */
export function checkSynchronous(where: string, result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | null)?.then !== 'function') return;
  (result as PromiseLike<unknown>).then(undefined, () => {});
  throw new ShapeError(
    `${where}: the function returned a promise; it ends before the promise does. Give it a synchronous function, ` +
      'return the tensors, and read them outside',
  );
}

/** Numbers on the GPU: float32, row-major, of a fixed shape. Engines, parameters and operations make them. */
export class Tensor {
  readonly engine: Engine;
  readonly shape: Shape;
  /** @internal */
  readonly storage: Storage;
  /** Where the tensor starts in its storage, in bytes; a multiple of 256. @internal */
  readonly offset: number;
  /** The operation this tensor came from, while gradients are recorded. @internal */
  node: Node | null = null;
  /** Set for parameters: the tensor that `backward` leaves the gradient in, same shape. */
  grad: Tensor | null = null;
  requiresGrad = false;
  #gradStale = true;

  constructor(engine: Engine, shape: Shape, storage: Storage, offset = 0) {
    this.engine = engine;
    this.shape = shape;
    this.storage = storage;
    this.offset = offset;
  }

  /** The next contribution to `grad` overwrites it. @internal */
  get gradStale(): boolean {
    this.engine.notes?.looks(this, this.#gradStale);
    return this.#gradStale;
  }

  /** @internal */
  set gradStale(stale: boolean) {
    this.engine.notes?.sets(this, this.#gradStale);
    this.#gradStale = stale;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** The shape as text: `x ${x}` in an error says what x is. */
  toString(): string {
    return shapeText(this.shape);
  }

  /** Waits for the GPU and returns the values, row-major. Throws the GPU's own errors of earlier work. */
  async read(): Promise<Float32Array> {
    return (await this.engine.read([this]))[0];
  }

  /** The value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new ShapeError(`item: shape ${this} has ${this.size} elements, not 1`);
    return (await this.read())[0];
  }

  /** Replaces the values; length as the tensor's size. */
  write(data: Float32Array): void {
    this.engine.write(this, data);
  }

  /**
   * Gives the storage back to the pool now; every later use of it throws. Tensors made inside a scope need no dispose.
   * @throws DeviceError for a parameter or its gradient.
   */
  dispose(): void {
    this.engine.release(this.storage);
  }
}

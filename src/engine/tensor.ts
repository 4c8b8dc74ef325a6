// A tensor is a shape over a range of a GPU buffer: float32, row-major, always contiguous. Reshaping shares the
// storage; slicing and transposing copy. A storage belongs to the scope it was made in and goes back to the pool
// when that scope ends (engine.scope), so neither reference counts nor the garbage collector decide a lifetime.

import type { Engine } from './engine.ts';
import { DeviceError, ShapeError } from './errors.ts';
import type { Node } from './op.ts';
import type { Block } from './pool.ts';

export type Shape = readonly number[];

/** Numbers of one tensor on the JavaScript side, row-major. */
export interface HostArray {
  readonly data: Float32Array;
  readonly shape: Shape;
}

/** The buffer under one or more tensors. */
export class Storage {
  #block: Block | null;
  readonly #make: (() => Block) | null;

  /** A function is called at the first use: parameters know their buffer's size only when all are declared. */
  constructor(block: Block | (() => Block)) {
    this.#block = typeof block === 'function' ? null : block;
    this.#make = typeof block === 'function' ? block : null;
  }

  get released(): boolean {
    return this.#block === null && this.#make === null;
  }

  get block(): Block {
    if (!this.#block) {
      if (!this.#make)
        throw new DeviceError(
          'tensor: used after its scope ended; return it from the scope, or make it outside the scope',
        );
      this.#block = this.#make();
    }
    return this.#block;
  }

  /** Forgets the buffer and hands it to the caller, who gives it back to a pool. */
  take(): Block | null {
    const block = this.#block;
    this.#block = null;
    return block;
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

export class Tensor {
  readonly engine: Engine;
  readonly shape: Shape;
  readonly storage: Storage;
  /** Where the tensor starts in its storage, in bytes; a multiple of 256. */
  readonly offset: number;
  /** The operation this tensor came from, while gradients are recorded. */
  node: Node | null = null;
  /** Set for parameters: the tensor that `backward` leaves the gradient in, same shape. */
  grad: Tensor | null = null;
  /** The next contribution to `grad` overwrites it. */
  gradStale = true;
  /** The capture in which `grad` was begun, 0 outside any. */
  gradSince = 0;
  requiresGrad = false;

  constructor(engine: Engine, shape: Shape, storage: Storage, offset = 0) {
    this.engine = engine;
    this.shape = shape;
    this.storage = storage;
    this.offset = offset;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get rank(): number {
    return this.shape.length;
  }

  /** Waits for the GPU and returns the values, row-major. Throws the GPU's own errors of earlier work. */
  async read(): Promise<Float32Array> {
    return (await this.engine.read([this]))[0];
  }

  /** The value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError(`item: shape ${shapeText(this.shape)} has ${this.size} elements, not 1`);
    return (await this.read())[0];
  }

  /** Replaces the values; length as the tensor's size. */
  write(data: Float32Array): void {
    this.engine.write(this, data);
  }

  /** Gives the storage back to the pool now. Tensors made inside a scope need no dispose. */
  dispose(): void {
    this.engine.release(this.storage);
  }
}

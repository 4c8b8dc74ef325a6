// GPU buffers, kept for reuse by size class. A class is 1/8 of a power of two wide, so at most an eighth of a
// buffer is unused, and a training step finds each step the buffers it gave back the step before. A capture takes
// its buffers through a pool of its own (`fork`): what it gives back stays in it, because its recorded dispatches
// name these buffers, and everything returns to the parent when the capture is released.

import { DeviceError } from './errors.ts';

/** WebGPU's usage flags, which Node has no globals for. */
export const usage = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 64, storage: 128 } as const;

/** One GPU buffer. `lastUse` is the serial of the latest command encoder that names it. */
export interface Block {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  readonly id: number;
  lastUse: number;
  /** Times it was given back to a pool, by which a storage knows that the block is no longer its own. */
  generation: number;
  /** The pool it goes back to: a capture's while that lives. */
  owner: Pool;
}

/** Bytes really allocated for a request: a multiple of 256 with at most an eighth to spare. */
export function sizeClass(bytes: number): number {
  const least = Math.max(256, bytes);
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(least)) - 3));
  return Math.ceil(least / step) * step;
}

/** Bytes of the largest buffer that a device makes, in whole classes' steps. */
export function largestBuffer({ limits }: GPUDevice): number {
  return Math.floor(limits.maxBufferSize / 256) * 256;
}

export class Pool {
  readonly #device: GPUDevice;
  readonly #parent: Pool | null;
  readonly #free = new Map<number, Block[]>();
  readonly #owned = new Set<Block>();
  #nextId = 0;

  constructor(device: GPUDevice, parent: Pool | null = null) {
    this.#device = device;
    this.#parent = parent;
  }

  /** Bytes of every buffer that exists, in use or kept for reuse. */
  get bytes(): number {
    let sum = 0;
    for (const block of this.#owned) sum += block.bytes;
    return sum;
  }

  /** A pool for a capture: takes from this one, keeps what it is given back until `close`. */
  fork(): Pool {
    return new Pool(this.#device, this);
  }

  /**
   * A buffer of at least `bytes`. `fresh`: none that this fork has handed out before.
   * @throws DeviceError if it is above what the device allows.
   */
  acquire(bytes: number, fresh = false): Block {
    const most = largestBuffer(this.#device);
    if (bytes > most)
      throw new DeviceError(
        `tensor: a buffer of ${bytes} bytes, this device allows ${most} (maxBufferSize); split the batch`,
      );
    // A limit need not be a size class: the last class is the limit itself.
    const size = Math.min(sizeClass(bytes), most);
    const reused = this.#parent && fresh ? undefined : this.#free.get(size)?.pop();
    if (reused) return reused;
    if (this.#parent) {
      const block = this.#parent.acquire(bytes);
      block.owner = this;
      this.#owned.add(block);
      return block;
    }
    const buffer = this.#device.createBuffer({
      label: `pool ${size}`,
      size,
      usage: usage.storage | usage.copySrc | usage.copyDst,
    });
    const block = { buffer, bytes: size, id: this.#nextId++, lastUse: -1, generation: 0, owner: this };
    this.#owned.add(block);
    return block;
  }

  /** Takes back a buffer of this pool's own for reuse. */
  #keep(block: Block): void {
    const list = this.#free.get(block.bytes);
    if (list) list.push(block);
    else this.#free.set(block.bytes, [block]);
  }

  /** Gives a buffer back to the pool it belongs to, for reuse. */
  static release(block: Block): void {
    block.generation++;
    block.owner.#keep(block);
  }

  /** Gives everything back: a fork's buffers to its parent, the root's to the device. */
  close(): void {
    for (const block of this.#owned) {
      if (this.#parent) {
        block.owner = this.#parent;
        Pool.release(block);
      } else {
        block.generation++;
        block.buffer.destroy();
      }
    }
    this.#owned.clear();
    this.#free.clear();
  }
}

// Reading back. Values are copied into a mappable buffer of a power of two bytes behind whatever is queued, and such
// buffers are kept for the next time: many tensors, one round trip.

import { DeviceError } from './errors.ts';
import { largestBuffer, usage } from './pool.ts';
import type { Stream } from './stream.ts';

/** Values somewhere in a buffer: `offset` in bytes, `size` in floats. */
export interface Source {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

export class Staging {
  readonly #device: GPUDevice;
  /** Those not in use, by size. */
  readonly #free = new Map<number, GPUBuffer[]>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of the buffers kept. */
  get bytes(): number {
    let sum = 0;
    for (const list of this.#free.values()) for (const b of list) sum += b.size;
    return sum;
  }

  /**
   * Submits the stream's work and waits for it.
   * @param check throws what the device has reported
   * @returns the values of each source
   * @throws DeviceError for more than the device has in one buffer.
   */
  async read(stream: Stream, sources: readonly Source[], check: () => void): Promise<Float32Array[]> {
    const total = sources.reduce((n, { size }) => n + 4 * size, 0);
    const staging = this.#take(total);
    const encoder = stream.encoder();
    let at = 0;
    for (const { buffer, offset, size } of sources) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, 4 * size);
      at += 4 * size;
    }
    stream.submit();
    await stream.doze();
    await staging.mapAsync(1, 0, total).catch((error: Error) => {
      check();
      throw new DeviceError(`read: ${error.message}`);
    });
    stream.settled();
    const all = staging.getMappedRange(0, total).slice(0);
    staging.unmap();
    this.#free.get(staging.size)?.push(staging);
    check();
    at = 0;
    return sources.map(({ size }) => {
      const values = new Float32Array(all, at, size);
      at += 4 * size;
      return values;
    });
  }

  close(): void {
    for (const list of this.#free.values()) for (const b of list) b.destroy();
  }

  #take(bytes: number): GPUBuffer {
    const most = largestBuffer(this.#device);
    if (bytes > most)
      throw new DeviceError(
        `read: ${bytes} bytes at once, this device allows ${most}; read fewer tensors at once`,
      );
    const size = Math.min(most, 2 ** Math.ceil(Math.log2(Math.max(256, bytes))));
    const list = this.#free.get(size) ?? [];
    this.#free.set(size, list);
    return (
      list.pop() ??
      this.#device.createBuffer({ label: 'staging', size, usage: usage.mapRead | usage.copyDst })
    );
  }
}

// Uniform buffers, one for each distinct content: sizes repeat from step to step, so a training loop makes none after
// its first step, and bind groups over them stay valid.

import { usage } from './pool.ts';

/** Buffers kept for reuse; beyond, the oldest is forgotten, not destroyed, as bind groups may still hold it. */
const most = 4096;

export class Uniforms {
  readonly #device: GPUDevice;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of the buffers kept. */
  get bytes(): number {
    let sum = 0;
    for (const b of this.#buffers.values()) sum += b.size;
    return sum;
  }

  /** A buffer with these whole numbers, then these floats; its label is its content. */
  get(whole: readonly number[], floats: readonly number[]): GPUBuffer {
    const label = [...whole, ...floats.map((v) => `${v}f`)].join();
    const known = this.#buffers.get(label);
    if (known) return known;
    const size = Math.ceil((whole.length + floats.length) / 4) * 16;
    const view = new Uint32Array(size / 4);
    view.set(whole);
    new Float32Array(view.buffer).set(floats, whole.length);
    const buffer = this.#device.createBuffer({ label, size, usage: usage.uniform | usage.copyDst });
    this.#device.queue.writeBuffer(buffer, 0, view);
    this.#buffers.set(label, buffer);
    if (this.#buffers.size > most) this.#buffers.delete(this.#buffers.keys().next().value as string);
    return buffer;
  }

  close(): void {
    for (const b of this.#buffers.values()) b.destroy();
    this.#buffers.clear();
  }
}

// Timings per dispatch. Timestamps exist only at the borders of a pass, so while profiling every dispatch gets a
// pass of its own: the sum is a little longer than the same work in one pass. Needs the feature timestamp-query.

import { DeviceError } from './errors.ts';
import { usage } from './pool.ts';

/** Dispatches that one profile can hold; WebGPU allows 4,096 timestamps in a set. */
const capacity = 2048;

/** Time that all dispatches of one kernel took together. */
export interface ProfileRow {
  name: string;
  count: number;
  /** Milliseconds of all dispatches of that name. */
  ms: number;
}

export class Profiler {
  readonly #device: GPUDevice;
  readonly #set: GPUQuerySet;
  readonly #buffer: GPUBuffer;
  #names: string[] = [];
  #resolved = 0;

  /** @throws DeviceError if the device was opened without timestamp-query. */
  constructor(device: GPUDevice) {
    if (!device.features.has('timestamp-query'))
      throw new DeviceError(
        'profile: this adapter has no timestamp-query feature; profile on another adapter',
      );
    this.#device = device;
    this.#set = device.createQuerySet({ label: 'profile', type: 'timestamp', count: 2 * capacity });
    this.#buffer = device.createBuffer({
      label: 'profile',
      size: 16 * capacity,
      usage: 0x200 | usage.copySrc,
    });
  }

  pass(name: string): GPUComputePassDescriptor {
    if (this.#names.length >= capacity)
      throw new DeviceError(`profile: more than ${capacity} dispatches; call table() more often`);
    const i = this.#names.push(name) - 1;
    return {
      label: name,
      timestampWrites: {
        querySet: this.#set,
        beginningOfPassWriteIndex: 2 * i,
        endOfPassWriteIndex: 2 * i + 1,
      },
    };
  }

  resolve(encoder: GPUCommandEncoder): void {
    const count = this.#names.length - this.#resolved;
    // The destination of a resolve is aligned to 256 bytes, so resolve all from the start.
    if (count > 0) encoder.resolveQuerySet(this.#set, 0, 2 * this.#names.length, this.#buffer, 0);
    this.#resolved = this.#names.length;
  }

  /** Time per kernel name since the last call, slowest first. Call after a read, when the GPU is idle. */
  async table(): Promise<ProfileRow[]> {
    const names = this.#names;
    this.#names = [];
    this.#resolved = 0;
    if (names.length === 0) return [];
    const size = 16 * names.length;
    const staging = this.#device.createBuffer({ size, usage: usage.mapRead | usage.copyDst });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#buffer, 0, staging, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const times = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    const rows = new Map<string, ProfileRow>();
    names.forEach((name, i) => {
      const row = rows.get(name) ?? { name, count: 0, ms: 0 };
      row.count++;
      row.ms += Number(times[2 * i + 1] - times[2 * i]) / 1e6;
      rows.set(name, row);
    });
    return [...rows.values()].sort((a, b) => b.ms - a.ms);
  }

  close(): void {
    this.#set.destroy();
    this.#buffer.destroy();
  }
}

/** A profile as an aligned text table. */
export function profileTable(rows: readonly ProfileRow[]): string {
  const total = rows.reduce((sum, r) => sum + r.ms, 0);
  const line = (name: string, count: string, ms: string, share: string) =>
    `${name.padEnd(28)}${count.padStart(7)}${ms.padStart(11)}${share.padStart(8)}`;
  return [
    line('kernel', 'count', 'ms', 'share'),
    ...rows.map((r) =>
      line(r.name, `${r.count}`, r.ms.toFixed(3), `${((100 * r.ms) / (total || 1)).toFixed(1)}%`),
    ),
    line('all', `${rows.reduce((n, r) => n + r.count, 0)}`, total.toFixed(3), '100%'),
  ].join('\n');
}

// The one open command encoder. Dispatches go into a single compute pass until something must be read or the queue
// is written; then everything is submitted at once. While a capture records, each dispatch is also noted down, and
// `replay` encodes such a list again: one pass, one submit, the bind groups already made.
//
// Waiting: Dawn's Node binding spins the JavaScript thread while a promise is pending, which takes a core from a
// software adapter. So the stream learns what a capture's replay costs and, where waiting spins, sleeps through most of the
// expected time before it asks for the result. A wait in which something was recorded teaches nothing: kernels were compiled in it.

import type { Profiler } from './profile.ts';

export interface Dispatch {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

/** What a unit of work (a capture) is known to cost. */
export interface Cost {
  /** Milliseconds, 0 while unknown. */
  ms: number;
}

/** Submitting in parts keeps the adapter busy while a long eager computation is still being recorded. */
const submitEvery = 256;
/** The share of the expected time that is slept through, and the shortest sleep worth the timer. */
const sleepShare = 0.92;
const shortestSleep = 3;
/** After a sleep that was too long: what share of it the work may have taken. */
const oversleptShare = 0.8;
/** What time spent spinning would have been without: a software adapter's work is slowed by the core that it loses. */
const spunShare = 0.6;
/** A known cost grows by this at most in one wait: a process that was stopped for an hour has not worked for an hour. */
const mostGrowth = 2;

export class Stream {
  /** Counts submits; a buffer used under the present serial may not be written by the queue before a submit. */
  serial = 0;
  profiler: Profiler | null = null;
  readonly #device: GPUDevice;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #inPass = 0;
  #recording: Dispatch[] | null = null;
  #busySince = 0;
  #expected = 0;
  #dozedUntil = 0;
  #recorded = false;
  readonly #spins: boolean;
  readonly #work = new Map<Cost, number>();

  /** @param spins whether a pending promise of the device keeps the processor busy */
  constructor(device: GPUDevice, spins = false) {
    this.#device = device;
    this.#spins = spins;
  }

  /** Milliseconds that the replays since the last wait are expected to take. */
  get expected(): number {
    return this.#expected;
  }

  get recording(): boolean {
    return this.#recording !== null;
  }

  startRecording(): void {
    this.submit();
    this.#recorded = true;
    this.#recording = [];
  }

  stopRecording(): Dispatch[] {
    this.submit();
    const list = this.#recording ?? [];
    this.#recording = null;
    return list;
  }

  dispatch(d: Dispatch): void {
    this.#recording?.push(d);
    this.#encode([d]);
    if (++this.#inPass >= submitEvery) this.submit();
  }

  /** Encodes a recorded list again and submits it. */
  replay(list: readonly Dispatch[], cost: Cost): void {
    this.submit();
    this.#encode(list);
    this.submit();
    this.#expect(cost);
  }

  /** The encoder outside any pass, for copies to a staging buffer. */
  encoder(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = null;
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder;
  }

  submit(): void {
    if (!this.#encoder) return;
    this.#pass?.end();
    this.#pass = null;
    this.#inPass = 0;
    this.profiler?.resolve(this.#encoder);
    this.#device.queue.submit([this.#encoder.finish()]);
    this.#encoder = null;
    this.serial++;
  }

  /** Sleeps until the submitted work is likely to be nearly done. */
  async doze(): Promise<void> {
    const rest = (this.#busySince + this.#expected - performance.now()) * sleepShare;
    const sleeps = this.#spins && this.#work.size > 0 && rest > shortestSleep;
    if (sleeps) await new Promise((done) => setTimeout(done, rest));
    this.#dozedUntil = sleeps ? performance.now() : 0;
  }

  /** The GPU is known to be idle now: learn from how long the work took. */
  settled(): void {
    if (this.#work.size > 0 && !this.#recorded) {
      const now = performance.now();
      // Whoever finds the work done on waking has slept too long, and cannot tell by how much.
      const slept = Math.max(this.#busySince, this.#dozedUntil) - this.#busySince;
      const spun = now - this.#busySince - slept;
      const overslept = slept > 0 && spun < 1;
      const took = overslept ? oversleptShare * slept : slept + (this.#spins ? spunShare : 1) * spun;
      // Several kinds of work share the time as they did so far; one that was never timed counts as the mean of the others.
      const known = [...this.#work.keys()].filter(({ ms }) => ms > 0);
      const mean = known.length > 0 ? known.reduce((sum, { ms }) => sum + ms, 0) / known.length : 1;
      const parts = [...this.#work].map(([cost, count]) => ({ cost, count, ms: cost.ms || mean }));
      const factor = took / parts.reduce((sum, { count, ms }) => sum + count * ms, 0);
      const scale = known.length > 0 ? Math.min(mostGrowth, factor) : factor;
      for (const { cost, ms } of parts) cost.ms = ms * scale;
    }
    this.#recorded = false;
    this.#work.clear();
    this.#expected = 0;
  }

  #expect(cost: Cost): void {
    if (this.#work.size === 0) this.#busySince = performance.now();
    this.#work.set(cost, (this.#work.get(cost) ?? 0) + 1);
    this.#expected += cost.ms;
  }

  #encode(list: readonly Dispatch[]): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    let pipeline: GPUComputePipeline | null = null;
    for (const d of list) {
      if (this.profiler) {
        this.#pass?.end();
        this.#pass = this.#encoder.beginComputePass(this.profiler.pass(d.name));
        pipeline = null;
      }
      this.#pass ??= this.#encoder.beginComputePass();
      if (pipeline !== d.pipeline) this.#pass.setPipeline(d.pipeline);
      pipeline = d.pipeline;
      this.#pass.setBindGroup(0, d.bindGroup);
      this.#pass.dispatchWorkgroups(d.x, d.y);
    }
  }
}

// The engine ties a device, its pipelines, the buffer pool and the open command encoder together. Tensors are made
// here; operations (src/shaders) call `run`. Three lifetimes: what `empty` makes inside a scope returns to the pool
// at its end unless returned; what is made outside any scope lives until dispose(); constants live as long as the
// engine.

import { LeastRecent } from './cache.ts';
import { Capture, type Feed } from './capture.ts';
import { type AdapterSummary, adoptDevice, type OpenDevice, openDevice } from './device.ts';
import { DeviceError, ShapeError } from './errors.ts';
import { maxGroups, Pipelines } from './kernel.ts';
import { Memory } from './memory.ts';
import { CaptureNotes } from './notes.ts';
import { Plan } from './plan.ts';
import { Pool } from './pool.ts';
import { Profiler } from './profile.ts';
import { Staging } from './staging.ts';
import { Stream } from './stream.ts';
import {
  checkShape,
  checkSynchronous,
  checkValues,
  type HostArray,
  type Shape,
  type Storage,
  shapeText,
  sizeOf,
  Tensor,
} from './tensor.ts';
import { Uniforms } from './uniforms.ts';

/** How an engine is opened. */
export interface EngineOptions {
  /** A device the page already owns; the engine uses it and never destroys it. */
  device?: GPUDevice;
  /**
   * `auto` runs the kernels that suit the adapter; `plain` those without subgroups even where it has them; `gpu` those
   * meant for real GPUs (workgroup memory, split sums) wherever it runs, so that a software adapter can test them.
   */
  variant?: 'auto' | 'plain' | 'gpu';
  /** Workgroups along one dimension of a grid before it is folded into two, for tests; default WebGPU's 65,535. */
  maxGroups?: number;
}

/** Raised when kernels change so that winners measured before may not be the winners any more. */
const kernelsNumber = 2;

/** A device with all that runs on it: tensors, captured steps, their memory. Several engines may share one device. */
export class Engine {
  /** The page's own, or one that the engine asked for and destroys when it closes. */
  readonly device: GPUDevice;
  /** What runs, by name, and whether it is software. */
  readonly adapter: AdapterSummary;
  /** @internal */
  readonly pipelines: Pipelines;
  /** @internal */
  readonly bindGroups = new LeastRecent<GPUBindGroup>(8192);
  /** @internal */
  readonly stream: Stream;
  /** @internal */
  readonly uniforms: Uniforms;
  /** Which variants of kernels run. */
  readonly plan = new Plan();
  /** Subgroup size that kernels are made for, 0 for the plain variants. */
  readonly lanes: number;
  /** Kernels may use workgroup memory and barriers: a real GPU, or the variant `gpu`. */
  readonly gpu: boolean;
  /** Bytes that one binding of the device holds. */
  readonly maxBinding: number;
  /** Workgroups along one dimension of a grid. */
  readonly maxGroups: number;
  /** Whether operations are put on the tape; see noGrad. */
  gradMode = true;
  /** What the capture being recorded assumes, null outside any. @internal */
  notes: CaptureNotes | null = null;
  /** Nothing is dispatched, compiled or fed: see rehearse. @internal */
  rehearsing = false;
  /** Called once if the device is lost, with the reason. */
  onLost: ((reason: string) => void) | null = null;
  readonly #open: OpenDevice;
  readonly #memory: Memory;
  readonly #constants = new Map<string, Tensor>();
  readonly #staging: Staging;
  #error: string | null = null;
  #lost: string | null = null;
  #closed = false;

  /** @hidden Use `Engine.open`. */
  constructor(open: OpenDevice, options: EngineOptions = {}) {
    this.device = open.device;
    this.adapter = open.adapter;
    this.#open = open;
    this.lanes = options.variant === 'plain' ? 0 : open.adapter.lanes;
    this.gpu = options.variant === 'gpu' || !open.adapter.software;
    this.maxGroups = options.maxGroups ?? maxGroups;
    this.maxBinding = open.device.limits.maxStorageBufferBindingSize;
    this.pipelines = new Pipelines(open.device);
    this.stream = new Stream(open.device, open.spins);
    this.uniforms = new Uniforms(open.device);
    this.#memory = new Memory(open.device);
    this.#staging = new Staging(open.device);
    open.device.addEventListener('uncapturederror', this.#onError);
    open.device.lost.then((info) => {
      if (this.#closed) return;
      this.#lost = `${info.reason || 'unknown reason'}: ${info.message}`;
      this.onLost?.(this.#lost);
    });
  }

  /**
   * Opens the browser's adapter, or takes the page's own device. Node: `openEngine` of `formant/node`.
   * @throws DeviceError if there is no WebGPU, no adapter, or it refuses a device.
   */
  static async open(options: EngineOptions = {}): Promise<Engine> {
    const open = options.device ? adoptDevice(options.device) : await openDevice(globalThis.navigator?.gpu);
    return new Engine(open, options);
  }

  readonly #onError = (event: GPUUncapturedErrorEvent): void => {
    this.#error ??= event.error.message;
  };

  /** Throws what the GPU reported since the last call, and a lost device. */
  check(): void {
    if (this.#lost !== null) throw new DeviceError(`device lost (${this.#lost}); open a new engine`);
    if (this.#closed) throw new DeviceError('engine: used after close()');
    if (this.#error === null) return;
    const message = this.#error;
    this.#error = null;
    throw new DeviceError(`GPU: ${message}`);
  }

  /** Whether the device is gone; every call throws from then on. */
  get lost(): boolean {
    return this.#lost !== null;
  }

  /** Whether an error came from a lost device: the news of the loss may arrive a moment after the error. */
  async wasLost(): Promise<boolean> {
    if (this.#lost === null && !this.#closed)
      await Promise.race([this.device.lost, new Promise((done) => setTimeout(done, 200))]);
    return this.lost;
  }

  /** What winners of the tuner are remembered by: another adapter, or other kernels on it, have others. */
  get tuningKey(): string {
    return `${this.adapter.name}, ${this.lanes}${this.gpu ? ', gpu' : ''}, kernels ${kernelsNumber}`;
  }

  /** Bytes of GPU buffers that exist: pool, uniforms, staging. */
  get bytes(): number {
    return this.#memory.bytes + this.uniforms.bytes + this.#staging.bytes;
  }

  /** An uninitialised tensor in the current scope. */
  empty(shape: Shape): Tensor {
    checkShape('empty', shape);
    return this.#allocate(shape, false);
  }

  /** A tensor with the given values, row-major. Inside a captured step use `feed`. */
  tensor(data: Float32Array | readonly number[], shape: Shape = [data.length]): Tensor {
    checkShape('tensor', shape);
    if (data.length !== sizeOf(shape))
      throw new ShapeError(`tensor: ${data.length} values for shape ${shapeText(shape)} of ${sizeOf(shape)}`);
    const t = this.#allocate(shape, true);
    this.write(t, data instanceof Float32Array ? data : Float32Array.from(data));
    return t;
  }

  /**
   * A tensor whose values JavaScript makes anew for each run: `produce` is called now, and before every replay of
   * the step being captured. Noise, step counts and schedules come this way.
   * @throws ShapeError, at any of these, unless it produces a Float32Array with the values of the shape.
   */
  feed(shape: Shape, produce: () => Float32Array): Tensor {
    checkShape('feed', shape);
    const t = this.#allocate(shape, true);
    if (this.rehearsing) return t;
    this.#submitIfUsed(t);
    // The buffer, not the tensor: a scope of the step may end the tensor's life, a replay fills the buffer again.
    const { buffer } = t.storage.block;
    const write = () => {
      const data = produce();
      checkValues('feed: produced', data, shape);
      this.device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
    };
    write();
    this.#memory.feeds?.push(write);
    return t;
  }

  /** A tensor made once and kept as long as the engine: windows, twiddles, filter banks. The key names its content. */
  constant(key: string, make: () => HostArray): Tensor {
    let t = this.#constants.get(key);
    if (!t) {
      const { data, shape } = make();
      t = new Tensor(this, shape, this.#memory.persistent(4 * data.length));
      this.#submitIfUsed(t);
      this.upload(t, data);
      this.#constants.set(key, t);
    }
    return t;
  }

  /** Replaces a tensor's values. Earlier recorded work still sees the old ones. */
  write(t: Tensor, data: Float32Array): void {
    this.check();
    this.#refuseForeign('write', t);
    checkValues('write: given', data, t.shape);
    if (this.#memory.feeds)
      throw new DeviceError('write: inside a captured step a write would not be repeated; use engine.feed');
    this.#submitIfUsed(t);
    this.upload(t, data);
  }

  /** Queue write without the checks of `write`; the caller knows that no open work names the buffer. @internal */
  upload(t: Tensor, data: Float32Array): void {
    this.device.queue.writeBuffer(t.storage.block.buffer, t.offset, data as Float32Array<ArrayBuffer>);
  }

  /** Waits for the GPU and returns the values of several tensors with one round trip. */
  async read(tensors: readonly Tensor[]): Promise<Float32Array[]> {
    this.check();
    if (this.stream.recording)
      throw new DeviceError(
        'read: nothing can be read while a step is being captured; return the tensor instead',
      );
    for (const t of tensors) this.#refuseForeign('read', t);
    // Asked for before the encoder: parameters are uploaded at their first use, which may submit.
    const sources = tensors.map((t) => ({ buffer: t.storage.block.buffer, offset: t.offset, size: t.size }));
    return this.#staging.read(this.stream, sources, () => this.check());
  }

  /**
   * Where a tensor's values lie, float32 and row-major, for pipelines of the page's own on the same device, without a
   * copy: bind it as `read-only-storage`. What was recorded is submitted, so commands submitted from now on see it.
   * Good until the tensor's scope ends or it is disposed; for what a captured step returned, until the capture is.
   * @throws DeviceError while a step is being captured, or for a tensor of another engine.
   */
  binding(t: Tensor): Required<GPUBufferBinding> {
    this.check();
    this.#refuseForeign('binding', t);
    if (this.stream.recording)
      throw new DeviceError('binding: a step is being captured; return the tensor and bind it outside');
    const { buffer } = t.storage.block;
    this.stream.submit();
    return { buffer, offset: t.offset, size: 4 * t.size };
  }

  /** Resolves when all submitted work is done. */
  async idle(): Promise<void> {
    this.check();
    this.stream.submit();
    await this.stream.doze();
    await this.device.queue.onSubmittedWorkDone();
    this.stream.settled();
    this.check();
  }

  /**
   * Runs a synchronous function and gives back every tensor made inside, except those in its result (a tensor, or
   * tensors in arrays and plain objects), which move to the enclosing scope.
   * @throws ShapeError if the function returns a promise.
   */
  scope<T>(body: () => T): T {
    return this.#memory.scope(body, (storage) => this.release(storage));
  }

  /** Runs a synchronous function without recording gradients. @throws ShapeError if it returns a promise. */
  noGrad<T>(body: () => T): T {
    const before = this.gradMode;
    this.gradMode = false;
    try {
      const result = body();
      checkSynchronous('noGrad', result);
      return result;
    } finally {
      this.gradMode = before;
    }
  }

  /** Runs a function that would record work, without any of it reaching the GPU; its tensors hold nothing. @internal */
  rehearse(body: () => void): void {
    const notes = new CaptureNotes();
    this.rehearsing = true;
    this.notes = notes;
    try {
      this.scope(body);
    } finally {
      this.rehearsing = false;
      this.notes = null;
      notes.rewind();
    }
  }

  /** A step that is executed once and replayed afterwards; see Capture. */
  capture<Out>(name: string, step: (inputs: Record<string, Tensor>) => Out): Capture<Out> {
    return new Capture(this, name, step);
  }

  /** Buffers of their own for state that lives until the engine closes or `release`. @internal */
  persistent(bytes: number): Storage {
    const storage = this.#memory.persistent(bytes);
    if (storage.block.lastUse === this.stream.serial) this.stream.submit();
    return storage;
  }

  /** Gives a storage back to its pool; nothing if it was given back before. @internal */
  release(storage: Storage): void {
    this.#memory.forget(storage);
    const block = storage.take();
    if (block && !this.#closed) Pool.release(block);
  }

  /** Used by Capture: allocate from a pool of its own, outside the caller's scopes, and collect feeds. @internal */
  enterCapture(): { pool: Pool; feeds: Feed[]; notes: CaptureNotes; leave: () => void } {
    const { pool, feeds, leave: back } = this.#memory.enterCapture();
    const notes = new CaptureNotes();
    this.notes = notes;
    const leave = () => {
      back();
      this.notes = null;
    };
    return { pool, feeds, notes, leave };
  }

  /** Starts timing every dispatch; end with `stop()` of the result. @throws DeviceError without timestamps. */
  profile(): {
    /** Waits for the GPU and sums up by kernel. */
    table: () => ReturnType<Profiler['table']>;
    /** Ends the timing. */
    stop: () => void;
  } {
    this.stream.submit();
    const profiler = new Profiler(this.device);
    this.stream.profiler = profiler;
    return {
      table: async () => {
        await this.idle();
        return profiler.table();
      },
      stop: () => {
        this.stream.submit();
        this.stream.profiler = null;
        profiler.close();
      },
    };
  }

  /** Frees every buffer, and the device unless it belongs to the page. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.device.removeEventListener('uncapturederror', this.#onError);
    if (this.#lost === null) this.stream.submit();
    this.#memory.close();
    this.uniforms.close();
    this.#staging.close();
    // Not before the adapter is idle: lavapipe crashed in 6 of 100 processes that destroyed it in the middle of work.
    const end = () => {
      if (this.#open.owned) this.device.destroy();
      this.#open.release?.();
    };
    this.device.queue.onSubmittedWorkDone().then(end, end);
  }

  #allocate(shape: Shape, fresh: boolean): Tensor {
    return new Tensor(this, shape, this.#memory.allocate(4 * sizeOf(shape), fresh));
  }

  #submitIfUsed(t: Tensor): void {
    if (t.storage.block.lastUse === this.stream.serial) this.stream.submit();
  }

  #refuseForeign(where: string, t: Tensor): void {
    if (t.engine !== this) throw new DeviceError(`${where}: a tensor ${t} of another engine; ask that one`);
  }
}

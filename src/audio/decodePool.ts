// Many files to samples on several threads. Decoding MP3 is nearly all of the work; resampling stays where it is, on the
// GPU in batches. Results come in the files' order, and only so many files are ahead of the one that is taken, so memory
// does not grow with their number. A thread that dies takes one file with it: that file is named and another starts.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { DataError } from '../engine/errors.ts';
import { decodeFile } from './decodeFile.ts';
import type { Decoded, DecodeJob, DecodeResult, Wanted } from './decoding.ts';
import { FileFault } from './fault.ts';

export interface DecodeOptions extends Wanted {
  /** Default: one for each processor, eight at most. 0 decodes in this one. */
  threads?: number;
  /** Files that are decoded or under way at most; default four for each thread. */
  ahead?: number;
  /** Script of the threads; default the one beside the commands. */
  script?: string;
}

/** dist/decodeWorker.js, whether this runs from dist/, a chunk below it, or src/. */
function workerScript(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir))
    for (const path of [join(dir, 'decodeWorker.js'), join(dir, 'dist', 'decodeWorker.js')])
      if (existsSync(path)) return path;
  throw new DataError(
    'decodeFiles: dist/decodeWorker.js is missing; run npm run build, or install the package again',
  );
}

/** One thread, started when it is needed, and started again when it died. */
class Lane {
  readonly #script: string;
  #worker: Worker | null = null;
  #finish: (result: DecodeResult) => void = () => {};

  constructor(script: string) {
    this.#script = script;
  }

  /** Decodes one file; the next when this one is done. */
  run(job: DecodeJob): Promise<DecodeResult> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    // A thread that waits for work keeps no process alive.
    worker.ref();
    return new Promise((resolve) => {
      this.#finish = (result) => {
        worker.unref();
        resolve(result);
      };
      worker.postMessage(job);
    });
  }

  #start(): Worker {
    const worker = new Worker(this.#script);
    let why = '';
    worker.on('message', (result: DecodeResult) => this.#finish(result));
    worker.on('error', (error: Error) => {
      why = error.message;
    });
    worker.on('exit', (code) => {
      this.#worker = null;
      const reason = `ended the thread that decoded it (${why || `code ${code}`}); convert it to WAV, or remove it`;
      this.#finish({ fault: { kind: 'damaged', reason } });
    });
    return worker;
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }
}

/** Hands lanes out to whoever asked first. */
function share(lanes: Lane[]) {
  const idle = [...lanes];
  const waiting: ((lane: Lane) => void)[] = [];
  return async (job: DecodeJob): Promise<DecodeResult> => {
    const lane = idle.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)));
    try {
      return await lane.run(job);
    } finally {
      const next = waiting.shift();
      if (next) next(lane);
      else idle.push(lane);
    }
  };
}

/**
 * Decodes files in order: each gives its samples, or the fault that it is left out for.
 * @throws DataError if the threads' script is missing.
 */
export async function* decodeFiles(
  paths: readonly string[],
  options: DecodeOptions,
): AsyncGenerator<Decoded | FileFault> {
  const { sampleRate, length, threads = Math.min(8, availableParallelism()) } = options;
  const { ahead = Math.max(1, 4 * threads) } = options;
  const count = Math.min(threads, paths.length);
  const script = count > 0 ? (options.script ?? workerScript()) : '';
  const lanes = Array.from({ length: count }, () => new Lane(script));
  const run = threads === 0 ? decodeFile : share(lanes);
  const started: Promise<DecodeResult>[] = [];
  try {
    for (let next = 0, taken = 0; taken < paths.length; taken++) {
      for (; next < paths.length && next < taken + ahead; next++) {
        const result = run({ path: paths[next], sampleRate, length });
        // It is thrown when its turn comes.
        result.catch(() => {});
        started.push(result);
      }
      const result = await (started.shift() as Promise<DecodeResult>);
      if ('decoded' in result) yield result.decoded;
      else yield new FileFault(paths[taken], result.fault.kind, result.fault.reason);
    }
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

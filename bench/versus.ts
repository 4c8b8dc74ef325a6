// The peers beside ours: TensorFlow.js and jax-js, on the same adapter under the same Dawn, with the same weights and
// inputs, alternating in one run. Each library compiles and warms up first, then takes its turns; a turn ends when its
// loss (matmul: one element) has been read. The first losses must agree within 1e-3.
//
// Waiting: Dawn's Node binding spins the JavaScript thread while a promise is pending, which costs a software adapter a
// core. Our engine sleeps through most of the time it expects; so that the comparison is of kernels, the peers are
// given the same: every mapAsync of theirs first sleeps through most of their fastest turn so far.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { lavapipeDriver, unpackSwiftShader } from '../src/engine/node.ts';
import { add, type Engine, matmul, Random, slice } from '../src/index.ts';
import { median } from './measure.ts';
import { mnistStep, type PeerJob, type Step, speechStep } from './models.ts';
import type { Row } from './report.ts';

/** What bench/peers/*.mjs export as the result of `open()`. */
interface Peer {
  name: string;
  version: string;
  matmul: (sizes: number[], a: Float32Array, b: Float32Array, products: number) => Contestant;
  mnist: (job: PeerJob) => Contestant;
  speech: (job: PeerJob) => Contestant;
  close: () => void;
}

/** One library's version of a task: `run` takes a turn and gives a number that all must agree on. */
interface Contestant {
  run: () => Promise<number>;
  dispose: () => void;
}

const folder = join(import.meta.dirname, '..', 'bench', 'peers');
/** Turns of each library, of which the median is reported. */
export const turns = 9;
const agreement = 1e-3;
const sleepShare = 0.92;
const shortestSleep = 3;

/** When the running turn is expected to be nearly over; 0: not a peer's turn. */
let sleepUntil = 0;

/** The same adapter for others: WebGPU's globals, and `navigator.gpu` under the driver that the engine runs on. */
async function shareAdapter(engine: Engine): Promise<void> {
  const { name } = engine.adapter;
  const driver = /llvmpipe|lavapipe/i.test(name)
    ? lavapipeDriver()
    : /swiftshader/i.test(name)
      ? join(await unpackSwiftShader(), 'vk_swiftshader_icd.json')
      : null;
  if (driver) process.env.VK_DRIVER_FILES = driver;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create([]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true });
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  const found = adapter?.info.description || adapter?.info.device || 'none';
  if (!name.includes(found)) throw new Error(`peers: they would run on ${found}, not on ${name}`);
  const { prototype } = GPUBuffer;
  const { mapAsync } = prototype;
  prototype.mapAsync = async function (...range) {
    const rest = sleepUntil - performance.now();
    if (rest > shortestSleep) await new Promise((done) => setTimeout(done, rest));
    return mapAsync.apply(this, range);
  };
}

/** TensorFlow.js cannot be loaded with gradients as it is: bundled first, beside its packages. */
async function bundled(file: string): Promise<string> {
  const cache = join(folder, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  const outfile = join(cache, file);
  await build({
    entryPoints: [join(folder, file)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}

/** Whether the peers are installed. */
export const peersInstalled = (): boolean => existsSync(join(folder, 'node_modules', '@tensorflow'));

async function openPeers(): Promise<{ tfjs: Peer; jax: Peer }> {
  const load = async (file: string): Promise<Peer> => (await import(pathToFileURL(file).href)).open();
  return { tfjs: await load(await bundled('tfjs.mjs')), jax: await load(join(folder, 'jax.mjs')) };
}

interface Task {
  name: string;
  /** Times are divided by this. */
  units: number;
  /** Our version, and what makes a peer's. Peers are made before ours takes its first step. */
  open: (engine: Engine) => { ours: Contestant; peer: (peer: Peer) => Promise<Contestant> };
}

const size = 512;
/** Products in a turn, so that reading one number does not weigh on them; the row gives the time of one. */
const products = 8;

const product: Task = {
  units: products,
  name: `matmul ${size} x ${size} x ${size}`,
  open: (engine) => {
    const random = new Random(1, 'peers');
    const [a, b] = [random.normal(0, size * size), random.normal(1, size * size)];
    const [x, y] = [engine.tensor(a, [size, size]), engine.tensor(b, [size, size])];
    const corner = () => slice(slice(matmul(x, y), 0, 0, 1), 1, 0, 1);
    const corners = () => Array.from({ length: products }, corner).reduce((p, q) => add(p, q));
    const capture = engine.capture('matmul', () => engine.noGrad(corners));
    const ours = {
      run: async () => capture.run({}).item(),
      dispose: () => {
        capture.dispose();
        x.dispose();
        y.dispose();
      },
    };
    return { ours, peer: async (peer) => peer.matmul([size, size, size], a, b, products) };
  },
};

function training(
  name: string,
  make: (engine: Engine) => Step,
  start: (peer: Peer, job: PeerJob) => Contestant,
): Task {
  return {
    name,
    units: 1,
    open: (engine) => {
      const step = make(engine);
      const ours = { run: async () => step.capture.run(step.inputs).item(), dispose: step.dispose };
      return { ours, peer: async (peer) => start(peer, await step.job()) };
    },
  };
}

const tasks: Task[] = [
  product,
  training('mnist-ref VAE, B 128', mnistStep, (peer, job) => peer.mnist(job)),
  training(
    'speech-ref VAE, B 64',
    (engine) => speechStep(engine, 'vae'),
    (peer, job) => peer.speech(job),
  ),
];

interface Entry {
  key: 'ms' | 'tfjs' | 'jax';
  name: string;
  contestant: Contestant;
  first: number;
  fastest: number;
  times: number[];
}

async function turn(entry: Entry): Promise<void> {
  const start = performance.now();
  sleepUntil = entry.key === 'ms' || entry.fastest === 0 ? 0 : start + sleepShare * entry.fastest;
  const value = await entry.contestant.run();
  const ms = performance.now() - start;
  sleepUntil = 0;
  if (Number.isNaN(entry.first)) entry.first = value;
  else {
    entry.fastest = Math.min(entry.fastest || ms, ms);
    entry.times.push(ms);
  }
}

/** Runs every task that `wanted` names on all libraries and reports a row for each. */
export async function versus(
  engine: Engine,
  wanted: (section: string, name: string) => boolean,
  report: (row: Row) => void,
  progress: (text: string) => void,
): Promise<void> {
  await shareAdapter(engine);
  const { tfjs, jax } = await openPeers();
  const section = `beside TensorFlow.js ${tfjs.version} and jax-js ${jax.version}`;
  for (const task of tasks) {
    if (!wanted(section, task.name)) continue;
    const { ours, peer } = task.open(engine);
    const entry = (key: Entry['key'], name: string, contestant: Contestant): Entry => ({
      key,
      name,
      contestant,
      first: Number.NaN,
      fastest: 0,
      times: [],
    });
    const entries = [
      entry('tfjs', tfjs.name, await peer(tfjs)),
      entry('jax', jax.name, await peer(jax)),
      entry('ms', 'formant', ours),
    ];
    report(await contest(section, task, entries, progress));
    for (const { contestant } of entries) contestant.dispose();
  }
  tfjs.close();
  jax.close();
}

async function contest(
  section: string,
  { name, units }: Task,
  entries: Entry[],
  progress: (text: string) => void,
): Promise<Row> {
  // The first run compiles and gives the value that must agree; the second warms up and is not counted.
  for (const entry of entries)
    for (const part of ['compiling', 'warming up']) {
      progress(`peers: ${name}, ${entry.name} ${part}`);
      await turn(entry);
    }
  for (const entry of entries) entry.times.length = 0;
  for (let i = 0; i < turns; i++)
    for (const entry of entries) {
      progress(`peers: ${name}, ${entry.name}, turn ${i + 1} of ${turns}`);
      await turn(entry);
    }
  const { first } = entries.find((e) => e.key === 'ms') as Entry;
  let off = 0;
  for (const e of entries) {
    const difference = Math.abs(e.first - first) / Math.abs(first);
    if (!(difference <= agreement))
      throw new Error(`${name}: ${e.name} gives ${e.first} where ours gives ${first}`);
    off = Math.max(off, difference);
  }
  const times = Object.fromEntries(entries.map((e) => [e.key, median(e.times) / units]));
  return { section, name, ...times, loss: first, off };
}

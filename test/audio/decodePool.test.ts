// Files decoded on threads (dist/decodeWorker.js, so after npm run build): the samples of this thread in order, bad files
// named, a thread that dies replaced, and no more files ahead than allowed.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type DecodeOptions, decodeFiles } from '../../src/audio/decodePool.ts';
import type { Decoded } from '../../src/audio/decoding.ts';
import { FileFault } from '../../src/audio/fault.ts';
import { encodeWav } from '../../src/audio/wav.ts';
import stored from './mp3.json' with { type: 'json' };

const dir = await mkdtemp(join(tmpdir(), 'formant-pool-'));
afterAll(() => rm(dir, { recursive: true }));
const fileOf = async (name: string, bytes: Uint8Array) => {
  const path = join(dir, name);
  await writeFile(path, bytes);
  return path;
};
const all = async (paths: string[], options: Partial<DecodeOptions>) => {
  const results: (Decoded | FileFault)[] = [];
  for await (const result of decodeFiles(paths, {
    sampleRate: 8000,
    length: Number.POSITIVE_INFINITY,
    ...options,
  }))
    results.push(result);
  return results;
};

const paths: string[] = [];
for (const [name, { mp3 }] of Object.entries(stored))
  paths.push(await fileOf(`${name}.mp3`, Buffer.from(mp3, 'base64')));
paths.splice(2, 0, await fileOf('bad.mp3', new Uint8Array(300)), join(dir, 'gone.mp3'));
paths.push(
  await fileOf(
    'a.wav',
    encodeWav(
      Float32Array.from({ length: 500 }, (_, i) => 0.25 * Math.sin(i)),
      8000,
    ),
  ),
);
paths.push(await fileOf('still.wav', encodeWav(new Float32Array(500).fill(0.25), 8000)));
paths.push(await fileOf('none.wav', encodeWav(new Float32Array(0), 8000)));

test('two threads give what one gives and what this one gives, in order', async () => {
  const [here, one, two] = [
    await all(paths, { threads: 0 }),
    await all(paths, { threads: 1 }),
    await all(paths, { threads: 2 }),
  ];
  const kinds = here.map((r) => (r instanceof FileFault ? r.kind : r.path));
  expect(kinds).toEqual([
    ...[
      paths[0],
      paths[1],
      'damaged',
      'unreadable',
      paths[4],
      paths[5],
      paths[6],
      paths[7],
      paths[8],
      paths[9],
      'constant',
      'empty',
    ],
  ]);
  expect((here[2] as FileFault).message).toMatch(/bad\.mp3: starts with .* has no frame of MPEG layer III/);
  expect(one).toEqual(here);
  expect(two).toEqual(here);
  const begun = await all(paths.slice(0, 1), { threads: 1, length: 800 });
  expect(begun[0]).toMatchObject({ sampleRate: 8000, length: stored['8k-mono'].length });
  expect((begun[0] as Decoded).samples).toEqual((here[0] as Decoded).samples.slice(0, 800));
});

// A script that dies of some names, each in another way, and answers the others with the name's length.
const script = await fileOf(
  'script.mjs',
  Buffer.from(`import { parentPort } from 'node:worker_threads';
let under = 0;
parentPort.on('message', async ({ path }) => {
  if (path === 'throws') throw new Error('on purpose');
  if (path === 'exits') process.exit(7);
  if (path === 'slow') await new Promise((done) => setTimeout(done, 100));
  parentPort.postMessage({ decoded: { path, sampleRate: 8000, length: 1, channels: 1, notes: [], samples: new Float32Array(1) } });
});`),
);

test.each([1, 2])('a thread that dies costs one file, %i threads', async (threads) => {
  const names = ['a', 'throws', 'slow', 'exits', 'exits', 'b', 'throws'];
  const results = await all(names, { threads, script });
  expect(results.map((r) => (r instanceof FileFault ? r.message : r.path))).toEqual([
    'a',
    'throws: ended the thread that decoded it (on purpose); convert it to WAV, or remove it',
    'slow',
    'exits: ended the thread that decoded it (code 7); convert it to WAV, or remove it',
    'exits: ended the thread that decoded it (code 7); convert it to WAV, or remove it',
    'b',
    'throws: ended the thread that decoded it (on purpose); convert it to WAV, or remove it',
  ]);
});

test('only so many files are ahead, and a loop that is left early ends the threads', async () => {
  let asked = 0;
  const counted = new Proxy(Array(1000).fill('a') as string[], {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) asked = Math.max(asked, Number(key) + 1);
      return Reflect.get(target, key);
    },
  });
  let taken = 0;
  for await (const _ of decodeFiles(counted, { sampleRate: 8000, length: 1, threads: 2, ahead: 5, script })) {
    taken++;
    expect(asked).toBeLessThanOrEqual(taken - 1 + 5);
    if (taken === 20) break;
  }
  expect(asked).toBe(24);
  expect(await all([], {})).toEqual([]);
});

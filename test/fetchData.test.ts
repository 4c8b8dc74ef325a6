// Data sets from a server on this machine: fetched once, used from the cache without it, mended when damaged, and
// refused when the archive is not what it should be. The sums of the real files are those of their publishers.

import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listClips } from '../src/audio/folder.ts';
import { Stopped } from '../src/command.ts';
import { DataError } from '../src/engine/errors.ts';
import {
  type FsddSource,
  fetchFsdd,
  fetchMnist,
  fsddSource,
  type MnistSource,
  mnistSource,
} from '../src/fetchData.ts';
import { listMnist } from '../src/image/mnist.ts';
import { chunk, fmt, riff } from './audio/wavBytes.ts';
import { idx } from './image/idxBytes.ts';
import { LocalServer } from './server.ts';
import { entry, pax, tarOf } from './tarBytes.ts';

let server: LocalServer;
let cache: string;
beforeEach(async () => {
  server = await LocalServer.start();
  cache = mkdtempSync(join(tmpdir(), 'formant-fetch-'));
});
afterEach(async () => {
  await server.stop();
  rmSync(cache, { recursive: true, force: true });
});

const facts = (bytes: Uint8Array) => ({
  bytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (e) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  expect(error.message).not.toContain('\n');
  return error.message;
}

/** Puts files in MNIST's form on the server. */
function mnist(): MnistSource {
  const files = {
    'train-images-idx3-ubyte.gz': gzipSync(idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])),
    'train-labels-idx1-ubyte.gz': gzipSync(idx([2], [3, 4])),
    't10k-images-idx3-ubyte.gz': gzipSync(idx([1, 2, 2], [9, 9, 9, 9])),
    't10k-labels-idx1-ubyte.gz': gzipSync(idx([1], [5])),
  };
  for (const [name, bytes] of Object.entries(files)) server.answers.set(`/mnist/${name}`, bytes);
  return {
    mirrors: [`${server.url}gone/`, `${server.url}mnist/`],
    files: Object.entries(files).map(([name, bytes]) => ({ name, ...facts(bytes) })),
  };
}

test('MNIST comes from a mirror, then from the cache', async () => {
  const source = mnist();
  const dir = await fetchMnist(cache, source);
  expect(dir).toBe(join(cache, 'mnist'));
  expect(readdirSync(dir).sort()).toEqual(source.files.map((file) => file.name).sort());
  expect(await listMnist(dir)).toMatchObject({ train: { count: 2 }, test: { count: 1 }, rows: 2, cols: 2 });
  server.asked.length = 0;
  expect(await fetchMnist(cache, source)).toBe(dir);
  expect(server.asked).toEqual([]);
});

test('only a damaged file of MNIST is fetched again', async () => {
  const source = mnist();
  const dir = await fetchMnist(cache, source);
  const labels = join(dir, 't10k-labels-idx1-ubyte.gz');
  writeFileSync(labels, Buffer.alloc(source.files[3].bytes));
  server.asked.length = 0;
  await fetchMnist(cache, source);
  expect(server.asked).toEqual(['/gone/t10k-labels-idx1-ubyte.gz', '/mnist/t10k-labels-idx1-ubyte.gz']);
  expect(facts(readFileSync(labels))).toMatchObject({ sha256: source.files[3].sha256 });
});

test('MNIST without a network says how to get it by hand; what had come stays', async () => {
  const source = mnist();
  server.answers.delete('/mnist/t10k-images-idx3-ubyte.gz');
  expect(await failure(fetchMnist(cache, source))).toMatch(
    /gone\/t10k-images\S+ answered HTTP 404 .*; download train-images-idx3-ubyte\.gz, .*t10k-labels-idx1-ubyte\.gz by hand from http\S+\/gone\/ into a folder and give that folder by --data$/,
  );
  expect(readdirSync(join(cache, 'mnist')).length).toBe(2);
});

test('a cache that cannot be made', async () => {
  writeFileSync(join(cache, 'file'), '');
  expect(await failure(fetchMnist(join(cache, 'file'), mnist()))).toMatch(/is a file; give a folder/);
  expect(await failure(fetchFsdd(join(cache, 'file'), archive(clips())))).toMatch(/is a file; give a folder/);
});

const wav = (n: number) =>
  riff(fmt({ tag: 1, bits: 16, channels: 1, rate: 8000 }), chunk('data', [n, 0, 1, 0]));
const names = ['0_ann_0.wav', '0_ann_5.wav', '1_bob_0.wav', '1_bob_7.wav'];
const top = 'free-spoken-digit-dataset-1.0.9';
const clips = () => names.map((name, i) => entry(`${top}/recordings/${name}`, wav(i)));

/** Puts an archive on the server. */
function archive(entries: Uint8Array[], packed: Uint8Array = gzipSync(tarOf(...entries))): FsddSource {
  server.answers.set('/fsdd.tar.gz', packed);
  return {
    version: '1',
    urls: [`${server.url}fsdd.tar.gz`],
    recordings: names.length,
    mostUnpacked: 2 ** 20,
    ...facts(packed),
  };
}

test('FSDD is unpacked once, its recordings alone', async () => {
  const source = archive([
    entry('pax_global_header', pax('comment', 'abc'), 'g'),
    entry(`${top}/`, '', '5'),
    entry(`${top}/README.md`, 'read me'),
    entry(`${top}/recordings/`, '', '5'),
    ...clips(),
    entry(`${top}/recordings/notes.txt`, 'no'),
    entry(`${top}/other/2_cid_1.wav`, wav(9)),
  ]);
  const dir = await fetchFsdd(cache, source);
  expect(dir).toBe(join(cache, 'fsdd-1', 'recordings'));
  expect(readdirSync(cache)).toEqual(['fsdd-1']);
  expect(readdirSync(dir).sort()).toEqual(names);
  expect(readFileSync(join(dir, names[2])).equals(Buffer.from(wav(2)))).toBe(true);
  expect((await listClips(dir)).map(({ label, split }) => `${label} ${split}`)).toEqual([
    '0 test',
    '0 train',
    '1 test',
    '1 train',
  ]);
  expect(await fetchFsdd(cache, source)).toBe(dir);
  expect(server.asked).toEqual(['/fsdd.tar.gz']);
});

test.each<[string, (dir: string) => void]>([
  ['a recording less', (dir) => rmSync(join(dir, 'recordings', names[0]))],
  ['a shorter recording', (dir) => truncateSync(join(dir, 'recordings', names[1]), 20)],
  ['a longer recording', (dir) => appendFileSync(join(dir, 'recordings', names[1]), 'x')],
  ['no note', (dir) => rmSync(join(dir, 'complete.json'))],
  ['a note that is no JSON', (dir) => writeFileSync(join(dir, 'complete.json'), '{')],
])('FSDD with %s is made anew', async (_, damage) => {
  const source = archive(clips());
  const dir = await fetchFsdd(cache, source);
  damage(join(cache, 'fsdd-1'));
  await fetchFsdd(cache, source);
  expect(server.asked.length).toBe(2);
  for (const [i, name] of names.entries())
    expect(readFileSync(join(dir, name)).equals(Buffer.from(wav(i)))).toBe(true);
});

test.each<[string, () => FsddSource, RegExp]>([
  ['a recording less', () => archive(clips().slice(1)), /holds 3 recordings in 3 files, not 4/],
  ['one twice', () => archive([...clips().slice(1), clips()[1]]), /holds 3 recordings in 4 files, not 4/],
  [
    'what is no WAV',
    () => archive([...clips().slice(1), entry(`${top}/recordings/9_a_1.wav`, 'RIFFxxxxAVI ')]),
    /9_a_1\.wav is no WAV file/,
  ],
  [
    'a name outside',
    () => archive([...clips(), entry(`${top}/recordings/../../../9_a_1.wav`, wav(1))]),
    /leads out of the folder; do not use/,
  ],
  [
    'an absolute name',
    () => archive([...clips(), entry('/tmp/recordings/9_a_1.wav', wav(1))]),
    /leads out of/,
  ],
  [
    'a link',
    () => archive([...clips(), entry(`${top}/recordings/9_a_1.wav`, '', '2', { link: '/etc/passwd' })]),
    /9_a_1\.wav is no file but a link/,
  ],
  [
    'a torn gzip',
    () => archive([], gzipSync(tarOf(...clips())).subarray(0, -30)),
    /gzip is damaged or cut short/,
  ],
  [
    'a torn tar',
    () => archive([], gzipSync(tarOf(...clips()).subarray(0, 2000))),
    /fsdd-1\.tar\.gz: ends .*damaged/,
  ],
  ['no archive', () => archive([], Buffer.from('<html>')), /fsdd-1\.tar\.gz: the gzip is damaged/],
  ['a bomb', () => archive([], gzipSync(Buffer.alloc(3 << 20))), /unpacks to more than 1 MiB/],
])('FSDD with %s is refused, and nothing is kept', async (_, source, message) => {
  expect(await failure(fetchFsdd(cache, source()))).toMatch(message);
  expect(readdirSync(cache)).toEqual([]);
  expect(existsSync('/tmp/recordings/9_a_1.wav')).toBe(false);
});

test('FSDD without a network says how to get it by hand', async () => {
  const source = archive(clips());
  server.answers.clear();
  expect(await failure(fetchFsdd(cache, source))).toMatch(
    /fsdd\.tar\.gz answered HTTP 404 Not Found; download http\S+fsdd\.tar\.gz by hand, unpack it and give its folder recordings by --data$/,
  );
  expect(readdirSync(cache)).toEqual([]);
});

test('a stop keeps nothing of FSDD', async () => {
  const source = archive(clips());
  const stop = new AbortController();
  server.answers.set('/fsdd.tar.gz', (_, response) => {
    response.writeHead(200, { 'content-length': source.bytes });
    response.write('x', () => setTimeout(() => stop.abort(), 20));
  });
  await expect(fetchFsdd(cache, source, stop.signal)).rejects.toThrow(Stopped);
  expect(readdirSync(cache)).toEqual([]);
});

test('two at once agree', async () => {
  const source = archive(clips());
  mkdirSync(join(cache, 'fsdd-1'));
  const dirs = await Promise.all([fetchFsdd(cache, source), fetchFsdd(cache, source)]);
  expect(readdirSync(dirs[0]).sort()).toEqual(names);
  expect(dirs[1]).toBe(dirs[0]);
});

test('the real sources are whole', () => {
  expect(mnistSource.files.map((file) => file.name.replace(/-idx.*/, ''))).toEqual([
    'train-images',
    'train-labels',
    't10k-images',
    't10k-labels',
  ]);
  for (const { bytes, sha256 } of [...mnistSource.files, fsddSource]) {
    expect(bytes).toBeGreaterThan(4000);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  }
  for (const url of [...mnistSource.mirrors, ...fsddSource.urls])
    expect(new URL(url).protocol).toBe('https:');
});

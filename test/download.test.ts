// Downloads from a server on this machine that misbehaves in every way thought of: the file is there whole or not at
// all, nothing else is left, and the error is one line that says what happened and how to do without.

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Stopped } from '../src/command.ts';
import { type Download, download } from '../src/download.ts';
import { DataError } from '../src/engine/errors.ts';
import { type Answer, LocalServer } from './server.ts';

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => Math.imul(i, 2654435761) >>> 24));
const sha256 = createHash('sha256').update(content).digest('hex');

let server: LocalServer;
let dir: string;
beforeEach(async () => {
  server = await LocalServer.start();
  dir = mkdtempSync(join(tmpdir(), 'formant-download-'));
});
afterEach(async () => {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const options = (url: Download['url']): Download => ({
  url,
  sha256,
  bytes: content.length,
  to: join(dir, 'file.gz'),
  byHand: 'download file.gz by hand',
});

async function failure(promise: Promise<void>): Promise<string> {
  const error = await promise.then(
    () => null,
    (e) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  expect(error.message).not.toContain('\n');
  return error.message;
}

test('brings the whole file and nothing else', async () => {
  server.answers.set('/a', content);
  await download(options(`${server.url}a`));
  expect(readFileSync(join(dir, 'file.gz')).equals(content)).toBe(true);
  expect(readdirSync(dir)).toEqual(['file.gz']);
});

test('follows a redirection and takes an answer without a length', async () => {
  server.answers.set('/a', (_, response) => response.writeHead(302, { location: '/b' }).end());
  server.answers.set('/b', (_, response) => {
    response.write(content.subarray(0, 1000));
    response.end(content.subarray(1000));
  });
  await download(options(`${server.url}a`));
  expect(readFileSync(join(dir, 'file.gz')).equals(content)).toBe(true);
});

const broken = Buffer.from(content);
broken[1000] ^= 1;
test.each<[string, Answer, RegExp]>([
  [
    '404',
    (_, r) => r.writeHead(404).end('no'),
    /^http\S+a answered HTTP 404 Not Found; download file\.gz by hand$/,
  ],
  ['503', (_, r) => r.writeHead(503, 'Busy').end(), /answered HTTP 503 Busy; download file\.gz by hand$/],
  [
    'another file',
    broken,
    /sent another file \(SHA-256 [0-9a-f]{64} instead of [0-9a-f]{64}\), which was removed/,
  ],
  ['a page', Buffer.from('<html>sign in</html>'), /broke off after 20 of 300,000 bytes;/],
  ['too much', Buffer.concat([content, content]), /sent more than the 300,000 bytes of the file/],
  [
    'a broken connection',
    (_, r) => {
      r.writeHead(200, { 'content-length': content.length });
      r.write(content.subarray(0, 5000), () => setTimeout(() => r.destroy(), 50));
    },
    /a broke off after [\d,]+ of 300,000 bytes \(\w+\); download/,
  ],
  ['a connection closed at once', (_, r) => r.destroy(), /cannot be reached \(\w+\); download/],
])('%s', async (_, answer, message) => {
  server.answers.set('/a', answer);
  expect(await failure(download(options(`${server.url}a`)))).toMatch(message);
  expect(readdirSync(dir)).toEqual([]);
});

test('a file that is there stays as it is until the new one is right', async () => {
  writeFileSync(join(dir, 'file.gz'), 'old');
  server.answers.set('/a', broken);
  await failure(download(options(`${server.url}a`)));
  expect(readFileSync(join(dir, 'file.gz'), 'utf8')).toBe('old');
  server.answers.set('/a', content);
  await download(options(`${server.url}a`));
  expect(readFileSync(join(dir, 'file.gz')).equals(content)).toBe(true);
});

test('no connection, no such host', async () => {
  const closed = await LocalServer.start();
  const { url } = closed;
  await closed.stop();
  expect(await failure(download(options(`${url}a`)))).toMatch(
    /a cannot be reached \(ECONNREFUSED\); download/,
  );
  const nowhere = options('http://formant.invalid/a');
  expect(await failure(download(nowhere))).toMatch(/cannot be reached \((ENOTFOUND|EAI_AGAIN)\); download/);
  expect(readdirSync(dir)).toEqual([]);
});

test('silence before and in the middle of an answer', async () => {
  const silent = createServer(() => {});
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as { port: number };
  const short = { ...options(`http://127.0.0.1:${port}/`), stallMs: 150 };
  expect(await failure(download(short))).toMatch(/cannot be reached \(nothing came for 0\.15 s\); download/);
  silent.close();
  server.answers.set('/a', (_, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 5000));
  });
  const middle = await failure(download({ ...options(`${server.url}a`), stallMs: 150 }));
  expect(middle).toMatch(/a broke off after 5,000 of 300,000 bytes \(nothing came for 0\.15 s\); download/);
  expect(readdirSync(dir)).toEqual([]);
});

test('mirrors are tried in turn, and all of them named', async () => {
  server.answers.set('/b', broken);
  server.answers.set('/c', content);
  const urls = ['a', 'b', 'c', 'd'].map((path) => server.url + path);
  await download(options(urls));
  expect(server.asked).toEqual(['/a', '/b', '/c']);
  expect(await failure(download(options(urls.slice(0, 2))))).toMatch(
    /a answered HTTP 404 .*; http\S+b sent another file .*; download file\.gz by hand$/,
  );
});

test('a stop in the middle leaves nothing', async () => {
  const stop = new AbortController();
  server.answers.set('/a', (_, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 5000), () => setTimeout(() => stop.abort(), 50));
  });
  const running = download({ ...options([`${server.url}a`, `${server.url}b`]), signal: stop.signal });
  await expect(running).rejects.toThrow(Stopped);
  expect(readdirSync(dir)).toEqual([]);
  await expect(download({ ...options(`${server.url}a`), signal: stop.signal })).rejects.toThrow(Stopped);
  expect(server.asked).toEqual(['/a']);
});

test('Ctrl-C stops it where no signal is given', async () => {
  server.answers.set('/a', (_, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 5000), () => setTimeout(() => process.emit('SIGINT'), 50));
  });
  const before = process.listenerCount('SIGINT');
  await expect(download(options(`${server.url}a`))).rejects.toThrow(Stopped);
  expect(process.listenerCount('SIGINT')).toBe(before);
  expect(readdirSync(dir)).toEqual([]);
});

test.runIf(existsSync('/dev/full'))('a full disk ends it, and no mirror is asked', async () => {
  server.answers.set('/a', content);
  symlinkSync('/dev/full', join(dir, `file.gz.${process.pid}.part`));
  const urls = [`${server.url}a`, `${server.url}b`];
  expect(await failure(download(options(urls)))).toMatch(
    /file\.gz: the disk is full; make room, or give another folder/,
  );
  expect(server.asked).toEqual(['/a']);
  expect(readdirSync(dir)).toEqual([]);
});

test('a folder that is not there', async () => {
  server.answers.set('/a', content);
  const to = join(dir, 'missing', 'file.gz');
  expect(await failure(download({ ...options(`${server.url}a`), to }))).toMatch(
    /file\.gz: no folder can be made/,
  );
});

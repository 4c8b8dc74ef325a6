// formant studio: serves the studio page (dist/studio, a static site) on this machine until Ctrl-C.

import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interruption, plainCommand, runIfMain, wholeNumber } from './command.ts';
import { DataError } from './engine/errors.ts';

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json',
  '.safetensors': 'application/octet-stream',
};

export interface StudioOptions {
  port: number;
}

export function studio() {
  return plainCommand('studio', 'serve the studio page: play models, train them, in your browser')
    .option('--port <n>', 'on 127.0.0.1; 0 takes a free one', wholeNumber(0, 65535), 7355)
    .action(async ({ port }: StudioOptions) => {
      const server = await serveStudio(port);
      const { port: taken } = server.address() as AddressInfo;
      process.stdout.write(`studio: http://127.0.0.1:${taken}/ (Ctrl-C stops)\n`);
      await interrupted();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    });
}

function interrupted(): Promise<void> {
  return new Promise((done) => {
    const { signal, dispose } = interruption('stopping');
    signal.addEventListener('abort', () => {
      dispose();
      done();
    });
  });
}

/** The folder of the page's files, whether this runs from dist/ or a chunk below it. */
function pageFolder(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir))
    for (const folder of [join(dir, 'studio'), join(dir, 'dist', 'studio')])
      if (existsSync(join(folder, 'index.html'))) return folder;
  throw new DataError('studio: the page is not built; run npm run build');
}

/** The policy that the page states itself, for the header: what a `meta` element cannot say is added. */
export function policyOf(html: string): string {
  const stated = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1] ?? '';
  return `${stated.replace(/\s+/g, ' ').trim()}; frame-ancestors 'self'`;
}

/**
 * Serves the page on 127.0.0.1.
 * @param port 0 takes a free one
 * @throws DataError if the port is taken or not allowed, or the page is not built.
 */
export function serveStudio(port: number): Promise<Server> {
  const folder = pageFolder();
  const policy = policyOf(readFileSync(join(folder, 'index.html'), 'utf8'));
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    // Names alone: nothing above the folder, and no folder in it, can be asked for.
    const name = /^\/([\w.-]*)$/.exec(path)?.[1];
    const file = name === undefined || name.startsWith('.') ? null : join(folder, name || 'index.html');
    if (!file || !existsSync(file)) return void response.writeHead(404).end('nothing here\n');
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return void response.writeHead(405, { allow: 'GET, HEAD' }).end();
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': policy,
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'permissions-policy': 'microphone=(self)',
    });
    response.end(request.method === 'HEAD' ? undefined : readFileSync(file));
  });
  return new Promise((done, fail) => {
    server.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      const taken = code === 'EADDRINUSE';
      const why = taken ? 'is in use by another program' : `cannot be opened (${message})`;
      fail(new DataError(`studio: port ${port} ${why}; give another by --port, or 0 for a free one`));
    });
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

await runIfMain('studio', studio);

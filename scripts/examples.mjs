// Serves the examples that run in a page, with the built library, on this machine until Ctrl-C. Any other web server at the
// repository's root does as well.
//   npm run examples

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');
/** @type {Record<string, string>} */
const types = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/**
 * @param {number} port on 127.0.0.1; 0 takes a free one
 * @param {string} [folder] what is served
 * @returns {Promise<import('node:http').Server>}
 */
export function serveFolder(port, folder = root) {
  const server = createServer(async (request, response) => {
    // The URL's own rules take `..` away; what comes escaped stays escaped and names no file.
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    try {
      const bytes = await readFile(join(folder, path));
      const type = types[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' }).end(bytes);
    } catch {
      response.writeHead(404).end('nothing here\n');
    }
  });
  return new Promise((done, fail) => {
    server.on('error', fail);
    server.listen(port, '127.0.0.1', () => done(server));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await serveFolder(7356);
  for (const name of ['engine', 'speak', 'layers']) console.log(`http://127.0.0.1:7356/examples/${name}/`);
}

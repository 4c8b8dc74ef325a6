// A web server on this machine for tests: answers by a table, and counts what it was asked for.

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = Uint8Array | RequestListener;

export class LocalServer {
  /** What each path gives; anything else is a 404. */
  readonly answers = new Map<string, Answer>();
  /** The paths asked for, in order. */
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<LocalServer> {
    const server = createServer((request, response) => {
      const path = request.url ?? '';
      local.asked.push(path);
      const answer = local.answers.get(path);
      if (typeof answer === 'function') answer(request, response);
      else if (answer) response.end(answer);
      else response.writeHead(404).end('nothing here');
    });
    const local = new LocalServer(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return local;
  }

  /** The server's address, ending with `/`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

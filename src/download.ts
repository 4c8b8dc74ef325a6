// One file from the network: streamed to a `.part` beside its place, its size and SHA-256 checked, then renamed, so that
// the place holds the whole, right file or none. Several addresses are tried in turn. What goes wrong becomes one line
// that says what each address did and how to get the file by hand; nothing half is left behind, also after Ctrl-C.

import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { Presets, SingleBar } from 'cli-progress';
import { printable } from './audio/names.ts';
import { interruption, Stopped, say } from './command.ts';
import { DataError } from './engine/errors.ts';
import { writeFault } from './outFolder.ts';

/** A file as its publisher describes it. */
export interface RemoteFile {
  bytes: number;
  /** In hexadecimal, lower case. */
  sha256: string;
}

export interface Download extends RemoteFile {
  /** Where it lies: one address, or mirrors in the order to try them. */
  url: string | readonly string[];
  /** Where it goes; the folder must be there. */
  to: string;
  /** How to do without the network, as errors end: `download X by hand from ...`. */
  byHand: string;
  /** Stops the download; without one, Ctrl-C does. */
  signal?: AbortSignal;
  /** Milliseconds without a byte after which an address is given up; default 30,000. */
  stallMs?: number;
}

/** What an address did wrong; the next one may do better. */
class BadSource extends Error {}

const count = (n: number) => n.toLocaleString('en-US');
const readable = (n: number) => (n < 1e5 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`);

/**
 * Downloads a file.
 * @throws DataError if no address gives the right file, or it cannot be written.
 * @throws Stopped after the signal or Ctrl-C.
 */
export async function download(options: Download): Promise<void> {
  const { url, to, byHand, bytes } = options;
  const own = options.signal ? null : interruption('stopping the download');
  const signal = options.signal ?? (own as { signal: AbortSignal }).signal;
  const faults: string[] = [];
  try {
    for (const source of typeof url === 'string' ? [url] : url) {
      say(`downloading ${printable(basename(to))} (${readable(bytes)}) from ${new URL(source).host}`);
      try {
        return await attempt(source, { ...options, signal });
      } catch (error) {
        if (signal.aborted) throw new Stopped('the download was stopped');
        if (!(error instanceof BadSource)) throw error;
        faults.push(`${source} ${error.message}`);
      }
    }
  } finally {
    own?.dispose();
  }
  throw new DataError(`${faults.join('; ')}; ${byHand}`);
}

async function attempt(url: string, options: Download & { signal: AbortSignal }): Promise<void> {
  const { to, sha256, bytes } = options;
  const part = `${to}.${process.pid}.part`;
  const writing = <T>(work: Promise<T>) =>
    work.catch((error) => {
      throw new DataError(`${printable(to)}: ${writeFault(error)} (XDG_CACHE_HOME names the cache)`);
    });
  let file: FileHandle | null = null;
  try {
    file = await writing(open(part, 'w'));
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of body(url, options)) {
      size += chunk.length;
      if (size > bytes) throw new BadSource(`sent more than the ${count(bytes)} bytes of the file`);
      hash.update(chunk);
      await writing(file.writeFile(chunk));
    }
    const found = hash.digest('hex');
    if (size < bytes) throw new BadSource(`broke off after ${count(size)} of ${count(bytes)} bytes`);
    if (found !== sha256)
      throw new BadSource(`sent another file (SHA-256 ${found} instead of ${sha256}), which was removed`);
    await writing(file.sync());
    await file.close();
    options.signal.throwIfAborted();
    await writing(rename(part, to));
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
}

/** The bytes of an answer as they come, under a bar. @throws BadSource for whatever the network did. */
async function* body(
  url: string,
  { bytes, signal, stallMs = 30_000 }: Download & { signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), stallMs);
  const bar = process.stderr.isTTY ? newBar(bytes) : null;
  let size = 0;
  try {
    const answer = await fetch(url, {
      signal: AbortSignal.any([signal, stall.signal]),
      headers: { 'accept-encoding': 'identity' },
    });
    if (!answer.ok || !answer.body) {
      await answer.body?.cancel();
      throw new BadSource(`answered HTTP ${answer.status} ${printable(answer.statusText)}`.trimEnd());
    }
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      bar?.update(size);
      // Whoever reads this may be slow; only the network's time counts.
      clearTimeout(timer);
      yield chunk;
      timer = setTimeout(() => stall.abort(), stallMs);
    }
  } catch (error) {
    if (error instanceof BadSource || error instanceof DataError || signal.aborted) throw error;
    const why = stall.signal.aborted ? `nothing came for ${stallMs / 1000} s` : codeOf(error);
    const what = size > 0 ? `broke off after ${count(size)} of ${count(bytes)} bytes` : 'cannot be reached';
    throw new BadSource(`${what} (${why})`);
  } finally {
    clearTimeout(timer);
    bar?.stop();
  }
}

function newBar(bytes: number): SingleBar {
  const format = '{bar} {percentage}% | {value} of {total} | {eta_formatted} left';
  const bar = new SingleBar(
    {
      format,
      barsize: 20,
      hideCursor: true,
      clearOnComplete: true,
      formatValue: (value, _, type) => (type === 'value' || type === 'total' ? readable(value) : `${value}`),
    },
    Presets.shades_classic,
  );
  bar.start(bytes, 0);
  return bar;
}

/** The code of a network error, which fetch hides in a chain of causes. */
function codeOf(error: unknown): string {
  for (let e = error as { code?: unknown; cause?: unknown; message?: string } | undefined; e; ) {
    if (typeof e.code === 'string') return e.code;
    if (!e.cause) return printable(e.message ?? 'unknown');
    e = e.cause as typeof e;
  }
  return 'unknown';
}

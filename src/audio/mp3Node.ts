// The MP3 decoder's module where Node finds it: in the package minimp3-wasm, from src/, from dist/ and when installed.
// Compiled once a thread, on first use, so that who has no MP3 files pays nothing.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Mp3Decoder } from './mp3.ts';

let decoder: Promise<Mp3Decoder> | null = null;

/** This thread's decoder. Reading is synchronous, so all files share it. */
export function mp3Decoder(): Promise<Mp3Decoder> {
  decoder ??= (async () => {
    const path = createRequire(import.meta.url).resolve('minimp3-wasm/dist/decoder.opt.wasm');
    return new Mp3Decoder(await WebAssembly.compile(await readFile(path)));
  })();
  return decoder;
}

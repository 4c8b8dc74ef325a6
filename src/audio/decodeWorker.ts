// The script of a decoding thread: takes one file after another, hands back its samples.
import { parentPort } from 'node:worker_threads';
import { decodeFile } from './decodeFile.ts';
import type { DecodeJob } from './decoding.ts';

parentPort?.on('message', async (job: DecodeJob) => {
  const result = await decodeFile(job);
  parentPort?.postMessage(result, 'decoded' in result ? [result.decoded.samples.buffer as ArrayBuffer] : []);
});

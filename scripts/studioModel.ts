// What the studio page opens with: a run's weights as halves, with a map of its training examples, and beside it the
// examples that teaching it another voice replays.
// Usage: node dist/studioModel.js RUN OUT.safetensors   (NOTES.md has the training)
// Writes OUT.safetensors and OUT.replay.safetensors.

import { writeFile } from 'node:fs/promises';
import { encodeModel } from '../src/model/checkpoint.ts';
import { latentMap } from '../src/model/latentMap.ts';
import { encodeReplay, replayOf } from '../src/model/replay.ts';
import { openEngine } from '../src/node.ts';
import { openRun } from '../src/openRun.ts';

const [dir, out] = process.argv.slice(2);
if (!out) throw new Error('usage: node dist/studioModel.js RUN OUT.safetensors');
const run = await openRun(dir);
const engine = await openEngine();
try {
  const { data } = await run.dataset(engine);
  const map = await latentMap(engine, run.model(engine), data);
  const replayed = replayOf(data.train);
  const files = {
    [out]: encodeModel({ ...run.file, map }, 'F16'),
    [out.replace(/(\.safetensors)?$/, '.replay.safetensors')]: encodeReplay(data, replayed),
  };
  for (const [path, bytes] of Object.entries(files)) {
    await writeFile(path, bytes);
    console.log(`${path}: ${bytes.length} bytes`);
  }
  console.log(`${map.mu.length} places, ${replayed.count} examples to replay`);
} finally {
  engine.close();
}

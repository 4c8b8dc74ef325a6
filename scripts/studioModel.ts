// The model that the studio page opens with: a run's weights as halves, with a map of its training examples.
// Usage: node dist/studioModel.js RUN OUT.safetensors   (NOTES.md has the training)

import { writeFile } from 'node:fs/promises';
import { encodeModel } from '../src/model/checkpoint.ts';
import { latentMap } from '../src/model/latentMap.ts';
import { openEngine } from '../src/node.ts';
import { openRun } from '../src/openRun.ts';

const [dir, out] = process.argv.slice(2);
if (!out) throw new Error('usage: node dist/studioModel.js RUN OUT.safetensors');
const run = await openRun(dir);
const engine = await openEngine();
try {
  const { data } = await run.dataset(engine);
  const map = await latentMap(engine, run.model(engine), data);
  const bytes = encodeModel({ ...run.file, map }, 'F16');
  await writeFile(out, bytes);
  console.log(`${out}: ${bytes.length} bytes, ${map.mu.length} places`);
} finally {
  engine.close();
}

// node dist/anomalies.js --run RUN --data DIR --out DIR: makes white noise, tones and time-reversed speech of every
// recording of the test split (anomalyKinds.ts), a folder of WAVs each, and prints the AUROC of each kind against the
// recordings, by `formant score`.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { listClips } from '../src/audio/folder.ts';
import { openRecording } from '../src/audio/recording.ts';
import { encodeWav } from '../src/audio/wav.ts';
import { makeFolder } from '../src/outFolder.ts';
import { runScore } from '../src/score.ts';
import { anomalyKinds } from './anomalyKinds.ts';

const { values } = parseArgs({
  options: { run: { type: 'string' }, data: { type: 'string' }, out: { type: 'string' } },
});
const { run, data, out } = values;
if (!run || !data || !out) throw new Error('usage: node dist/anomalies.js --run RUN --data DIR --out DIR');

const tests = (await listClips(data)).filter((clip) => clip.split === 'test');
const normal = tests.map((clip) => clip.path);
for (const [kind, make] of Object.entries(anomalyKinds)) {
  const dir = join(out, kind);
  await makeFolder(dir);
  for (const [number, clip] of tests.entries()) {
    const recording = await openRecording(clip.path);
    const samples = await recording.read(0, recording.length);
    const wav = encodeWav(make(samples, recording.sampleRate, number), recording.sampleRate);
    await writeFile(join(dir, clip.name.replace('/', '-')), wav);
    await recording.close();
  }
  const result = await runScore(normal, { run, anomalies: [dir], samples: 16, quantile: 0.99, seed: 1 });
  const above = (anomalous: boolean) => {
    const items = result.items.filter((item) => item.anomalous === anomalous);
    return `${items.filter((item) => item.above).length} of ${items.length}`;
  };
  process.stdout.write(
    `${kind}: AUROC ${result.auroc?.toFixed(3)}, above the threshold ${above(true)}, of recordings ${above(false)}\n`,
  );
}

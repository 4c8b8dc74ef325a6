// Features that a command makes by itself, for data too large to be decoded anew each time: in features/ of the cache
// folder, or in $FORMANT_CACHE, one folder for each selection of recordings with their sizes, and settings. What is
// damaged there is made again.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { printable } from './audio/names.ts';
import { interruption, Stopped, say } from './command.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { writableCache } from './engine/node.ts';
import { type FeatureFolder, type FeaturePlan, indexName, planName, planText } from './featureFolder.ts';
import { lookAt, makeFeatures } from './featureMaking.ts';
import { writeWhole } from './outFolder.ts';
import type { Recordings } from './recordings.ts';

/**
 * Features of recordings, made unless the cache has them.
 * @throws Stopped at Ctrl-C: what is done stays, and the next command goes on with it.
 */
export async function cachedFeatures(
  engine: Engine,
  recordings: Recordings,
  plan: FeaturePlan,
): Promise<FeatureFolder> {
  const { formant, data, settings, overlap, voice, fingerprint } = plan;
  const key = createHash('sha256')
    .update(JSON.stringify([formant, data, settings, overlap, voice, fingerprint]))
    .digest('hex');
  const cache = process.env.FORMANT_CACHE || join(await writableCache(), 'features');
  const dir = join(cache, key.slice(0, 16));
  const done = await lookAt(dir, plan).catch(async (error) => {
    if (!(error instanceof DataError)) throw error;
    say(`${error.message.split(';')[0]}; it is made again`);
    // The shards that are whole are taken as they are.
    await rm(join(dir, indexName), { force: true });
    await writeWhole(join(dir, planName), planText(plan));
    return null;
  });
  say(`features of ${printable(data)}: ${done ? 'from' : 'made once, kept in'} ${printable(dir)}`);
  const { signal, dispose } = interruption('stopping; the features that are done stay');
  try {
    const folder = await makeFeatures(engine, dir, recordings, plan, signal);
    if (!folder) throw new Stopped();
    return folder;
  } finally {
    dispose();
  }
}

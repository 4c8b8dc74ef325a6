// Where the commands keep the tuner's winners: one JSON file in the cache folder, by adapter. A file that is missing,
// damaged or cannot be written costs a measurement, never an error.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writableCache } from './engine/node.ts';
import type { Choices } from './engine/plan.ts';
import type { TunerStore } from './engine/tuner.ts';

/** Raised when keys or variants change their meaning. */
const version = 1;

async function path(): Promise<string> {
  return join(await writableCache(), `tuned-${version}.json`);
}

async function all(): Promise<Record<string, Choices>> {
  try {
    const found: unknown = JSON.parse(await readFile(await path(), 'utf8'));
    return found !== null && typeof found === 'object' ? (found as Record<string, Choices>) : {};
  } catch {
    return {};
  }
}

export const fileStore: TunerStore = {
  load: async (adapter) => {
    const found: unknown = (await all())[adapter];
    return isChoices(found) ? found : null;
  },
  save: async (adapter, choices) => {
    const file = await path();
    const partial = `${file}.${process.pid}`;
    await writeFile(partial, JSON.stringify({ ...(await all()), [adapter]: choices }));
    await rename(partial, file);
  },
};

function isChoices(value: unknown): value is Choices {
  return (
    value !== null && typeof value === 'object' && Object.values(value).every((v) => typeof v === 'string')
  );
}

// The golden vectors and the short training in a browser, from the same sources. The server lists the files, those of
// GOLDEN_DIR if that is set.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../src/index.ts';
import { runGolden } from '../golden/run.ts';
import { shortTraining } from '../golden/short.ts';
import { held } from '../held.ts';

const files: string[] = await (await fetch('/golden/')).json();

/** Of the device that both variants share. */
let owner: Engine;
beforeAll(async () => {
  owner = await Engine.open();
  held(owner.device);
});
afterAll(() => owner.close());

test('the adapter is SwiftShader, with subgroups of four', () => {
  expect(owner.adapter).toMatchObject({
    name: expect.stringMatching(/swiftshader/),
    software: true,
    lanes: 4,
  });
});

describe.each(['auto', 'plain'] as const)('golden vectors, %s kernels', (variant) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.open({ variant, device: owner.device });
  });
  afterAll(() => engine.close());

  test('there are golden vectors', () => expect(files.length).toBeGreaterThan(0));

  test.each(files)('%s', async (file) => {
    const bytes = await (await fetch(`/golden/${file}`)).arrayBuffer();
    await runGolden(engine, file, new Uint8Array(bytes));
  });

  test('a short training', () => shortTraining(engine));
});

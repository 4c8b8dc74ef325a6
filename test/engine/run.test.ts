// perItem: every item once, whatever their number, on invocations that have one item and on those that go over a stretch.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { perItem } from '../../src/engine/run.ts';
import { type Engine, openEngine } from '../../src/node.ts';
import { sharedDevice } from '../device.ts';

const counts = [1, 63, 64, 511, 1024, 1025, 8191, 70_001, 600_011];

const engines = {
  auto: {},
  plain: { variant: 'plain' },
  gpu: { variant: 'gpu' },
  'grids folded': { maxGroups: 3 },
} as const;

for (const [name, options] of Object.entries(engines)) {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ ...options, device: await sharedDevice() });
  });
  afterAll(() => engine.close());

  test.each(counts)(`${name}: %i items`, async (n) => {
    const y = engine.tensor(new Float32Array(n), [n]);
    perItem(n, { name: 'once', writes: { y }, body: 'y[i] += f32(i % 7u) + 1.0;' });
    const found = await y.read();
    expect(found.findIndex((value, i) => value !== (i % 7) + 1)).toBe(-1);
    y.dispose();
  });
}

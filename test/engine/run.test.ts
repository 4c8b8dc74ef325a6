// perItem: every item once, whatever their number, on invocations that have one item and on those that go over a stretch.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { perItem } from '../../src/engine/run.ts';
import { type Engine, openEngine } from '../../src/node.ts';
import { sharedDevice } from '../device.ts';

const counts = [1, 63, 64, 511, 1024, 1025, 8191, 70_001, 600_011];

for (const variant of ['auto', 'plain', 'gpu'] as const) {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ variant, device: await sharedDevice() });
  });
  afterAll(() => engine.close());

  test.each(counts)(`${variant}: %i items`, async (n) => {
    const y = engine.tensor(new Float32Array(n), [n]);
    perItem(n, { name: 'once', writes: { y }, body: 'y[i] += f32(i % 7u) + 1.0;' });
    const found = await y.read();
    expect(found.findIndex((value, i) => value !== (i % 7) + 1)).toBe(-1);
    y.dispose();
  });
}

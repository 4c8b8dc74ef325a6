// Takes and the clips of a batch, faster and slower: values worked out by hand.

import { expect, test } from 'vitest';
import { stretchAll, stretched } from '../../src/model/takes.ts';

test('a take is stretched frame by frame, silence after its end', () => {
  const x = Float32Array.from([0, 1, 2, 3, 4, 4, 2, 0, 0, 0]);
  expect(stretched(x, 5, 1)).toEqual(x);
  expect([...stretched(x, 5, 2)]).toEqual([0, 2, 4, 0, 0, 4, 0, 0, 0, 0]);
  expect([...stretched(x, 5, 0.5)]).toEqual([0, 0.5, 1, 1.5, 2, 4, 3, 2, 1, 0]);
  // Half a frame beyond the last: blended with silence.
  expect(stretched(x, 5, 1.125)[4]).toBeCloseTo(4 / 2, 6);
});

test('clips of a batch are stretched within bounds, each by its own factor', () => {
  const x = { data: Float32Array.from({ length: 3 * 2 * 8 }, (_, i) => i % 8), shape: [3, 2, 8] };
  const slow = { ...x, data: x.data.slice() };
  stretchAll(slow, 2, 0.5, Float32Array.of(0, 0.75));
  // A ramp over time: at half the speed it rises half as fast, at 1.25 times it ends after 6.4 frames.
  expect([...slow.data.subarray(0, 8)]).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]);
  expect([...slow.data.subarray(16, 24)]).toEqual([0, 1.25, 2.5, 3.75, 5, 6.25, 3.5, 0]);
  expect([...slow.data.subarray(32)]).toEqual([...x.data.subarray(32)]);
  const still = { ...x, data: x.data.slice() };
  stretchAll(still, 3, 0, Float32Array.of(0, 0.5, 1));
  expect([...still.data]).toEqual([...x.data]);
});

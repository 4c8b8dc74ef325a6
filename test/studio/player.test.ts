// The player's code on a constant signal, where a click is a step: however sounds begin, follow each other, change and end,
// the output moves by no more than the fades' slopes.

import { beforeAll, expect, test } from 'vitest';
import type { PlayerMessage } from '../../web/play/player.worklet.ts';

const rate = 8000;
const block = 128;

interface Processor {
  port: { onmessage: (event: { data: PlayerMessage }) => void; postMessage: (position: number) => void };
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

let Player: new () => Processor;
beforeAll(async () => {
  const scope = globalThis as unknown as Record<string, unknown>;
  Object.assign(scope, { sampleRate: rate, currentTime: 0 });
  scope.AudioWorkletProcessor = class {
    port = { onmessage: () => undefined, postMessage: () => undefined };
  };
  scope.registerProcessor = (_: string, processor: typeof Player) => {
    Player = processor;
  };
  await import('../../web/play/player.worklet.ts');
});

/** What comes out when messages are sent before some blocks. */
function run(blocks: number, messages: Record<number, PlayerMessage>): Float32Array {
  const player = new Player();
  const out = new Float32Array(blocks * block);
  for (let b = 0; b < blocks; b++) {
    if (messages[b]) player.port.onmessage({ data: messages[b] });
    expect(player.process([], [[out.subarray(b * block, (b + 1) * block)]])).toBe(true);
  }
  return out;
}

const ones = (seconds: number) => new Float32Array(Math.round(seconds * rate)).fill(1);
const steepest = (x: Float32Array) =>
  x.reduce((most, v, i) => Math.max(most, Math.abs(v - (i > 0 ? x[i - 1] : 0))), 0);
/** 6 ms at a sound's end, 8 ms elsewhere, and up to both where a sound ends while another fades. */
const slope = 1 / (0.006 * rate) + 1 / (0.008 * rate) + 1e-6;

const cases: [string, number, Record<number, PlayerMessage>][] = [
  ['one sound', 20, { 0: { play: ones(0.2), rate, loop: false } }],
  [
    'a sound in the middle of another',
    30,
    { 0: { play: ones(0.3), rate, loop: false }, 5: { play: ones(0.2), rate, loop: false } },
  ],
  [
    'other samples in its place',
    30,
    { 0: { play: ones(0.3), rate, loop: false }, 6: { swap: ones(0.3), rate, loop: false } },
  ],
  ['stop', 20, { 0: { play: ones(0.5), rate, loop: false }, 7: { stop: true } }],
  ['a loop', 40, { 0: { play: ones(0.1), rate, loop: true }, 30: { loop: false } }],
  ['another rate', 40, { 0: { play: ones(0.3), rate: 4000, loop: false } }],
];

test.each(cases)('%s: no click', (_, blocks, messages) => {
  const out = run(blocks, messages);
  expect(Math.max(...out)).toBeGreaterThan(0.99);
  expect(Math.max(...out)).toBeLessThan(1.0001);
  expect(steepest(out)).toBeLessThan(slope);
  expect(out.at(-1)).toBe(0);
});

test('a sound passes sample by sample but for its ends; a loop goes on; a swap keeps its place', () => {
  const ramp = Float32Array.from({ length: 1600 }, (_, i) => Math.sin(i / 7));
  const out = run(20, { 0: { play: ramp, rate, loop: false } });
  for (let i = 64; i < 1540; i++) expect(out[i]).toBeCloseTo(ramp[i], 6);
  expect(out.slice(1600).every((v) => v === 0)).toBe(true);
  const looped = run(40, { 0: { play: ones(0.1), rate, loop: true } });
  expect(looped[20 * block + 400]).toBeGreaterThan(0);
  expect(looped.slice(38 * block).some((v) => v > 0.9)).toBe(true);
  const other = Float32Array.from({ length: 1600 }, (_, i) => Math.cos(i / 5));
  const swapped = run(20, {
    0: { play: ramp, rate, loop: false },
    4: { swap: other, rate, loop: false },
  });
  for (let i = 5 * block; i < 1540; i++) expect(swapped[i]).toBeCloseTo(other[i], 5);
});

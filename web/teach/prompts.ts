// What the person is asked to say next: the label with the fewest takes, in an order that is shuffled anew each time
// round, so that words are not said like a list.

import { Random } from '../../src/engine/random.ts';

const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

/** A label as a word to say. */
export const wordOf = (label: string): string => (/^\d$/.test(label) ? digits[Number(label)] : label);

/** @param counts takes of each label so far @returns index of a label */
export function nextPrompt(counts: readonly number[]): number {
  const fewest = Math.min(...counts);
  const order = new Random(1, 'prompts').permutation(fewest, counts.length);
  return order.find((label) => counts[label] === fewest) ?? 0;
}

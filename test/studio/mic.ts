// What the fake microphone plays: recorded words with pauses between them, in the order in which the Teach tab asks for them.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '../../src/audio/wav.ts';
import { nextPrompt } from '../../web/teach/prompts.ts';

/** Labels in the order of the first so many prompts, and for each how often it was asked for before. */
export function prompts(count: number, labels = 10): { label: number; again: number }[] {
  const counts = Array<number>(labels).fill(0);
  return Array.from({ length: count }, () => {
    const label = nextPrompt(counts);
    return { label, again: counts[label]++ };
  });
}

/** Seconds before the first word, between two, and after the last; then it begins again. */
export interface Pauses {
  lead: number;
  gap: number;
  tail: number;
}

/** Chromium's arguments for a microphone that plays these words. */
export function fakeMicrophone(words: readonly Float32Array[], rate: number, pauses: Pauses): string[] {
  const silence = (seconds: number) => new Float32Array(Math.round(seconds * rate));
  const parts = [
    silence(pauses.lead),
    ...words.flatMap((word) => [word, silence(pauses.gap)]),
    silence(pauses.tail),
  ];
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const file = join(mkdtempSync(join(tmpdir(), 'formant-mic-')), 'mic.wav');
  writeFileSync(file, encodeWav(all, rate));
  return [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-audio-capture=${file}`,
  ];
}

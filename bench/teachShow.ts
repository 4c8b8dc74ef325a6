// The Teach tab measured: in Chromium on SwiftShader a fake microphone plays the takes of one speaker for a minute. The
// error on the held-out ones by the model before and as it is then; and, as a control, the same held-out takes while what it
// learns from is another speaker's. With it the longest tasks of the page's main thread.
// Usage: node dist/teachShow.js RECORDINGS SPEAKER OTHER [SECONDS]   (after npm run build; files {label}_{speaker}_{index}.wav)

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeWav } from '../src/audio/wav.ts';
import { StudioBrowser } from '../test/studio/browser.ts';
import { fakeMicrophone, prompts } from '../test/studio/mic.ts';
import { tellTasks, watchTasks } from './longTasks.ts';

const [folder, speaker, other, seconds = '60'] = process.argv.slice(2);
if (!other) throw new Error('usage: node dist/teachShow.js RECORDINGS SPEAKER OTHER [SECONDS]');
const takes = 60;

function word(name: string): { wave: Float32Array; rate: number } {
  const { channels, sampleRate } = decodeWav(new Uint8Array(readFileSync(join(folder, `${name}.wav`))), name);
  return { wave: channels[0], rate: sampleRate };
}

/** @param from whose takes it learns from; those held out, the fourth of each five, are the speaker's */
async function lesson(from: string): Promise<void> {
  const words = prompts(takes).map(({ label, again }, i) =>
    word(`${label}_${i % 5 === 3 ? speaker : from}_${again}`),
  );
  const waves = words.map(({ wave }) => wave);
  const microphone = fakeMicrophone(waves, words[0].rate, { lead: 1, gap: 0.9, tail: 0 });
  const studio = await StudioBrowser.start(microphone);
  try {
    const { page, errors } = await studio.open({ permissions: ['microphone'] }, 'ready', async (page) => {
      await watchTasks(page);
    });
    await page.getByRole('tab', { name: 'Teach' }).click();
    await page.locator('#prompt').getByText('seven').waitFor();
    await tellTasks(page);
    await page.locator('#record').click();
    const begin = performance.now();
    const read = async (label: string) => {
      const bars = await page.locator('.bar .timing').allTextContents();
      console.log(
        `${from} ${label}: yours ${bars[0]} | old ${bars[1]} | ${await page.locator('#lesson').textContent()}`,
      );
    };
    for (let at = 15; at <= Number(seconds); at += 15) {
      await page.waitForTimeout(Math.max(0, begin + 1000 * at - performance.now()));
      await read(`${at} s`);
    }
    console.log(await tellTasks(page));
    const told = await page.locator('#teach-told').textContent();
    if (told) console.log(`told: ${told}`);
    if (errors.length > 0) console.log(`errors: ${errors.join('; ')}`);
  } finally {
    await studio.stop();
  }
}

await lesson(speaker);
await lesson(other);

// The studio's Teach tab in Chromium, with a fake microphone that plays a voice which the shipped model was not trained on: an
// embedded test speaker, slowed down. Takes are cut, labelled and learnt from while recording goes on, and survive whatever
// goes wrong. Needs `npm run build`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeWav } from '../../src/audio/wav.ts';
import { decodeModel } from '../../src/model/checkpoint.ts';
import { root } from '../launch.ts';
import { destroyDevice, heard, StudioBrowser, type WatchedWindow } from './browser.ts';
import { fakeMicrophone, prompts } from './mic.ts';

/** Played at this rate instead of 8000: a deeper voice. */
const rate = 6800;
const asked = prompts(7);
const words = asked.map(({ label }, i) => {
  const file = join(root, 'data', 'digits', `${label}_usm6_0.wav`);
  const [wave] = decodeWav(new Uint8Array(readFileSync(file)), file).channels;
  // The sixth is far too loud.
  return i === 5 ? wave.map((v) => Math.max(-1, Math.min(1, 30 * v))) : wave;
});

let studio: StudioBrowser;
let context: BrowserContext;
let page: Page;
let errors: string[];
beforeAll(async () => {
  studio = await StudioBrowser.start(fakeMicrophone(words, rate, { lead: 0.5, gap: 0.5, tail: 120 }));
  ({ page, errors } = await studio.open({ viewport: { width: 1280, height: 900 } }, 'ready', spy));
  context = page.context();
  await page.getByRole('tab', { name: 'Teach' }).click();
  await page.locator('#prompt').getByText('seven').waitFor();
});
afterAll(() => studio?.stop());

interface Spied {
  asked: MediaStreamConstraints[];
  tracks: MediaStreamTrack[];
}

/** Notes what is asked of the microphone. */
async function spy(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const spied: Spied = { asked: [], tracks: [] };
    Object.assign(window, { spied });
    const media = navigator.mediaDevices;
    const ask = media.getUserMedia.bind(media);
    media.getUserMedia = async (wanted) => {
      spied.asked.push(wanted ?? {});
      const stream = await ask(wanted);
      spied.tracks.push(...stream.getTracks());
      return stream;
    };
  });
}
const spied = <T>(read: (spied: Spied) => T): Promise<T> =>
  page.evaluate(`(${read})(window.spied)`) as Promise<T>;

const eventually = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 60_000 });
const record = () => page.locator('#record');
const told = () => page.locator('#teach-told').textContent();
const lesson = () => page.locator('#lesson').textContent();
const cards = () => page.locator('.card');
/** Labels of the takes, oldest first. */
const labels = async () =>
  (
    await page
      .locator('.card select')
      .evaluateAll((all) => all.map((s) => Number((s as HTMLSelectElement).value)))
  ).reverse();
/** Before and now, of the person's voice (0) or of the others (1). */
const errorsOf = async (which: 0 | 1) => {
  const text = (await page.locator('.bar .timing').nth(which).textContent()) ?? '';
  return [...text.matchAll(/0\.\d+/g)].map(([n]) => Number(n));
};
const stepsTaken = async () =>
  Number(
    /step (\d+)|in (\d+) steps|after (\d+)/
      .exec((await lesson()) ?? '')
      ?.slice(1)
      .find(Boolean) ?? 0,
  );

test('a microphone that is denied is told', async () => {
  const { page } = await studio.open({}, 'ready', async (page) => {
    await page.route(studio.url, async (route) => {
      const response = await route.fetch();
      const headers = { ...response.headers(), 'permissions-policy': 'microphone=()' };
      await route.fulfill({ response, headers });
    });
  });
  await page.getByRole('tab', { name: 'Teach' }).click();
  await page.locator('#record').click();
  await eventually(() => page.locator('#teach-told').textContent()).toMatch(
    /^The microphone is not allowed here\./,
  );
  expect(await page.locator('#record').textContent()).toBe('Record');
  await page.context().close();
});

test('recording begins with the button alone, without the browser’s processing', async () => {
  expect(await spied(({ asked }) => asked.length)).toBe(0);
  await page.keyboard.press('r');
  await eventually(() => record().textContent()).toBe('Stop');
  const { autoGainControl, echoCancellation, noiseSuppression } = (await spied(
    ({ asked }) => asked[0].audio,
  )) as MediaTrackConstraints;
  expect([autoGainControl, echoCancellation, noiseSuppression]).toEqual([false, false, false]);
});

test('words become takes of the prompts that were shown, while the model learns', async () => {
  await eventually(() => cards().count()).toBe(7);
  expect(await labels()).toEqual(asked.map(({ label }) => label));
  expect(await page.locator('.badge:visible').count()).toBe(1);
  // What clipped is kept, but not learnt from.
  expect(await page.locator('.faulty').count()).toBe(1);
  expect(await cards().nth(1).textContent()).toMatch(/too loud for the microphone/);
  await eventually(lesson).toMatch(/5 takes, 1 held out/);
  await eventually(async () => {
    const [before, now] = await errorsOf(0);
    return now / before;
  }).toBeLessThan(0.9);
  const [before, now] = await errorsOf(1);
  expect(before).toBeGreaterThan(0.003);
  expect(now).toBeLessThan(2 * before);
});

test('silence is told while it lasts', async () => {
  await eventually(told).toMatch(/^Nothing is heard/);
  expect(await record().textContent()).toBe('Stop');
});

test('before and now are pictures that play', async () => {
  await heard(page);
  for (const name of ['You', 'The model before', 'The model now']) {
    await page.getByRole('button', { name: `Play: ${name}` }).click();
    await eventually(async () => (await heard(page)).samples.some((v) => Math.abs(v) > 0.05)).toBe(true);
    await eventually(() => page.locator('.sounding').count()).toBe(0);
  }
  // The page did not record itself.
  expect(await cards().count()).toBe(7);
});

test('a lost device: takes and weights are still there, and it goes on', async () => {
  const steps = await stepsTaken();
  const own = await errorsOf(0);
  await destroyDevice(page);
  await page.getByRole('button', { name: 'Play: The model now' }).click();
  await eventually(() => page.locator('#status').textContent()).toMatch(/is back; nothing is missing/);
  expect(await cards().count()).toBe(7);
  await eventually(stepsTaken).toBeGreaterThanOrEqual(steps);
  expect((await errorsOf(0))[1]).toBeLessThanOrEqual(own[1]);
});

test('a microphone that goes away, and a page that is hidden, end the recording and nothing else', async () => {
  await page.evaluate(() => {
    const { tracks } = (window as unknown as { spied: Spied }).spied;
    tracks[0].dispatchEvent(new Event('ended'));
  });
  await eventually(told).toMatch(/^The microphone is gone: was it unplugged\?/);
  expect(await record().textContent()).toBe('Record');
  expect(await spied(({ tracks }) => tracks[0].readyState)).toBe('ended');
  await record().click();
  await eventually(() => record().textContent()).toBe('Stop');
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
    Object.defineProperty(document, 'hidden', { value: false, configurable: true });
  });
  await eventually(told).toMatch(/^Recording stopped when this page was hidden\./);
  expect(await cards().count()).toBeGreaterThanOrEqual(7);
});

test('the taught model plays, and its file has the voice `you`', async () => {
  const [file] = await Promise.all([
    page.waitForEvent('download', { timeout: 60_000 }),
    page.getByRole('button', { name: 'Download model' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe('my-voice.safetensors');
  const taught = decodeModel(readFileSync(await file.path()), 'taught');
  const shipped = decodeModel(readFileSync(join(root, 'web', 'model', 'digits.safetensors')), 'shipped');
  expect(Object.keys(taught.params)).toEqual(Object.keys(shipped.params));
  const [name] = Object.keys(taught.params);
  expect(taught.params[name].data).not.toEqual(shipped.params[name].data);
  const own = taught.map?.label.filter((_, i) => taught.map?.speaker[i] === 'you');
  expect(own?.slice(0, 6)).toEqual(asked.filter((_, i) => i !== 5).map(({ label }) => label));
  await page.getByRole('button', { name: 'Play this voice' }).click();
  await eventually(() => page.locator('#model-name').textContent()).toBe('my-voice.safetensors');
  expect(await page.getByRole('combobox', { name: 'Voice' }).textContent()).toMatch(/you/);
  await page.getByRole('tab', { name: 'Teach' }).click();
});

test('a second tab waits until the first is closed; then takes and weights are there', async () => {
  await page.getByRole('button', { name: 'Pause' }).click();
  await eventually(lesson).toMatch(/^Paused after \d+ steps/);
  const left = { labels: await labels(), errors: await errorsOf(0), steps: await stepsTaken() };
  expect(left.steps).toBeGreaterThan(0);
  const { page: second, errors: others } = await studio.openIn(context);
  await second.getByRole('tab', { name: 'Teach' }).click();
  const notice = second.getByText('Another tab of this studio is teaching.');
  await notice.waitFor();
  expect(await second.locator('.card').count()).toBe(0);
  await page.close();
  await second
    .locator('.card')
    .nth(left.labels.length - 1)
    .waitFor();
  await notice.waitFor({ state: 'hidden' });
  page = second;
  errors.push(...others);
  expect(await labels()).toEqual(left.labels);
  expect((await errorsOf(0))[0]).toBe(left.errors[0]);
  expect((await errorsOf(0))[1]).toBeLessThanOrEqual(left.errors[1]);
  expect(await stepsTaken()).toBeGreaterThan(0);
});

test('takes can be relabelled, deleted and brought back; learning can be undone', async () => {
  const count = await cards().count();
  await page.getByRole('button', { name: 'Undo all learning' }).click();
  await eventually(lesson).toMatch(/^As it was before;/);
  const [before, now] = await errorsOf(0);
  expect(now).toBe(before);
  await page.getByLabel('Label of take 2', { exact: true }).selectOption('four');
  await eventually(async () => (await labels())[1]).toBe(4);
  await page.getByRole('button', { name: 'Delete take 1', exact: true }).click();
  await eventually(() => cards().count()).toBe(count - 1);
  await page.getByRole('button', { name: 'Bring the deleted take back' }).click();
  await eventually(async () => (await labels()).slice(0, 2)).toEqual([asked[0].label, 4]);
});

test('where there is no room left for takes it is told; nothing was against the policy', async () => {
  await page.workers()[0].evaluate(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException('no room', 'QuotaExceededError');
    };
  });
  await page.getByLabel('Label of take 3', { exact: true }).selectOption('eight');
  await eventually(told).toMatch(/^The browser has no room left for takes/);
  expect((await labels())[2]).toBe(8);
  expect(await page.evaluate(() => (window as unknown as WatchedWindow).watched.violations)).toEqual([]);
  expect(errors).toEqual([]);
});

// The studio's Train tab in Chromium: a folder is read as Node reads it, a tiny model trains, pauses, goes on after a reload
// and after a lost device, and what is downloaded plays in Node. Needs `npm run build`.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listClips } from '../../src/audio/folder.ts';
import { decodeWav, encodeWav } from '../../src/audio/wav.ts';
import { decodeModel } from '../../src/model/checkpoint.ts';
import { commandsIn } from '../launch.ts';
import { destroyDevice, StudioBrowser, type WatchedWindow } from './browser.ts';

const dir = mkdtempSync(join(tmpdir(), 'studio-'));
const data = join(dir, 'tones');
/** Epochs of a run that there is time to stop. */
const long = 30;
const tiny = 'channels=8 hidden=16 latent=2 batch=4';
let studio: StudioBrowser;
let page: Page;
let errors: string[];

beforeAll(async () => {
  mkdirSync(data);
  for (const [label, hz] of [
    ['high', 1400],
    ['low', 500],
  ] as const)
    for (let index = 3; index < 10; index++) {
      const tone = Float32Array.from({ length: 2400 }, (_, i) => {
        const rise = Math.min(1, i / 300, (2400 - i) / 300);
        return 0.4 * rise * Math.sin((2 * Math.PI * (hz + 20 * index) * i) / 8000);
      });
      writeFileSync(join(data, `${label}_ann_${index}.wav`), encodeWav(tone, 8000));
    }
  studio = await StudioBrowser.start();
  ({ page, errors } = await studio.open({ viewport: { width: 1280, height: 900 } }));
  // A run is given up only after a question.
  page.on('dialog', (dialog) => dialog.accept());
});
afterAll(async () => {
  await studio?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const eventually = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 60_000 });
const state = (at = page) => at.evaluate(() => document.body.dataset.training);
const tab = (name: string, at = page) => at.getByRole('tab', { name }).click();

async function train(others: string, epochs: number): Promise<void> {
  await page.locator('#epochs').fill(`${epochs}`);
  if (!(await page.locator('#others').isVisible())) await page.getByText('More', { exact: true }).click();
  await page.locator('#others').fill(others);
  // Until the page says how it stands.
  await page.evaluate(() => {
    document.body.dataset.training = 'asked';
  });
  await page.locator('#start').click();
}

async function downloaded(name: string, as = 'model.safetensors'): Promise<Buffer> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name, exact: true }).click(),
  ]);
  expect(file.suggestedFilename()).toBe(as);
  return readFileSync(await file.path());
}

test('a folder is read as Node reads it; bad files and settings are told in place', async () => {
  writeFileSync(join(data, 'high_ann_11.wav'), 'RIFF but no more');
  await tab('Train');
  await page.locator('#folder').setInputFiles(data);
  const about = page.locator('#recordings');
  const clips = await listClips(data);
  const tests = clips.filter(({ split }) => split === 'test').length;
  await eventually(() => about.textContent()).toContain(
    `tones ${clips.length - 1 - tests} clips to train, ${tests} to test`,
  );
  const labels = [...new Set(clips.map(({ label }) => label))];
  expect(await about.textContent()).toContain(`2 labels: ${labels.join(' ')}`);
  expect(await about.locator('li').allTextContents()).toEqual([
    expect.stringMatching(/^left out: tones\/high_ann_11\.wav: /),
  ]);
  const fault = page.locator('#train-fault');
  await train('latent=0', 2);
  await eventually(() => fault.textContent()).toBe('latent 0: it must be a whole number of at least 1');
  await train('colour=red', 2);
  await eventually(() => fault.textContent()).toMatch(
    /^--set colour=red: give key=value with a key of .*latent/,
  );
});

test('a model trains for two epochs, and Node plays what is downloaded', async () => {
  await train(tiny, 2);
  await eventually(() => state()).toBe('finished');
  expect(await page.locator('#train-fault').isVisible()).toBe(false);
  expect(await page.locator('#train-facts').textContent()).toMatch(/^epoch 2 · loss [\d.]+ = /);
  await page.getByRole('button', { name: 'Play sample high' }).waitFor();
  const bytes = await downloaded('Download the model');
  const model = decodeModel(bytes, 'downloaded');
  expect(model.labels).toEqual(['high', 'low']);
  expect(model.map?.label).toHaveLength(10);
  // In the page: the first sample of the prior with each label, as the Play tab draws it.
  await page.getByRole('button', { name: 'Play it' }).click();
  await eventually(() => page.locator('#model-name').textContent()).toBe('trained.safetensors');
  for (const name of ['low', 'Surprise me']) {
    const before = await page.locator('#play').getAttribute('data-sounds');
    await page.getByRole('button', { name, exact: true }).click();
    await eventually(() => page.locator('#play').getAttribute('data-sounds')).not.toBe(before);
  }
  const here = decodeWav(await downloaded('Save WAV', 'low_trained_seed-1-clip-0.wav'), 'page').channels[0];
  // In Node, from the file alone.
  const file = join(dir, 'model.safetensors');
  writeFileSync(file, bytes);
  const { spawned } = commandsIn(() => dir);
  const out = ['--label', 'low', '--count', '1', '--seed', '1', '--out', join(dir, 'out')];
  // With the page's own driver: another's rounding lets the search for phases end elsewhere.
  const made = await spawned('generate', '--adapter', 'swiftshader', '--run', file, ...out, '--json');
  expect(made.stderr).toMatch(/adapter: .*swiftshader/i);
  const there = decodeWav(readFileSync(JSON.parse(made.stdout).files[0]), 'node').channels[0];
  const peak = there.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  expect(peak).toBeGreaterThan(1e-3);
  // Both files are rounded to 16 bits.
  const most = 1e-3 * peak + 1 / 32768;
  expect(here).toHaveLength(there.length);
  expect(here.reduce((far, v, i) => Math.max(far, Math.abs(v - there[i])), 0)).toBeLessThanOrEqual(most);
});

/** Presses Pause as soon as the next run has taken a step; from outside it might come when all is done. */
const pauseEarly = () =>
  page.evaluate(() => {
    const message = document.getElementById('train-message') as HTMLElement;
    const watch = new MutationObserver(() => {
      if (document.body.dataset.training !== 'running' || !/^Step [1-9]/.test(message.textContent)) return;
      watch.disconnect();
      document.getElementById('pause')?.click();
    });
    watch.observe(message, { childList: true });
  });

test('a run pauses, waits through a reload, is refused to another tab, goes on, and ends as one that never stopped', async () => {
  await tab('Train');
  await train(tiny, long);
  await eventually(() => state()).toBe('finished');
  const whole = decodeModel(await downloaded('Download the model'), 'whole');
  await pauseEarly();
  await train(tiny, long);
  await eventually(() => state()).toBe('paused');
  await page.reload();
  await page.locator('body[data-state=ready]').waitFor();
  await tab('Train');
  await eventually(() => state()).toBe('paused');
  const { page: other } = await studio.openIn(page.context());
  await tab('Train', other);
  await eventually(() => state(other)).toBe('elsewhere');
  await other.close();
  await page.locator('#pause').click();
  await eventually(() => state()).toBe('finished');
  expect(decodeModel(await downloaded('Download the model'), 'resumed').params).toEqual(whole.params);
  // A device that is lost on the way costs what was not kept, and gives the same.
  await destroyDevice(page, 40);
  await train(tiny, long);
  await eventually(() => state()).toBe('finished');
  expect(await page.locator('#status').textContent()).toMatch(/is back; nothing is missing/);
  expect(decodeModel(await downloaded('Download the model'), 'recovered').params).toEqual(whole.params);
});

test('nothing was against the policy, and no error was thrown', async () => {
  expect(await page.evaluate(() => (window as unknown as WatchedWindow).watched.violations)).toEqual([]);
  expect(errors).toEqual([]);
});

// The studio's Play tab in Chromium: sound that is the model's, from pointer and keyboard, without clicks; files that are no
// models; a lost device; the policy. Needs `npm run build`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeWav } from '../../src/audio/wav.ts';
import { decodeModel, encodeModel } from '../../src/model/checkpoint.ts';
import { root } from '../launch.ts';
import { destroyDevice, heard, StudioBrowser, type WatchedWindow } from './browser.ts';

let studio: StudioBrowser;
let page: Page;
let errors: string[];
beforeAll(async () => {
  studio = await StudioBrowser.start();
  ({ page, errors } = await studio.open({ viewport: { width: 1280, height: 900 } }));
});
afterAll(() => studio?.stop());

const peakOf = (samples: Float32Array) => samples.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
const playing = (on: boolean) =>
  page.waitForFunction((want) => document.getElementById('play')?.textContent === want, on ? 'Stop' : 'Play');

const eventually = <T>(read: () => Promise<T>) => expect.poll(read, { timeout: 30_000 });

/** Plays by some act until the sound has ended, and gives what was heard. */
async function sounds(act: () => Promise<unknown>): Promise<Float32Array> {
  await heard(page);
  await act();
  await playing(true);
  await playing(false);
  return (await heard(page)).samples;
}

/** Strikes until it is heard: on a busy machine the browser drops blocks of what it should play. */
const audible = (act: () => Promise<unknown>) =>
  eventually(async () => peakOf(await sounds(act))).toBeGreaterThan(0.05);

const savedWav = async () => {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save WAV' }).click(),
  ]);
  const wav = decodeWav(readFileSync(await file.path()), 'saved');
  return { name: file.suggestedFilename(), wave: wav.channels[0], rate: wav.sampleRate };
};

test('the page says that it runs on software, and its policy holds', async () => {
  const answer = await fetch(studio.url);
  const policy = answer.headers.get('content-security-policy') ?? '';
  expect(policy).toMatch(/^default-src 'none'; script-src 'self'; worker-src 'self';/);
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  expect(await page.locator('#adapter').textContent()).toMatch(
    /swiftshader.*software: this runs on the processor/i,
  );
  expect((await fetch(`${studio.url}..%2fpackage.json`)).status).toBe(404);
  expect((await fetch(studio.url, { method: 'POST' })).status).toBe(405);
});

test('a key says its digit: what is heard is what is saved', async () => {
  const samples = await sounds(() => page.getByRole('button', { name: '7', exact: true }).click());
  const { name, wave, rate } = await savedWav();
  expect(name).toBe('7_digits_point.wav');
  expect(rate).toBe(8000);
  expect(peakOf(wave)).toBeGreaterThan(0.05);
  // The same samples, later, but for the fades at the ends and the 16 bits of the file.
  const loud = wave.findIndex((v) => Math.abs(v) === peakOf(wave));
  const at = samples.findIndex((v) => Math.abs(Math.abs(v) - Math.abs(wave[loud])) < 1e-4);
  expect(at).toBeGreaterThan(0);
  for (let i = -200; i < 200; i++) expect(samples[at + i]).toBeCloseTo(wave[loud + i], 3);
});

test('keyboard alone: digits, arrows on the pad, space on Play; each point has its own sound', async () => {
  const seven = (await savedWav()).wave;
  await audible(() => page.keyboard.press('3'));
  await page.getByRole('application', { name: 'Latent pad' }).focus();
  const place = page.locator('.pad-readout');
  const before = await place.textContent();
  const moved = await sounds(() => page.keyboard.press('Shift+ArrowRight'));
  expect(await place.textContent()).not.toBe(before);
  expect(peakOf(moved)).toBeGreaterThan(0.05);
  await page.keyboard.press('Shift+ArrowLeft');
  await eventually(() => place.textContent()).toBe(before);
  await playing(false);
  await page.getByRole('button', { name: 'Play', exact: true }).focus();
  await audible(() => page.keyboard.press('Space'));
  const { wave, name } = await savedWav();
  expect(name).toBe('3_digits_point.wav');
  expect(wave).not.toEqual(seven);
});

test('surprise, morph and faders change the sound; the morph’s ends are its points', async () => {
  await sounds(() => page.getByRole('button', { name: 'Surprise me' }).click());
  const a = await savedWav();
  expect(a.name).toBe('3_digits_seed-1-clip-0.wav');
  await page.getByRole('button', { name: 'Keep as A' }).click();
  await sounds(() => page.keyboard.press('4'));
  await page.getByRole('button', { name: 'Keep as B' }).click();
  const b = await savedWav();
  const slider = page.getByRole('slider', { name: 'A to B' });
  await sounds(() => slider.fill('0.5'));
  const middle = await savedWav();
  await sounds(() => slider.fill('0'));
  expect((await savedWav()).wave).toEqual(a.wave);
  expect(middle.wave).not.toEqual(a.wave);
  expect(middle.wave).not.toEqual(b.wave);
  await sounds(() => page.getByRole('slider', { name: 'z4' }).fill('2'));
  expect((await savedWav()).wave).not.toEqual(a.wave);
});

test('files that are no models are refused in one sentence, and what plays stays', async () => {
  const drop = (name: string, buffer: Buffer) =>
    page.locator('#model-file').setInputFiles({ name, mimeType: 'application/octet-stream', buffer });
  const fault = page.locator('#model-fault');
  const shipped = readFileSync(join(root, 'dist', 'studio', 'digits.safetensors'));
  await drop('song.mp3', Buffer.from('not a model at all'));
  await eventually(() => fault.textContent()).toMatch(/^song\.mp3: .*no safetensors/);
  await drop('cut.safetensors', shipped.subarray(0, 1000));
  await eventually(() => fault.textContent()).toMatch(/^cut\.safetensors: announces a header of/);
  const newer = Buffer.from(shipped.toString('latin1').replace('"formant":"2"', '"formant":"9"'), 'latin1');
  await drop('newer.safetensors', newer);
  await eventually(() => fault.textContent()).toMatch(
    /^newer\.safetensors: format version 9.*update formant/,
  );
  expect(await page.locator('#model-name').textContent()).toBe('digits.safetensors');
  expect(peakOf(await sounds(() => page.keyboard.press('5')))).toBeGreaterThan(0.05);
  // The same model in full precision and without a map opens, and the pad has no places.
  const { map, ...file } = decodeModel(shipped, 'shipped');
  expect(map?.mu).toHaveLength(400);
  await drop('mine.safetensors', Buffer.from(encodeModel(file)));
  await eventually(() => page.locator('#model-name').textContent()).toBe('mine.safetensors');
  await eventually(() => fault.isVisible()).toBe(false);
  expect(peakOf(await sounds(() => page.keyboard.press('5')))).toBeGreaterThan(0.05);
});

test('a lost device comes back with the model', async () => {
  await sounds(() => page.keyboard.press('8'));
  const before = (await savedWav()).wave;
  await destroyDevice(page);
  const again = await sounds(() => page.keyboard.press('8'));
  expect(peakOf(again)).toBeGreaterThan(0.05);
  await eventually(() => page.locator('#status').textContent()).toMatch(/is back; nothing is missing/);
  expect((await savedWav()).wave).toEqual(before);
  expect(await page.locator('#model-name').textContent()).toBe('mine.safetensors');
});

test('nothing was against the policy, and no error was thrown', async () => {
  expect(await page.evaluate(() => (window as unknown as WatchedWindow).watched.violations)).toEqual([]);
  expect(errors).toEqual([]);
});

test('without WebGPU the page says so and what to do', async () => {
  const { page: other } = await studio.open(
    { viewport: { width: 390, height: 844 } },
    'no-gpu',
    async (page) => {
      const hide = "Object.defineProperty(WorkerNavigator.prototype, 'gpu', { value: undefined });\n";
      await page.route('**/worker.js', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: hide + (await response.text()) });
      });
    },
  );
  const notice = other.getByRole('alert');
  expect(await notice.textContent()).toMatch(/needs WebGPU.*no WebGPU; use a current Chrome/);
  expect(await notice.getByRole('listitem').count()).toBeGreaterThan(2);
  expect(await other.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});

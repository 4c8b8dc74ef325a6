// The examples that run in a page, opened in Chromium with WebGPU on SwiftShader, under the policies they state. Needs
// `npm run build`.

import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveFolder } from '../../scripts/examples.mjs';
import { chromiumLaunch, setup } from '../chromium/executable.ts';
import { root } from '../launch.ts';

let server: Server;
let browser: Browser;
const errors: string[] = [];
beforeAll(async () => {
  await setup();
  server = await serveFolder(0);
  browser = await chromium.launch(chromiumLaunch);
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function open(name: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 800, height: 900 }, colorScheme: 'light' });
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  const { port } = server.address() as AddressInfo;
  await page.goto(`http://127.0.0.1:${port}/examples/${name}/`);
  return page;
}

/** The end of a page, and a picture of it, by day and by night, where SCREENSHOTS names a folder. */
async function shown(page: Page): Promise<void> {
  const { SCREENSHOTS } = process.env;
  const name = page.url().split('/').at(-2);
  for (const colorScheme of SCREENSHOTS ? (['light', 'dark'] as const) : []) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${SCREENSHOTS}/example-${name}-${colorScheme}.png` });
  }
  await page.close();
}

const says = (page: Page, what: RegExp) =>
  expect.poll(() => page.locator('#status').textContent(), { timeout: 60_000 }).toMatch(what);

/** The red of a picture's pixels, 0 to 255. */
const seen = (page: Page, id: string) =>
  page.evaluate((id) => {
    const canvas = document.getElementById(id) as HTMLCanvasElement;
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    return [...context.getImageData(0, 0, 32, 32).data].filter((_, i) => i % 4 === 0);
  }, id);
const distance = (a: number[], b: number[]) =>
  a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

test('the engine alone: it learns on the page’s device, which draws on when it is closed', async () => {
  const page = await open('engine');
  await says(page, /^150 steps done and the engine closed/);
  const [wanted, learnt] = [await seen(page, 'wanted'), await seen(page, 'learnt')];
  expect(learnt).toHaveLength(wanted.length);
  const even = wanted.reduce((sum, v) => sum + v, 0) / wanted.length;
  const contrast = distance(
    wanted,
    wanted.map(() => even),
  );
  expect(contrast).toBeGreaterThan(30);
  expect(distance(wanted, learnt)).toBeLessThan(0.15 * contrast);
  await page.getByRole('button', { name: 'Swap colours' }).click();
  const swapped = async () => distance(await seen(page, 'learnt'), learnt);
  await expect.poll(swapped, { timeout: 10_000 }).toBeGreaterThan(100);
  await shown(page);
});

test('a model speaks in under 25 lines', async () => {
  const lines = readFileSync(join(root, 'examples', 'speak', 'main.js'), 'utf8')
    .trim()
    .split('\n');
  expect(lines.length).toBeLessThan(25);
  const page = await open('speak');
  await says(page, /^ready on .*SwiftShader/i);
  const heard = () =>
    page.evaluate(async () => {
      const start = AudioBufferSourceNode.prototype.start;
      return new Promise<number[]>((done) => {
        AudioBufferSourceNode.prototype.start = function (this: AudioBufferSourceNode) {
          AudioBufferSourceNode.prototype.start = start;
          start.call(this);
          done([...(this.buffer as AudioBuffer).getChannelData(0)]);
        };
        (document.querySelector('button[value="7"]') as HTMLElement).click();
      });
    });
  const wave = await heard();
  expect(wave).toHaveLength(8192);
  expect(Math.max(...wave.map(Math.abs))).toBeGreaterThan(0.05);
  expect(await heard()).not.toEqual(wave);
  await shown(page);
});

test('a network of the page’s own learns, and the page shows it', async () => {
  const page = await open('layers');
  const lossNow = async () =>
    Number(/loss ([\d.]+)/.exec((await page.locator('#status').textContent()) ?? '')?.[1]);
  await says(page, /^step 0: loss/);
  const first = await lossNow();
  await expect.poll(lossNow, { timeout: 60_000 }).toBeLessThan(0.7 * first);
  const button = page.getByRole('button', { name: 'Pause' });
  await button.click();
  await page.getByRole('button', { name: 'Go on' }).click();
  const then = await page.locator('#status').textContent();
  await expect.poll(() => page.locator('#status').textContent(), { timeout: 30_000 }).not.toBe(then);
  await shown(page);
});

test('nothing was against a policy, and no error was thrown', () => expect(errors).toEqual([]));

// The studio page as it is served, in a real headless Chromium with WebGPU on SwiftShader, and what tests see of it beside
// what a person sees: the sound that goes to the loudspeaker, and violations of the policy.

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { serveStudio } from '../../src/studio.ts';
import { chromiumLaunch, setup } from '../chromium/executable.ts';

/** What the page's own scripts know nothing of. */
interface Watched {
  /** Samples that went to the loudspeaker, and their rate. */
  heard: Float32Array[];
  heardRate: number;
  violations: string[];
}

export type WatchedWindow = Window & typeof globalThis & { watched: Watched };

/** Runs in the page before its scripts: taps the loudspeaker by a second connection. */
function watch(): void {
  const watched: Watched = { heard: [], heardRate: 0, violations: [] };
  (window as WatchedWindow).watched = watched;
  document.addEventListener('securitypolicyviolation', (event) =>
    watched.violations.push(`${event.effectiveDirective}: ${event.blockedURI}`),
  );
  const connect = AudioNode.prototype.connect as (this: AudioNode, to: AudioNode) => AudioNode;
  AudioNode.prototype.connect = function (this: AudioNode, to: AudioNode) {
    if (to instanceof AudioDestinationNode) {
      watched.heardRate = this.context.sampleRate;
      const tap = (this.context as AudioContext).createScriptProcessor(1024, 1, 1);
      tap.onaudioprocess = ({ inputBuffer }) => watched.heard.push(inputBuffer.getChannelData(0).slice());
      connect.call(this, tap);
      connect.call(tap, to);
    }
    return connect.call(this, to);
  } as typeof AudioNode.prototype.connect;
}

export class StudioBrowser {
  readonly url: string;
  readonly #server: Server;
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];

  private constructor(server: Server, browser: Browser) {
    this.#server = server;
    this.#browser = browser;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  /** @param args of the browser, beside those for WebGPU */
  static async start(args: string[] = []): Promise<StudioBrowser> {
    await setup();
    const launch = { ...chromiumLaunch, args: [...chromiumLaunch.args, ...args] };
    return new StudioBrowser(await serveStudio(0), await chromium.launch(launch));
  }

  /** A page in a profile of its own, open and ready; its errors fail the test that reads them. */
  async open(
    options: Parameters<Browser['newContext']>[0] = {},
    state = 'ready',
    prepare: (page: Page) => Promise<void> = async () => {},
  ): Promise<{ page: Page; errors: string[] }> {
    const context = await this.#browser.newContext({ acceptDownloads: true, ...options });
    this.#contexts.push(context);
    return this.openIn(context, state, prepare);
  }

  /** Another page of the same profile. */
  async openIn(
    context: BrowserContext,
    state = 'ready',
    prepare: (page: Page) => Promise<void> = async () => {},
  ): Promise<{ page: Page; errors: string[] }> {
    const page = await context.newPage();
    await prepare(page);
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.addInitScript(watch);
    await page.goto(this.url);
    await page.locator(`body[data-state=${state}]`).waitFor({ timeout: 60_000 });
    return { page, errors };
  }

  async stop(): Promise<void> {
    for (const context of this.#contexts) await context.close();
    await this.#browser.close();
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/** What went to the loudspeaker since the last call. */
export async function heard(page: Page): Promise<{ samples: Float32Array; rate: number }> {
  const [text, rate] = await page.evaluate(() => {
    const { watched } = window as unknown as WatchedWindow;
    const bytes = watched.heard.map((block) => String.fromCharCode(...new Uint8Array(block.buffer)));
    watched.heard = [];
    return [btoa(bytes.join('')), watched.heardRate] as const;
  });
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return { samples: new Float32Array(bytes.buffer), rate };
}

/** Takes the device away from the page's worker: the next encoder it asks for, or one so many later, is its last. */
export async function destroyDevice(page: Page, later = 0): Promise<void> {
  await page.workers()[0].evaluate((wait) => {
    let left = wait;
    const { createCommandEncoder } = GPUDevice.prototype;
    GPUDevice.prototype.createCommandEncoder = function (this: GPUDevice, ...given) {
      if (left-- === 0) {
        GPUDevice.prototype.createCommandEncoder = createCommandEncoder;
        this.destroy();
      }
      return createCommandEncoder.apply(this, given);
    };
  }, later);
}

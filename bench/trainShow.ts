// The Train tab measured: in Chromium on SwiftShader the page trains on a folder for some minutes. Each minute: how far it
// is, the memory of the browser's processes (resident, MB), and the long tasks of the page's main thread.
// Usage: node dist/trainShow.js [RECORDINGS] [MINUTES]   (after npm run build; default: data/digits, 10)

import { readdirSync, readFileSync } from 'node:fs';
import { setup } from '../test/chromium/executable.ts';
import { StudioBrowser } from '../test/studio/browser.ts';
import { tellTasks, watchTasks } from './longTasks.ts';

const [folder = 'data/digits', minutes = '10'] = process.argv.slice(2);

/** Resident MB of each kind of the browser's processes; the renderers are one per page, with its worker. */
function memory(): string {
  const kinds = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!command.includes('chromium-')) continue;
      const kind = /--type=([\w-]+)/.exec(command)?.[1] ?? 'browser';
      const kb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
      kinds.set(kind, (kinds.get(kind) ?? 0) + kb / 1024);
    } catch {
      // A process that ended meanwhile.
    }
  return [...kinds]
    .filter(([kind]) => ['renderer', 'gpu-process', 'browser'].includes(kind))
    .map(([kind, mb]) => `${kind} ${Math.round(mb)}`)
    .join(', ');
}

await setup();
const studio = await StudioBrowser.start();
try {
  const { page, errors } = await studio.open({}, 'ready', async (page) => {
    await watchTasks(page);
  });
  await page.getByRole('tab', { name: 'Train' }).click();
  await page.locator('#folder').setInputFiles(folder);
  await page.locator('#epochs').fill('10000');
  await tellTasks(page);
  await page.locator('#start').click();
  const begin = performance.now();
  for (let minute = 1; minute <= Number(minutes); minute++) {
    await page.waitForTimeout(Math.max(0, begin + 60_000 * minute - performance.now()));
    const told = await page.locator('#train-message').textContent();
    console.log(`${minute} min: ${told} | MB: ${memory()} | ${await tellTasks(page)}`);
  }
  if (errors.length > 0) console.log(`errors: ${errors.join('; ')}`);
} finally {
  await studio.stop();
}

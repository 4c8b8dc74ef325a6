// Headless Chromium out of the npm package @sparticuz/chromium, unpacked once into node_modules, so that `npm ci` is
// all its set-up: the shared libraries that a bare system lacks (NSS, NSPR, expat) are in the package too. The package
// itself unpacks into the temporary folder and takes whatever lies there under its name.

import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import chromium from '@sparticuz/chromium';
import { parseTar } from 'nanotar';

let root = import.meta.dirname;
while (!existsSync(join(root, 'package.json'))) root = dirname(root);
const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
const packed = join(dirname(entry), '..', '..');
const { version } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
const folder = join(root, 'node_modules', '.cache', `chromium-${version}`);

/** For Playwright: WebGPU on SwiftShader. */
export const chromiumLaunch = {
  executablePath: join(folder, 'chromium'),
  env: { ...process.env, LD_LIBRARY_PATH: join(folder, 'lib') },
  args: [
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
    '--use-vulkan=swiftshader',
  ],
};

/** Run by Vitest before the tests. Unpacks beside the final place, so that a second process cannot see half of it. */
export async function setup(): Promise<void> {
  if (existsSync(folder)) return;
  await mkdir(dirname(folder), { recursive: true });
  const partial = await mkdtemp(`${folder}.`);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = partial;
  try {
    await chromium.executablePath();
    await mkdir(join(partial, 'lib'));
    for (const { name, data } of parseTar(
      brotliDecompressSync(readFileSync(join(packed, 'bin', 'al2023.tar.br'))),
    ))
      if (data) await writeFile(join(partial, 'lib', basename(name)), data);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

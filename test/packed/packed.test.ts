// The package as npm packs it, in projects that know nothing of the repository: Node with types checked by tsc, Vite, and a
// plain page with an import map. All of it on SwiftShader, in Node and in Chromium. Needs npm's registry.

import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveFolder } from '../../scripts/examples.mjs';
import { chromiumLaunch, setup } from '../chromium/executable.ts';
import { root } from '../launch.ts';

const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
let work: string;
let tarball: string;

interface Output {
  stdout: string;
  stderr: string;
}

/** Runs a program, whose output is the error if it fails. */
async function sh(cwd: string, program: string, ...args: string[]): Promise<Output> {
  const env = { ...process.env, FORMANT_ADAPTER: 'swiftshader', NODE_OPTIONS: '' };
  try {
    return await promisify(execFile)(program, args, { cwd, env, maxBuffer: 2 ** 26 });
  } catch (error) {
    const { stdout, stderr } = error as Output;
    throw new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`);
  }
}

/** A project of its own with some packages and files. */
async function project(name: string, packages: string[], files: Record<string, string>): Promise<string> {
  const dir = join(work, name);
  for (const [path, text] of Object.entries({ 'package.json': '{"type": "module"}', ...files })) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  await sh(dir, 'npm', 'install', '--no-audit', '--no-fund', tarball, ...packages);
  return dir;
}

/** What a page says at last in its title, and what went wrong in it. */
async function opened(folder: string): Promise<{ title: string; errors: string[] }> {
  const server = await serveFolder(0, folder);
  const browser = await chromium.launch(chromiumLaunch);
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction(() => document.title !== 'opening', undefined, { timeout: 120_000 });
    return { title: await page.title(), errors };
  } finally {
    await browser.close();
    server.close();
  }
}

/** In a page: trains a line by the engine, and lets the model speak. */
const pageScript = (
  url: string,
) => `import { Adam, backward, Engine, mean, mse, Parameters } from 'formant/engine';
import { encodeWav } from 'formant/audio';
import { loadModel } from 'formant/model';
${url}
const engine = await Engine.open();
const params = new Parameters(engine);
const w = params.add('w', [2], new Float32Array(2));
const adam = new Adam(params, { lr: 0.1 });
const target = engine.tensor([1, 2]);
const step = engine.capture('step', () => {
  const loss = mean(mse(w, target));
  backward(loss);
  adam.step(loss);
  return loss;
});
for (let i = 0; i < 100; i++) step.run({});
const line = (await w.read()).every((v, i) => Math.abs(v - i - 1) < 0.1);
const model = loadModel(engine, await (await fetch(url)).arrayBuffer());
const wav = encodeWav(await model.speak('7'), model.sampleRate);
document.title = JSON.stringify({ line, bytes: wav.length });
`;
const html = (head: string, script: string) =>
  `<!doctype html><html lang="en"><head><title>opening</title><link rel="icon" href="data:,">${head}</head>` +
  `<body><script type="module" src="${script}"></script></body></html>`;
const worked = { title: JSON.stringify({ line: true, bytes: 44 + 2 * 8192 }), errors: [] };

/** Top-level await, which the page's script uses. */
const viteConfig = "export default { build: { target: 'es2022' } };";

beforeAll(async () => {
  await setup();
  work = await mkdtemp(join(tmpdir(), 'formant-packed-'));
  const { stdout } = await sh(root, 'npm', 'pack', '--json', '--pack-destination', work);
  const [{ filename }] = JSON.parse(stdout);
  tarball = join(work, filename);
});
afterAll(() => rm(work, { recursive: true, force: true }));

test('Node: types by tsc for Node and for bundlers, a model that speaks, the command', async () => {
  const use = await readFile(join(root, 'test', 'exports', 'use.ts'), 'utf8');
  const main = `import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadModel, openEngine } from 'formant/node';
import { encodeWav } from 'formant/audio';
const engine = await openEngine();
const file = fileURLToPath(import.meta.resolve('formant/model/digits.safetensors'));
const model = loadModel(engine, readFileSync(file), 'digits');
console.log(encodeWav(await model.speak('7', { seed: 1 }), model.sampleRate).length);
engine.close();
`;
  const packages = ['typescript', '@types/node', '@sparticuz/chromium'].map(
    (name) => `${name}@${devDependencies[name]}`,
  );
  const dir = await project('node', packages, { 'use.ts': use, 'main.mjs': main });
  const flags = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node'];
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])
    await sh(dir, 'npx', 'tsc', ...flags, '--module', module, '--moduleResolution', resolution, 'use.ts');
  expect((await sh(dir, 'node', 'main.mjs')).stdout).toMatch(/^16428$/m);
  expect((await sh(dir, 'npx', 'formant', '--help')).stdout).toMatch(/train/);
});

test('Vite: built, opened, and no larger than what is used', async () => {
  const script = pageScript("import url from 'formant/model/digits.safetensors?url';");
  const files = { 'index.html': html('', '/main.js'), 'main.js': script, 'vite.config.js': viteConfig };
  const dir = await project('vite', ['vite'], files);
  const { stderr } = await sh(dir, join(dir, 'node_modules', '.bin', 'vite'), 'build');
  expect(stderr).toBe('');
  const assets = join(dir, 'dist', 'assets');
  const scripts = (await readdir(assets)).filter((name) => name.endsWith('.js'));
  const sizes = await Promise.all(
    scripts.map(async (name) => gzipSync(await readFile(join(assets, name))).length),
  );
  const bytes = sizes.reduce((sum, n) => sum + n, 0);
  console.log(`Vite: ${scripts.length} scripts, ${bytes} bytes compressed`);
  expect(bytes).toBeLessThan(60_000);
  expect(await opened(join(dir, 'dist'))).toEqual(worked);
});

test('a plain page with an import map', async () => {
  const dir = await project('plain', [], {});
  const formant = join(dir, 'node_modules', 'formant');
  await cp(join(formant, 'dist', 'browser'), join(dir, 'page', 'formant'), { recursive: true });
  await cp(join(formant, 'web', 'model', 'digits.safetensors'), join(dir, 'page', 'digits.safetensors'));
  const imports = Object.fromEntries(
    ['engine', 'audio', 'model'].map((part) => [`formant/${part}`, `./formant/${part}.js`]),
  );
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  await writeFile(join(dir, 'page', 'index.html'), html(map, 'main.js'));
  await writeFile(join(dir, 'page', 'main.js'), pageScript("const url = 'digits.safetensors';"));
  expect(await opened(join(dir, 'page'))).toEqual(worked);
});

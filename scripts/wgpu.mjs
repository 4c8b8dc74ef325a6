// The golden vectors and the short training under the other WebGPU implementation, Firefox's wgpu and naga, which the
// npm package `deno` carries. Fetches that package for the run, so that `npm ci` stays small, and runs on the same
// drivers as the tests in Node. FORMANT_ADAPTER chooses: auto (lavapipe if it is installed, else SwiftShader),
// lavapipe, swiftshader, gpu. GOLDEN_DIR points at another folder of golden files.
// Usage: node scripts/wgpu.mjs

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const deno = 'deno@2.9.6';
const root = join(import.meta.dirname, '..');
const cache = join(root, 'node_modules', '.cache');
const outdir = join(cache, 'wgpu');

await build({
  absWorkingDir: root,
  entryPoints: { ladder: 'src/engine/node.ts', golden: 'test/wgpu/golden.ts' },
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  target: 'es2022',
  platform: 'node',
  external: ['webgpu'],
  logLevel: 'warning',
});
const { chosenByEnvironment, lavapipeDriver, unpackSwiftShader } = await import(
  pathToFileURL(join(outdir, 'ladder.mjs')).href
);

/** Environment that leads wgpu to the driver. */
async function driver() {
  const choice = chosenByEnvironment();
  if (choice === 'gpu') return {};
  const lavapipe = () => ({ VK_DRIVER_FILES: lavapipeDriver() });
  const swiftshader = async () => {
    const folder = await unpackSwiftShader();
    // Its own Vulkan loader, so that the system needs none.
    return { LD_LIBRARY_PATH: folder, VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json') };
  };
  if (choice === 'swiftshader') return swiftshader();
  if (choice === 'lavapipe') return lavapipe();
  try {
    return lavapipe();
  } catch {
    return swiftshader();
  }
}

// Without the backend's name wgpu would fall back to OpenGL where the driver fails.
const env = {
  ...process.env,
  DENO_WEBGPU_BACKEND: 'vulkan',
  DENO_DIR: join(cache, 'deno'),
  DENO_NO_UPDATE_CHECK: '1',
  ...(await driver()),
};
const command = ['--yes', deno, 'run', '--no-config', '--unstable-webgpu', '--allow-read', '--allow-env'];
const { status, error } = spawnSync(
  'npx',
  [...command, join(outdir, 'golden.mjs'), process.env.GOLDEN_DIR ?? join(root, 'test', 'golden')],
  { cwd: root, env, stdio: 'inherit' },
);
if (error) console.error(`${deno} did not start: ${error.message}`);
process.exitCode = status ?? 1;

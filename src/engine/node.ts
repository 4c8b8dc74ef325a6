// The adapter ladder in Node, where WebGPU is Dawn (npm package `webgpu`): a GPU's own driver; else the system's
// software driver (lavapipe); else SwiftShader out of the npm package @sparticuz/chromium, unpacked into a cache
// folder and loaded into this process, so that a machine with no Vulkan at all can run everything.
//
// Dawn's facts: the object of create() must be referenced while a device lives (dropping it crashes) and dropped
// afterwards, or the process does not exit; the Vulkan loader reads VK_DRIVER_FILES when create() is called.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { parseTar } from 'nanotar';
import { deviceOf, type OpenDevice } from './device.ts';
import { Engine, type EngineOptions } from './engine.ts';
import { DeviceError } from './errors.ts';

/** What `adapter` and FORMANT_ADAPTER may be. */
export const adapterChoices = ['auto', 'gpu', 'lavapipe', 'swiftshader'] as const;
/** Which rung of the adapter ladder: auto takes the first that is there. */
export type AdapterChoice = (typeof adapterChoices)[number];

export interface NodeEngineOptions extends EngineOptions {
  /** Which rung of the ladder; default: the environment's FORMANT_ADAPTER, else `auto`. */
  adapter?: AdapterChoice;
}

/**
 * Opens an engine in Node. Close it (`engine.close()`) so that the process can exit.
 * @throws DeviceError naming what was tried and how to get an adapter.
 */
export async function openEngine(options: NodeEngineOptions = {}): Promise<Engine> {
  if (options.device) return Engine.open(options);
  const choice = options.adapter ?? chosenByEnvironment();
  const open =
    choice === 'auto'
      ? await automatic()
      : choice === 'gpu'
        ? await gpu()
        : choice === 'lavapipe'
          ? await lavapipe()
          : await swiftshader();
  return new Engine(open, options);
}

/** @throws DeviceError if FORMANT_ADAPTER is set to something else than a rung of the ladder. */
export function chosenByEnvironment(): AdapterChoice {
  const value = process.env.FORMANT_ADAPTER || 'auto';
  if ((adapterChoices as readonly string[]).includes(value)) return value as AdapterChoice;
  throw new DeviceError(
    `FORMANT_ADAPTER=${value}: no such adapter; choose one of ${adapterChoices.join(', ')}`,
  );
}

async function automatic(): Promise<OpenDevice> {
  return (await system()) ?? (await swiftshader());
}

async function gpu(): Promise<OpenDevice> {
  const open = await system();
  if (open && !open.adapter.software) return open;
  discard(open);
  throw new DeviceError(
    `adapter gpu: ${open ? `only a software adapter is here (${open.adapter.name})` : 'no Vulkan, Metal or D3D12 adapter was found'}; ` +
      'install the GPU’s driver, or use --adapter auto',
  );
}

const lavapipeHint = 'install Mesa 23 or later (Debian: mesa-vulkan-drivers), or use --adapter swiftshader';

/** The file that leads a Vulkan loader to lavapipe. @throws DeviceError if there is none. */
export function lavapipeDriver(): string {
  const folders = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];
  const icd = folders
    .flatMap((dir) => (existsSync(dir) ? readdirSync(dir).map((file) => join(dir, file)) : []))
    .find((file) => /lvp_icd.*\.json$/.test(file));
  if (icd) return icd;
  throw new DeviceError(`adapter lavapipe: no lvp_icd*.json in ${folders.join(', ')}; ${lavapipeHint}`);
}

async function lavapipe(): Promise<OpenDevice> {
  const icd = lavapipeDriver();
  const open = await request(icd);
  if (open && /llvmpipe/i.test(open.adapter.name)) return open;
  discard(open);
  throw new DeviceError(`adapter lavapipe: the driver ${icd} did not give an adapter; ${lavapipeHint}`);
}

/** Whatever the system offers first; `VK_DRIVER_FILES` of the environment is heeded. */
function system(): Promise<OpenDevice | null> {
  return request();
}

async function swiftshader(): Promise<OpenDevice> {
  const dir = await unpackSwiftShader();
  try {
    // RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE: Dawn finds the Vulkan loader by its name afterwards.
    process.dlopen({ exports: {} }, join(dir, 'libvulkan.so.1'), 0x2 | 0x100 | 0x1000);
  } catch (error) {
    // A library that is no Node addon stays loaded, but dlopen reports it; anything else is a real failure.
    if (!/did not self-register/.test((error as Error).message))
      throw new DeviceError(
        `adapter swiftshader: ${(error as Error).message}; SwiftShader needs Linux on x86-64`,
      );
  }
  const open = await request(join(dir, 'vk_swiftshader_icd.json'));
  if (open) return open;
  throw new DeviceError(
    `adapter swiftshader: the driver in ${dir} gave no adapter; delete that folder and try again`,
  );
}

async function request(driver?: string): Promise<OpenDevice | null> {
  const before = process.env.VK_DRIVER_FILES;
  if (driver) process.env.VK_DRIVER_FILES = driver;
  try {
    const { create } = await import('webgpu');
    let instance: GPU | null = create([]);
    const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
    if (!adapter) return null;
    const open = await deviceOf(adapter);
    return {
      ...open,
      spins: true,
      release: () => {
        instance = null;
      },
    };
  } finally {
    if (before === undefined) delete process.env.VK_DRIVER_FILES;
    else process.env.VK_DRIVER_FILES = before;
  }
}

function discard(open: OpenDevice | null): void {
  open?.device.destroy();
  open?.release?.();
}

/**
 * The folder of SwiftShader's loader (libvulkan.so.1) and driver (vk_swiftshader_icd.json). Unpacks them beside their
 * final place and renames that, so that parallel processes cannot see half of it.
 * @throws DeviceError if the package that carries SwiftShader is not installed.
 */
export async function unpackSwiftShader(): Promise<string> {
  const require = createRequire(import.meta.url);
  let packed: string;
  try {
    packed = join(dirname(require.resolve('@sparticuz/chromium')), '..', '..', 'bin', 'swiftshader.tar.br');
  } catch {
    throw new DeviceError(
      'adapter: no GPU and no software driver was found; `npm install @sparticuz/chromium` brings SwiftShader ' +
        '(Linux, x86-64), or install the GPU’s Vulkan driver',
    );
  }
  const { version } = JSON.parse(readFileSync(join(dirname(packed), '..', 'package.json'), 'utf8'));
  const cache = await writableCache();
  const dir = join(cache, `swiftshader-${version}`);
  if (existsSync(dir)) return dir;
  // Unpacking takes a tenth of a second, more than all the rest of a start.
  const files = parseTar(brotliDecompressSync(readFileSync(packed)));
  const partial = await mkdtemp(`${dir}.`);
  for (const file of files)
    if (file.data && /^(\.\/)?[\w.]+$/.test(file.name)) await writeFile(join(partial, file.name), file.data);
  await rename(partial, dir).catch(() => rm(partial, { recursive: true, force: true }));
  return dir;
}

/** A folder of our own that survives the process where the system allows one. */
export async function writableCache(): Promise<string> {
  const wanted = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'formant');
  try {
    await mkdir(wanted, { recursive: true });
    return wanted;
  } catch {
    return mkdtemp(join(tmpdir(), 'formant-'));
  }
}

// From an adapter to a device: which limits and features to ask for, and what is worth knowing about the adapter.
// Works on WebGPU's default limits; larger buffers are asked for where the adapter offers them, because a limit
// cannot be raised later. The adapter ladder for Node is in node.ts.

import { DeviceError } from './errors.ts';

export interface AdapterSummary {
  /** For people: vendor, architecture, description. */
  readonly name: string;
  /** Runs on the processor: kernels avoid workgroup memory and barriers there. */
  readonly software: boolean;
  /** Invocations of a subgroup if its size is fixed and the device has the feature, else 0. */
  readonly lanes: number;
}

/** A device with what the engine must know of it. `owned` devices are destroyed with the engine. */
export interface OpenDevice {
  readonly device: GPUDevice;
  readonly adapter: AdapterSummary;
  readonly owned: boolean;
  /** Its pending promises keep the processor busy, as in Dawn's Node binding. */
  readonly spins?: boolean;
  /** Called when the engine closes. */
  readonly release?: () => void;
}

const wantedFeatures: GPUFeatureName[] = ['subgroups', 'timestamp-query', 'shader-f16'];

/** @throws DeviceError if no adapter is there or it refuses a device. */
export async function openDevice(
  gpu: GPU | undefined,
  options: GPURequestAdapterOptions = {},
): Promise<OpenDevice> {
  if (!gpu)
    throw new DeviceError(
      'device: this browser has no WebGPU; use a current Chrome, Edge, Safari or Firefox',
    );
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance', ...options });
  if (!adapter)
    throw new DeviceError(
      'device: WebGPU is there but found no adapter; enable hardware acceleration or a driver',
    );
  return deviceOf(adapter);
}

export async function deviceOf(adapter: GPUAdapter): Promise<OpenDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  try {
    const device = await adapter.requestDevice({
      label: 'formant',
      requiredFeatures: wantedFeatures.filter((f) => adapter.features.has(f)),
      requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
    });
    return { device, adapter: summarise(adapter.info, device), owned: true };
  } catch (error) {
    throw new DeviceError(`device: ${nameOf(adapter.info)} refused a device: ${(error as Error).message}`);
  }
}

/** A device that a page already has. It stays the page's: the engine never destroys it. */
export function adoptDevice(device: GPUDevice): OpenDevice {
  return { device, adapter: summarise(device.adapterInfo, device), owned: false };
}

function nameOf(info: GPUAdapterInfo): string {
  return (
    [info.description || info.device, info.architecture].filter(Boolean).join(', ') ||
    info.vendor ||
    'unnamed'
  );
}

function summarise(info: GPUAdapterInfo, device: GPUDevice): AdapterSummary {
  const name = nameOf(info);
  const min = info.subgroupMinSize ?? 0;
  const fixed = min > 0 && min === info.subgroupMaxSize && min <= 128;
  return {
    name,
    software: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|microsoft basic/i.test(name),
    lanes: fixed && device.features.has('subgroups') ? min : 0,
  };
}

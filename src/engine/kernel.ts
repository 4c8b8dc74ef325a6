// A kernel is a record: buffers, uniforms and workgroup size by name, and the statements of its main function.
// Binding numbers, the uniform struct, the bind group layout and the pipeline's key are derived from it, so a
// shader never spells out a binding. Every grid is a line of workgroups: `group` is the index along it and
// `lane` the invocation inside; above 65,535 groups the line is folded over two dimensions, unseen by the body.
// Sizes are uniforms, read as `u.NAME`; whatever shapes the code (taps, tiles, strides) is baked into the text.

export type Element = 'f32' | 'u32' | 'i32' | 'vec2f' | 'vec4f' | 'vec4u';

export interface Kernel {
  /** GPU label, `op.part`. */
  name: string;
  reads?: Record<string, Element>;
  /** Bound for reading and writing. */
  writes: Record<string, Element>;
  uniforms?: Record<string, 'u32' | 'f32'>;
  /** Invocations of a workgroup. */
  workgroup: number;
  /** The body uses subgroup operations and expects one workgroup to be one subgroup. */
  subgroups?: boolean;
  /** Module-scope WGSL: functions and constants. */
  declarations?: string;
  body: string;
}

/** The most workgroups that WebGPU promises along one dimension of a dispatch. */
export const maxGroups = 65535;

/** Splits a line of workgroups over two dimensions that each fit a limit. */
export function foldGrid(groups: number, maxGroups: number): [number, number] {
  if (groups <= maxGroups) return [groups, 1];
  const y = Math.ceil(groups / maxGroups);
  return [Math.ceil(groups / y), y];
}

/** The complete WGSL of a kernel; the text is also the key of its pipeline. */
export function kernelSource(kernel: Kernel, folded: boolean): string {
  const lines: string[] = [];
  if (kernel.subgroups) lines.push('enable subgroups;');
  const fields = ['workgroups: u32', ...Object.entries(kernel.uniforms ?? {}).map(([n, t]) => `${n}: ${t}`)];
  lines.push(`struct Uniforms { ${fields.join(', ')} }`);
  let binding = 0;
  for (const [name, element] of Object.entries(kernel.reads ?? {}))
    lines.push(`@group(0) @binding(${binding++}) var<storage, read> ${name}: array<${element}>;`);
  for (const [name, element] of Object.entries(kernel.writes))
    lines.push(`@group(0) @binding(${binding++}) var<storage, read_write> ${name}: array<${element}>;`);
  lines.push(`@group(0) @binding(${binding}) var<uniform> u: Uniforms;`);
  if (kernel.declarations) lines.push(kernel.declarations);
  const builtins = [
    '@builtin(workgroup_id) groupId: vec3u',
    kernel.subgroups
      ? '@builtin(subgroup_invocation_id) lane: u32'
      : '@builtin(local_invocation_index) lane: u32',
    ...(folded ? ['@builtin(num_workgroups) grid: vec3u'] : []),
  ];
  lines.push(`@compute @workgroup_size(${kernel.workgroup}) fn main(${builtins.join(', ')}) {`);
  if (folded)
    lines.push('let group = groupId.y * grid.x + groupId.x;', 'if (group >= u.workgroups) { return; }');
  else lines.push('let group = groupId.x;');
  lines.push(kernel.body, '}');
  return lines.join('\n');
}

export interface Pipeline {
  readonly id: number;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiles kernels, one pipeline for each distinct text, and keeps them for the life of the device. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  get count(): number {
    return this.#pipelines.size;
  }

  get(kernel: Kernel, folded: boolean): Pipeline {
    const code = kernelSource(kernel, folded);
    const known = this.#pipelines.get(code);
    if (known) return known;
    const layout = this.#layout(Object.keys(kernel.reads ?? {}).length, Object.keys(kernel.writes).length);
    // Created synchronously: measured faster than createComputePipelineAsync on the software adapters.
    const made: Pipeline = {
      id: this.#pipelines.size,
      layout,
      pipeline: this.#device.createComputePipeline({
        label: kernel.name,
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: {
          module: this.#device.createShaderModule({ label: kernel.name, code }),
          entryPoint: 'main',
        },
      }),
    };
    this.#pipelines.set(code, made);
    return made;
  }

  #layout(reads: number, writes: number): GPUBindGroupLayout {
    const key = `${reads},${writes}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types: GPUBufferBindingType[] = [
        ...Array<GPUBufferBindingType>(reads).fill('read-only-storage'),
        ...Array<GPUBufferBindingType>(writes).fill('storage'),
        'uniform',
      ];
      layout = this.#device.createBindGroupLayout({
        label: `layout ${key}`,
        entries: types.map((type, binding) => ({
          binding,
          visibility: GPUShaderStageCompute,
          buffer: { type },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/** GPUShaderStage.COMPUTE; the global of that name is missing in Node. */
const GPUShaderStageCompute = 4;

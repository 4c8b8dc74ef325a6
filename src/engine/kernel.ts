// A kernel is a record: tensors, numbers and workgroup size by name, and the statements of its main function.
// Binding numbers, the uniform struct, the bind group layout and the pipeline's key are derived from it, so a
// shader never spells out a binding, and nothing is named twice. Every grid is a line of workgroups: `group` is the index
// along it and `lane` the invocation inside; above 65,535 groups the line is folded over two dimensions, unseen by the
// body. Sizes are uniforms, read as `u.NAME`; whatever shapes the code (taps, tiles, strides) is baked into the text.

import type { Tensor } from './tensor.ts';

export type Element = 'f32' | 'u32' | 'i32' | 'vec2f' | 'vec4f' | 'vec4u';

/** Tensors by the kernel's names for them, of f32 unless a pair says otherwise. Absent ones (a bias, say) are left out. */
export type Bindings = Record<string, Tensor | readonly [Element, Tensor] | null | undefined>;

export interface Kernel {
  /** GPU label, `op.part`. */
  name: string;
  reads?: Bindings;
  /** Bound for reading and writing; the first one's engine runs the kernel. */
  writes: Bindings;
  /** Uniforms: whole numbers, and floats. */
  sizes?: Record<string, number>;
  floats?: Record<string, number>;
  /** Invocations of a workgroup; default 64, in `perItem` what suits the adapter. */
  workgroup?: number;
  /** The body uses subgroup operations and expects one workgroup to be one subgroup. */
  subgroups?: boolean;
  /** Module-scope WGSL: functions and constants. */
  declarations?: string;
  body: string;
}

/** One of a kernel's tensors. */
export interface Bound {
  name: string;
  element: Element;
  tensor: Tensor;
}

/** The tensors that are there, in order. */
export const boundOf = (bindings: Bindings = {}): Bound[] =>
  Object.entries(bindings).flatMap(([name, bound]) => {
    if (!bound) return [];
    const [element, tensor] = 'shape' in bound ? (['f32', bound] as const) : bound;
    return { name, element, tensor };
  });

/** The most workgroups that WebGPU promises along one dimension of a dispatch. */
export const maxGroups = 65535;

/** Splits a line of workgroups over two dimensions that each fit a limit. */
export function foldGrid(groups: number, maxGroups: number): [number, number] {
  if (groups <= maxGroups) return [groups, 1];
  const y = Math.ceil(groups / maxGroups);
  return [Math.ceil(groups / y), y];
}

/** The complete WGSL of a kernel over its tensors, the first of which are read; the text is also the key of its pipeline. */
function kernelSource(kernel: Kernel, bound: readonly Bound[], reads: number, folded: boolean): string {
  const { sizes = {}, floats = {}, workgroup = 64, subgroups, declarations = '', body } = kernel;
  const fields = (names: object, type: string) => Object.keys(names).map((n) => `, ${n}: ${type}`);
  const buffers = bound.map(
    ({ name, element }, i) =>
      `@group(0) @binding(${i}) var<storage, read${i < reads ? '' : '_write'}> ${name}: array<${element}>;`,
  );
  // `let u = u`: a copy, because SwiftShader loads a uniform anew at every mention, in loops too.
  const id = subgroups ? 'subgroup_invocation_id' : 'local_invocation_index';
  const grid = folded ? ', @builtin(num_workgroups) grid: vec3u' : '';
  return `${subgroups ? 'enable subgroups;' : ''}
struct Uniforms { workgroups: u32${[...fields(sizes, 'u32'), ...fields(floats, 'f32')].join('')} }
${buffers.join('\n')}
@group(0) @binding(${buffers.length}) var<uniform> u: Uniforms;
${declarations}
@compute @workgroup_size(${workgroup}) fn main(@builtin(workgroup_id) groupId: vec3u, @builtin(${id}) lane: u32${grid}) {
let u = u;
let group = groupId.x${folded ? ' + groupId.y * grid.x;\nif (group >= u.workgroups) { return; }' : ';'}
${body}
}`;
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

  get(kernel: Kernel, bound: readonly Bound[], reads: number, folded: boolean): Pipeline {
    const code = kernelSource(kernel, bound, reads, folded);
    const known = this.#pipelines.get(code);
    if (known) return known;
    const layout = this.#layout(reads, bound.length - reads);
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

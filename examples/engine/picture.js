// The page's own use of its device: grey values become pixels in two colours by a pipeline of the page's. Of the engine it knows
// a range of a GPUBuffer, which it copies on the GPU, so that it can draw when the engine is gone. Pixels go to a 2D canvas;
// a page that draws on a WebGPU canvas hands the same range to its fragment shader.

const code = `@group(0) @binding(0) var<storage, read> grey: array<f32>;
@group(0) @binding(1) var<uniform> colours: array<vec4f, 2>;
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  pixels[id.x] = pack4x8unorm(mix(colours[0], colours[1], clamp(grey[id.x], 0.0, 1.0)));
}`;

export class Picture {
  #device;
  #context;
  #pipeline;
  #grey;
  #colours;
  #pixels;
  #shown;
  #group;

  /** @param canvas square, its width a multiple of 8 */
  constructor(device, canvas) {
    const { STORAGE, UNIFORM, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
    const size = 4 * canvas.width ** 2;
    this.#device = device;
    this.#context = canvas.getContext('2d');
    const module = device.createShaderModule({ code });
    this.#pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
    this.#grey = device.createBuffer({ size, usage: STORAGE | COPY_DST });
    this.#colours = device.createBuffer({ size: 32, usage: UNIFORM | COPY_DST });
    this.#pixels = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
    this.#shown = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
    this.#group = device.createBindGroup({
      layout: this.#pipeline.getBindGroupLayout(0),
      entries: [this.#grey, this.#colours, this.#pixels].map((buffer, binding) => ({
        binding,
        resource: { buffer },
      })),
    });
  }

  /** Takes values over, from 0 (paper) to 1 (ink): a GPUBufferBinding of floats. */
  take({ buffer, offset, size }) {
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, offset, this.#grey, 0, size);
    this.#device.queue.submit([encoder.finish()]);
  }

  /** One drawing at a time. @param paper and ink: [red, green, blue], 0 to 1 */
  async draw(paper, ink) {
    const { queue } = this.#device;
    queue.writeBuffer(this.#colours, 0, Float32Array.of(...paper, 1, ...ink, 1));
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    pass.setBindGroup(0, this.#group);
    pass.dispatchWorkgroups(this.#grey.size / 4 / 64);
    pass.end();
    encoder.copyBufferToBuffer(this.#pixels, 0, this.#shown, 0, this.#shown.size);
    queue.submit([encoder.finish()]);
    await this.#shown.mapAsync(GPUMapMode.READ);
    const rgba = new Uint8ClampedArray(this.#shown.getMappedRange().slice());
    this.#shown.unmap();
    this.#context.putImageData(new ImageData(rgba, Math.sqrt(rgba.length / 4)), 0, 0);
  }
}

// Kernels that a device compiled, kept: Dawn knows a pipeline again as long as somebody holds it, so engines that use the
// device one after the other do not compile what they have in common. Nothing here belongs to Node.

/** Holds the device's pipelines as long as the device. */
export function held(device: GPUDevice): void {
  const pipelines: GPUComputePipeline[] = [];
  const create = device.createComputePipeline.bind(device);
  device.createComputePipeline = (descriptor) => {
    const pipeline = create(descriptor);
    pipelines.push(pipeline);
    return pipeline;
  };
}

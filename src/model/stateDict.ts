// A model's weights as a PyTorch state_dict in a safetensors file, both ways:
//   PyTorch   safetensors.torch.save_file(model.state_dict(), path), model.load_state_dict(load_file(path))
//   here      encodeStateDict(await model.params.state()), loadStateDict(model.params, bytes, path)
// Names and layouts are those of torch.nn's modules. Float32 passes bit for bit; F16 and BF16 are widened, F64 rounded to
// float32; other dtypes are refused. A model.safetensors of a run is such a file as well;
// its prior (prior.*) is no weight, and passed over: for PyTorch, load_state_dict(state, strict=False).

import { type Parameters, refuseDifferences } from '../engine/params.ts';
import { type HostArray, shapeText } from '../engine/tensor.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** @returns bytes of a safetensors file that PyTorch's load_file reads */
export function encodeStateDict(state: Record<string, HostArray>): Uint8Array {
  return writeSafetensors(state, { format: 'pt' });
}

/**
 * Replaces a model's weights by those of a safetensors file.
 * @param name the file as errors should call it
 * @throws CheckpointError listing every tensor that is missing, unknown, or of another shape or dtype
 */
export function loadStateDict(params: Parameters, bytes: Uint8Array, name: string): void {
  const { tensors } = readSafetensors(bytes, name);
  // Batches seen by torch's batch normalisation, an integer that nothing here depends on.
  for (const key of tensors.keys()) if (/(^|\.)num_batches_tracked$|^prior\./.test(key)) tensors.delete(key);
  const { state, refused } = splitFloats(tensors);
  const shapes = Object.fromEntries([...tensors].map(([key, { shape }]) => [key, { shape }]));
  refuseDifferences([...params.differences(shapes), ...refused], name);
  params.load(state, name);
}

/** The tensors that are floats, as float32, and what is wrong with each of the others. */
export function splitFloats(tensors: Iterable<readonly [string, StoredTensor]>): {
  state: Record<string, HostArray>;
  refused: string[];
} {
  const state: Record<string, HostArray> = {};
  const refused: string[] = [];
  for (const [name, { data, shape, dtype }] of tensors) {
    const floats = data instanceof Float64Array ? Float32Array.from(data) : data;
    if (!(floats instanceof Float32Array))
      refused.push(`${name} ${shapeText(shape)} is of dtype ${dtype}, not of floats`);
    else if (
      data instanceof Float64Array &&
      data.some((v, i) => Number.isFinite(v) && !Number.isFinite(floats[i]))
    )
      refused.push(`${name} ${shapeText(shape)} has F64 values beyond float32`);
    else state[name] = { shape, data: floats };
  }
  return { state, refused };
}

// The metadata of our safetensors files: which program and version wrote it, what kind of file it is (a model, a
// checkpoint, an example's network), and objects by name, each as JSON, because the format keeps texts alone.

import { CheckpointError } from '../engine/errors.ts';

/** Raised when a file's meaning changes; older ones are read, later ones refused. */
const version = 2;

/** Metadata of a file of ours: what kind it is, and objects by name. */
export function metadata(kind: string, json: Record<string, unknown>): Record<string, string> {
  const entries = Object.entries(json).map(([key, value]) => [key, JSON.stringify(value)]);
  return { format: 'pt', formant: `${version}`, kind, ...Object.fromEntries(entries) };
}

/** Metadata of a file of ours as objects. @throws CheckpointError if it is another program's or a later version's. */
export function parseMetadata(
  found: Record<string, string>,
  kind: string,
  name: string,
): Record<string, unknown> {
  if (found.formant === undefined || found.kind === undefined)
    throw new CheckpointError(`${name}: this safetensors file was not written by formant`);
  const of = Number(found.formant);
  if (!Number.isInteger(of) || of < 1 || of > version)
    throw new CheckpointError(
      `${name}: format version ${found.formant}, this formant reads 1 to ${version}; ` +
        `${of > version ? 'update formant' : 'the file is damaged'}`,
    );
  if (found.kind !== kind)
    throw new CheckpointError(`${name}: a ${found.kind} file where a ${kind} file is needed`);
  const out: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(found)) {
    if (key === 'format' || key === 'formant' || key === 'kind') continue;
    try {
      out[key] = JSON.parse(text);
    } catch {
      throw new CheckpointError(`${name}: its metadata ${key} is not JSON; the file is damaged`);
    }
  }
  return out;
}

// What a model keeps of the voices it was trained on, so that it can be adapted without forgetting them where its
// recordings are not at hand: some of its training examples, spread evenly over speakers and labels, each value in a
// byte (80 dB in 255 steps: an error of 0.09 dB), frames of silence at the end left out. The file `replay.safetensors`:
//   x        U8 (values)    the examples one after another, each (rows, its frames) row-major
//   frames   I32 (count)    frames of each; those after them are 0
//   label    I32 (count)    index into `labels`, -1 without one
//   metadata kind "replay", `shape` of an example, `labels`, `names` and `speakers` of the examples (null: not known)

import { CheckpointError } from '../engine/errors.ts';
import type { Dataset, Split } from './dataset.ts';
import { exampleOf, examplesAt } from './dataset.ts';
import { metadata, parseMetadata } from './metadata.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

/** Examples that are kept unless another number is asked for: about 400 KB of recordings of a second. */
export const replayExamples = 256;

/**
 * At most `most` examples, as many of each speaker and label as of the others, as far as there are; evenly apart in the
 * split's order.
 */
export function replayOf(split: Split, most = replayExamples): Split {
  const groups = new Map<string, number[]>();
  for (let i = 0; i < split.count; i++) {
    const group = JSON.stringify([split.speakers?.[i] ?? null, split.label[i] ?? -1]);
    const there = groups.get(group);
    if (there) there.push(i);
    else groups.set(group, [i]);
  }
  const chosen: number[] = [];
  let open = [...groups.values()].sort((a, b) => a.length - b.length);
  // The smallest groups first: what they cannot give is shared by the rest.
  while (open.length > 0) {
    const [group, ...rest] = open;
    const share = Math.min(group.length, Math.ceil((most - chosen.length) / open.length));
    for (let k = 0; k < share; k++) chosen.push(group[Math.floor(((k + 0.5) * group.length) / share)]);
    open = rest;
  }
  return examplesAt(
    split,
    chosen.slice(0, most).sort((a, b) => a - b),
  );
}

/** @param split of which all is written, see `replayOf` @returns bytes of `replay.safetensors` */
export function encodeReplay({ shape, labels }: Pick<Dataset, 'shape' | 'labels'>, split: Split): Uint8Array {
  const [, columns] = shape;
  const parts: Uint8Array[] = [];
  const frames = new Int32Array(split.count);
  for (let i = 0; i < split.count; i++) {
    const bytes = Uint8Array.from(exampleOf({ shape }, split, i), (v) => Math.round(255 * v));
    const last = bytes.reduce((most, v, at) => (v > 0 ? Math.max(most, (at % columns) + 1) : most), 0);
    frames[i] = last;
    parts.push(bytes.filter((_, at) => at % columns < last));
  }
  const x = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    x.set(part, at);
    at += part.length;
  }
  const label = split.label.length > 0 ? split.label : new Int32Array(split.count).fill(-1);
  const speakers = split.speakers ?? split.names.map(() => null);
  const tensors = {
    x: { data: x, shape: [x.length] },
    frames: { data: frames, shape: [split.count] },
    label: { data: label, shape: [split.count] },
  };
  return writeSafetensors(tensors, metadata('replay', { shape, labels, names: split.names, speakers }));
}

/**
 * @param like what the model takes: the examples must be of its shape, and their labels among its own
 * @throws CheckpointError if the bytes are no such file, or it is of another model.
 */
export function decodeReplay(
  bytes: Uint8Array,
  like: Pick<Dataset, 'shape' | 'labels'>,
  name: string,
): Split {
  const { tensors, metadata: found } = readSafetensors(bytes, name);
  const { shape, labels, names, speakers } = parseMetadata(found, 'replay', name) as Record<string, unknown>;
  const fail = (what: string): never => {
    throw new CheckpointError(
      `${name}: ${what}; delete it, or restore the file that was trained with the model`,
    );
  };
  const [x, frames, label] = ['x', 'frames', 'label'].map((key) => tensors.get(key)?.data);
  if (!(x instanceof Uint8Array && frames instanceof Int32Array && label instanceof Int32Array))
    return fail('x, frames or label is missing or of another dtype');
  if (`${shape}` !== `${like.shape}`)
    fail(`examples of (${shape}); this model takes (${like.shape.join(', ')})`);
  if (JSON.stringify(labels) !== JSON.stringify(like.labels)) fail('its labels are not those of this model');
  const [rows, columns] = like.shape;
  const count = frames.length;
  const starts = [0];
  for (const n of frames) starts.push(starts[starts.length - 1] + rows * n);
  const lists = [names, speakers].every((list) => Array.isArray(list) && list.length === count);
  const fine = frames.every((n) => n >= 0 && n <= columns) && starts[count] === x.length;
  const known = label.length === count && label.every((l) => l >= -1 && l < like.labels.length);
  if (!lists || !fine || !known) fail('its parts do not fit each other; the file is damaged');
  return {
    count,
    label,
    names: names as string[],
    speakers: speakers as (string | null)[],
    read: (i, into, at) => {
      const n = frames[i];
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++)
          into[at + r * columns + c] = c < n ? x[starts[i] + r * n + c] / 255 : 0;
    },
  };
}

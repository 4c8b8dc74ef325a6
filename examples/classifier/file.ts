// A trained classifier as a safetensors file: weights under PyTorch's names; in its metadata the architecture, the
// features' settings, the labels, and what it was trained on. Architecture and features are fixed, so a file with other
// ones is refused: its figures would not compare.

import {
  CheckpointError,
  type Engine,
  readSafetensors,
  referenceFeatures,
  writeSafetensors,
} from '../../src/index.ts';
import { metadata, parseMetadata } from '../../src/model/metadata.ts';
import { splitFloats } from '../../src/model/stateDict.ts';
import { levelRange } from './clips.ts';
import { architecture, Classifier } from './network.ts';

/** How a classifier came about. */
export interface Origin {
  seed: number;
  epochs: number;
  /** Clips trained on, and clips tested with. */
  train: number;
  test: number;
  /** Share of the test clips heard right. */
  accuracy: number;
}

const settings = { architecture, features: { ...referenceFeatures, levelRange } };

/** @returns bytes of a classifier's file */
export async function encodeClassifier(model: Classifier, origin: Origin): Promise<Uint8Array> {
  return writeSafetensors(
    await model.params.state(),
    metadata('classifier', { ...settings, labels: model.labels, origin }),
  );
}

/**
 * @param name the file as errors should call it
 * @throws CheckpointError if it is no such file, damaged, or of another architecture.
 */
export function decodeClassifier(
  engine: Engine,
  bytes: Uint8Array,
  name: string,
): { model: Classifier; origin: Origin } {
  const { tensors, metadata: found } = readSafetensors(bytes, name);
  const { labels, origin, ...rest } = parseMetadata(found, 'classifier', name);
  for (const [key, wanted] of Object.entries(settings)) {
    const [is, must] = [JSON.stringify(rest[key]), JSON.stringify(wanted)];
    if (is !== must)
      throw new CheckpointError(`${name}: ${key} ${is}, this classifier has ${must}; train it again`);
  }
  if (!Array.isArray(labels) || labels.length < 2 || !labels.every((l) => typeof l === 'string'))
    throw new CheckpointError(`${name}: no list of labels in its metadata; the file is damaged`);
  const { state, refused } = splitFloats(tensors);
  if (refused.length > 0) throw new CheckpointError(`${name}: ${refused.join('; ')}; the file is damaged`);
  const model = new Classifier(engine, labels, 0);
  model.params.load(state, name);
  return { model, origin: origin as Origin };
}

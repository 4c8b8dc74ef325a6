// Trains the classifier: cross-entropy, Adam from 1e-3 down a cosine to 0, batches of 64 in an order drawn anew for each
// epoch. The step is captured at its first run and replayed from then on; its losses are read once an epoch. Batches
// are whole (what is left over of an epoch is left out), so that one capture does and batch statistics are never poor.

import {
  Adam,
  backward,
  cosineAnnealingLr,
  crossEntropy,
  DataError,
  type Engine,
  Metrics,
  mean,
  NonFiniteError,
  Random,
} from '../../src/index.ts';
import { epochBatches } from '../../src/model/dataset.ts';
import { varied } from './augment.ts';
import type { Examples } from './clips.ts';
import { architecture, Classifier } from './network.ts';

export interface TrainingOptions {
  seed: number;
  epochs: number;
  /** Called after each epoch, with its mean loss in nats; returning false ends the training. */
  onEpoch?: (epoch: number, loss: number) => boolean | undefined;
}

/** Epochs unless told otherwise. */
export const defaultEpochs = 20;
const batch = 64;
const lr = 1e-3;

/**
 * A classifier trained on examples; its labels are theirs, in order of appearance.
 * @throws DataError for examples of fewer than two labels. @throws NonFiniteError if the loss was not finite.
 */
export async function trainClassifier(
  engine: Engine,
  { count, x, label }: Examples,
  { seed, epochs, onEpoch }: TrainingOptions,
): Promise<Classifier> {
  const labels = [...new Set(label)];
  if (labels.length < 2)
    throw new DataError(
      `classifier: ${count} clips of ${labels.length} label to train on; give two labels or more`,
    );
  const model = new Classifier(engine, labels, seed);
  const { inputs: C, frames: T } = architecture;
  const B = Math.min(batch, count);
  const perEpoch = Math.floor(count / B);
  const adam = new Adam(model.params, { lr: cosineAnnealingLr(lr, { tMax: epochs * perEpoch }) });
  const losses = new Metrics(engine, 1, perEpoch);
  const [noise, hiding] = [new Random(seed, 'vary'), new Random(seed, 'dropout')];
  let step = 0;
  const train = engine.capture('classifier', ({ x, label }) => {
    const { logits } = model.forward(x, { random: hiding, step: () => step });
    const loss = mean(crossEntropy(logits, label));
    backward(loss);
    adam.step(loss);
    losses.record([loss]);
    return loss;
  });
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const indices of epochBatches(count, B, seed, epoch).slice(0, perEpoch)) {
        const truth = Float32Array.from(indices, (i) => labels.indexOf(label[i]));
        train.run({
          x: { data: varied(x, indices, C, T, noise, step), shape: [B, C, T] },
          label: { data: truth, shape: [B] },
        });
        step++;
      }
      const rows = await losses.read();
      if (await adam.stopped())
        throw new NonFiniteError(`epoch ${epoch + 1}: the loss is not finite; try another seed`);
      if (onEpoch?.(epoch + 1, rows.reduce((sum, [loss]) => sum + loss, 0) / perEpoch) === false) break;
    }
    return model;
  } finally {
    train.dispose();
    losses.dispose();
    adam.dispose();
  }
}

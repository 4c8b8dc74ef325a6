// A digit classifier: the project's ear, and an example of a network of one's own, made of the engine's layers.
//   x (B, 64 mel, 64 frames)
//   three levels of conv1d K 5 padding 2 > batch norm > maxPool 2, ReLU:  64 > 128 > 128 > 128 channels, 8 frames left
//   maximum over time (B, 128);  fc 128 > 64, ReLU: the features (B, 64);  dropout 0.2;  fc 64 > labels
// A frame of the last level sees 36 frames, 0.6 s, so it can hold a whole word; the maximum lets the word be anywhere.
// 64 features are fewer than the 250 test clips of FSDD, so that these have a covariance of full rank.

import {
  BatchNorm1d,
  Conv1d,
  dropout,
  type Engine,
  type Init,
  Linear,
  max,
  maxPool1d,
  Parameters,
  type Random,
  ShapeError,
  type Tensor,
} from '../../src/index.ts';

/** What the saved file is held against: a file of another architecture is refused. */
export const architecture = {
  inputs: 64,
  frames: 64,
  channels: [128, 128, 128],
  kernel: 5,
  features: 64,
  dropout: 0.2,
} as const;

/** How a pass in training differs from one that listens. */
export interface Training {
  random: Random;
  step: () => number;
}

export class Classifier {
  readonly labels: readonly string[];
  readonly params: Parameters;
  readonly #levels: { conv: Conv1d; norm: BatchNorm1d }[];
  readonly #features: Linear;
  readonly #logits: Linear;

  constructor(engine: Engine, labels: readonly string[], seed: number) {
    const { inputs, channels, kernel, features } = architecture;
    this.labels = labels;
    this.params = new Parameters(engine);
    const init: Init = { params: this.params, seed };
    const widths = [inputs, ...channels];
    const padding = (kernel - 1) / 2;
    this.#levels = channels.map((C, i) => ({
      conv: new Conv1d(init, `conv.${i}`, widths[i], C, kernel, { padding }),
      norm: new BatchNorm1d(init, `norm.${i}`, C),
    }));
    this.#features = new Linear(init, 'features', channels[channels.length - 1], features);
    this.#logits = new Linear(init, 'logits', features, labels.length);
  }

  /**
   * @param x (B, 64, 64) from `levelled`
   * @param training given in training: batch statistics and dropout; left out, running statistics and none
   * @returns features (B, 64), logits (B, labels)
   * @throws ShapeError for any other shape.
   */
  forward(x: Tensor, training: Training | null = null): { features: Tensor; logits: Tensor } {
    const { inputs, frames } = architecture;
    if (x.rank !== 3 || x.shape[1] !== inputs || x.shape[2] !== frames)
      throw new ShapeError(
        `classifier: x (${x.shape.join(', ')}); it takes (B, ${inputs}, ${frames}), see levelled`,
      );
    let h = x;
    for (const { conv, norm } of this.#levels)
      h = maxPool1d(norm.forward(conv.forward(h), training !== null), 2, { activation: 'relu' });
    const features = this.#features.forward(max(h, [2]), 'relu');
    const kept = training
      ? dropout(features, architecture.dropout, training.random, training.step)
      : features;
    return { features, logits: this.#logits.forward(kept) };
  }
}

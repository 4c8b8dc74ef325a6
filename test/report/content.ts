// What a report says of a small run that never was: four sounds of two labels, one of which would be markup, by two
// speakers, and a fifth that is not to be played.

import { referenceFeatures } from '../../src/audio/features.ts';
import { colourings } from '../../src/figures/maps.ts';
import type { Content, Item } from '../../src/report/content.ts';
import { Store } from '../../src/report/store.ts';
import { hostile } from './hostile.ts';

export function smallContent(): Content {
  const store = new Store({ ...referenceFeatures, maxDb: 0 });
  const picture = (level: number) => store.picture(new Float32Array(64 * 64).fill(level));
  const sound = (hertz: number) =>
    store.sound(
      Float32Array.from({ length: 800 }, (_, i) => 0.3 * Math.sin((2 * Math.PI * hertz * i) / 8000)),
    );
  const labels = [hostile, 'two', hostile, 'two', null];
  const speakers = ['ann', '"bob"', 'ann', '"bob"', null];
  const figures = (i: number) => ({ negElbo: 50 + i, recon: 40 + i, kl: 10, mse: 0.01, dbRmse: 8 });
  const items = [0, 1, 2, 3].map(
    (i): Item => ({
      name: `${i}_<img src=x>.wav`,
      label: labels[i],
      speaker: speakers[i],
      figures: figures(i),
      x: picture(i / 4),
      y: picture(1 - i / 4),
      xSound: sound(300 + 100 * i),
      ySound: sound(350 + 100 * i),
    }),
  );
  const points = Float32Array.of(0, 0, 2, 0, 0, 1, 2, 1, 1, 3);
  const row = { loss: 60, recon: 50, kl: 10 };
  const test = { negElbo: 51, recon: 41, kl: 10, mse: 0.01, dbRmse: 8, activeUnits: 2 };
  return {
    about: {
      ...{ title: 'demo · conditional VAE', date: '2026-01-31', image: false, width: 64, height: 64 },
      facts: [
        ['Training', '2 epochs, 8 steps, 0:03'],
        ['Step', '12.0 ms'],
        ['Adapter', `a <b>GPU</b>`],
      ],
      settings: [['latent', '2']],
    },
    rows: [1, 2].map((epoch) => ({ epoch, train: row, test, seconds: 1 })),
    split: 'test',
    figures: {
      ...{ ...test, count: 5, constant: 0, unitKl: [6, 4] },
      labels: [hostile, 'two'].map((label) => ({ label, ...figures(1), count: 2 })),
    },
    placed: {
      ...{ split: 'test', indices: [0, 1, 2, 3, 4], names: [], labels, speakers },
      colourings: colourings({ labels, speakers }),
      mu: { data: points, shape: [5, 2] },
    },
    maps: { pca: points, axes: ['PC 1', 'PC 2'], tsne: points.map((v) => 3 - v) },
    items,
    points: [0, 1, 2, 3, null],
    grid: [0, 1],
    anomalies: [3, 2],
    recorded: true,
    samples: [hostile, 'two'].map((label) => ({
      label,
      samples: [{ tile: picture(0.5), sound: sound(500) }],
    })),
    labelsLeftOut: 0,
    latent: null,
    growth: null,
    store,
  };
}

// What a run is, in words: its title, its settings, and on what and how long it was trained.

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { decodeCheckpoint } from '../model/checkpoint.ts';
import type { Dataset } from '../model/dataset.ts';
import { exampleShape, isImage } from '../model/inputs.ts';
import type { EpochRow } from '../model/trainer.ts';
import type { OpenRun } from '../openRun.ts';
import { duration } from '../progress.ts';

export interface About {
  title: string;
  /** When the model was saved, YYYY-MM-DD. */
  date: string;
  image: boolean;
  /** Pixels of an example, across and down. */
  width: number;
  height: number;
  facts: [name: string, value: string][];
  settings: [name: string, value: string][];
}

const count = (n: number) => n.toLocaleString('en-US');

export async function aboutRun(run: OpenRun, data: Dataset): Promise<About> {
  const { config, features, labels, params } = run.file;
  const saved = (await stat(run.folder.path('model.safetensors'))).mtime;
  const [height, width] = exampleShape(features);
  const image = isImage(features);
  const { preset, model, ...settings } = config;
  const kind = model === 'cvae' ? 'conditional VAE' : 'VAE';
  const weights = Object.values(params).reduce((sum, { data }) => sum + data.length, 0);
  const splits = [data.train, data.valid, data.test].map((split, i) =>
    split ? `${count(split.count)} ${['to train', 'to validate', 'to test'][i]}` : '',
  );
  const shape = image ? `${width} × ${height} pixels` : `${height} mel bands × ${width} frames`;
  const facts: About['facts'] = [
    ['Data', basename(run.data)],
    ['Examples', splits.filter(Boolean).join(', ')],
    ['Labels', labels.length > 0 ? `${labels.length}` : 'none'],
    ['Example', image ? shape : `${shape}, ${features.sampleRate / 1000} kHz`],
    ['Weights', count(weights)],
    ...timing(await run.folder.epochs(), Math.ceil(data.train.count / config.batch)),
    ['Adapter', await adapterOf(run)],
  ];
  return {
    title: `${preset} · ${kind}`,
    date: saved.toISOString().slice(0, 10),
    image,
    width,
    height,
    facts,
    settings: Object.entries(settings).map(([name, value]) => [name, [value].flat().join(', ')]),
  };
}

function timing(rows: readonly EpochRow[], perEpoch: number): About['facts'] {
  if (rows.length === 0) return [];
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  const ms = rows.map((row) => (1000 * row.seconds) / perEpoch).sort((a, b) => a - b);
  return [
    [
      'Training',
      `${count(rows.length)} epochs, ${count(rows.length * perEpoch)} steps, ${duration(seconds)}`,
    ],
    ['Step', `${ms[Math.floor(ms.length / 2)].toFixed(1)} ms (median of the epochs)`],
  ];
}

/** The adapter that the last checkpoint was made on. */
async function adapterOf(run: OpenRun): Promise<string> {
  if (!existsSync(run.folder.path('checkpoints', 'last'))) return 'not recorded';
  const { bytes, name } = await run.folder.readCheckpoint('last');
  return decodeCheckpoint(bytes, name).plan.adapter;
}

// What a report says, gathered from a run: everything that needs the engine happens here. Items are the examples that
// the page can show and play: those of the maps (of sound not all, as each takes some 20 KB), of the reconstructions and
// the anomalies, each once.

import { recordingsNamed } from '../data.ts';
import { type Animation, latentAnimation, samplesAnimation } from '../figures/animations.ts';
import { type LatentMaps, latentMaps, type Placed, placedExamples } from '../figures/maps.ts';
import { labelSamples, spoken } from '../figures/samples.ts';
import { reconstructed, shownSplit, type View, variedExamples } from '../figures/view.ts';
import { readHistory } from '../history.ts';
import { mediumOf } from '../medium.ts';
import { evenly } from '../model/dataset.ts';
import { type Assessment, type ExampleFigures, examine } from '../model/evaluate.ts';
import { isImage } from '../model/inputs.ts';
import type { EpochRow } from '../model/trainer.ts';
import type { OpenRun } from '../openRun.ts';
import { type About, aboutRun } from './about.ts';
import { Store } from './store.ts';

export interface Item {
  name: string;
  label: string | null;
  speaker: string | null;
  figures: ExampleFigures;
  /** Tiles: the example, and what the model makes of it. */
  x: number;
  y: number;
  /** Sounds of the same. */
  xSound: number | null;
  ySound: number | null;
}

export interface SampleRow {
  label: string | null;
  samples: { tile: number; sound: number | null }[];
}

export interface Content {
  about: About;
  rows: EpochRow[];
  split: 'train' | 'test';
  /** Of the whole split, and its labels. */
  figures: Assessment;
  placed: Placed;
  maps: LatentMaps;
  items: Item[];
  /** For each placed example the item it is, null if it cannot be shown. */
  points: (number | null)[];
  /** Items. */
  grid: number[];
  anomalies: number[];
  /** Whether originals are heard as they were recorded; otherwise as their features give them back. */
  recorded: boolean;
  samples: SampleRow[];
  labelsLeftOut: number;
  latent: Animation | null;
  growth: Animation | null;
  store: Store;
}

const most = { sounds: 64, anomalies: 8, frames: 20, labels: 20 };

/** @param data of the view @throws CheckpointError if the run's history is damaged. */
export async function gatherContent(run: OpenRun, view: View): Promise<Content> {
  const { data, file } = view;
  const store = new Store(file.features);
  const shown = shownSplit(data);
  const { split } = shown;
  const { config } = file;
  const { assessment, examples } = await examine(view.engine, view.model, data, split, config, config);
  const order = [...examples.keys()].sort((a, b) => examples[b].negElbo - examples[a].negElbo);
  const worst = order.slice(0, most.anomalies);
  const placed = await placedExamples(view);
  const played = isImage(file.features) ? Number.POSITIVE_INFINITY : most.sounds;
  const playable = evenly(placed.indices.length, played).map((i) => placed.indices[i]);
  const chosen = variedExamples(shown);
  const wanted = [...new Set([...playable, ...chosen, ...worst])];
  const { items, recorded } = await makeItems(run, view, wanted, examples, store);
  const place = new Map(wanted.map((index, i) => [index, i]));
  const labels = spoken(view);
  const history = await readHistory(run.folder);
  const picked = labels.slice(0, most.labels);
  return {
    about: await aboutRun(run, data),
    rows: await run.folder.epochs(),
    split: shown.name,
    figures: assessment,
    placed,
    maps: latentMaps(placed.mu),
    items,
    points: placed.indices.map((index) => place.get(index) ?? null),
    grid: chosen.map((index) => place.get(index)!),
    anomalies: worst.map((index) => place.get(index)!),
    recorded,
    samples: await makeSamples(view, picked, store),
    labelsLeftOut: labels.length - picked.length,
    latent: history && (await latentAnimation(history, 'Latent space', { size: 340, most: most.frames })),
    growth: history && (await samplesAnimation(history, file.features, most.frames, 0.5)),
    store,
  };
}

async function makeItems(
  run: OpenRun,
  view: View,
  indices: readonly number[],
  examples: readonly ExampleFigures[],
  store: Store,
): Promise<{ items: Item[]; recorded: boolean }> {
  const { engine, data, file } = view;
  const { features } = file;
  const { split } = shownSplit(data);
  const pairs = await reconstructed(view, split, indices);
  const recordings = isImage(features)
    ? new Map<string, Float32Array>()
    : await recordingsNamed(
        engine,
        run.data,
        new Set(indices.map((i) => split.names[i])),
        features,
        run.voice,
      );
  const heard = (values: Float32Array[]) =>
    isImage(features) ? values.map(() => null) : waves(view, values);
  const recorded = indices.every((i) => recordings.has(split.names[i]));
  const originals = recorded
    ? indices.map((i) => recordings.get(split.names[i]) ?? null)
    : await heard(pairs.map(({ x }) => x));
  const made = await heard(pairs.map(({ y }) => y));
  const items = pairs.map(
    ({ index, x, y }, i): Item => ({
      name: split.names[index],
      label: data.labels[split.label[index]] ?? null,
      speaker: split.speakers?.[index] ?? null,
      figures: examples[index],
      x: store.picture(x),
      y: store.picture(y),
      xSound: store.sound(originals[i]),
      ySound: store.sound(made[i]),
    }),
  );
  return { items, recorded };
}

const chunk = 64;

/** The sound of features (rows, columns) each. */
async function waves(
  { engine, data, file }: View,
  features: Float32Array[],
): Promise<(Float32Array | null)[]> {
  const out: (Float32Array | null)[] = [];
  for (let first = 0; first < features.length; first += chunk) {
    const some = features.slice(first, first + chunk);
    const all = new Float32Array(some.length * some[0].length);
    some.forEach((values, i) => {
      all.set(values, i * values.length);
    });
    const make = () => engine.tensor(all, [some.length, ...data.shape]);
    for (const { wave } of await mediumOf(file.features).encode(engine, make)) out.push(wave ?? null);
  }
  return out;
}

async function makeSamples(
  view: View,
  labels: readonly (string | null)[],
  store: Store,
): Promise<SampleRow[]> {
  const image = isImage(view.file.features);
  const each = labels[0] === null ? 16 : image ? 8 : 4;
  const made = await labelSamples(view, labels, each);
  const features = made.flatMap(({ pictures }) => pictures);
  const sounds = image ? features.map(() => null) : await waves(view, features);
  return made.map(({ label, pictures }, row) => ({
    label,
    samples: pictures.map((values, i) => ({
      tile: store.picture(values),
      sound: store.sound(sounds[row * each + i]),
    })),
  }));
}

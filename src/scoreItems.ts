// What `formant score` is given, as examples of the model: WAV files and folders of them, PNG files and folders of them,
// folders of MNIST's files. Files that cannot be used are left out by name. Sound is brought to one level in its
// features (featureLevel.ts), because how loud something was recorded is not what is asked.

import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClipFile } from './audio/clipFiles.ts';
import { readClips } from './audio/clips.ts';
import { faultOf } from './audio/fault.ts';
import { atLevel } from './audio/featureLevel.ts';
import { type FeatureSettings, maximumOf } from './audio/features.ts';
import { listClips } from './audio/folder.ts';
import { compareNames, fileFault, printable } from './audio/names.ts';
import type { Engine } from './engine/engine.ts';
import { DataError } from './engine/errors.ts';
import { holdsIdx, listMnist } from './image/mnist.ts';
import { readGrey } from './imageFile.ts';
import type { Intake } from './intake.ts';
import { exampleOf } from './model/dataset.ts';
import { imageDataset } from './model/images.ts';
import type { ImageSettings } from './model/inputs.ts';
import { clipFeatures, scaled } from './model/speech.ts';

/** One example, (rows, columns) in [0, 1]. */
export interface Item {
  file: string;
  x: Float32Array;
}

/** Items that were found and not read yet. */
export interface FoundItems {
  /** How many. */
  found: number;
  read(engine: Engine, intake: Intake): Promise<Item[]>;
}

const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

const fileOf = (path: string): ClipFile => ({
  ...{ path, name: path, label: null, speaker: null, index: null },
  split: 'test',
});

/**
 * Recordings at the model's length and rate.
 * @param level that all are brought to, as `featureLevel`; asked for when they are read
 * @throws DataError for a folder without any.
 */
export async function soundItems(
  paths: readonly string[],
  settings: FeatureSettings,
  level: () => number,
): Promise<FoundItems> {
  const lists = await Promise.all(paths.map((path) => (isFolder(path) ? listClips(path) : [fileOf(path)])));
  const files = lists.flat();
  return {
    found: files.length,
    read: async (engine, intake) => {
      const items: Item[] = [];
      const scale = scaled(maximumOf(settings), settings.dynamicRange);
      for await (const clips of readClips(engine, files, settings, intake)) {
        const features = await clipFeatures(engine, clips, settings);
        clips.forEach(({ path }, i) => {
          const frames = features[i].length / settings.nMels;
          items.push({ file: path, x: atLevel(features[i], frames, level()).map(scale) });
        });
      }
      return items;
    },
  };
}

/** Images of the model's size. @throws DataError for a folder without any, and IDX files of another size. */
export async function imageItems(paths: readonly string[], settings: ImageSettings): Promise<FoundItems> {
  const parts = await Promise.all(
    paths.map(async (path): Promise<(string | Item)[]> => {
      if (!isFolder(path)) return [path];
      return holdsIdx(path) ? idxItems(path, settings) : pngFiles(path);
    }),
  );
  const all = parts.flat();
  return {
    found: all.length,
    read: async (_, intake) => {
      const items: Item[] = [];
      for (const item of all) {
        if (typeof item !== 'string') items.push(item);
        else
          try {
            items.push({ file: item, x: await readGrey(item, settings) });
          } catch (error) {
            const { kind, reason } = faultOf(error, item);
            intake.leftOut(item, kind, reason);
          }
      }
      return items;
    },
  };
}

async function pngFiles(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: Error) => {
    throw new DataError(`${printable(dir)}: ${fileFault(error, dir)}`);
  });
  const files = names.filter((name) => /\.png$/i.test(name) && !name.startsWith('.')).sort(compareNames);
  if (files.length === 0)
    throw new DataError(`${printable(dir)}: holds no .png file and none of MNIST's; give a folder of images`);
  return files.map((name) => join(dir, name));
}

/** Every image of a folder of MNIST's files, called DIR/test/12. */
async function idxItems(dir: string, { height, width }: ImageSettings): Promise<Item[]> {
  const images = await listMnist(dir);
  const { rows, cols } = images;
  if (rows !== height || cols !== width)
    throw new DataError(
      `${printable(dir)}: images of ${cols} x ${rows} pixels; this model takes ${width} x ${height}`,
    );
  const { data } = imageDataset(images, false);
  return [data.train, ...(data.test ? [data.test] : [])].flatMap((split) =>
    split.names.map((name, i) => ({ file: join(dir, name), x: exampleOf(data, split, i) })),
  );
}

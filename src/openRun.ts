// A run that is done or under way, opened to look at: its model, and the data it was trained on or other data, in the
// model's terms: scaled as its examples are, labels as it counts them.

import { isCommonVoice } from './audio/commonVoice.ts';
import { type DataSource, openData } from './data.ts';
import type { Engine } from './engine/engine.ts';
import type { IntakeSummary } from './intake.ts';
import { buildModel, type ModelFile } from './model/checkpoint.ts';
import { type Dataset, relabelled } from './model/dataset.ts';
import type { Vae } from './model/vae.ts';
import { RunFolder } from './runFolder.ts';
import type { VoiceSelection } from './voice.ts';

export interface OpenRun {
  readonly folder: RunFolder;
  readonly file: ModelFile;
  /** What `--data` was: digits, or a path. */
  readonly data: string;
  /** What was taken of a release of Common Voice; null for all of it, and for other data. */
  readonly voice: VoiceSelection | null;
  model(engine: Engine): Vae;
  /** What is taken of other data: all, labelled as the run's was. */
  voiceOf(other: string): Promise<VoiceSelection | null>;
  /** The data before it is read; see `dataset`. */
  source(data?: string, strict?: boolean): Promise<DataSource>;
  /**
   * @param data instead of what the run was trained on
   * @param strict the first bad file is an error
   * @throws DataError as `openData`, for other kinds of data than the model's, and for labels it does not know.
   */
  dataset(engine: Engine, data?: string, strict?: boolean): Promise<{ data: Dataset; intake: IntakeSummary }>;
}

/** @throws CheckpointError if it is no run folder, or has no model yet. */
export async function openRun(dir: string): Promise<OpenRun> {
  const folder = await RunFolder.open(dir);
  const { file, name } = await folder.model();
  const stored = (await folder.config()) as { data: string; voice?: VoiceSelection };
  const voice = stored.voice ?? null;
  const labels = voice?.labels ? { labels: voice.labels } : null;
  const voiceOf = async (other: string) => (labels && (await isCommonVoice(other)) ? labels : null);
  const source = async (other?: string, strict?: boolean) => {
    if (other === undefined) return openData(stored.data, { strict, voice });
    return openData(other, { strict, voice: await voiceOf(other) });
  };
  return {
    folder,
    file,
    data: stored.data,
    voice,
    model: (engine) => buildModel(engine, file, name),
    voiceOf,
    source,
    dataset: async (engine, other, strict) => {
      const { intake, dataset } = await source(other, strict);
      const { data } = await dataset(engine, file.features, file.config.validation);
      const labels = file.config.model === 'cvae' ? relabelled(data, file) : data;
      return { data: labels, intake };
    },
  };
}

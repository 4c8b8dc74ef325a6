// Labels that a person gives, or that the names of files say, for conditional models; a vae knows none.

import { basename, dirname, resolve } from 'node:path';
import { fileLabel, fileSpeaker } from './audio/clipFiles.ts';
import { printable } from './audio/names.ts';
import { UsageError } from './command.ts';
import type { ModelFile } from './model/checkpoint.ts';

/** @param option that the label was given by @throws UsageError for a label that the model does not know, or any of a vae. */
export function checkLabel({ config, labels }: ModelFile, label: string, option = '--label'): string {
  const said = `${option} ${printable(label)}`;
  if (config.model === 'vae')
    throw new UsageError(`${said}: this model is a vae and knows no labels; leave it out`);
  if (!labels.includes(label))
    throw new UsageError(`${said}: this model knows ${labels.map(printable).join(', ')}`);
  return label;
}

/** @returns its index @throws UsageError for a speaker that the model does not know, or any of a model that knows none. */
export function checkSpeaker({ speakers = [] }: ModelFile, speaker: string, option = '--speaker'): number {
  const said = `${option} ${printable(speaker)}`;
  if (speakers.length === 0)
    throw new UsageError(
      `${said}: this model knows no speakers; leave it out, or train one with --preset voices`,
    );
  if (!speakers.includes(speaker))
    throw new UsageError(`${said}: this model knows ${speakers.map(printable).join(', ')}`);
  return speakers.indexOf(speaker);
}

/** Index of the speaker that a file's name says, -1 where the model knows none of that name. */
export function speakerOfFile({ speakers = [] }: ModelFile, file: string): number {
  return speakers.indexOf(fileSpeaker(basename(file)) ?? '');
}

/** A label for each file of a conditional model: the given one, else as its name or its folder says. */
export function labelsOfFiles(
  model: ModelFile,
  files: readonly string[],
  given: string | undefined,
): (string | null)[] {
  const { labels } = model;
  if (given !== undefined) checkLabel(model, given);
  if (model.config.model === 'vae') return files.map(() => null);
  return files.map((file) => {
    const path = resolve(file);
    const found =
      given ?? [fileLabel(basename(path)), basename(dirname(path))].find((l) => l && labels.includes(l));
    if (found) return found;
    throw new UsageError(
      `${printable(file)}: neither its name ({label}_{speaker}_{index}.wav) nor its folder is a label of this model ` +
        `(${labels.map(printable).join(', ')}); give one by --label`,
    );
  });
}

// Files as examples of a model, one each: the beginning of a recording as a spectrogram, a PNG as an image.

import { readClips } from './audio/clips.ts';
import { wavesToFeatures } from './audio/features.ts';
import { openRecording } from './audio/recording.ts';
import type { Engine } from './engine/engine.ts';
import type { Tensor } from './engine/tensor.ts';
import { readGrey } from './imageFile.ts';
import { Intake } from './intake.ts';
import { type InputSettings, isImage } from './model/inputs.ts';

/**
 * @param files a few
 * @returns (B, rows, columns) in [0, 1], in the order of the files; the caller disposes it
 * @throws DataError for the first file that cannot be used.
 */
export async function readExamples(
  engine: Engine,
  files: readonly string[],
  settings: InputSettings,
): Promise<Tensor> {
  if (isImage(settings)) {
    const { height, width } = settings;
    const data = new Float32Array(files.length * height * width);
    for (const [i, path] of files.entries()) data.set(await readGrey(path, settings), i * height * width);
    return engine.tensor(data, [files.length, height, width]);
  }
  const intake = new Intake(files.length, 'files', true);
  const clips = files.map((path) => ({
    ...{ path, name: path, label: null, speaker: null, index: null },
    split: 'test' as const,
  }));
  const { length, sampleRate } = settings;
  const waves = new Float32Array(files.length * length);
  let at = 0;
  for await (const part of readClips(engine, clips, settings, intake))
    for (const { path, samples } of part) {
      waves.set(samples, length * at++);
      const recording = await openRecording(path);
      const seconds = recording.length / recording.sampleRate;
      await recording.close();
      if (seconds > length / sampleRate)
        intake.note(
          path,
          `Is ${seconds.toFixed(2)} s long; the model takes the first ${(length / sampleRate).toFixed(2)} s.`,
        );
    }
  return engine.scope(() => wavesToFeatures(engine, engine.tensor(waves, [files.length, length]), settings));
}

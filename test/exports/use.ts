// What a page and a program write against the package's types; checked by tsc, run by nobody.

import * as formant from 'formant';
import { type DataError, decodeWav, referenceFeatures, type Wav, type waveToFeatures } from 'formant/audio';
import { Adam, backward, Engine, mean, mse, Parameters, type Tensor } from 'formant/engine';
import { loadModel, type SoundModel, type SpeakOptions } from 'formant/model';
import { openEngine } from 'formant/node';

export async function inPage(device: GPUDevice, bytes: ArrayBuffer): Promise<Float32Array> {
  const engine: formant.Engine = await Engine.open({ device });
  const model: SoundModel = loadModel(engine, bytes);
  const options: SpeakOptions = { seed: 1 };
  return model.speak(model.labels[0], options);
}

export async function inNode(file: Uint8Array): Promise<Tensor> {
  const engine = await openEngine({ adapter: 'auto' });
  const wav: Wav = decodeWav(file, 'a.wav');
  const params = new Parameters(engine);
  const w = params.add('w', [4], () => new Float32Array(4));
  const adam = new Adam(params, { lr: 1e-3 });
  const loss = mean(mse(w, engine.tensor([1, 2, 3, 4])));
  backward(loss);
  adam.step(loss);
  // @ts-expect-error the types are the package's, not any
  const wrong: string = wav.sampleRate;
  return formant.log(loss).size > 0 ? loss : engine.empty([wrong.length, referenceFeatures.nMels]);
}

export const refused: typeof DataError | typeof waveToFeatures = formant.waveToFeatures;

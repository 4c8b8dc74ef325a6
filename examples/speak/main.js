// A trained model in a page: from its file to a digit spoken.
import { Engine, loadModel } from 'formant';

const digits = document.getElementById('digits');
const tell = (text) => document.getElementById('status').replaceChildren(text);
try {
  const [engine, file] = await Promise.all([Engine.open(), fetch('../../web/model/digits.safetensors')]);
  const model = loadModel(engine, await file.arrayBuffer());
  const audio = new AudioContext({ sampleRate: model.sampleRate });
  const say = async (digit) => {
    audio.resume();
    const wave = await model.speak(digit, { seed: Math.floor(1e9 * Math.random()) });
    const buffer = new AudioBuffer({ length: wave.length, sampleRate: model.sampleRate });
    buffer.copyToChannel(wave, 0);
    const source = new AudioBufferSourceNode(audio, { buffer });
    source.connect(audio.destination);
    source.start();
  };
  digits.onclick = ({ target }) => target.value && say(target.value).catch((error) => tell(error.message));
  digits.disabled = false;
  tell(`ready on ${engine.adapter.name}`);
} catch (error) {
  tell(error.message);
}

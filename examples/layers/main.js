// A network of the page's own, trained in the page: each step is one submit to the GPU, and the loss is read only where it is
// drawn.

import { Adam, backward, Engine } from 'formant';
import { drawLosses, drawWaves } from './chart.js';
import { Denoiser, waveLoss } from './network.js';
import { length, rate, voice } from './voice.js';

const batch = 4;
const tell = (text) => document.getElementById('status').replaceChildren(text);
const shape = [batch, 1, length];

/** Clips no step sees: what is drawn and heard. */
const held = voice(1e6);

/** A batch of clips of its own for each step. */
function clips(step) {
  const [noisy, clean] = [new Float32Array(batch * length), new Float32Array(batch * length)];
  for (let b = 0; b < batch; b++) {
    const made = voice(step * batch + b);
    noisy.set(made.noisy, b * length);
    clean.set(made.clean, b * length);
  }
  return { noisy: { data: noisy, shape }, clean: { data: clean, shape } };
}

const audio = new AudioContext({ sampleRate: rate });
function play(wave) {
  audio.resume();
  const buffer = new AudioBuffer({ length, sampleRate: rate });
  buffer.copyToChannel(wave, 0);
  const source = new AudioBufferSourceNode(audio, { buffer, loop: true });
  source.connect(audio.destination);
  source.start();
  source.stop(audio.currentTime + 1);
}

let paused = false;
let resume = () => {};
function button(id, act) {
  document.getElementById(id).onclick = act;
}

async function main() {
  const engine = await Engine.open();
  const model = new Denoiser(engine);
  const adam = new Adam(model.params, { lr: 3e-3, clipNorm: 1 });
  const step = engine.capture('step', ({ noisy, clean }) => {
    const loss = waveLoss(model.forward(noisy), clean);
    backward(loss);
    adam.step(loss);
    return loss;
  });
  const denoise = engine.capture('denoise', ({ x }) => engine.noGrad(() => model.forward(x)));
  let cleaned = held.noisy;
  button('hear-noisy', () => play(held.noisy));
  button('hear-clean', () => play(cleaned));
  button('again', ({ target }) => {
    paused = !paused;
    target.textContent = paused ? 'Go on' : 'Pause';
    resume();
  });
  const losses = [];
  drawWaves('noisy', held.noisy);
  for (let i = 0; ; i++) {
    const loss = step.run(clips(i));
    losses.push(await loss.item());
    if (i % 5 === 0) {
      cleaned = await denoise.run({ x: { data: held.noisy, shape: [1, 1, length] } }).read();
      drawLosses('loss', losses);
      drawWaves('clean', held.clean, cleaned);
      tell(`step ${i}: loss ${losses[i].toFixed(4)}, on ${engine.adapter.name}`);
    }
    if (paused) await new Promise((done) => (resume = done));
  }
}

main().catch((error) => tell(error.message));

// The engine alone, on a device that belongs to the page: a network of three layers learns a picture as a function of x and
// y, and the page's own pipeline draws what it made from where it lies.

import { Adam, backward, Engine, linear, mean, mse, Parameters, Random, sin } from 'formant/engine';
import { Picture } from './picture.js';

const size = 32;
const [waves, hidden, steps] = [32, 32, 150];
const tell = (text) => document.getElementById('status').replaceChildren(text);

/** A picture of the page's making: grey values 0 to 1, row by row. */
function picture() {
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.font = `italic bold ${0.95 * size}px Georgia, serif`;
  context.textAlign = 'center';
  context.fillText('f', 0.47 * size, 0.75 * size);
  const { data } = context.getImageData(0, 0, size, size);
  return Float32Array.from({ length: size * size }, (_, i) => data[4 * i + 3] / 255);
}

/** Sine waves of random directions over the picture: (size size, waves), and the network from them to one value. */
function network(engine) {
  const random = new Random(1, 'picture');
  const params = new Parameters(engine);
  const directions = random.normal(0, 3 * waves);
  const phases = Float32Array.from({ length: size * size * waves }, (_, i) => {
    const [k, p] = [3 * (i % waves), Math.floor(i / waves)];
    const [x, y] = [(p % size) / size - 0.5, Math.floor(p / size) / size - 0.5];
    return 12 * (directions[k] * x + directions[k + 1] * y) + 3 * directions[k + 2];
  });
  const inputs = sin(engine.tensor(phases, [size * size, waves]));
  const layer = (n, from, to) => {
    const w = random.normal(n, from * to).map((v) => v * Math.sqrt(2 / from));
    return [params.add(`${n}.weight`, [to, from], w), params.add(`${n}.bias`, [to], new Float32Array(to))];
  };
  const [first, second, last] = [layer(1, waves, hidden), layer(2, hidden, hidden), layer(3, hidden, 1)];
  const forward = () =>
    linear(linear(linear(inputs, ...first, 'relu'), ...second, 'relu'), ...last, 'sigmoid');
  return { params, forward };
}

/** Learns on a device that is given, which stays the page's: closing the engine frees what it made and nothing else. */
async function train(device, wanted, learnt) {
  const engine = await Engine.open({ device });
  const target = engine.tensor(picture(), [size * size, 1]);
  wanted.take(engine.binding(target));
  const { params, forward } = network(engine);
  const adam = new Adam(params, { lr: 5e-3 });
  const step = engine.capture('step', () => {
    const made = forward();
    const loss = mean(mse(made, target));
    backward(loss);
    adam.step(loss);
    return { made, loss };
  });
  for (let i = 1; i <= steps; i++) {
    const { made, loss } = step.run({});
    if (i % 10 !== 0 && i > 1) continue;
    tell(`step ${i}: loss ${(await loss.item()).toFixed(4)}, on ${engine.adapter.name}`);
    learnt.take(engine.binding(made));
    await show();
  }
  engine.close();
}

const pictures = [];
let swapped = false;

let drawing = Promise.resolve();

/** Draws both pictures in the page's colours, after what is being drawn. */
function show() {
  drawing = drawing.then(paint);
  return drawing;
}

async function paint() {
  const { backgroundColor, color } = getComputedStyle(document.body);
  const colours = [backgroundColor, color].map((text) => text.match(/\d+/g).map((v) => v / 255));
  if (swapped) colours.reverse();
  for (const picture of pictures) await picture.draw(...colours);
}

try {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('This page needs WebGPU: use a current Chrome, Edge, Safari or Firefox.');
  // The engine's kernels are faster with subgroups, if the page asks for them.
  const requiredFeatures = ['subgroups'].filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredFeatures });
  pictures.push(...['wanted', 'learnt'].map((id) => new Picture(device, document.getElementById(id))));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', show);
  document.getElementById('swap').onclick = () => {
    swapped = !swapped;
    show();
  };
  await train(device, ...pictures);
  await show();
  tell(`${steps} steps done and the engine closed; the page draws on with its device`);
} catch (error) {
  tell(error.message);
}

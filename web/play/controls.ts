// The controls beside the pad: keys for the labels, faders for the dimensions, the morph between two points, samples of the
// prior, and what is done with a sound.

import { download, el } from '../dom.ts';
import type { ModelSummary, Point } from '../protocol.ts';
import type { Instrument } from './instrument.ts';
import { colourOfLabel } from './pad.ts';

/** Where faders end. */
const farthest = 4;

/** A group with a heading. */
export function group(title: string, ...children: (Node | string | null)[]): HTMLElement {
  const id = `group-${title.toLowerCase().replace(/\W+/g, '-')}`;
  return el('section', { class: 'group', 'aria-labelledby': id }, el('h3', { id }, title), ...children);
}

/** A fader with its name and value. */
export function fader(
  name: string,
  { min, max, step, value }: { min: number; max: number; step: number; value: number },
  input: (value: number) => void,
): { element: HTMLElement; set: (value: number) => void; input: HTMLInputElement } {
  const text = (n: number) => n.toFixed(step < 0.1 ? 2 : 1).replace('-', '−');
  const shown = el('output', {}, text(value));
  const range = el('input', {
    ...{ type: 'range', min, max, step, value, 'aria-label': name },
    input: () => {
      shown.textContent = text(range.valueAsNumber);
      input(range.valueAsNumber);
    },
  });
  const set = (next: number) => {
    range.value = `${next}`;
    shown.textContent = text(next);
  };
  return { element: el('label', { class: 'fader' }, el('span', {}, name), range, shown), set, input: range };
}

/** A key for each label; the number keys of the keyboard strike the labels of these names. */
export function labelKeys(instrument: Instrument): HTMLElement {
  const box = el('div', { class: 'keys', role: 'group', 'aria-label': 'Say' });
  const section = group('Say', box);
  instrument.opened.listen(({ labels }) => {
    section.hidden = labels.length === 0;
    box.replaceChildren(
      ...labels.map((label, i) => {
        const strip = el('i', { 'aria-hidden': 'true' });
        strip.style.background = colourOfLabel(i);
        return el('button', { type: 'button', click: () => instrument.setLabel(i, 'strike') }, label, strip);
      }),
    );
  });
  instrument.changed.listen(() => {
    [...box.children].forEach((key, i) => {
      const weight = instrument.point.label?.[i] ?? 0;
      key.setAttribute('aria-pressed', `${weight > 0.5}`);
      (key.lastChild as HTMLElement).style.opacity = `${0.25 + 0.75 * weight}`;
    });
  });
  document.addEventListener('keydown', (event) => {
    const typing = (event.target as Element).closest(
      'input:not([type=range], [type=file]), select, textarea',
    );
    const index = instrument.model?.labels.indexOf(event.key) ?? -1;
    if (index < 0 || typing || section.closest('[hidden]') || event.ctrlKey || event.metaKey || event.altKey)
      return;
    event.preventDefault();
    instrument.setLabel(index, 'strike');
  });
  return section;
}

/** The voices of the training examples: choosing one goes to the middle of its takes of this label. */
export function voices(instrument: Instrument): HTMLElement {
  const choice = el('select', { 'aria-label': 'Voice' });
  const section = group('Voice', choice);
  instrument.opened.listen(({ map }) => {
    const names = [...new Set(map?.speaker.filter((s) => s !== null))].sort();
    section.hidden = names.length === 0;
    choice.replaceChildren(
      el('option', { value: '' }, 'anywhere'),
      ...names.map((name) => el('option', { value: name }, name)),
    );
  });
  choice.addEventListener('change', () => {
    const { map, latent } = instrument.model as ModelSummary;
    const speaks = (i: number) => map?.speaker[i] === choice.value;
    const own = (map?.mu ?? []).filter((_, i) => speaks(i) && map?.label[i] === instrument.label);
    const rows = own.length > 0 ? own : (map?.mu ?? []).filter((_, i) => speaks(i));
    if (rows.length === 0) return;
    const z = Array.from(
      { length: latent },
      (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length,
    );
    instrument.setZ(z, 'strike', choice.value);
  });
  instrument.heard.listen(({ title }) => {
    if (title !== choice.value) choice.value = '';
  });
  return section;
}

/** A fader for each dimension of z, those that matter most first. */
export function faders(instrument: Instrument): HTMLElement {
  const box = el('div', { class: 'faders' });
  let sets: ((z: number[]) => void)[] = [];
  instrument.opened.listen(({ dimensions }) => {
    const rows = dimensions.map(({ index }) => {
      const row = fader(`z${index + 1}`, { min: -farthest, max: farthest, step: 0.02, value: 0 }, (value) =>
        instrument.setZ(
          instrument.point.z.map((x, i) => (i === index ? value : x)),
          'follow',
        ),
      );
      return { ...row, set: (z: number[]) => document.activeElement !== row.input && row.set(z[index]) };
    });
    sets = rows.map((row) => row.set);
    box.replaceChildren(...rows.map((row) => row.element));
  });
  instrument.changed.listen(() => {
    for (const set of sets) set(instrument.point.z);
  });
  const flat = el(
    'button',
    { type: 'button', click: () => instrument.flatten('strike') },
    'Back onto the plane',
  );
  return group('Dimensions, the most telling first', box, flat);
}

/** Two points to keep, and the way between them. */
export function morph(instrument: Instrument): HTMLElement {
  const ends: (Point | null)[] = [null, null];
  const slider = fader('A to B', { min: 0, max: 1, step: 0.005, value: 0 }, (t) => {
    if (ends[0] && ends[1]) instrument.morph(ends[0], ends[1], t, 'follow');
  });
  slider.input.disabled = true;
  const buttons = ['A', 'B'].map((name, i) => {
    const button = el(
      'button',
      {
        type: 'button',
        'aria-pressed': 'false',
        click: () => {
          ends[i] = structuredClone(instrument.point);
          button.textContent = `${name} kept`;
          button.setAttribute('aria-pressed', 'true');
          slider.input.disabled = !(ends[0] && ends[1]);
          slider.set(i);
        },
      },
      `Keep as ${name}`,
    );
    return button;
  });
  instrument.opened.listen(() => {
    ends.fill(null);
    slider.input.disabled = true;
    buttons.forEach((button, i) => {
      button.textContent = `Keep as ${'AB'[i]}`;
      button.setAttribute('aria-pressed', 'false');
    });
  });
  const section = group('Morph', el('div', { class: 'row' }, ...buttons), slider.element);
  section.classList.add('late');
  return section;
}

/** Samples of the prior, as `formant generate` makes them. */
export function prior(instrument: Instrument): HTMLElement {
  let index = 0;
  const temperature = fader('temperature', { min: 0, max: 2, step: 0.05, value: 1 }, () => undefined);
  const shown = el('p', { class: 'hint' }, 'A random voice, as formant generate would draw it.');
  const button = el(
    'button',
    {
      type: 'button',
      click: async () => {
        const at = index++;
        shown.textContent = `seed 1, clip ${at} of formant generate`;
        await instrument.surprise(1, at, temperature.input.valueAsNumber);
      },
    },
    'Surprise me',
  );
  instrument.opened.listen(() => {
    index = 0;
  });
  return group('Chance', button, temperature.element, shown);
}

/** Play, loop, stop, save. */
export function transport(instrument: Instrument): HTMLElement {
  const loop = el(
    'button',
    {
      type: 'button',
      'aria-pressed': 'false',
      click: () => {
        instrument.loop = !instrument.loop;
        loop.setAttribute('aria-pressed', `${instrument.loop}`);
        instrument.player.loop(instrument.loop);
      },
    },
    'Loop',
  );
  const play = el(
    'button',
    {
      ...{ type: 'button', class: 'primary', id: 'play' },
      click: () => (instrument.player.playing ? instrument.player.stop() : instrument.strike()),
    },
    'Play',
  );
  instrument.moved.listen(() => {
    play.textContent = instrument.player.playing ? 'Stop' : 'Play';
    play.dataset.sounds = `${instrument.player.begun}`;
  });
  const save = el('button', { type: 'button', click: () => saveWav(instrument) }, 'Save WAV');
  return el('div', { class: 'transport', role: 'group', 'aria-label': 'Transport' }, play, loop, save);
}

async function saveWav({ sound, client, model }: Instrument): Promise<void> {
  if (!sound || !model) return;
  const { wave, sampleRate, label, title } = sound;
  const bytes = await client.ask('wav', { wave, sampleRate });
  const said = label >= 0 ? `${model.labels[label]}_` : '';
  const name = model.name.replace(/\.safetensors$/, '');
  download(bytes, `${said}${name}_${title}.wav`.replace(/[^\w.-]/g, '-'), 'audio/wav');
}

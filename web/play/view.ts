// The Play tab: pad, screen and controls around one instrument, and the model that it plays.

import { el } from '../dom.ts';
import type { ModelSummary } from '../protocol.ts';
import { faders, labelKeys, morph, prior, transport, voices } from './controls.ts';
import type { Instrument } from './instrument.ts';
import { pad } from './pad.ts';
import { screen } from './screen.ts';

const size = (bytes: number) =>
  bytes < 1e6 ? `${Math.round(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;

const facts = ({ parameters, bytes, latent, labels, sampleRate }: ModelSummary) =>
  [
    `${parameters.toLocaleString('en-US')} weights`,
    size(bytes),
    `z of ${latent}`,
    ...(labels.length > 0 ? [`${labels.length} labels`] : []),
    `${sampleRate / 1000} kHz`,
  ].join(' · ');

export function playView(instrument: Instrument): HTMLElement {
  const display = screen('the sound');
  instrument.heard.listen(display.show);
  instrument.moved.listen(() => display.playhead(instrument.player.position));
  const timing = el('span', { class: 'timing' });
  instrument.heard.listen(({ ms }) => {
    timing.textContent = `made in ${ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`}`;
  });
  const view = el(
    'div',
    { class: 'play' },
    modelBar(instrument),
    el('div', { class: 'play-left' }, pad(instrument), labelKeys(instrument), morph(instrument)),
    el(
      'div',
      { class: 'play-right' },
      display.element,
      el('div', { class: 'row spread' }, transport(instrument), timing),
      el('div', { class: 'pair' }, voices(instrument), prior(instrument)),
      faders(instrument),
    ),
  );
  acceptDrops(view, instrument);
  return view;
}

/** Name and facts of the model, and a way to open another; what goes wrong is told here. */
function modelBar(instrument: Instrument): HTMLElement {
  const name = el('strong', { id: 'model-name' }, 'Loading the model …');
  const about = el('span', { class: 'soft' });
  const fault = el('p', { class: 'fault', role: 'alert', id: 'model-fault', hidden: true });
  const tell = (message: string | null) => {
    fault.hidden = message === null;
    fault.textContent = message;
  };
  instrument.opened.listen((model) => {
    name.textContent = model.name;
    about.textContent = facts(model);
    tell(null);
  });
  instrument.failed.listen(tell);
  const choose = el('input', {
    ...{ type: 'file', accept: '.safetensors', id: 'model-file', class: 'visually-hidden' },
    change: async () => {
      const file = choose.files?.[0];
      choose.value = '';
      if (file) await openFile(instrument, file);
    },
  });
  return el(
    'div',
    { class: 'model-bar' },
    el('div', { class: 'row' }, name, about),
    el('div', {}, choose, el('label', { class: 'button', for: 'model-file' }, 'Open a model …')),
    fault,
  );
}

async function openFile(instrument: Instrument, file: File): Promise<void> {
  try {
    await instrument.open(await file.arrayBuffer(), file.name);
  } catch (error) {
    instrument.failed.tell((error as Error).message);
  }
}

function acceptDrops(view: HTMLElement, instrument: Instrument): void {
  view.addEventListener('dragover', (event) => {
    event.preventDefault();
    view.classList.add('over');
  });
  view.addEventListener('dragleave', () => view.classList.remove('over'));
  view.addEventListener('drop', (event) => {
    event.preventDefault();
    view.classList.remove('over');
    const file = event.dataTransfer?.files[0];
    if (file) openFile(instrument, file);
  });
}

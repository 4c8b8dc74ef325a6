// The Train tab: recordings, settings, the run as it goes (losses, what it makes of the same z, sound), and what is done with
// its model.

import { presetConfig, presetData, presetNames } from '../../src/model/presets.ts';
import type { EpochRow } from '../../src/model/trainer.ts';
import { download, el } from '../dom.ts';
import type { Studio } from '../main.ts';
import { group } from '../play/controls.ts';
import type { LossRow, TrainingData, TrainingSettings, TrainingStatus } from '../protocol.ts';
import { folderInput } from './folderInput.ts';
import { lossChart } from './lossChart.ts';
import { pictureGrid } from './pictures.ts';

/** Asks before a run is given up, where there is one. */
const givesUp = (status: TrainingStatus | null) =>
  !status ||
  status.step === 0 ||
  window.confirm(`Give up this run of ${status.step} steps? Its model is gone, unless you downloaded it.`);

const plural = (n: number, one: string) => `${n.toLocaleString('en-US')} ${one}${n === 1 ? '' : 's'}`;

export function trainView(studio: Studio): HTMLElement {
  const { client } = studio;
  const fault = el('p', { class: 'fault', role: 'alert', id: 'train-fault', hidden: true });
  const tell = (message: string | null) => {
    fault.hidden = message === null;
    fault.textContent = message;
  };
  /** Asks, and tells what went wrong in place. */
  const act = async (ask: () => Promise<unknown>) => {
    tell(null);
    try {
      await ask();
    } catch (error) {
      tell((error as Error).message);
    }
  };
  const progress = el('p', { role: 'status', class: 'soft', id: 'reading' });
  const folder = folderInput((chosen) => {
    if (givesUp(run.status()))
      act(() => client.ask('trainRead', chosen)).finally(() => progress.replaceChildren());
  }, tell);
  client.on('reading', ({ done, total }) => {
    progress.textContent = `reading ${done} of ${total}`;
  });
  const about = el('div', { id: 'recordings' });
  const form = settingsForm((settings) => {
    if (givesUp(run.status())) act(() => client.ask('trainStart', settings));
  });
  const run = runPanel(studio, act);
  const elsewhere = el(
    'div',
    { class: 'notice', hidden: true },
    el('p', {}, 'Another tab of this browser has the training. Close it, or go on there.'),
    el('button', { type: 'button', click: () => act(() => client.ask('trainFind', null)) }, 'Look again'),
  );
  const left = el(
    'div',
    { class: 'train-left' },
    group('Recordings', folder, progress, about),
    group('Model', form.element),
  );
  client.on('training', ({ status }) => {
    elsewhere.hidden = status.state !== 'elsewhere';
    left.inert = status.state === 'elsewhere';
    about.replaceChildren(...(status.data ? [recordings(status.data)] : []));
    form.show(status);
    run.show(status);
  });
  act(() => client.ask('trainFind', null));
  return el('div', { class: 'train' }, elsewhere, fault, left, run.element);
}

/** What became of a folder. */
function recordings({ name, train, test, labels, leftOut, notes }: TrainingData): HTMLElement {
  const line = (text: string) => el('li', {}, text);
  const more = [
    ...leftOut.map(({ file, reason }) => line(`left out: ${file}: ${reason}`)),
    ...notes.map(({ file, note }) => line(`${file}: ${note}`)),
  ];
  const counted = `${plural(leftOut.length, 'file')} left out${notes.length > 0 ? `, ${notes.length} with a fault` : ''}`;
  return el(
    'div',
    {},
    el('p', {}, el('strong', {}, name), ` ${plural(train, 'clip')} to train, ${test} to test`),
    el(
      'p',
      { class: 'soft' },
      labels.length > 0 ? `${plural(labels.length, 'label')}: ${labels.slice(0, 24).join(' ')}` : 'no labels',
    ),
    more.length > 0
      ? el('details', {}, el('summary', {}, counted), el('ul', { class: 'hint' }, ...more.slice(0, 200)))
      : null,
  );
}

/** Preset and settings, and the button that starts. */
function settingsForm(start: (settings: TrainingSettings) => void) {
  const names = presetNames.filter((name) => presetData(name) === 'speech');
  const preset = el('select', { id: 'preset' }, ...names.map((name) => el('option', { value: name }, name)));
  const model = el(
    'select',
    { id: 'kind' },
    el('option', { value: 'cvae' }, 'says a given label (CVAE)'),
    el('option', { value: 'vae' }, 'without labels (VAE)'),
  );
  const epochs = el('input', { type: 'number', id: 'epochs', min: 1, max: 10_000, required: true });
  const seed = el('input', { type: 'number', id: 'seed', min: 0, value: 1, required: true });
  const others = el('input', {
    type: 'text',
    id: 'others',
    spellcheck: false,
    placeholder: 'latent=8 weight=3',
  });
  const suggest = () => {
    epochs.value = `${presetConfig(preset.value, model.value as 'vae').epochs}`;
  };
  preset.value = names.includes('demo') ? 'demo' : names[0];
  preset.addEventListener('change', suggest);
  suggest();
  const row = (name: string, input: HTMLElement) =>
    el('label', { class: 'field' }, el('span', {}, name), input);
  const button = el('button', { type: 'submit', class: 'primary', id: 'start' }, 'Train');
  const element = el(
    'form',
    {
      submit: (event: SubmitEvent) => {
        event.preventDefault();
        start({
          ...{ preset: preset.value, model: model.value as 'vae', others: others.value },
          ...{ epochs: epochs.valueAsNumber, seed: seed.valueAsNumber },
        });
      },
    },
    row('Preset', preset),
    row('Kind', model),
    row('Epochs', epochs),
    el('details', {}, el('summary', {}, 'More'), row('Seed', seed), row('Settings', others)),
    button,
  );
  let known = '';
  const show = ({ state, data, settings, step }: TrainingStatus) => {
    button.disabled = !data || state === 'running' || state === 'elsewhere';
    button.textContent = step > 0 ? 'Train anew' : 'Train';
    if (data && data.name + data.labels.length !== known) {
      known = data.name + data.labels.length;
      model.value = data.labels.length > 0 ? 'cvae' : 'vae';
    }
    if (!settings) return;
    Object.assign(preset, { value: settings.preset });
    Object.assign(model, { value: settings.model });
    Object.assign(epochs, { value: `${settings.epochs}` });
    Object.assign(seed, { value: `${settings.seed}` });
    Object.assign(others, { value: settings.others });
  };
  return { element, show };
}

/** The run: how far, its losses, pictures and sounds, and what can be done with it. */
function runPanel({ client, instrument, go }: Studio, act: (ask: () => Promise<unknown>) => Promise<void>) {
  const chart = lossChart();
  const pictures = pictureGrid((index) =>
    act(async () => {
      const ready = instrument.player.ready(8000);
      const sound = await client.ask('trainSound', { index });
      await ready;
      await instrument.player.play(sound.wave, sound.sampleRate, false);
    }),
  );
  let rows: LossRow[] = [];
  let epochs: EpochRow[] = [];
  let status: TrainingStatus | null = null;
  const bar = el('progress', { max: 1, value: 0, 'aria-label': 'Training' });
  const facts = el('p', { class: 'timing', id: 'train-facts' });
  const message = el('p', { class: 'soft', role: 'status', id: 'train-message' });
  const pause = el('button', { type: 'button', id: 'pause' }, 'Pause');
  pause.addEventListener('click', () =>
    act(() => client.ask(status?.state === 'running' ? 'trainPause' : 'trainResume', null)),
  );
  const play = el(
    'button',
    {
      type: 'button',
      click: () =>
        act(async () => {
          const bytes = await client.ask('trainModel', null);
          await instrument.open(bytes.buffer, 'trained.safetensors');
          go('Play');
        }),
    },
    'Play it',
  );
  const save = el(
    'button',
    {
      type: 'button',
      click: () =>
        act(async () =>
          download(await client.ask('trainModel', null), 'model.safetensors', 'application/octet-stream'),
        ),
    },
    'Download the model',
  );
  const discard = el(
    'button',
    { type: 'button', click: () => givesUp(status) && act(() => client.ask('trainDiscard', null)) },
    'Discard',
  );
  const buttons = el('div', { class: 'row', role: 'group', 'aria-label': 'Run' }, pause, play, save, discard);
  const redraw = () => {
    const perEpoch = status?.settings ? status.steps / status.settings.epochs : 1;
    const tests = epochs.flatMap(({ epoch, test }) =>
      test ? [{ step: epoch * perEpoch, value: test.negElbo }] : [],
    );
    chart.show(rows, tests, status?.steps ?? 1);
    const last = epochs.at(-1);
    facts.textContent = last ? factsOf(last) : '';
  };
  client.on('losses', ({ from, rows: more, epochs: ended }) => {
    rows = from === null ? [...rows, ...more] : [...more];
    epochs = from === null ? [...epochs, ...ended] : [...ended];
    redraw();
  });
  client.on('pictures', (event) => pictures.show(event.pictures, status?.data?.labels ?? []));
  const element = el(
    'div',
    { class: 'train-right' },
    chart.element,
    el('div', { class: 'train-progress' }, bar, facts),
    buttons,
    message,
    pictures.element,
  );
  const show = (next: TrainingStatus) => {
    status = next;
    const { state, step, steps } = next;
    document.body.dataset.training = state;
    const runs = ['running', 'paused', 'finished', 'failed'].includes(state);
    buttons.hidden = !runs;
    pause.textContent = state === 'running' ? 'Pause' : 'Resume';
    pause.hidden = state === 'finished';
    bar.value = steps > 0 ? step / steps : 0;
    bar.hidden = !runs;
    message.textContent = next.message ?? sentence(next);
    if (!runs) pictures.clear();
    redraw();
  };
  return { element, show, status: () => status };
}

const factsOf = ({ epoch, train, test, seconds }: EpochRow) =>
  [
    `epoch ${epoch}`,
    `loss ${train.loss.toFixed(2)} = ${train.recon.toFixed(2)} + KL ${train.kl.toFixed(2)}`,
    ...(test
      ? [`test ${test.dbRmse === undefined ? test.mse.toFixed(4) : `${test.dbRmse.toFixed(2)} dB`}`]
      : []),
    `${seconds.toFixed(1)} s`,
  ].join(' · ');

function sentence({ state, step, steps, msPerStep, kept }: TrainingStatus): string {
  if (state === 'empty') return 'Choose a folder of recordings to begin.';
  if (state === 'ready') return 'Ready to train.';
  if (state === 'finished') return `All ${plural(steps, 'step')} are done, and kept in this browser.`;
  if (state === 'paused') return `Paused at step ${step} of ${steps}; kept in this browser.`;
  if (state !== 'running') return '';
  const rest = ((steps - step) * msPerStep) / 1000;
  const time = rest < 90 ? `${Math.ceil(rest)} s` : `${Math.ceil(rest / 60)} min`;
  const speed = msPerStep > 0 ? `, ${Math.round(msPerStep)} ms a step, about ${time} left` : '';
  return `Step ${step} of ${steps}${speed}${kept > 0 ? `; ${kept} kept` : ''}.`;
}

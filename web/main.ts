// The studio page: opens the worker and its adapter, shows the tabs, and plays the model that comes with the page. A tab is
// a line of `tabs`; each makes its view once, when it is first shown.

import { Client, WorkerError } from './client.ts';
import { el } from './dom.ts';
import { Instrument } from './play/instrument.ts';
import { playView } from './play/view.ts';
import type { AdapterInfo } from './protocol.ts';

/** What the tabs share. */
export interface Studio {
  client: Client;
  instrument: Instrument;
  /** Shows a tab. */
  go(tab: string): void;
}

/** The code of the other tabs is read when they are first shown. */
const tabs: { name: string; make: (studio: Studio) => Promise<HTMLElement> }[] = [
  { name: 'Play', make: async ({ instrument }) => playView(instrument) },
  { name: 'Train', make: async (studio) => (await import('./train/view.ts')).trainView(studio) },
  { name: 'Teach', make: async (studio) => (await import('./teach/view.ts')).teachView(studio) },
];

const shippedModel = 'digits.safetensors';

const find = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;

function showAdapter({ name, software }: AdapterInfo): void {
  const chip = find('adapter');
  chip.classList.toggle('software', software);
  chip.textContent = software ? `${name} · software: this runs on the processor, a GPU is far faster` : name;
}

/** Without an adapter there is no studio: what is wrong, and what to do. */
function showNoGpu(reason: string): void {
  find('adapter').textContent = 'no WebGPU';
  const advice = [
    'Use a current Chrome, Edge, Safari (26 or later) or Firefox (141 or later).',
    'Switch on hardware acceleration in the browser’s settings, then start it again.',
    'On Linux, start Chrome with --enable-unsafe-webgpu --enable-features=Vulkan.',
    'A page from another machine needs https; localhost does not.',
  ];
  const notice = el(
    'div',
    { class: 'notice', role: 'alert' },
    el('h2', {}, 'The studio needs WebGPU'),
    el('p', {}, reason),
    el('ul', {}, ...advice.map((line) => el('li', {}, line))),
  );
  find('panels').replaceChildren(notice);
}

/** Makes a tab's view, once; again at its next showing where its code could not be read. */
async function fill(panel: HTMLElement, make: () => Promise<HTMLElement>): Promise<void> {
  if (panel.dataset.made === 'yes') return;
  panel.dataset.made = 'yes';
  try {
    panel.replaceChildren(await make());
  } catch (error) {
    panel.dataset.made = 'no';
    const message = `This tab could not be loaded (${(error as Error).message}); choose it again.`;
    panel.replaceChildren(el('p', { class: 'fault', role: 'alert' }, message));
  }
}

/** Tabs as the ARIA pattern has them: arrows go from one to the next. */
function makeTabs(studio: Omit<Studio, 'go'>): Studio {
  const whole: Studio = { ...studio, go: (name) => show(tabs.findIndex((tab) => tab.name === name)) };
  const panels = tabs.map(({ name }) =>
    el('div', { id: `panel-${name}`, role: 'tabpanel', 'aria-labelledby': `tab-${name}`, hidden: true }),
  );
  const buttons = tabs.map(({ name }, i) =>
    el(
      'button',
      {
        ...{ type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `panel-${name}` },
        click: () => show(i),
        keydown: ({ key }: KeyboardEvent) => {
          const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
          if (by) show((i + by + tabs.length) % tabs.length, true);
        },
      },
      name,
    ),
  );
  const show = (at: number, focus = false) => {
    panels.forEach((panel, i) => {
      panel.hidden = i !== at;
      buttons[i].setAttribute('aria-selected', `${i === at}`);
      buttons[i].tabIndex = i === at ? 0 : -1;
    });
    fill(panels[at], () => tabs[at].make(whole));
    if (focus) buttons[at].focus();
  };
  find('tabs').replaceChildren(...buttons);
  find('panels').replaceChildren(...panels);
  show(0);
  return whole;
}

async function start(): Promise<void> {
  const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  const client = new Client(worker);
  const status = find('status');
  client.on('lost', ({ reason }) => {
    status.textContent = `The graphics device was lost (${reason}); opening it again.`;
  });
  client.on('recovered', ({ adapter }) => {
    status.textContent = 'The graphics device was lost and is back; nothing is missing.';
    showAdapter(adapter);
  });
  const model = fetch(shippedModel).then((answer) => {
    if (!answer.ok) throw new Error(`${shippedModel}: the server says ${answer.status}`);
    return answer.arrayBuffer();
  });
  try {
    showAdapter(await client.ask('open', null));
  } catch (error) {
    showNoGpu((error as Error).message);
    document.body.dataset.state = 'no-gpu';
    return;
  }
  const instrument = new Instrument(client);
  makeTabs({ client, instrument });
  try {
    await instrument.open(await model, shippedModel);
  } catch (error) {
    instrument.failed.tell(error instanceof WorkerError ? error.message : `The model did not load: ${error}`);
  }
  document.body.dataset.state = 'ready';
}

await start();

// The Teach tab: a booth to record in, what the model makes of the latest take before and after, and the takes.

import type { Client } from '../client.ts';
import { el } from '../dom.ts';
import type { Instrument } from '../play/instrument.ts';
import { booth } from './booth.ts';
import { comparison } from './comparison.ts';
import { progress } from './progress.ts';
import { Session } from './session.ts';
import { shelf } from './shelf.ts';

export function teachView(studio: {
  client: Client;
  instrument: Instrument;
  go(tab: string): void;
}): HTMLElement {
  const session = new Session(studio);
  const waiting = el(
    'p',
    { class: 'fault', role: 'status' },
    'Another tab of this studio is teaching. Close it, and your takes appear here.',
  );
  const body = el(
    'div',
    { class: 'teach' },
    booth(session),
    el(
      'div',
      { class: 'teach-right' },
      comparison(session),
      progress(session, () => studio.go('Play')),
    ),
    shelf(session),
  );
  const view = el('div', {}, waiting, body);
  const show = () => {
    waiting.hidden = !session.locked;
    body.hidden = session.locked;
  };
  session.unlocked.listen(show);
  // A lock that is free is had at once; the notice shows only where it is not.
  waiting.hidden = true;
  setTimeout(show, 300);
  return view;
}

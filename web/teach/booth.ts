// The booth: what to say, how loud it is, and the button that records. The microphone is asked for by that button alone.

import { el } from '../dom.ts';
import { colourOfLabel } from '../play/pad.ts';
import { meter } from './meter.ts';
import { wordOf } from './prompts.ts';
import type { Session } from './session.ts';

export function booth(session: Session): HTMLElement {
  const lead = el('p', { class: 'booth-lead' });
  const word = el('p', { class: 'booth-word', id: 'prompt', 'aria-live': 'polite' });
  const hint = el('p', { class: 'hint booth-hint' });
  const record = el(
    'button',
    {
      type: 'button',
      class: 'record',
      id: 'record',
      'aria-keyshortcuts': 'r',
      click: () => session.record(),
    },
    el('i', { 'aria-hidden': 'true' }),
    el('span', {}),
  );
  const box = el(
    'section',
    { class: 'booth', 'aria-label': 'Booth' },
    el('div', { class: 'booth-prompt' }, lead, word, hint),
    meter(session.microphone),
    el('div', { class: 'row' }, record, el('span', { class: 'hint' }, 'or the key R')),
    message(session),
    labels(session),
    el(
      'p',
      { class: 'hint' },
      'Your voice stays here: this page may connect to nothing but itself, and keeps takes in this browser only.',
    ),
  );
  const show = () => {
    const { state, prompt, microphone } = session;
    const on = microphone.on;
    const asked = state && state.labels.length > 0 ? wordOf(state.labels[prompt]) : 'anything';
    lead.textContent = on ? 'Say' : 'Press Record, then say';
    word.textContent = asked;
    hint.textContent = on ? 'once, then wait for the next word' : 'The microphone is asked for only then.';
    box.classList.toggle('on', on);
    record.setAttribute('aria-pressed', `${on}`);
    (record.lastChild as HTMLElement).textContent = on ? 'Stop' : 'Record';
  };
  session.prompted.listen(() => {
    box.classList.remove('heard');
    show();
  });
  session.microphone.begun.listen(() => box.classList.add('heard'));
  session.microphone.dropped.listen(() => box.classList.remove('heard'));
  shortcut(box, session);
  show();
  return box;
}

/** What the person should know, in place. */
function message(session: Session): HTMLElement {
  const text = el('p', { class: 'told', role: 'alert', id: 'teach-told', hidden: true });
  session.told.listen((told) => {
    text.hidden = told === null;
    text.textContent = told?.text ?? '';
    text.classList.toggle('note', told !== null && told.kind !== 'fault');
  });
  return text;
}

/** A key for each label with a mark for each take of it; pressed, it is what to say next. */
function labels(session: Session): HTMLElement {
  const keys = el('div', { class: 'keys', role: 'group', 'aria-label': 'Say next' });
  const show = () => {
    const names = session.state?.labels ?? [];
    keys.hidden = names.length === 0;
    keys.replaceChildren(
      ...names.map((name, i) => {
        const count = session.takes.filter(({ label }) => label === i).length;
        const strip = el('i', { 'aria-hidden': 'true' });
        strip.style.background = colourOfLabel(i);
        strip.style.width = `${Math.min(100, 20 * count)}%`;
        return el(
          'button',
          {
            type: 'button',
            'aria-pressed': `${i === session.prompt}`,
            'aria-label': `${wordOf(name)}, ${count} takes`,
            click: () => {
              session.ask(i);
              (keys.children[i] as HTMLElement).focus();
            },
          },
          name,
          strip,
        );
      }),
    );
  };
  session.prompted.listen(show);
  session.changed.listen(show);
  return keys;
}

function shortcut(box: HTMLElement, session: Session): void {
  document.addEventListener('keydown', (event) => {
    const { key, ctrlKey, metaKey, altKey, repeat, target } = event;
    const typing = (target as Element).closest('input:not([type=range], [type=file]), select, textarea');
    if (
      key.toLowerCase() !== 'r' ||
      ctrlKey ||
      metaKey ||
      altKey ||
      repeat ||
      typing ||
      box.closest('[hidden]')
    )
      return;
    event.preventDefault();
    session.record();
  });
}

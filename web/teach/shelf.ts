// The takes, newest first: each with its picture, which plays it and opens it above, its label, which can be changed, and a
// way to delete it. The last one deleted can be brought back.

import { el, plainContext } from '../dom.ts';
import { spectrogram } from '../play/screen.ts';
import { wordOf } from './prompts.ts';
import type { TakeInfo } from './protocol.ts';
import type { Session } from './session.ts';

interface Card {
  element: HTMLElement;
  show(take: TakeInfo): void;
}

export function shelf(session: Session): HTMLElement {
  const list = el('ul', { class: 'shelf-list' });
  const count = el('h3', {});
  const back = el(
    'button',
    {
      ...{ type: 'button', hidden: true },
      click: async () => {
        back.hidden = true;
        await session.bringBack();
      },
    },
    'Bring the deleted take back',
  );
  const cards = new Map<number, Card>();
  const box = el(
    'section',
    { class: 'shelf', 'aria-label': 'Takes' },
    el('div', { class: 'row' }, count, back),
    list,
  );
  const remove = async (id: number) => {
    const next = cards.get(id)?.element.nextElementSibling ?? cards.get(id)?.element.previousElementSibling;
    if (!(await session.delete(id))) return;
    back.hidden = false;
    (next?.querySelector('button') ?? back).focus();
  };
  let labels = '';
  const show = () => {
    const { takes, state } = session;
    count.textContent = takes.length > 0 ? `${takes.length} ${takes.length === 1 ? 'take' : 'takes'}` : '';
    box.hidden = takes.length === 0 && back.hidden;
    if (state && labels !== state.labels.join()) cards.clear();
    labels = state?.labels.join() ?? '';
    for (const id of cards.keys()) if (!takes.some((take) => take.id === id)) cards.delete(id);
    for (const take of takes) {
      if (!cards.has(take.id))
        cards.set(
          take.id,
          card(session, take, () => remove(take.id)),
        );
      cards.get(take.id)?.show(take);
    }
    const wanted = [...takes].reverse().map(({ id }) => (cards.get(id) as Card).element);
    // Only what is new or gone is touched, so that the focus stays where it is.
    for (const element of [...list.children]) if (!wanted.includes(element as HTMLElement)) element.remove();
    wanted.forEach((element, i) => {
      if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
    });
  };
  session.changed.listen(show);
  session.lessons.listen(show);
  session.played.listen(show);
  show();
  return box;
}

function card(session: Session, { id, sound }: TakeInfo, remove: () => void): Card {
  const picture = el('canvas', {
    class: 'thumb',
    width: sound.columns,
    height: sound.rows,
    'aria-hidden': 'true',
  });
  plainContext(picture).drawImage(spectrogram(sound), 0, 0);
  const labels = session.state?.labels ?? [];
  const play = el(
    'button',
    {
      type: 'button',
      class: 'picture',
      click: () => {
        if (session.chosen !== id) session.choose(id);
        session.play(id, 'take');
      },
    },
    picture,
    el('i', { 'aria-hidden': 'true' }),
  );
  const choice = el(
    'select',
    { 'aria-label': `Label of take ${id}`, change: () => session.relabel(id, Number(choice.value)) },
    ...labels.map((label, i) => el('option', { value: i }, wordOf(label))),
  );
  choice.hidden = labels.length === 0;
  const about = el('span', { class: 'timing' });
  const badge = el('span', { class: 'badge' }, 'held out');
  const element = el(
    'li',
    { class: 'card' },
    play,
    badge,
    el(
      'div',
      { class: 'card-row' },
      choice,
      el('button', { type: 'button', class: 'quiet', 'aria-label': `Delete take ${id}`, click: remove }, '×'),
    ),
    about,
  );
  const show = (take: TakeInfo) => {
    const { sounding, state, chosen } = session;
    if (take.label !== null && document.activeElement !== choice) choice.value = `${take.label}`;
    const word = take.label === null ? '' : `, ${wordOf(labels[take.label])}`;
    play.setAttribute('aria-label', `Play take ${id}${word}`);
    play.classList.toggle('sounding', sounding?.id === id && sounding.what === 'take');
    element.classList.toggle('chosen', chosen === id);
    element.classList.toggle('faulty', take.fault !== null);
    const db = (mse: number) => ((state?.dynamicRange ?? 80) * Math.sqrt(mse)).toFixed(1);
    badge.hidden = !take.heldOut;
    about.textContent = take.fault ?? `${db(take.before)} → ${db(take.now)} dB`;
    about.title = take.fault ? 'Kept, but not learnt from: say it again.' : '';
  };
  return { element, show };
}

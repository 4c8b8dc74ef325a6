// The chosen take beside what the model makes of it, as it was and as it is now: pictures that play.

import { el, sizedCanvas } from '../dom.ts';
import { spectrogram } from '../play/screen.ts';
import { wordOf } from './prompts.ts';
import type { Picture, Version } from './protocol.ts';
import type { Session } from './session.ts';

type What = 'take' | Version;
const names: Record<What, string> = { take: 'You', before: 'The model before', now: 'The model now' };

export function comparison(session: Session): HTMLElement {
  const title = el('h3', {});
  const panes = (Object.keys(names) as What[]).map((what) => pane(session, what));
  const empty = el(
    'p',
    { class: 'teach-empty' },
    'Say a few words. From the fourth on the model learns, while you go on; here you see and hear how it comes nearer to you.',
  );
  const row = el('div', { class: 'trio' }, ...panes.map(({ element }) => element));
  const show = () => {
    const { take, state } = session;
    row.hidden = !take;
    empty.hidden = take !== undefined;
    const said = take && take.label !== null && state ? `“${wordOf(state.labels[take.label])}”` : '';
    const part = take?.heldOut ? ' · held out: never learnt from' : '';
    title.textContent = take ? `Take ${take.id} ${said}${part}` : 'Before and after';
    for (const { draw } of panes) draw();
  };
  session.changed.listen(show);
  session.compared.listen(show);
  session.lessons.listen(show);
  session.played.listen(() => {
    for (const { mark } of panes) mark();
  });
  show();
  return el('section', { class: 'group', 'aria-label': 'Before and after' }, title, empty, row);
}

function pane(session: Session, what: What) {
  const canvas = el('canvas', { class: 'spectrum', 'aria-hidden': 'true' });
  const error = el('span', { class: 'timing' });
  const button = el(
    'button',
    {
      type: 'button',
      class: 'picture',
      'aria-label': `Play: ${names[what]}`,
      click: () => session.chosen !== null && session.play(session.chosen, what),
    },
    canvas,
    el('i', { 'aria-hidden': 'true' }),
  );
  let picture: HTMLCanvasElement | null = null;
  const { redraw } = sizedCanvas(canvas, (context, width, height) => {
    if (!picture) return;
    context.imageSmoothingQuality = 'high';
    context.drawImage(picture, 0, 0, width, height);
  });
  let shown: Picture | undefined;
  const draw = () => {
    const { take, comparison, state } = session;
    const next = what === 'take' ? take?.sound : comparison?.[what];
    // Until the next picture is there the last one stays, so that nothing flickers.
    if (next && next !== shown) {
      shown = next;
      picture = spectrogram(next);
      redraw();
    }
    canvas.classList.toggle('stale', !next);
    const mse = take && what !== 'take' ? take[what] : null;
    error.textContent =
      mse !== null && state ? `off by ${(state.dynamicRange * Math.sqrt(mse)).toFixed(1)} dB` : '';
  };
  const mark = () => {
    const { sounding, chosen } = session;
    button.classList.toggle('sounding', sounding?.id === chosen && sounding?.what === what);
  };
  const element = el('figure', {}, el('figcaption', {}, names[what]), button, error);
  return { element, draw, mark };
}

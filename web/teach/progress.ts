// How far the learning is: the error on takes that it has not learnt from, before and now, that of the other voices beside
// it, both over the steps, and what is done with what was learnt.

import { download, el, sizedCanvas, styleOf } from '../dom.ts';
import type { Change, Lesson } from './protocol.ts';
import type { Session } from './session.ts';

const rows = { fresh: 'Your voice', old: 'The voices it knew' } as const;
type Row = keyof typeof rows;

export function progress(session: Session, used: () => void): HTMLElement {
  const status = el('p', { class: 'hint', id: 'lesson', role: 'status' });
  const bars = (Object.keys(rows) as Row[]).map((row) => ({ row, ...bar(rows[row]) }));
  const lines = curve();
  const buttons = actions(session, used);
  const box = el(
    'section',
    { class: 'group progress', 'aria-label': 'Progress' },
    el('h3', {}, 'Error on what it has not learnt from'),
    ...bars.map(({ element }) => element),
    lines.element,
    status,
    buttons.element,
  );
  const show = (lesson: Lesson) => {
    const most = Math.max(...[lesson.fresh, lesson.old].flatMap((c) => (c ? [c.before, c.now] : [])), 1e-9);
    const range = session.state?.dynamicRange ?? 80;
    for (const { row, set } of bars) set(lesson[row], most, range);
    lines.add(lesson);
    status.textContent = sentence(lesson);
    buttons.set(lesson);
    box.hidden = session.takes.length === 0;
  };
  box.hidden = true;
  session.lessons.listen(show);
  session.changed.listen(() => session.state && show(session.state.lesson));
  return box;
}

export function sentence({ learning, paused, step, counts }: Lesson): string {
  const { train, heldOut, least } = counts;
  const wanted = least - train + (heldOut > 0 ? 0 : 1);
  if (wanted > 0) return `${wanted} more ${wanted === 1 ? 'take' : 'takes'}, and it begins to learn.`;
  const from = `${train} takes, ${heldOut} held out`;
  if (paused)
    return step > 0 ? `Paused after ${step} steps (${from}).` : `As it was before; ${from} are kept.`;
  if (learning) return step > 0 ? `Learning: step ${step}, ${from}.` : `Beginning to learn from ${from}.`;
  return `Learnt in ${step} steps from ${from}. More takes teach it more.`;
}

function bar(name: string) {
  const fill = el('i', {});
  const mark = el('b', {});
  const figures = el('span', { class: 'timing' });
  const percent = el('output', {});
  const element = el(
    'div',
    { class: 'bar' },
    el('span', {}, name),
    percent,
    el('div', { class: 'bar-track', 'aria-hidden': 'true' }, fill, mark),
    figures,
  );
  const set = (change: Change | null, most: number, range: number) => {
    element.classList.toggle('none', change === null);
    const { before, now } = change ?? { before: 0, now: 0 };
    fill.style.width = `${(100 * now) / most}%`;
    mark.style.left = `${(100 * before) / most}%`;
    const by = before > 0 ? Math.round((100 * (now - before)) / before) : 0;
    percent.textContent = change ? `${by > 0 ? '+' : by < 0 ? '−' : ''}${Math.abs(by)} %` : '';
    percent.classList.toggle('better', by < 0);
    const db = (mse: number) => (range * Math.sqrt(mse)).toFixed(1);
    figures.textContent = change
      ? `MSE ${before.toFixed(4)} → ${now.toFixed(4)} · ${db(before)} → ${db(now)} dB`
      : 'not known yet';
  };
  return { element, set };
}

/** Both errors over the steps. */
function curve() {
  const canvas = el('canvas', { class: 'curve', role: 'img', 'aria-label': 'Errors over the steps' });
  let points: { step: number; fresh: number; old: number | null }[] = [];
  const { redraw } = sizedCanvas(canvas, (context, width, height) => {
    if (points.length < 2) return;
    const steps = points[points.length - 1].step;
    const values = points.flatMap(({ fresh, old }) => (old === null ? [fresh] : [fresh, old]));
    const [low, high] = [Math.min(...values) * 0.95, Math.max(...values) * 1.02];
    const line = (pick: (point: (typeof points)[0]) => number | null, colour: string, wide: number) => {
      context.strokeStyle = styleOf(colour);
      context.lineWidth = wide;
      context.lineJoin = 'round';
      context.beginPath();
      for (const point of points) {
        const value = pick(point);
        if (value === null) continue;
        context.lineTo(
          (point.step / steps) * (width - 4) + 2,
          height - 2 - ((value - low) / (high - low)) * (height - 4),
        );
      }
      context.stroke();
    };
    line(({ old }) => old, '--soft', 1.5);
    line(({ fresh }) => fresh, '--accent', 2.5);
  });
  const add = ({ step, fresh, old }: Lesson) => {
    if (points.length > 0 && step < points[points.length - 1].step) points = [];
    if (!fresh) return;
    const point = { step, fresh: fresh.now, old: old?.now ?? null };
    const last = points.at(-1);
    if (last?.fresh === point.fresh && last.old === point.old) return;
    if (last?.step === step) points.pop();
    points.push(point);
    canvas.hidden = points.length < 2;
    redraw();
  };
  canvas.hidden = true;
  return { element: canvas, add };
}

function actions(session: Session, used: () => void) {
  const use = el(
    'button',
    { type: 'button', class: 'primary', click: async () => (await session.use()) && used() },
    'Play this voice',
  );
  const save = el(
    'button',
    {
      type: 'button',
      click: async () => download(await session.file(), 'my-voice.safetensors', 'application/octet-stream'),
    },
    'Download model',
  );
  let paused = false;
  const pause = el('button', { type: 'button', click: () => session.learn(paused) }, 'Pause');
  const undo = el('button', { type: 'button', click: () => session.forget() }, 'Undo all learning');
  const set = (lesson: Lesson) => {
    const learnt = lesson.step > 0;
    paused = lesson.paused;
    use.disabled = !learnt;
    save.disabled = !learnt;
    undo.disabled = !learnt;
    pause.disabled = !(lesson.learning || lesson.paused || learnt);
    pause.textContent = lesson.paused ? 'Learn' : 'Pause';
  };
  return { element: el('div', { class: 'row' }, use, save, pause, undo), set };
}

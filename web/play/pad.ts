// The pad: the plane of latent space with the training examples on it, coloured by label. The pointer drags the point, the
// arrow keys move it (with shift in larger steps), Enter strikes it.

import { classColours } from '../../src/plot/colours.ts';
import { el, sizedCanvas, styleOf } from '../dom.ts';
import type { ModelSummary } from '../protocol.ts';
import type { Instrument } from './instrument.ts';

/** Standard deviations shown at least, from the middle to an edge. */
const leastReach = 2.5;
const step = { fine: 0.08, coarse: 0.4 };

export const colourOfLabel = (label: number) =>
  label < 0 ? styleOf('--soft') : classColours[label % classColours.length];

export function pad(instrument: Instrument): HTMLElement {
  const canvas = el('canvas', { 'aria-hidden': 'true' });
  const readout = el('output', { class: 'pad-readout', 'aria-live': 'polite' });
  const surface = el(
    'div',
    {
      class: 'pad',
      tabindex: 0,
      role: 'application',
      'aria-label': 'Latent pad',
      'aria-roledescription': 'two-dimensional pad',
      'aria-describedby': 'pad-help',
    },
    canvas,
    readout,
  );
  const help = el(
    'p',
    { id: 'pad-help', class: 'hint' },
    'Drag to play. Arrow keys move, with Shift further, Enter strikes.',
  );
  let places: { at: [number, number]; label: number; speaker: string | null; z: number[] }[] = [];
  let reach = leastReach;

  const draw = (context: CanvasRenderingContext2D, width: number, height: number) => {
    if (!instrument.model) return;
    const scale = Math.min(width, height) / 2 / reach;
    const x = (u: number) => width / 2 + u * scale;
    const y = (v: number) => height / 2 - v * scale;
    drawRings(context, x(0), y(0), scale, reach);
    for (const { at, label } of places) {
      const lit = instrument.point.label === null || label < 0 ? 1 : (instrument.point.label[label] ?? 0);
      context.globalAlpha = 0.2 + 0.75 * lit;
      context.fillStyle = colourOfLabel(label);
      context.beginPath();
      context.arc(x(at[0]), y(at[1]), 2.2 + 1.6 * lit, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    drawPuck(context, x(instrument.place[0]), y(instrument.place[1]), width, height);
  };
  const { redraw } = sizedCanvas(canvas, draw);

  const show = () => {
    const [u, v] = instrument.place;
    const near = nearest(places, instrument);
    readout.textContent = `${signed(u)}  ${signed(v)}${near ? `  near ${near}` : ''}`;
    redraw();
  };
  instrument.opened.listen(({ map }: ModelSummary) => {
    places = (map?.mu ?? []).map((z, i) => ({
      ...{ z, at: instrument.placeOf(z), label: map?.label[i] ?? -1, speaker: map?.speaker[i] ?? null },
    }));
    const most = places.reduce((m, { at }) => Math.max(m, Math.abs(at[0]), Math.abs(at[1])), 0);
    reach = Math.max(leastReach, 1.08 * most);
  });
  instrument.changed.listen(show);

  const moveTo = (event: PointerEvent, attack: 'strike' | 'follow') => {
    const box = surface.getBoundingClientRect();
    const scale = Math.min(box.width, box.height) / 2 / reach;
    const u = (event.clientX - box.left - box.width / 2) / scale;
    const v = -(event.clientY - box.top - box.height / 2) / scale;
    const within = (n: number) => Math.min(reach, Math.max(-reach, n));
    instrument.moveTo(within(u), within(v), attack);
  };
  surface.addEventListener('pointerdown', (event) => {
    if (!instrument.model || event.button !== 0) return;
    surface.setPointerCapture(event.pointerId);
    surface.focus({ preventScroll: true });
    moveTo(event, 'strike');
  });
  surface.addEventListener('pointermove', (event) => {
    if (surface.hasPointerCapture(event.pointerId)) moveTo(event, 'follow');
  });
  surface.addEventListener('keydown', (event) => {
    if (!instrument.model || event.metaKey || event.ctrlKey || event.altKey) return;
    const by = event.shiftKey ? step.coarse : step.fine;
    const [u, v] = instrument.place;
    const moves: Record<string, [number, number]> = {
      ...{ ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, by], ArrowDown: [0, -by] },
    };
    if (moves[event.key]) instrument.moveTo(u + moves[event.key][0], v + moves[event.key][1], 'follow');
    else if (event.key === 'Enter') instrument.strike();
    else return;
    event.preventDefault();
  });
  return el('div', { class: 'pad-frame' }, surface, help);
}

const signed = (n: number) => `${n <= -0.005 ? '−' : '+'}${Math.abs(n).toFixed(2)}`;

/** The speaker of the nearest example that has the point's label. */
function nearest(
  places: readonly { label: number; speaker: string | null; z: number[] }[],
  { point, label }: Instrument,
): string | null {
  let [best, least]: [string | null, number] = [null, Number.POSITIVE_INFINITY];
  for (const place of places) {
    if (place.speaker === null || (label >= 0 && place.label !== label)) continue;
    const distance = place.z.reduce((sum, x, i) => sum + (x - point.z[i]) ** 2, 0);
    if (distance < least) [best, least] = [place.speaker, distance];
  }
  return best;
}

/** Circles of one, two, three standard deviations of the prior, and the axes. */
function drawRings(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  scale: number,
  reach: number,
): void {
  context.strokeStyle = styleOf('--line');
  context.lineWidth = 1;
  for (let r = 1; r <= reach * 1.4; r++) {
    context.beginPath();
    context.arc(x, y, r * scale, 0, 2 * Math.PI);
    context.stroke();
  }
}

function drawPuck(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  context.strokeStyle = styleOf('--accent');
  context.globalAlpha = 0.45;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, height);
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
  context.globalAlpha = 1;
  context.fillStyle = styleOf('--screen');
  context.lineWidth = 3;
  context.beginPath();
  context.arc(x, y, 11, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.fillStyle = styleOf('--accent');
  context.beginPath();
  context.arc(x, y, 3.5, 0, 2 * Math.PI);
  context.fill();
}

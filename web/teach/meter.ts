// The level meter: a ladder of lamps from -60 dBFS to full scale, lit up to the rms, one lamp at the highest peak of the
// last second; the last lamps say that it clips.

import { el, sizedCanvas, styleOf } from '../dom.ts';
import type { Microphone } from './microphone.ts';

const lamps = 40;
/** Peak from which on the converter is at its end. */
const clipping = 0.99;
/** dBFS. */
const lowest = -60;
const warm = -9;
/** Seconds that the peak stays. */
const hold = 1;

const decibels = (amplitude: number) => Math.max(lowest, 20 * Math.log10(amplitude + 1e-9));
const lampOf = (db: number) => Math.round(((db - lowest) / -lowest) * lamps);

export function meter(microphone: Microphone): HTMLElement {
  const canvas = el('canvas', { class: 'meter-lamps', 'aria-hidden': 'true' });
  const clip = el('span', { class: 'meter-clip' }, 'clip');
  const box = el(
    'div',
    {
      class: 'meter',
      role: 'meter',
      'aria-label': 'Level of the microphone',
      'aria-valuemin': lowest,
      'aria-valuemax': 0,
      'aria-valuenow': lowest,
    },
    canvas,
    clip,
  );
  let [rms, peak, peakAt, clippedAt, spokenAt] = [lowest, lowest, 0, Number.NEGATIVE_INFINITY, 0];
  const { redraw } = sizedCanvas(canvas, (context, width, height) => {
    const pitch = width / lamps;
    const [on, warn, fault, off] = ['--trace', '--warn', '--accent', '--line'].map(styleOf);
    for (let i = 0; i < lamps; i++) {
      const lit = i < lampOf(rms) || (peak > lowest && i === lampOf(peak) - 1);
      const db = lowest + ((i + 1) / lamps) * -lowest;
      context.fillStyle = !lit ? off : i >= lamps - 1 ? fault : db > warm ? warn : on;
      context.fillRect(i * pitch, 0, pitch - 2, height);
    }
  });
  microphone.level.listen((level) => {
    const now = performance.now() / 1000;
    rms = decibels(level.rms);
    if (decibels(level.peak) >= peak || now - peakAt > hold) [peak, peakAt] = [decibels(level.peak), now];
    if (level.peak >= clipping) clippedAt = now;
    clip.classList.toggle('lit', now - clippedAt < hold);
    if (now - spokenAt > 0.5) {
      spokenAt = now;
      box.setAttribute('aria-valuenow', `${Math.round(rms)}`);
    }
    redraw();
  });
  microphone.closed.listen(() => {
    [rms, peak] = [lowest, lowest];
    clip.classList.remove('lit');
    redraw();
  });
  return box;
}

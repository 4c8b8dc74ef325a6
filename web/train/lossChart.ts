// The losses of a run: every step as a thin line, its running mean as a thick one, and the test split's value after each
// epoch as a dot.

import { el, sizedCanvas, styleOf } from '../dom.ts';
import type { LossRow } from '../protocol.ts';

export interface LossChart {
  element: HTMLElement;
  show(rows: readonly LossRow[], tests: readonly { step: number; value: number }[], steps: number): void;
}

const left = 52;
const bottom = 24;
const top = 10;

export function lossChart(): LossChart {
  const canvas = el('canvas', { class: 'losses', role: 'img', 'aria-label': 'Loss over the steps' });
  let drawn: Parameters<LossChart['show']> = [[], [], 1];
  const { redraw } = sizedCanvas(canvas, (context, width, height) => draw(context, width, height, ...drawn));
  return {
    element: el('div', { class: 'screen' }, canvas),
    show: (...next) => {
      drawn = next;
      redraw();
    },
  };
}

function draw(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  rows: readonly LossRow[],
  tests: readonly { step: number; value: number }[],
  steps: number,
): void {
  context.font = `11px ${styleOf('--figures')}`;
  context.fillStyle = styleOf('--dim');
  if (rows.length < 2) {
    context.fillText('The loss will be drawn here.', left, height / 2);
    return;
  }
  let [low, high] = rangeOf(
    rows.map((row) => row[1]),
    tests.map((t) => t.value),
  );
  const margin = 0.06 * (high - low || 1);
  [low, high] = [low - margin, high + margin];
  const x = (step: number) => left + ((width - left - 10) * step) / Math.max(steps, 1);
  const y = (value: number) => top + ((height - top - bottom) * (high - value)) / (high - low);
  drawScale(context, width, height, { low, high, steps }, y);
  const line = (points: readonly (readonly [number, number])[], colour: string, thick: number) => {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.beginPath();
    for (const [step, value] of points) context.lineTo(x(step), y(value));
    context.stroke();
  };
  // What lies above the scale is cut off.
  context.save();
  context.beginPath();
  context.rect(left, 0, width - left, height - bottom);
  context.clip();
  const each = every(rows, Math.ceil(rows.length / 1500));
  context.globalAlpha = 0.35;
  line(
    each.map((row) => [row[0], row[1]]),
    styleOf('--trace'),
    1,
  );
  context.globalAlpha = 1;
  line(smoothed(each), styleOf('--trace'), 2.2);
  context.restore();
  context.fillStyle = '#ff6a3d';
  for (const { step, value } of every(tests, Math.ceil(tests.length / 200))) {
    context.beginPath();
    context.arc(x(step), y(value), 2.6, 0, 2 * Math.PI);
    context.fill();
  }
}

/** What the scale holds: the second half of the run, and most of the first, so that the first fall does not flatten the rest. */
function rangeOf(losses: readonly number[], tests: readonly number[]): [number, number] {
  const late = [...losses.slice(losses.length >> 1), ...tests.slice(tests.length >> 1)];
  const early = [...losses.slice(0, losses.length >> 1), ...tests].sort((a, b) => a - b);
  const most = early[Math.floor(0.8 * (early.length - 1))];
  return [Math.min(...late, early[0]), Math.max(...late, most)];
}

function drawScale(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  { low, high, steps }: { low: number; high: number; steps: number },
  y: (value: number) => number,
): void {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10);
  context.strokeStyle = styleOf('--grid');
  context.lineWidth = 1;
  context.textAlign = 'right';
  for (let value = Math.ceil(low / step) * step; value < high; value += step) {
    const at = Math.round(y(value)) + 0.5;
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(width - 10, at);
    context.stroke();
    context.fillText(`${Number(value.toPrecision(4))}`, left - 8, at + 4);
  }
  context.fillText(`${steps} steps`, width - 10, height - 8);
  context.textAlign = 'left';
  context.fillText('nats a clip', left, height - 8);
}

const every = <T>(list: readonly T[], n: number): T[] => list.filter((_, i) => i % Math.max(1, n) === 0);

/** A running mean over about a thirtieth of the run. */
function smoothed(rows: readonly LossRow[]): [number, number][] {
  const keep = 1 - 1 / Math.max(2, Math.min(60, rows.length / 30));
  let mean = rows[0][1];
  return rows.map(([step, loss]) => {
    mean = keep * mean + (1 - keep) * loss;
    return [step, mean];
  });
}

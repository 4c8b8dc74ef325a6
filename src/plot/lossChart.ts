// The course of a training: three panels side by side (total, reconstruction, KL; nats an item) over the epochs, a curve
// for each of the training, validation and test split that is there. A panel is logarithmic where its values are all
// positive and span a factor above 4, so that the first epochs do not flatten the rest. Scales and ticks are d3-scale's.
import { scaleLinear, scaleLog } from 'd3-scale';
import { DataError } from '../engine/errors.ts';
import { ink, splitColours } from './colours.ts';
import { element, shorten, svgDocument, text } from './svg.ts';

type Split = keyof typeof splitColours;
type Figures = Partial<Record<'loss' | 'negElbo' | 'recon' | 'kl', number | null>>;

/** An epoch's line of metrics.jsonl; other lines of it have no `epoch`. */
export interface MetricsRow {
  epoch?: number;
  /** Means over the epoch: loss, recon, kl. */
  train?: Figures;
  /** negElbo, recon, kl. */
  valid?: Figures;
  test?: Figures;
}

export interface LossChartOptions {
  /** Above the panels; `Training` if not given. */
  title?: string;
  /** Panels below each other instead of side by side, for narrow pages. */
  stacked?: boolean;
}

interface Curve {
  split: Split;
  points: [epoch: number, value: number][];
}

const panels = [
  { title: 'Total', train: 'loss', held: 'negElbo' },
  { title: 'Reconstruction', train: 'recon', held: 'recon' },
  { title: 'KL divergence', train: 'kl', held: 'kl' },
] as const;
type Panel = (typeof panels)[number];

const size = { width: 960, height: 320 };
const plot = { top: 76, bottom: 272, left: 56, width: 244, pitch: 312, down: 276 };
const narrow = { width: 336, height: 320 + 2 * plot.down + 24 };
const splits = Object.keys(splitColours) as Split[];

/** The curves of a panel: finite values alone, splits without any left out. */
function curvesOf(rows: MetricsRow[], panel: Panel): Curve[] {
  const curves = splits.map((split): Curve => {
    const key = split === 'train' ? panel.train : panel.held;
    const all = rows.map((row) => [row.epoch, row[split]?.[key]]);
    return { split, points: all.filter((point): point is [number, number] => point.every(Number.isFinite)) };
  });
  return curves.filter(({ points }) => points.length > 0);
}

/** The vertical scale, never empty, logarithmic by the rule above; with what to write beside it. */
function verticalScale(values: number[]) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const range = [plot.bottom, plot.top];
  if (low > 0 && high > 4 * low) {
    const y = scaleLog([low / 1.1, high * 1.1], range);
    return { y, unit: 'nats per item, log scale', format: y.tickFormat(5, ',~r') };
  }
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  const y = scaleLinear([low - margin, high + margin], range).nice(5);
  return { y, unit: 'nats per item', format: y.tickFormat(5) };
}

/** Whole epochs alone, and at least one of them. */
function epochTicks(first: number, last: number): number[] {
  if (first === last) return [first];
  return scaleLinear([first, last], [0, 1]).ticks(5).filter(Number.isSafeInteger);
}

function drawCurve({ split, points }: Curve, x: (e: number) => number, y: (v: number) => number): string {
  const stroke = splitColours[split];
  const path = points
    .map(([e, v], i) => `${i === 0 ? 'M' : 'L'}${x(e).toFixed(2)},${y(v).toFixed(2)}`)
    .join('');
  const line =
    points.length === 1
      ? ''
      : element('path', {
          d: path,
          fill: 'none',
          stroke,
          'stroke-width': 2,
          'stroke-linejoin': 'round',
          'stroke-linecap': 'round',
          'data-split': split,
        });
  const dots = points.length > 30 ? [points[points.length - 1]] : points;
  const marks = dots.map(([e, v]) =>
    element('circle', { cx: x(e), cy: y(v), r: 2.6, fill: stroke, 'data-split': split }),
  );
  return line + marks.join('');
}

function drawPanel(curves: Curve[], panel: Panel, left: number, epochs: [number, number]): string {
  const values = curves.flatMap(({ points }) => points.map(([, value]) => value));
  const right = left + plot.width;
  const heading = text(left, plot.top - 14, panel.title, { 'font-weight': 700, 'font-size': 13 });
  if (values.length === 0) {
    const none = text((left + right) / 2, (plot.top + plot.bottom) / 2, 'no finite value', {
      'text-anchor': 'middle',
      fill: ink.soft,
    });
    return heading + none;
  }
  const [first, last] = epochs;
  const x = scaleLinear(first === last ? [first - 1, last + 1] : [first, last], [left + 8, right - 8]);
  const { y, unit, format } = verticalScale(values);
  const ticks = y.ticks(5).filter((value) => format(value) !== '');
  const soft = { fill: ink.soft, 'font-size': 11 };
  const horizontal = ticks.map(
    (value) =>
      element('line', { x1: left, x2: right, y1: y(value), y2: y(value), stroke: ink.grid }) +
      text(left - 6, y(value) + 4, format(value), { ...soft, 'text-anchor': 'end' }),
  );
  const vertical = epochTicks(first, last).map(
    (epoch) =>
      element('line', {
        x1: x(epoch),
        x2: x(epoch),
        y1: plot.bottom,
        y2: plot.bottom + 4,
        stroke: ink.line,
      }) + text(x(epoch), plot.bottom + 17, `${epoch}`, { ...soft, 'text-anchor': 'middle' }),
  );
  const axis = element('line', { x1: left, x2: right, y1: plot.bottom, y2: plot.bottom, stroke: ink.line });
  const middle = (left + right) / 2;
  const note = text(right, plot.top - 14, unit, { ...soft, 'text-anchor': 'end' });
  const label = text(middle, plot.bottom + 35, 'epoch', { ...soft, 'text-anchor': 'middle' });
  const drawn = curves.map((curve) => drawCurve(curve, x, y));
  return [heading, note, ...horizontal, axis, ...vertical, label, ...drawn].join('');
}

/** Swatches and names of the splits. */
function drawLegend(shown: Split[], right: number, y: number): string {
  return shown
    .map((split, i) => {
      const left = right - 76 * (shown.length - i);
      const swatch = {
        x1: left,
        x2: left + 20,
        y1: y,
        y2: y,
        stroke: splitColours[split],
        'stroke-width': 3,
      };
      return element('line', { ...swatch, 'stroke-linecap': 'round' }) + text(left + 28, y + 4, split);
    })
    .join('');
}

/**
 * A chart of the losses over the epochs, from the rows of metrics.jsonl (rows without `epoch` are passed over, values
 * that are missing or not finite leave no mark). Training shows its mean loss over the epoch (recon + beta KL), the other
 * splits their negative ELBO.
 * @returns the text of an SVG, 960 x 320, or stacked 336 x 896
 * @throws DataError if there is no row of an epoch.
 */
export function lossChart(
  metrics: MetricsRow[],
  { title = 'Training', stacked = false }: LossChartOptions = {},
): string {
  const rows = metrics.filter(({ epoch }) => Number.isFinite(epoch));
  if (rows.length === 0) {
    throw new DataError(
      `lossChart: none of ${metrics.length} rows is that of an epoch; train one epoch to its end`,
    );
  }
  const epochs = rows.map(({ epoch }) => epoch as number);
  const range: [number, number] = [Math.min(...epochs), Math.max(...epochs)];
  const curves = panels.map((panel) => curvesOf(rows, panel));
  const shown = splits.filter((split) => curves.flat().some((curve) => curve.split === split));
  const { width, height } = stacked ? narrow : size;
  const drawn = panels.map((panel, i) => {
    if (!stacked) return drawPanel(curves[i], panel, plot.left + i * plot.pitch, range);
    const down = { transform: `translate(0 ${24 + i * plot.down})` };
    return element('g', down, drawPanel(curves[i], panel, plot.left, range));
  });
  return svgDocument(
    width,
    height,
    `${title}: total, reconstruction and KL in nats per item over ${rows.length} epochs`,
    text(24, 32, shorten(title, 16, stacked ? 290 : 640), { 'font-size': 16, 'font-weight': 700 }),
    stacked ? drawLegend(shown, 24 + 76 * shown.length, 56) : drawLegend(shown, width - 24, 26),
    ...drawn,
  );
}

// A map of the latent space: one mark per item, coloured by class, in two dimensions with the same unit both ways, so
// that distances can be read. Ten colours; from the eleventh class on the mark changes too (triangle, square). Items are
// drawn in a shuffled order, always the same for the same number, so that no class lies on top of the others.
import { DataError, ShapeError } from '../engine/errors.ts';
import { Random } from '../engine/random.ts';
import { classColours, ink } from './colours.ts';
import { element, shorten, svgDocument, text, textWidth } from './svg.ts';

/** The part of the plane that a map shows. */
export interface Extent {
  x: [number, number];
  y: [number, number];
}

export interface LatentMapOptions {
  /** Above the map. */
  title?: string;
  /** Whether classes are named at the side; true if not given, where there is a name. */
  legend?: boolean;
  /** Heading of the legend, for example `digit` or `speaker`. */
  legendTitle?: string;
  /** Names of the two axes, for example `PC 1`. */
  axes?: [string, string];
  /** What to show; all points with a margin if not given. Frames of an animation share one: `extentOf` of them all. */
  extent?: Extent;
  /** Pixels of the map across, and at most down: a positive number, 480 if not given. */
  size?: number;
}

const marks = 3;
/** Classes told apart; those with fewer items than these become "others". */
const mostClasses = marks * classColours.length;
const unknown = '#b4b9bf';
const legendRows = 20;

function checkPoints(where: string, points: ArrayLike<number>): void {
  if (points.length % 2 !== 0 || points.length === 0) {
    throw new ShapeError(`${where}: points has ${points.length} values; give x and y of at least one point`);
  }
  for (let i = 0; i < points.length; i++) {
    if (Number.isFinite(points[i])) continue;
    throw new DataError(
      `${where}: point ${i >> 1} is at ${points[i - (i % 2)]}, ${points[i - (i % 2) + 1]}; leave out what is not finite`,
    );
  }
}

/** The extent of some sets of points (x0, y0, x1, y1, ...). @throws ShapeError, DataError as `latentMap`. */
export function extentOf(...sets: ArrayLike<number>[]): Extent {
  const x: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const y: [number, number] = [...x];
  for (const points of sets) {
    checkPoints('extentOf', points);
    for (let i = 0; i < points.length; i++) {
      const range = i % 2 === 0 ? x : y;
      range[0] = Math.min(range[0], points[i]);
      range[1] = Math.max(range[1], points[i]);
    }
  }
  return { x, y };
}

/** Maps the extent into the middle of a box `size` wide, one scale for both ways, 4 % of margin; half as high at least. */
function placement({ x, y }: Extent, size: number) {
  const [spanX, spanY] = [x[1] - x[0], y[1] - y[0]];
  const scale = (0.92 * size) / (Math.max(spanX, spanY) || 1);
  const height = Math.round(Math.max(size / 2, scale * spanY + 0.08 * size));
  return {
    height,
    x: (v: number) => size / 2 + scale * (v - (x[0] + x[1]) / 2),
    y: (v: number) => height / 2 - scale * (v - (y[0] + y[1]) / 2),
  };
}

/** Place of each class among those told apart, most frequent kept, in the order of their numbers. */
function shownClasses(classes: ArrayLike<number>): { places: Map<number, number>; others: number } {
  const counts = new Map<number, number>();
  for (let i = 0; i < classes.length; i++) {
    if (classes[i] >= 0) counts.set(classes[i], (counts.get(classes[i]) ?? 0) + 1);
  }
  const kept = [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)! || a - b);
  const shown = kept.slice(0, mostClasses).sort((a, b) => a - b);
  return { places: new Map(shown.map((c, i) => [c, i])), others: kept.length - shown.length };
}

/** A circle, triangle or square of about the same area. */
function mark(place: number | undefined, x: number, y: number, r: number, attributes: object): string {
  const fill = place === undefined ? unknown : classColours[place % classColours.length];
  const style = { fill, ...attributes };
  const shape = place === undefined ? 0 : Math.floor(place / classColours.length);
  if (shape === 0) return element('circle', { cx: x, cy: y, r, ...style });
  if (shape === 1) {
    const [dx, up, down] = [1.3 * r, 1.5 * r, 0.75 * r];
    const corners = [
      [x, y - up],
      [x + dx, y + down],
      [x - dx, y + down],
    ];
    return element('polygon', {
      points: corners.map((c) => c.map((v) => v.toFixed(2)).join(',')).join(' '),
      ...style,
    });
  }
  return element('rect', { x: x - 0.9 * r, y: y - 0.9 * r, width: 1.8 * r, height: 1.8 * r, ...style });
}

interface Entry {
  place: number | undefined;
  name: string;
}

function legendEntries(classes: ArrayLike<number>, names: string[]): Entry[] {
  const { places, others } = shownClasses(classes);
  const entries: Entry[] = [...places].map(([c, place]) => ({ place, name: shorten(names[c], 12, 130) }));
  if (others > 0) entries.push({ place: undefined, name: `${others} others` });
  if (Array.from(classes).some((c) => c < 0)) entries.push({ place: undefined, name: 'no label' });
  return entries;
}

function drawLegend(entries: Entry[], heading: string, left: number, top: number) {
  const columns = Math.ceil(entries.length / legendRows);
  const pitch = 34 + Math.max(...entries.map(({ name }) => textWidth(name, 12)));
  const first = heading === '' ? top + 8 : top + 30;
  const drawn = entries.map(({ place, name }, i) => {
    const x = left + 8 + Math.floor(i / legendRows) * pitch;
    const y = first + (i % legendRows) * 20;
    return mark(place, x, y, 5, {}) + text(x + 14, y + 4, name);
  });
  if (heading !== '') drawn.unshift(text(left, top + 8, heading, { 'font-weight': 700 }));
  return {
    svg: drawn.join(''),
    width: Math.max(columns * pitch, textWidth(heading, 12) + 10),
    bottom: first + Math.min(legendRows, entries.length) * 20 - 20,
  };
}

/**
 * A scatter plot coloured by class.
 * @param points (n, 2): x and y of each item
 * @param classes n integers, an index into `names`, or -1 for none (grey). Of more than 30 classes the most frequent 30
 *   get colours, the others are grey.
 * @param names of the classes; empty where there are none
 * @returns the text of an SVG
 * @throws ShapeError if the counts differ, a class has no name, or the size is not positive; DataError for points that
 *   are not finite.
 */
export function latentMap(
  points: ArrayLike<number>,
  classes: ArrayLike<number>,
  names: string[],
  options: LatentMapOptions = {},
): string {
  const { title = '', legend = true, legendTitle = '', axes, size = 480 } = options;
  checkPoints('latentMap', points);
  const n = points.length / 2;
  if (classes.length !== n) {
    throw new ShapeError(`latentMap: ${classes.length} classes for ${n} points; give one for each`);
  }
  const nameless = Array.from(classes).find((c) => !Number.isInteger(c) || c >= names.length);
  if (nameless !== undefined) {
    throw new ShapeError(
      `latentMap: class ${nameless} has no name among ${names.length}; name each, or give -1`,
    );
  }
  if (!(size > 0 && size < 1e5))
    throw new ShapeError(`latentMap: size is ${size}; give pixels, for example 480`);

  const { places } = shownClasses(classes);
  const at = placement(options.extent ?? extentOf(points), size);
  const r = Math.min(4.5, Math.max(1.8, (size / 480) * (90 / Math.sqrt(n))));
  const style = { 'fill-opacity': 0.85, stroke: ink.paper, 'stroke-width': 0.4 };
  const order = new Random(0, 'latentMap').permutation(0, n);
  const drawn = Array.from(order, (i) =>
    mark(places.get(classes[i]), at.x(points[2 * i]), at.y(points[2 * i + 1]), r, style),
  );

  const [left, top] = [axes ? 40 : 20, title === '' ? 20 : 52];
  const entries = legend && names.length > 0 ? legendEntries(classes, names) : [];
  const side = entries.length > 0 ? drawLegend(entries, legendTitle, left + size + 20, top) : null;
  const width = Math.ceil(left + size + 20 + (side ? side.width : 0));
  const height = Math.max(top + at.height + (axes ? 40 : 20), side ? side.bottom + 16 : 0);
  const soft = { fill: ink.soft, 'text-anchor': 'middle' };
  const middle = top + at.height / 2;
  const named = axes
    ? text(left + size / 2, top + at.height + 24, axes[0], soft) +
      text(24, middle, axes[1], { ...soft, transform: `rotate(-90 24 ${middle})` })
    : '';
  return svgDocument(
    width,
    height,
    `${title || 'Latent map'}: ${n} points${names.length > 0 ? ` in ${places.size} classes` : ''}`,
    title === ''
      ? ''
      : text(left, 34, shorten(title, 16, width - left - 20), { 'font-size': 16, 'font-weight': 700 }),
    // A picture within the picture cuts off what lies outside the extent, without an id as a clip path would need.
    element('svg', { x: left, y: top, width: size, height: at.height, overflow: 'hidden' }, ...drawn),
    element('rect', {
      x: left,
      y: top,
      width: size,
      height: at.height,
      fill: 'none',
      stroke: ink.line,
      rx: 2,
    }),
    named,
    side?.svg ?? '',
  );
}

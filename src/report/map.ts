// The map of the latent space in the page: a mark for each placed example, those with an item focusable and to be
// played; the script moves the marks between projections and colours them.

import { printable } from '../audio/names.ts';
import { classColours } from '../plot/colours.ts';
import { extentOf } from '../plot/latentMap.ts';
import type { Content, Item } from './content.ts';
import { type Html, html } from './html.ts';
import { tileHtml, tilePosition } from './tiles.ts';

const size: [number, number] = [640, 480];
const margin = 16;
/** Circle, triangle, square: from the eleventh class on the mark changes, as on the maps that plot draws. */
const glyphs = [
  'M6 0A6 6 0 1 1 -6 0A6 6 0 1 1 6 0Z',
  'M0 -7.5L6.6 4.2L-6.6 4.2Z',
  'M-5.2 -5.2H5.2V5.2H-5.2Z',
];

/** Points in the picture's units, rounded to a tenth, one scale for both ways. */
function fitted(points: Float32Array): number[] {
  const { x, y } = extentOf(points);
  const room = [x, y].map(([low, high], i) => (size[i] - 2 * margin) / (high - low));
  // Points in a line, or all in one place, have no limit that way.
  const scale = Math.min(...room.filter(Number.isFinite), 1e6);
  return Array.from(points, (v, i) =>
    i % 2 === 0
      ? Number((size[0] / 2 + scale * (v - (x[0] + x[1]) / 2)).toFixed(1))
      : Number((size[1] / 2 - scale * (v - (y[0] + y[1]) / 2)).toFixed(1)),
  );
}

interface FittedMap {
  name: string;
  title: string;
  note: string;
  points: number[];
}

function mapsOf({ maps }: Content): FittedMap[] {
  const out: FittedMap[] = [];
  if (typeof maps.pca !== 'string')
    out.push({
      name: 'pca',
      title: 'PCA',
      note: `${maps.axes[0]} to the right, ${maps.axes[1]} up`,
      points: fitted(maps.pca),
    });
  if (typeof maps.tsne !== 'string')
    out.push({
      name: 'tsne',
      title: 't-SNE',
      note: 'neighbours count, distances between groups do not',
      points: fitted(maps.tsne),
    });
  return out;
}

/** The error of an example, as a reader wants it. */
export const errorText = ({ figures }: Item): string =>
  figures.dbRmse === undefined ? `${figures.negElbo.toFixed(1)} nats` : `${figures.dbRmse.toFixed(2)} dB`;

export function itemFacts(item: Item, labelName: string): [string, string][] {
  const { figures, label, speaker } = item;
  return [
    ...(label === null ? [] : [[labelName, printable(label)] as [string, string]]),
    ...(speaker === null ? [] : [['speaker', printable(speaker)] as [string, string]]),
    ...(figures.dbRmse === undefined
      ? []
      : [['error', `${figures.dbRmse.toFixed(2)} dB RMSE`] as [string, string]]),
    ['−ELBO', `${figures.negElbo.toFixed(1)} nats`],
  ];
}

export const labelName = ({ placed }: Content): string =>
  placed.colourings.find(({ name }) => name !== 'speaker')?.name ?? 'label';

/** What the page's script needs to know. */
export function pageData(content: Content): object {
  const { items, store, placed } = content;
  const of = (tile: number, sound: number | null) => [...tilePosition(store, tile), sound];
  return {
    size,
    glyphs,
    colours: classColours.length,
    maps: mapsOf(content).map(({ name, note, points }) => ({ name, note, points })),
    colourings: placed.colourings.map(({ name, names, classes }) => ({
      name,
      names: names.map(printable),
      classes: [...classes],
    })),
    items: items.map((item) => ({
      name: printable(item.name),
      facts: itemFacts(item, labelName(content)),
      x: of(item.x, item.xSound),
      y: of(item.y, item.ySound),
    })),
  };
}

function choice(legend: string, name: string, options: [value: string, title: string][]): Html | null {
  if (options.length < 2) return null;
  const inputs = options.map(
    ([value, title], i) =>
      html`<label><input type="radio" name="${name}" value="${value}"${i === 0 && html` checked`}><span>${title}</span></label>`,
  );
  return html`<fieldset><legend>${legend}</legend><div class="seg">${inputs}</div></fieldset>`;
}

export function mapSection(content: Content): Html {
  const { placed, items, points, store, about } = content;
  const maps = mapsOf(content);
  const n = points.length;
  if (maps.length === 0)
    return html`<section aria-labelledby="h-map"><h2 id="h-map">Latent space</h2><p class="lead">No map: ${content.maps.pca as string}.</p></section>`;
  const shown = points.filter((p) => p !== null).length;
  const few = shown < n ? ` ${shown} of the ${n} can be played: the strong marks.` : '';
  const first = points.findIndex((p) => p !== null);
  const marks = points.map((item, i) => {
    const [x, y] = [maps[0].points[2 * i], maps[0].points[2 * i + 1]];
    const at = `transform:translate(${x}px,${y}px) scale(calc(var(--s)*var(--r)))`;
    if (item === null) return html`<path class="mark faint" d="${glyphs[0]}" style="${at}"/>`;
    const { name, label } = items[item];
    const said = `${printable(name)}${label === null ? '' : `, ${labelName(content)} ${printable(label)}`}`;
    return html`<path class="mark" d="${glyphs[0]}" style="${at}" data-item="${item}" tabindex="${i === first ? 0 : -1}" role="button" aria-label="${said}"/>`;
  });
  // Many marks are smaller, as on the maps that plot draws.
  const radius = Math.min(1, Math.max(0.65, 14 / Math.sqrt(n))).toFixed(2);
  const one = items[points[first] as number];
  const part = (key: 'x' | 'y', title: string, tile: number, sound: number | null) =>
    html`<div id="detail-${key}">${tileHtml(store, tile, sound, `${title} of ${printable(one.name)}`)}${title}</div>`;
  const how = about.image
    ? 'Point at a mark to see the image and its reconstruction'
    : 'Point at a mark to see it, click to hear the original and then the reconstruction';
  return html`<section aria-labelledby="h-map"><h2 id="h-map">Latent space</h2>
<p class="lead">Where the encoder puts ${n} examples of the ${placed.split} split. ${how}; with the keyboard, arrow keys go from mark to mark${!about.image && ' and Enter plays'}.${few}</p>
<div class="bar">${choice(
    'Projection',
    'map',
    maps.map(({ name, title }) => [name, title]),
  )}${choice(
    'Colour',
    'colour',
    placed.colourings.map(({ name }) => [name, name]),
  )}</div>
<div class="latent"><div class="card plot"><svg id="map" style="--r:${radius}" viewBox="0 0 ${size[0]} ${size[1]}" role="group" aria-label="Map of the latent space, ${n} examples">${marks}</svg>
<ul id="key" class="key" aria-label="Colours"></ul><p class="lead" id="axes" style="margin:10px 0 0;font-size:14px">${maps[0].note}</p></div>
<aside id="detail" class="card detail"><h3 id="detail-name">${printable(one.name)}</h3>
<div class="two">${part('x', 'original', one.x, one.xSound)}${part('y', 'reconstruction', one.y, one.ySound)}</div><dl id="detail-facts"></dl></aside></div></section>`;
}

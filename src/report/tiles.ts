// Pictures of the sheet in the page, with a button around each that has a sound.

import { type Html, html } from './html.ts';
import type { Store } from './store.ts';

/** Where a tile lies on the sheet, as a background's position. */
export function tilePosition({ grid }: Store, tile: number): [x: string, y: string] {
  const part = (i: number, n: number) => `${n > 1 ? Number(((100 * i) / (n - 1)).toFixed(4)) : 0}%`;
  return [part(tile % grid.columns, grid.columns), part(Math.floor(tile / grid.columns), grid.rows)];
}

/** @param sound number of the sound, null for none @param what such as "original of 3_ann_0.wav" */
export function tileHtml(store: Store, tile: number, sound: number | null, what: string): Html {
  const [x, y] = tilePosition(store, tile);
  const place = `--x:${x};--y:${y}`;
  if (sound === null)
    return html`<span class="tile" role="img" aria-label="${what[0].toUpperCase() + what.slice(1)}" style="${place}"></span>`;
  return html`<button class="hear" type="button" data-sound="${sound}" aria-label="Play the ${what}"><span class="tile" style="${place}"></span></button>`;
}

// What pages of pictures and sounds have in common: one file that fetches nothing, which its own policy holds it to. Its
// pictures are tiles of one sheet, which spectrograms colour by a filter; its sounds and its script are in it.

import { colourOf } from '../plot/colours.ts';
import { element } from '../plot/svg.ts';
import { dataUri, type Html, html, json, trusted } from './html.ts';
import { script } from './script.ts';
import type { Store } from './store.ts';
import { style } from './style.ts';

const policy =
  "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

export interface Shell {
  title: string;
  /** Everything that is shown and played. */
  store: Store;
  /** Whether it is of images; else of spectrograms. */
  image: boolean;
  /** Of a tile, width / height. */
  ratio: string;
  /** Style of this page alone. */
  own?: string;
  /** Header, main and footer. */
  body: Html;
  /** What the script is told. */
  data: unknown;
}

/** A whole page. Its store must be complete. */
export function shellPage({ title, store, image, ratio, own = '', body, data }: Shell): string {
  const { columns, rows } = store.grid;
  const sheet = `:root{--sheet:url(${dataUri('image/png', store.sheet())});--size:${100 * columns}% ${100 * rows}%;--ratio:${ratio}}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${trusted(sheet)}${trusted(style)}${trusted(own)}</style>
</head>
<body class="${image ? 'image' : 'sound'}">
${!image && magmaFilter()}
${body}
<script type="application/json" id="data">${json(data)}</script>
<script type="application/json" id="sounds">${json(store.sounds)}</script>
<script>${trusted(script)}</script>
</body>
</html>
`.text;
}

/** The filter that gives grey tiles the colours of spectrograms. */
function magmaFilter(): Html {
  const table = Array.from({ length: 33 }, (_, i) => colourOf(i / 32));
  const values = (channel: number) => table.map((colour) => (colour[channel] / 255).toFixed(3)).join(' ');
  const functions = ['feFuncR', 'feFuncG', 'feFuncB'].map((tag, c) =>
    element(tag, { type: 'table', tableValues: values(c) }),
  );
  const filter = element(
    'filter',
    { id: 'magma', 'color-interpolation-filters': 'sRGB' },
    element('feComponentTransfer', {}, ...functions),
  );
  return trusted(element('svg', { class: 'defs', 'aria-hidden': 'true' }, filter));
}

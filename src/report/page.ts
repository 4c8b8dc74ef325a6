// The whole report: one page that fetches nothing, which its own policy holds it to. Pictures and sounds are in it.

import { colourOf } from '../plot/colours.ts';
import { figure } from '../progress.ts';
import type { Content } from './content.ts';
import { dataUri, type Html, html, json, trusted } from './html.ts';
import { mapSection, pageData } from './map.ts';
import { script } from './script.ts';
import {
  animationSection,
  anomalySection,
  evaluationSection,
  magmaFilter,
  reconstructionSection,
  sampleSection,
  settingsSection,
  trainingSection,
} from './sections.ts';
import { style } from './style.ts';

const policy =
  "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** The figures a reader looks for first. */
function headline({ rows, about }: Content): Html {
  const last = rows[rows.length - 1];
  const fact = (name: string) => about.facts.find(([key]) => key === name)?.[1];
  const [number, ...unit] = last?.test ? figure(last.test).replace('-ELBO ', '').split(' ') : ['–'];
  const what = about.image ? '−ELBO, test split' : 'error, test split';
  const stats: [string, string, string][] = [
    ...(last?.test ? ([[what, number, unit.join(' ')]] as [string, string, string][]) : []),
    ...(last
      ? ([['KL divergence', (last.test ?? last.train).kl.toFixed(1), 'nats']] as [string, string, string][])
      : []),
    ...(fact('Step')
      ? ([['a training step', fact('Step')!.split(' ')[0], 'ms']] as [string, string, string][])
      : []),
    ...(last
      ? ([['of training', fact('Training')!.split(', ').at(-1)!, `${last.epoch} epochs`]] as [
          string,
          string,
          string,
        ][])
      : []),
  ];
  return html`<dl class="stats">${stats.map(([name, value, of]) => html`<div><dt>${name}</dt><dd>${value} <small>${of}</small></dd></div>`)}</dl>`;
}

/** Colours of spectrograms at even steps. */
const magma = Array.from({ length: 33 }, (_, i) => colourOf(i / 32));

export function reportPage(content: Content): string {
  const { about, store } = content;
  const { columns, rows } = store.grid;
  const sheet = `:root{--sheet:url(${dataUri('image/png', store.sheet())});--size:${100 * columns}% ${100 * rows}%;--ratio:${about.width}/${about.height}}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="icon" href="data:,">
<title>${about.title} · formant report</title>
<style>${trusted(sheet)}${trusted(style)}</style>
</head>
<body class="${about.image ? 'image' : 'sound'}">
${!about.image && magmaFilter(magma)}
<header><p class="kicker">formant training report · <time datetime="${about.date}">${about.date}</time></p><h1>${about.title}</h1>${headline(content)}</header>
<main>
<noscript><p class="lead">Sounds, the other projection and the details of the map need JavaScript, which is part of this page.</p></noscript>
${mapSection(content)}
${reconstructionSection(content)}
${sampleSection(content)}
${trainingSection(content)}
${animationSection(content)}
${evaluationSection(content)}
${anomalySection(content)}
${settingsSection(content)}
</main>
<footer>Made by formant. This page is one file and fetches nothing.</footer>
<script type="application/json" id="data">${json(pageData(content))}</script>
<script type="application/json" id="sounds">${json(store.sounds)}</script>
<script>${trusted(script)}</script>
</body>
</html>
`;
  return page.text;
}

// The whole report: one page that fetches nothing. Pictures and sounds are in it.

import { figure } from '../progress.ts';
import type { Content } from './content.ts';
import { type Html, html } from './html.ts';
import { mapSection, pageData } from './map.ts';
import {
  animationSection,
  anomalySection,
  evaluationSection,
  reconstructionSection,
  sampleSection,
  settingsSection,
  trainingSection,
} from './sections.ts';
import { shellPage } from './shell.ts';

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

export function reportPage(content: Content): string {
  const { about, store } = content;
  const body = html`<header><p class="kicker">formant training report · <time datetime="${about.date}">${about.date}</time></p><h1>${about.title}</h1>${headline(content)}</header>
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
<footer>Made by formant. This page is one file and fetches nothing.</footer>`;
  return shellPage({
    title: `${about.title} · formant report`,
    store,
    image: about.image,
    ratio: `${about.width}/${about.height}`,
    body,
    data: pageData(content),
  });
}

// The report's sections besides the map: reconstructions, samples, training, animations, evaluation, anomalies, settings.

import { printable } from '../audio/names.ts';
import type { Animation } from '../figures/animations.ts';
import type { PartFigures } from '../model/evaluate.ts';
import { lossChart } from '../plot/lossChart.ts';
import { encodePng } from '../plot/raster.ts';
import type { Content } from './content.ts';
import { breakable, dataUri, type Html, html, type Part, trusted } from './html.ts';
import { errorText, itemFacts, labelName } from './map.ts';
import { tileHtml } from './tiles.ts';

const count = (n: number) => n.toLocaleString('en-US');

function section(id: string, title: string, lead: Part, ...body: Part[]): Html {
  return html`<section aria-labelledby="h-${id}"><h2 id="h-${id}">${title}</h2><p class="lead">${lead}</p>${body}</section>
`;
}

/** An item's two pictures with what is said below them. */
function pair({ items, store }: Content, i: number, below: Part): Html {
  const { name, x, y, xSound, ySound } = items[i];
  const of = (what: string) => `${what} of ${printable(name)}`;
  return html`<li><div class="two">${tileHtml(store, x, xSound, of('original'))}${tileHtml(store, y, ySound, of('reconstruction'))}</div><p>${below}</p></li>`;
}

export function reconstructionSection(content: Content): Html {
  const { grid, items, split, about, recorded } = content;
  const heard = about.image
    ? ''
    : ` Click to listen; ${recorded ? 'originals are the recordings themselves' : 'originals sound as their features give them back'}.`;
  const list = grid.map((i) => {
    const { label, name } = items[i];
    return pair(
      content,
      i,
      html`<strong>${label === null ? breakable(printable(name)) : printable(label)}</strong>${errorText(items[i])}`,
    );
  });
  return section(
    'recon',
    'Reconstructions',
    `Examples of the ${split} split above, what the model makes of them below.${heard}`,
    html`<ul class="pairs card">${list}</ul>`,
  );
}

export function sampleSection({ samples, store, about, labelsLeftOut }: Content): Html {
  const rows = samples.map(({ label, samples: made }) => {
    const what = (i: number) => `sample ${i + 1}${label === null ? '' : ` of ${printable(label)}`}`;
    const n = label === null ? 8 : made.length;
    const strip = html`<div class="strip" style="--n:${n}">${made.map(({ tile, sound }, i) => tileHtml(store, tile, sound, what(i)))}</div>`;
    if (label === null) return html`<div class="row plain">${strip}</div>`;
    return html`<div class="row"><h3>${printable(label)}</h3>${strip}</div>`;
  });
  const wide = samples[0]?.label === null;
  const left = labelsLeftOut > 0 ? ` ${count(labelsLeftOut)} more labels are not shown.` : '';
  return section(
    'samples',
    'Samples',
    `Drawn from the prior${wide ? '' : ', each label asked for by name'}: nothing is filtered or picked.${about.image ? '' : ' Click to listen.'}${left}`,
    html`<div class="card ${wide ? '' : 'rows'}">${rows}</div>`,
  );
}

export function trainingSection({ rows }: Content): Html | null {
  if (rows.length === 0) return null;
  const wide = lossChart(rows, { title: 'Losses' });
  const narrow = lossChart(rows, { title: 'Losses', stacked: true });
  return section(
    'training',
    'Training',
    'Loss, its reconstruction part and the KL divergence over the epochs; training figures are means over the epoch while the weights move.',
    html`<div class="paper wide">${trusted(wide)}</div><div class="paper narrow">${trusted(narrow)}</div>`,
  );
}

function moving(animation: Animation, title: string): Html {
  const { gif, still, epochs } = animation;
  const alt = `${title}, epochs ${epochs[0]} to ${epochs[epochs.length - 1]}`;
  return html`<figure class="paper anim"><img src="${dataUri('image/png', encodePng(still))}" data-gif="${dataUri('image/gif', gif)}" width="${still.width}" height="${still.height}" alt="${alt}"><figcaption>${title}<button type="button" hidden>Play</button></figcaption></figure>`;
}

export function animationSection({ latent, growth, about }: Content): Html | null {
  if (!growth) return null;
  const frames = growth.epochs.length;
  return section(
    'epochs',
    'Over the epochs',
    `The same examples and the same random z, epoch by epoch (${frames} ${frames === 1 ? 'frame' : 'frames'}).`,
    html`<div class="columns">${latent && moving(latent, 'Latent space, principal components')}${moving(growth, about.image ? 'Samples' : 'Samples, spectrograms')}</div>`,
  );
}

export function evaluationSection(content: Content): Html {
  const { figures, split } = content;
  const sound = figures.dbRmse !== undefined;
  const cells = (f: PartFigures) => [
    ...[count(f.count), f.negElbo.toFixed(1), f.recon.toFixed(1), f.kl.toFixed(2)],
    f.dbRmse?.toFixed(2) ?? f.mse.toFixed(4),
  ];
  const line = (name: string, f: PartFigures) =>
    html`<tr><td>${name}</td>${cells(f).map((cell) => html`<td>${cell}</td>`)}</tr>`;
  const order = content.placed.colourings.find(({ name }) => name !== 'speaker')?.names ?? [];
  const known = figures.labels.toSorted((a, b) => order.indexOf(a.label) - order.indexOf(b.label));
  const head = [labelName(content), 'examples', '−ELBO', 'reconstruction', 'KL', sound ? 'dB RMSE' : 'MSE'];
  return section(
    'evaluation',
    'Evaluation',
    `All ${count(figures.count)} examples of the ${split} split, one sample of z each, in nats; the error of the reconstruction at z = μ. ${figures.activeUnits} latent units are active.`,
    html`<div class="card scroll" tabindex="0" role="region" aria-label="Evaluation"><table><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead><tbody>${known.map((f) => line(printable(f.label), f))}</tbody><tfoot>${line('all', figures)}</tfoot></table></div>`,
  );
}

export function anomalySection(content: Content): Html {
  const { anomalies, items, split } = content;
  const list = anomalies.map((i) => {
    const facts = itemFacts(items[i], labelName(content)).map(([name, value]) => html`${name} ${value}<br>`);
    return pair(content, i, html`<strong>${breakable(printable(items[i].name))}</strong>${facts}`);
  });
  return section(
    'anomalies',
    'Anomalies',
    `The examples of the ${split} split that the model finds least likely: the highest negative ELBO first, original above, reconstruction below.`,
    html`<ul class="pairs roomy card">${list}</ul>`,
  );
}

function definitions(pairs: readonly [string, string][]): Html {
  return html`<dl class="facts card">${pairs.map(([name, value]) => html`<dt>${name}</dt><dd>${printable(value)}</dd>`)}</dl>`;
}

export function settingsSection({ about }: Content): Html {
  return section(
    'settings',
    'Configuration',
    'What was trained, on what, and every setting of the run.',
    html`<div class="columns">${definitions(about.facts)}${definitions(about.settings)}</div>`,
  );
}

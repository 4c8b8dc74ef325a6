// formant plot: the figures of a run as files in plots/ of its folder. They are made from what the run keeps, and made
// anew each time; what a run lacks (a history, labels, speakers) leaves out the figures that need it, and is said.

import { printable } from './audio/names.ts';
import { type CommonOptions, newCommand, print, runIfMain, withEngine } from './command.ts';
import { latentAnimation, samplesAnimation } from './figures/animations.ts';
import { latentMaps, mapSvg, placedExamples } from './figures/maps.ts';
import { labelSamples, spoken } from './figures/samples.ts';
import { reconstructed, shownSplit, type View, variedExamples } from './figures/view.ts';
import { readHistory } from './history.ts';
import { pictureOf } from './medium.ts';
import { type OpenRun, openRun } from './openRun.ts';
import { makeFolder, writeWhole } from './outFolder.ts';
import { type GridRow, imageGrid } from './plot/imageGrid.ts';
import { lossChart } from './plot/lossChart.ts';
import { encodePng, toPng } from './plot/raster.ts';

export interface PlotOptions extends CommonOptions {
  run: string;
}

export interface PlotResult {
  out: string;
  files: string[];
  /** Figures that this run has not got. */
  leftOut: { figure: string; reason: string }[];
}

const samplesShown = 8;
/** Samples of a model without labels are shown in rows of these. */
const plainRows = 5;

export function plot() {
  return newCommand('plot', 'the figures of a run as pictures, in plots/ of its folder')
    .requiredOption('--run <dir>', 'run folder')
    .action(async (options: PlotOptions) => {
      const result = await runPlot(options);
      const { leftOut } = result;
      const lines = leftOut.map(({ figure, reason }) => `left out: ${figure}: ${reason}`);
      print(
        options,
        result,
        [...lines, `${result.files.length} files in ${printable(result.out)}`].join('\n'),
      );
    });
}

/** The whole of `formant plot`. */
export async function runPlot(options: PlotOptions): Promise<PlotResult> {
  const run = await openRun(options.run);
  return withEngine(options, async (engine) => {
    const { data } = await run.dataset(engine);
    const figures = new Figures(run.folder.path('plots'));
    const view: View = { engine, file: run.file, model: run.model(engine), data };
    await makeFolder(figures.out);
    await losses(run, figures);
    await grids(view, figures);
    await maps(view, figures);
    await animations(run, figures);
    const { out, files, leftOut } = figures;
    return { out, files, leftOut };
  });
}

class Figures {
  readonly out: string;
  readonly files: string[] = [];
  readonly leftOut: PlotResult['leftOut'] = [];

  constructor(out: string) {
    this.out = out;
  }

  skip(figure: string, reason: string): void {
    this.leftOut.push({ figure, reason });
  }

  async write(name: string, content: Uint8Array | string): Promise<void> {
    const path = `${this.out}/${name}`;
    await writeWhole(path, content);
    this.files.push(path);
  }

  /** A drawing as it is, and in twice as many pixels. */
  async svg(name: string, content: string): Promise<void> {
    await this.write(`${name}.svg`, content);
    const width = Number(/width="(\d+)/.exec(content)?.[1]);
    await this.write(`${name}.png`, await toPng(content, { width: 2 * width }));
  }
}

const titleOf = ({ file }: Pick<OpenRun, 'file'>) => `${file.config.preset} ${file.config.model}`;

async function losses(run: OpenRun, figures: Figures): Promise<void> {
  const rows = await run.folder.epochs();
  if (rows.length === 0) return figures.skip('losses', 'no epoch of this run came to its end');
  await figures.svg('losses', lossChart(rows, { title: titleOf(run) }));
}

async function grids(view: View, figures: Figures): Promise<void> {
  const picture = { ...pictureOf(view.file.features), gap: 4 };
  const shown = shownSplit(view.data);
  if (view.data.test) {
    const pairs = await reconstructed(view, shown.split, variedExamples(shown));
    const rows: GridRow[] = [
      { caption: 'original', pictures: pairs.map(({ x }) => x) },
      { caption: 'reconstruction', pictures: pairs.map(({ y }) => y) },
    ];
    await figures.write('reconstructions.png', encodePng(await imageGrid(rows, picture)));
  } else figures.skip('reconstructions', 'this data has no test split');
  const labels = spoken(view);
  const plain = labels[0] === null;
  const made = await labelSamples(view, labels, plain ? samplesShown * plainRows : samplesShown);
  const rows = made.flatMap(({ label, pictures }): GridRow[] =>
    plain
      ? Array.from({ length: plainRows }, (_, r) => ({
          pictures: pictures.slice(r * samplesShown, (r + 1) * samplesShown),
        }))
      : [{ caption: printable(label ?? ''), pictures }],
  );
  await figures.write('samples.png', encodePng(await imageGrid(rows, picture)));
}

async function maps(view: View, figures: Figures): Promise<void> {
  const placed = await placedExamples(view);
  const { pca, axes, tsne } = latentMaps(placed.mu);
  const [first = null, ...others] = placed.colourings;
  if (!first) figures.skip('colours of the maps', 'neither labels nor speakers are known');
  else if (!placed.colourings.some(({ name }) => name === 'speaker'))
    figures.skip('maps by speaker', 'no speakers are known');
  for (const [name, title, points] of [
    ['latent-pca', 'Latent space, principal components', pca],
    ['latent-tsne', 'Latent space, t-SNE', tsne],
  ] as const) {
    if (typeof points === 'string') {
      figures.skip(name, points);
      continue;
    }
    const named = name === 'latent-pca' ? axes : undefined;
    await figures.svg(name, mapSvg(points, first, title, named));
    for (const colours of others)
      await figures.svg(`${name}-${colours.name}`, mapSvg(points, colours, title, named));
  }
}

async function animations(run: OpenRun, figures: Figures): Promise<void> {
  const history = await readHistory(run.folder);
  if (!history) {
    for (const name of ['latent.gif', 'samples.gif']) figures.skip(name, 'this run has no history');
    return;
  }
  const latent = await latentAnimation(history, 'Latent space');
  if (latent) await figures.write('latent.gif', latent.gif);
  else figures.skip('latent.gif', 'fewer than 2 examples were placed');
  await figures.write('samples.gif', (await samplesAnimation(history, run.file.features)).gif);
}

await runIfMain('plot', plot);

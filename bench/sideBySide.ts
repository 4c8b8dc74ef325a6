// node dist/sideBySide.js --data <fsdd|DIR> --out FILE [--count 3] [--embed] NAME=RUN...: a page on which each label is
// heard as each run says it and as recordings of --data do. Of a run the first clips of seed 1, as `generate` writes
// them; of the recordings one of each speaker in turn, from the test split. Those of FSDD are linked where it is
// published; with --embed they are copied into the page.

import { parseArgs } from 'node:util';
import type { ClipFile } from '../src/audio/clipFiles.ts';
import { listClips } from '../src/audio/folder.ts';
import { openRecording } from '../src/audio/recording.ts';
import { folderOf } from '../src/data.ts';
import type { Engine } from '../src/engine/engine.ts';
import { readExamples } from '../src/examples.ts';
import { mediumOf } from '../src/medium.ts';
import { buildModel, type ModelFile } from '../src/model/checkpoint.ts';
import { samplePrior } from '../src/model/sampling.ts';
import { openEngine } from '../src/node.ts';
import { writeWhole } from '../src/outFolder.ts';
import { type Html, html } from '../src/report/html.ts';
import { shellPage } from '../src/report/shell.ts';
import { Store } from '../src/report/store.ts';
import { tileHtml } from '../src/report/tiles.ts';
import { RunFolder } from '../src/runFolder.ts';

const published = 'https://raw.githubusercontent.com/Jakobovski/free-spoken-digit-dataset/v1.0.9/recordings';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    count: { type: 'string', default: '3' },
    embed: { type: 'boolean', default: false },
  },
});
const { data, out, embed } = values;
const count = Number(values.count);
const runs = positionals.map((text): [name: string, run: string] => {
  const at = text.indexOf('=');
  return [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
});
if (
  !data ||
  !out ||
  !Number.isInteger(count) ||
  count < 1 ||
  runs.length === 0 ||
  runs.some(([name, run]) => !name || !run)
)
  throw new Error(
    'usage: node dist/sideBySide.js --data <fsdd|DIR> --out FILE [--count 3] [--embed] NAME=RUN...',
  );

interface Clip {
  tile: number;
  /** Number of its sound, or where that is published. */
  sound: number | null;
  address?: string;
  name: string;
}

/** The clips of a label in a column. */
type Cell = Clip[];

const engine = await openEngine();
try {
  const models: [string, ModelFile][] = [];
  for (const [name, run] of runs) models.push([name, (await RunFolder.playable(run)).file]);
  const { labels, features } = models[0][1];
  const other = models.find(([, file]) => `${file.labels}` !== `${labels}`);
  if (other) throw new Error(`${other[0]}: says ${other[1].labels}, ${models[0][0]} says ${labels}`);
  const store = new Store(features);
  const columns: [string, Cell[]][] = [];
  for (const [name, file] of models) columns.push([name, await spoken(engine, store, name, file)]);
  columns.push(['recordings', await recorded(engine, store, labels, features)]);
  await writeWhole(out, new TextEncoder().encode(page(store, labels, columns)));
  process.stdout.write(`${out}\n`);
} finally {
  engine.close();
}

async function spoken(on: Engine, store: Store, name: string, file: ModelFile): Promise<Cell[]> {
  const model = buildModel(on, file, name);
  const medium = mediumOf(file.features);
  const indices = Array.from({ length: count }, (_, i) => i);
  const cells: Cell[] = [];
  for (const [label, text] of file.labels.entries()) {
    const sample = () => samplePrior(on, model, { label, indices, temperature: 1, seed: 1 });
    const clips = await medium.encode(on, sample);
    cells.push(
      clips.map(({ values, wave }, i) => ({
        tile: store.picture(values),
        sound: store.sound(wave ?? null),
        name: `${i + 1}. ${text} of ${name}`,
      })),
    );
  }
  model.params.dispose();
  return cells;
}

async function recorded(
  on: Engine,
  store: Store,
  labels: readonly string[],
  features: ModelFile['features'],
): Promise<Cell[]> {
  const clips = (await listClips(await folderOf(data as string))).filter(({ split }) => split === 'test');
  const speakers = [...new Set(clips.map(({ speaker }) => speaker))].sort();
  const chosen = labels.map((label, row) =>
    Array.from({ length: count }, (_, i) => {
      const speaker = speakers[(row + i) % speakers.length];
      const clip = clips.find((c) => c.label === label && c.speaker === speaker);
      if (!clip) throw new Error(`${data}: no test recording of ${label} by ${speaker}`);
      return clip;
    }),
  );
  const x = await readExamples(
    on,
    chosen.flat().map(({ path }) => path),
    features,
  );
  const values = await x.read();
  x.dispose();
  const size = values.length / chosen.flat().length;
  const cells: Cell[] = [];
  for (const [row, list] of chosen.entries()) {
    const cell: Cell = [];
    for (const [i, clip] of list.entries()) {
      const at = row * count + i;
      const tile = store.picture(values.slice(at * size, (at + 1) * size));
      cell.push(await heard(store, tile, clip));
    }
    cells.push(cell);
  }
  return cells;
}

async function heard(store: Store, tile: number, { path, name }: ClipFile): Promise<Clip> {
  if (!embed) return { tile, sound: null, address: `${published}/${name}`, name };
  const recording = await openRecording(path);
  const samples = await recording.read(0, recording.length);
  await recording.close();
  return { tile, sound: store.sound(samples), name };
}

/** A picture that is a button or a link to its sound. All pictures must be in the store. */
function clipHtml(store: Store, { tile, sound, address, name }: Clip): Html {
  const picture = tileHtml(store, tile, sound, name);
  return address ? html`<a class="hear" href="${address}" aria-label="Play ${name}">${picture}</a>` : picture;
}

function page(store: Store, labels: readonly string[], columns: readonly [string, Cell[]][]): string {
  const own = `.side{display:grid;grid-template-columns:2em repeat(${columns.length},1fr);gap:14px 22px;align-items:center}
.side h2{font-size:17px}.side h3{font-size:22px}.strip{--n:${count}}
@media (max-width:640px){.side{grid-template-columns:repeat(${columns.length},1fr);align-items:start}.side>span{display:none}
.side h2{font-size:15px}.side h3{grid-column:1/-1}.strip{--n:1}}`;
  const body = html`<header><p class="kicker">formant</p><h1>Side by side</h1>
<p class="lead">Clips from the prior, temperature 1, seed 1, the first ${count} of each label: nothing is filtered or picked. Recordings are of
the test split, one speaker after the other${!embed && html`; they play from where <a href="https://github.com/Jakobovski/free-spoken-digit-dataset">FSDD</a> (CC BY-SA 4.0) is published`}.</p></header>
<main><div class="card side"><span></span>${columns.map(([name]) => html`<h2>${name}</h2>`)}
${labels.map((label, row) => html`<h3>${label}</h3>${columns.map(([, cells]) => html`<div class="strip">${cells[row].map((clip) => clipHtml(store, clip))}</div>`)}`)}</div></main>
<footer>Made by formant: node dist/sideBySide.js.</footer>`;
  const title = `${columns.map(([name]) => name).join(', ')} · formant`;
  return shellPage({ title, store, image: false, ratio: '1/1', own, body, data: {} });
}

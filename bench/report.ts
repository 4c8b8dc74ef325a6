// What a benchmark run says: rows in sections, as a table of text, and two runs compared by ratios. A column is shown
// where some row of the section has a value for it.

export interface Row {
  section: string;
  name: string;
  ms?: number;
  /** Billions of floating-point operations, and of bytes that have to be moved at least. */
  gflop?: number;
  gb?: number;
  /** Share of what the ceilings allow: the longer of gflop and gb at their ceilings, over the time. */
  share?: number;
  dispatches?: number;
  /** Milliseconds JavaScript spends to encode and submit. */
  js?: number;
  perSecond?: number;
  /** Times faster than the sound lasts. */
  realTime?: number;
  /** Milliseconds of the naive version. */
  naive?: number;
  /** Milliseconds of the peers. */
  tfjs?: number;
  jax?: number;
  /** Losses of the first step: ours, and the largest relative difference of a peer's. */
  loss?: number;
  off?: number;
  /** Bytes, minified and gzipped. */
  minified?: number;
  gzipped?: number;
  note?: string;
}

export interface Report {
  adapter: string;
  software: boolean;
  lanes: number;
  where: string;
  rows: Row[];
}

const significant = (x: number): string =>
  x >= 1000
    ? Math.round(x).toLocaleString('en')
    : x >= 100
      ? x.toFixed(0)
      : x >= 10
        ? x.toFixed(1)
        : x.toFixed(2);
const times = (x: number) => `${significant(x)} x`;
const kilobytes = (x: number) => `${(x / 1000).toFixed(1)} KB`;

/** Header and text of a row's cell; null: nothing to show. */
const columns: [string, (row: Row) => string | null | undefined][] = [
  ['ms', (r) => (r.ms !== undefined ? significant(r.ms) : null)],
  ['GFLOP/s', (r) => (r.gflop !== undefined && r.ms ? significant((1000 * r.gflop) / r.ms) : null)],
  ['GB/s', (r) => (r.gb !== undefined && r.ms ? significant((1000 * r.gb) / r.ms) : null)],
  ['ceiling', (r) => (r.share !== undefined ? `${(100 * r.share).toFixed(0)} %` : null)],
  ['naive ms', (r) => (r.naive !== undefined ? significant(r.naive) : null)],
  ['gain', (r) => (r.naive !== undefined && r.ms ? times(r.naive / r.ms) : null)],
  ['dispatches', (r) => r.dispatches?.toString()],
  ['JS ms', (r) => (r.js !== undefined ? significant(r.js) : null)],
  ['clips/s', (r) => (r.perSecond !== undefined ? significant(r.perSecond) : null)],
  ['real time', (r) => (r.realTime !== undefined ? times(r.realTime) : null)],
  ['TF.js ms', (r) => (r.tfjs !== undefined ? significant(r.tfjs) : null)],
  ['ratio', (r) => (r.tfjs !== undefined && r.ms ? times(r.tfjs / r.ms) : null)],
  ['jax-js ms', (r) => (r.jax !== undefined ? significant(r.jax) : null)],
  ['ratio', (r) => (r.jax !== undefined && r.ms ? times(r.jax / r.ms) : null)],
  ['first loss', (r) => r.loss?.toFixed(3)],
  ['differs by', (r) => r.off?.toExponential(1)],
  ['minified', (r) => (r.minified !== undefined ? kilobytes(r.minified) : null)],
  ['gzipped', (r) => (r.gzipped !== undefined ? kilobytes(r.gzipped) : null)],
  ['', (r) => r.note],
];

export interface Table {
  section: string;
  headers: string[];
  /** A name and its cells. */
  lines: { name: string; cells: string[] }[];
}

/** The rows by section, in the order they came. */
export function tables(rows: readonly Row[]): Table[] {
  const sections = [...new Set(rows.map((r) => r.section))];
  return sections.map((section) => {
    const own = rows.filter((r) => r.section === section);
    const shown = columns.filter(([, text]) => own.some((r) => text(r)));
    return {
      section,
      headers: shown.map(([header]) => header),
      lines: own.map((r) => ({ name: r.name, cells: shown.map(([, text]) => text(r) ?? '') })),
    };
  });
}

function align(head: string, headers: string[], lines: { name: string; cells: string[] }[]): string {
  const all = [{ name: head, cells: headers }, ...lines];
  const first = Math.max(...all.map((l) => l.name.length));
  // A note is the only column without a header; it stands at the left.
  const widths = headers.map((_, i) => Math.max(...all.map((l) => l.cells[i].length)));
  const cell = (text: string, i: number) => (headers[i] === '' ? text : text.padStart(widths[i]));
  return all
    .map(({ name, cells }) => [name.padEnd(first), ...cells.map(cell)].join('  ').trimEnd())
    .join('\n');
}

/** All sections as text. */
export function text(rows: readonly Row[]): string {
  return tables(rows)
    .map(({ section, headers, lines }) => align(section, headers, lines))
    .join('\n\n');
}

/** Two runs beside each other: milliseconds of both and B / A, for every row that both have. */
export function comparison(a: Report, b: Report): string {
  const key = (r: Row) => `${r.section}\n${r.name}`;
  const before = new Map(a.rows.map((r) => [key(r), r]));
  const shared = b.rows.filter((r) => before.has(key(r)));
  const sections = [...new Set(shared.map((r) => r.section))];
  const value = (r: Row) => r.ms ?? r.gzipped;
  const parts = sections.map((section) => {
    const lines = shared.flatMap((r) => {
      const [from, to] = [value(before.get(key(r)) as Row), value(r)];
      if (r.section !== section || !from || !to) return [];
      return [{ name: r.name, cells: [significant(from), significant(to), (to / from).toFixed(2)] }];
    });
    return align(section, ['A', 'B', 'B / A'], lines);
  });
  const only = (rows: Row[], other: Row[]) =>
    rows.filter((r) => !other.some((o) => key(o) === key(r))).map((r) => r.name);
  const rest = [
    ...only(a.rows, b.rows).map((name) => `only in A: ${name}`),
    ...only(b.rows, a.rows).map((name) => `only in B: ${name}`),
  ];
  return [
    `A: ${a.adapter} (${a.where})\nB: ${b.adapter} (${b.where})`,
    ...parts,
    ...(rest.length > 0 ? [rest.join('\n')] : []),
  ].join('\n\n');
}

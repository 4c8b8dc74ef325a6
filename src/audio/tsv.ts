// A table with tabs, as Common Voice writes them: the first line names the columns, tabs separate, and that is all.
// Quotes are letters: sentences hold single and unbalanced ones, and a reader that took them for CSV's would swallow
// the lines up to the next quote. Lines end at LF alone (sentences hold other line separators). Columns are found by
// name, as every generation of releases has others. Read line by line: large languages have 700 MB of it.
import { createReadStream } from 'node:fs';
import { DataError } from '../engine/errors.ts';
import { fileFault, printable } from './names.ts';

/** A row's cells by column; empty for a column that the table lacks, or one of another width than the head. */
export interface TsvRow {
  /** In the file, counted from 1. */
  line: number;
  cells: number;
  /** Whether it has as many cells as there are columns. */
  fits: boolean;
  cell(column: string): string;
}

export interface Tsv {
  columns: string[];
  rows: AsyncIterable<TsvRow>;
}

/** Longer lines are no table's. */
const mostLineBytes = 2 ** 20;

/** A file's lines, without LF or CRLF. Strings are made line by line, so that a cell kept keeps no more than its line. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  const text = (bytes: Buffer) => bytes.toString('utf8').replace(/\r$/, '');
  try {
    for await (const chunk of createReadStream(path)) {
      const bytes = rest.length ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer);
      let from = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        yield text(bytes.subarray(from, end));
        from = end + 1;
      }
      rest = bytes.subarray(from);
      if (rest.length > mostLineBytes)
        throw new DataError(
          `${printable(path)}: has a line of more than 2^20 bytes; it is no table, fetch it again`,
        );
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${printable(path)}: ${fileFault(error, path)}`);
  }
  if (rest.length) yield text(rest);
}

/**
 * Opens a table; a byte order mark and empty lines are passed over.
 * @throws DataError if it cannot be read, is empty or lacks one of the columns `needed`.
 */
export async function openTsv(path: string, needed: readonly string[]): Promise<Tsv> {
  const lines = linesOf(path);
  const head = await lines.next();
  const columns = head.done ? [] : head.value.replace(/^\ufeff/, '').split('\t');
  const missing = needed.filter((name) => !columns.includes(name));
  if (missing.length) {
    await lines.return(undefined);
    const shown = columns.slice(0, 20).map((name) => printable(name.slice(0, 40)));
    const found = columns.length ? `its first line names ${shown.join(', ')}` : 'it is empty';
    throw new DataError(
      `${printable(path)}: has no column ${missing.join(', ')}; ${found}; give a release of Common Voice as it was unpacked`,
    );
  }
  const places = new Map(columns.map((name, i) => [name, i]));
  async function* rows(): AsyncGenerator<TsvRow> {
    let line = 1;
    for await (const text of lines) {
      line++;
      if (text === '') continue;
      const cells = text.split('\t');
      const fits = cells.length === columns.length;
      yield {
        line,
        cells: cells.length,
        fits,
        cell: (name) => (fits && cells[places.get(name) ?? -1]) || '',
      };
    }
  }
  return { columns, rows: rows() };
}

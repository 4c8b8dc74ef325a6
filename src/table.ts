// Rows as text in columns, for a terminal.

/**
 * A line for the names of the columns and one a row.
 * @param rows all with the same keys, which name the columns
 * @param left how many columns stand at the left, as names do; the others, numbers, at the right
 */
export function columns(rows: readonly Record<string, string>[], left: number): string {
  const head = Object.keys(rows[0]);
  const all = [head, ...rows.map((row) => head.map((key) => row[key]))];
  const widths = head.map((_, c) => all.reduce((most, row) => Math.max(most, row[c].length), 0));
  const line = (row: string[]) =>
    row.map((cell, c) => (c < left ? cell.padEnd(widths[c]) : cell.padStart(widths[c]))).join('  ');
  return all.map((row) => line(row).trimEnd()).join('\n');
}

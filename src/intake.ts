// What happens to bad files in every command: each is named with its reason when it is met (the first ones; the rest is
// counted), left out, and summed up at the end. With --strict the first one ends the command.

import type { FileReport } from './audio/clipStream.ts';
import type { FaultKind } from './audio/fault.ts';
import { printable } from './audio/names.ts';
import { say } from './command.ts';
import { DataError } from './engine/errors.ts';

/** What became of the files of a command, as its JSON says it. */
export interface IntakeSummary {
  found: number;
  used: number;
  leftOut: { file: string; kind: FaultKind; reason: string }[];
  /** Files that are used in spite of a fault. */
  notes: { file: string; note: string }[];
}

const mostLines = 10;

const count = (n: number) => n.toLocaleString('en-US');

/** "2,497 of 2,500 clips; left out: 3 (2 damaged, 1 silent)" */
export function summaryText({ found, used, leftOut, notes }: IntakeSummary, what: string): string {
  const kinds = new Map<FaultKind, number>();
  for (const { kind } of leftOut) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const list = [...kinds].map(([kind, n]) => `${count(n)} ${kind}`).join(', ');
  const out = leftOut.length > 0 ? `; left out: ${count(leftOut.length)} (${list})` : '';
  const noted = new Set(notes.map((n) => n.file)).size;
  return `${count(used)} of ${count(found)} ${what}${out}${noted > 0 ? `; ${count(noted)} with a fault` : ''}`;
}

export class Intake implements FileReport {
  readonly summary: IntakeSummary;
  readonly #what: string;
  readonly #strict: boolean;

  /** @param found files there are @param what they are called, plural */
  constructor(found: number, what: string, strict: boolean) {
    this.summary = { found, used: found, leftOut: [], notes: [] };
    this.#what = what;
    this.#strict = strict;
  }

  leftOut(path: string, kind: FaultKind, reason: string): void {
    if (this.#strict) throw new DataError(`${printable(path)}: ${reason}`);
    const { leftOut } = this.summary;
    leftOut.push({ file: path, kind, reason });
    this.summary.used--;
    this.#line(leftOut.length, `left out: ${printable(path)}: ${reason}`, 'left out');
  }

  note(path: string, text: string): void {
    const { notes } = this.summary;
    notes.push({ file: path, note: text });
    this.#line(notes.length, `note: ${printable(path)}: ${text}`, 'with a fault');
  }

  /** Says the sum if there is something to say. @throws DataError if no file is left. */
  end(where: string): void {
    const { summary } = this;
    if (summary.used === 0)
      throw new DataError(
        `${printable(where)}: ${summaryText(summary, this.#what)}; none is left, the lines above say why`,
      );
    if (summary.leftOut.length + summary.notes.length > 0) say(summaryText(summary, this.#what));
  }

  #line(n: number, line: string, rest: string): void {
    if (n <= mostLines) say(line);
    if (n === mostLines) say(`more files ${rest} are counted only; --json lists them all`);
  }
}

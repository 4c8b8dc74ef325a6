// The benchmark in a page: runs the suite on this browser's adapter and shows rows as they come. `?only=REGEX` runs the
// rows whose "section: name" matches, `?quick` a few that take seconds. Nothing is loaded from or sent to anywhere.

import { Engine } from '../../src/index.ts';
import { type Report, tables } from '../report.ts';
import { quickRows, runSuite } from '../suite.ts';

const find = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const [adapter, status, bar, copy, main] = [
  find('adapter'),
  find('status'),
  find<HTMLProgressElement>('bar'),
  find<HTMLButtonElement>('copy'),
  find('tables'),
];

function element(tag: string, content = '', className = ''): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = content;
  made.className = className;
  return made;
}

function show({ rows }: Report): void {
  main.replaceChildren(
    ...tables(rows).map(({ section, headers, lines }) => {
      const table = element('table');
      const head = element('tr');
      head.append(element('th'), ...headers.map((header) => element('th', header)));
      const body = element('tbody');
      for (const { name, cells } of lines) {
        const line = element('tr');
        line.append(
          element('td', name),
          ...cells.map((cell, i) => element('td', cell, headers[i] === '' ? 'note' : '')),
        );
        body.append(line);
      }
      const top = element('thead');
      top.append(head);
      table.append(top, body);
      const part = element('section');
      part.append(element('h2', section), table);
      return part;
    }),
  );
}

async function run(): Promise<Report> {
  const query = new URLSearchParams(location.search);
  const only = query.get('only');
  let report: Report | null = null;
  const { engine, report: finished } = await runSuite(() => Engine.open(), {
    only: query.has('quick') ? quickRows : only ? new RegExp(only) : undefined,
    where: navigator.userAgent,
    opened: (opened) => {
      report = opened;
      const kernels = opened.lanes ? `subgroups of ${opened.lanes}` : 'no subgroups';
      adapter.textContent = `${opened.adapter}${opened.software ? ' (software)' : ''}, ${kernels}`;
    },
    report: () => report && show(report),
    progress: (text) => {
      status.textContent = text;
    },
  });
  engine.close();
  return finished;
}

try {
  const report = await run();
  status.textContent = `Done, ${report.rows.length} rows.`;
  copy.disabled = false;
  copy.addEventListener('click', () => {
    const said = navigator.clipboard.writeText(JSON.stringify(report, null, 1)).then(
      () => 'Copied',
      (error: Error) => `Not copied: ${error.message}`,
    );
    said.then((text) => {
      copy.textContent = text;
    });
  });
} catch (error) {
  status.textContent = (error as Error).message;
  status.className = 'failed';
  adapter.textContent = 'The benchmark stopped.';
}
bar.hidden = true;
document.body.dataset.state = status.className || 'done';

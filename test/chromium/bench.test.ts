// The benchmark as a page, under a content security policy that allows its own files alone: it opens, runs a few rows,
// and gives them as JSON.

import { expect, test } from 'vitest';
import type { Report } from '../../bench/report.ts';

test('the benchmark runs as a page', async () => {
  const frame = document.createElement('iframe');
  frame.src = '/bench/?quick';
  document.body.append(frame);
  await new Promise((resolve, reject) => {
    frame.addEventListener('load', resolve);
    frame.addEventListener('error', reject);
  });
  const page = frame.contentDocument as Document;
  while (!page.body.dataset.state) await new Promise((done) => setTimeout(done, 50));
  expect(page.getElementById('status')?.textContent).toBe('Done, 5 rows.');
  expect(page.body.dataset.state).toBe('done');
  expect(page.getElementById('adapter')?.textContent).toMatch(/swiftshader.* \(software\), subgroups of 4/i);

  const texts = (within: ParentNode, selector: string) =>
    [...within.querySelectorAll(selector)].map((e) => e.textContent);
  expect(texts(page, 'h2')).toEqual(['ceiling', 'products', 'sample, losses, optimiser', 'training steps']);
  const product = page.querySelectorAll('table')[1];
  expect(texts(product, 'th')).toEqual([
    '',
    'ms',
    'GFLOP/s',
    'GB/s',
    'ceiling',
    'naive ms',
    'gain',
    'dispatches',
  ]);
  const [name, ms, ...rest] = texts(product, 'td');
  expect(name).toBe('matmul 64 x 256 x 2048');
  expect(Number(ms)).toBeGreaterThan(0);
  expect(rest.at(-1)).toBe('1');

  let copied = '';
  const { clipboard } = (frame.contentWindow as Window).navigator;
  clipboard.writeText = async (text) => {
    copied = text;
  };
  const button = page.getElementById('copy') as HTMLButtonElement;
  button.click();
  while (button.textContent === 'Copy as JSON') await new Promise((done) => setTimeout(done, 10));
  expect(button.textContent).toBe('Copied');
  const report = JSON.parse(copied) as Report;
  expect(report.adapter).toMatch(/swiftshader/i);
  expect(report.rows.map((r) => r.section)).toHaveLength(5);
  const step = report.rows.at(-1);
  expect(step).toMatchObject({ name: 'mnist-ref VAE, B 128', section: 'training steps' });
  expect(step?.dispatches).toBeGreaterThan(10);
  for (const row of report.rows) expect(row.ms).toBeGreaterThan(0);
  frame.remove();
});

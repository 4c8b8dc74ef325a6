// The README's engine example runs as shown, and is short.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');

test('the engine example runs as shown', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const example = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  expect(example.trim().split('\n').length).toBeLessThanOrEqual(30);
  const { stdout } = await promisify(execFile)('node', ['--input-type=module', '-e', example], { cwd: root });
  const losses = [...stdout.matchAll(/step \d+: loss ([\d.]+)/g)].map((m) => Number(m[1]));
  expect(losses).toHaveLength(3);
  expect(losses[2]).toBeLessThan(1e-3);
});

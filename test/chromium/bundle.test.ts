// The library in one file, whole and minified, in a plain page that allows no eval, no inline script and no host but
// its own: it trains to the same bits as the sources.

import { expect, test } from 'vitest';
import * as formant from '../../src/index.ts';
import { tinyTraining } from './tiny.ts';

test.each(['whole', 'minified'])('the %s bundle trains in a plain page', async (kind) => {
  const want = await tinyTraining(formant);
  expect(want).toHaveLength(2);
  expect(want.every(Number.isFinite)).toBe(true);
  const frame = document.createElement('iframe');
  const told = new Promise((resolve, reject) => {
    frame.addEventListener('error', reject);
    window.addEventListener('message', (event) => {
      if (event.source === frame.contentWindow) resolve(event.data);
    });
  });
  frame.src = `/plain/${kind}/`;
  document.body.append(frame);
  expect(await told).toEqual({ losses: want, evaluates: false });
  frame.remove();
});

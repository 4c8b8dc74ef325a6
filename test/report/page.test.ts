// The report as text: what it holds, and that nothing out of files becomes markup.

import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { decodeWav } from '../../src/audio/wav.ts';
import { breakable, html, json, trusted } from '../../src/report/html.ts';
import { reportPage } from '../../src/report/page.ts';
import { smallContent } from './content.ts';
import { hostile } from './hostile.ts';

const page = reportPage(smallContent());
const elements = (pattern: RegExp) => [...page.matchAll(pattern)];
const script = (id: string) =>
  JSON.parse(new RegExp(`<script type="application/json" id="${id}">(.*?)</script>`, 's').exec(page)![1]);

describe('html', () => {
  test('values are escaped, HTML is not, lists are joined, nothing is nothing', () => {
    const part = html`<i>${'<&>"\''}</i>`;
    expect(part.text).toBe('<i>&lt;&amp;&gt;&quot;&#39;</i>');
    expect(html`${[part, 3, null, false, 'a']}${trusted('<b>')}`.text).toBe(`${part.text}3a<b>`);
    expect(html`${'a\u0000b\ud800'}`.text).toBe('a\ufffdb\ufffd');
  });

  test('a name may break behind its separators alone, and stays text', () => {
    expect(html`${breakable('6_jackson_0.wav')}`.text).toBe('6_<wbr>jackson_<wbr>0.wav');
    expect(breakable('_a--b/<i>_').text).toBe('_<wbr>a--<wbr>b/<wbr>&lt;i&gt;_');
  });

  test('JSON in a script cannot end it', () => {
    const value = { a: '</script><!--' };
    expect(json(value).text).not.toContain('<');
    expect(JSON.parse(json(value).text)).toEqual(value);
  });
});

test('names and labels are text', () => {
  expect(page).not.toContain(hostile);
  expect(page).not.toMatch(/<img|<b>/);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(elements(/<script/g)).toHaveLength(3);
  expect(script('data').colourings[0].names).toContain(hostile);
});

test('it fetches nothing', () => {
  const addresses = elements(/(?:src|href|url\(|action|data-gif)=?["'(]?([^"')\s>]*)/g).map((m) => m[1]);
  const outside = addresses.filter((a) => /^(https?:|\/|file:|\w+\.)/.test(a));
  expect(outside.filter((a) => a !== 'http://www.w3.org/2000/svg')).toEqual([]);
  const others = elements(/https?:[^"' ]*/g).filter(([a]) => a !== 'http://www.w3.org/2000/svg');
  expect(others).toEqual([]);
  expect(page).toContain('default-src &#39;none&#39;; img-src data:');
});

test('marks to be played, one of which Tab reaches', () => {
  const marks = elements(/<path class="mark[^>]*>/g).map(([mark]) => mark);
  expect(marks).toHaveLength(5);
  expect(marks.filter((mark) => mark.includes('role="button"'))).toHaveLength(4);
  expect(marks.filter((mark) => mark.includes('tabindex="0"'))).toHaveLength(1);
  expect(page).toContain('4 of the 5 can be played');
  const { maps, items, colourings } = script('data');
  expect(maps.map((m: { name: string }) => m.name)).toEqual(['pca', 'tsne']);
  for (const { points } of maps) expect(points).toHaveLength(10);
  expect(colourings.map((c: { name: string }) => c.name)).toEqual(['label', 'speaker']);
  expect(items[1].facts).toEqual([
    ['label', 'two'],
    ['speaker', '"bob"'],
    ['error', '8.00 dB RMSE'],
    ['−ELBO', '51.0 nats'],
  ]);
});

test('every button has its sound, and every sound is one', () => {
  const sounds: string[] = script('sounds');
  expect(sounds).toHaveLength(10);
  for (const sound of sounds) {
    const { sampleRate, channels, bits } = decodeWav(Buffer.from(sound, 'base64'), 'sound');
    expect([sampleRate, channels.length, bits, channels[0].length]).toEqual([8000, 1, 16, 800]);
  }
  // Two of the detail, two each of the grid and the anomalies, the samples.
  const buttons = elements(/data-sound="(\d+)"/g).map((m) => Number(m[1]));
  expect(buttons).toHaveLength(2 + 4 + 4 + 2);
  for (const i of buttons) expect(sounds[i]).toBeDefined();
});

test('the sheet holds each picture once, the lowest band at the bottom', () => {
  const content = smallContent();
  const ramp = Float32Array.from({ length: 64 * 64 }, (_, i) => Math.floor(i / 64) / 63);
  const tile = content.store.picture(ramp);
  const { width, height, data, channels } = decode(content.store.sheet());
  expect([width, height, channels, tile]).toEqual([16 * 64, 64, 1, 10]);
  const at = (x: number, y: number) => data[y * width + 10 * 64 + x];
  expect([at(0, 0), at(63, 63), at(5, 31)]).toEqual([255, 0, Math.round((255 * 32) / 63)]);
});

test('silence at the end of a sound is cut off, but not its beginning', () => {
  const { store } = smallContent();
  const wave = new Float32Array(8192);
  wave.fill(0.5, 1000, 2000);
  const i = store.sound(wave)!;
  const { channels } = decodeWav(Buffer.from(store.sounds[i], 'base64'), 'sound');
  expect(channels[0]).toHaveLength(2000 + 400);
});

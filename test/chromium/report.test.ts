// The report's page in a browser: the pointer and the keys go over the map, sounds play, and nothing is fetched.

import { expect, test } from 'vitest';
import { hostile } from '../report/hostile.ts';

test('the report shows, plays and fetches nothing', async () => {
  const frame = document.createElement('iframe');
  frame.style.cssText = 'width: 390px; height: 800px';
  frame.src = '/report/';
  document.body.append(frame);
  await new Promise((resolve) => frame.addEventListener('load', resolve));
  const page = frame.contentDocument as Document;
  const view = frame.contentWindow as Window & typeof globalThis;
  const played: string[] = [];
  view.HTMLMediaElement.prototype.play = function (this: HTMLMediaElement) {
    played.push(this.src);
    return Promise.resolve();
  };
  const named = () => page.getElementById('detail-name')?.textContent;
  const marks = [...page.querySelectorAll<SVGElement>('.mark[data-item]')];
  expect(marks).toHaveLength(4);
  expect(named()).toBe('0_<img src=x>.wav');
  expect(page.getElementById('detail-facts')?.textContent).toContain(hostile);
  expect(page.documentElement.scrollWidth).toBeLessThanOrEqual(390);

  const middle = ({ x, y, width, height }: DOMRect) => ({ clientX: x + width / 2, clientY: y + height / 2 });
  const point = (type: string, mark: Element) =>
    mark.dispatchEvent(
      new view.PointerEvent(type, { ...middle(mark.getBoundingClientRect()), bubbles: true }),
    );
  point('pointermove', marks[2]);
  expect(named()).toBe('2_<img src=x>.wav');
  point('click', marks[1]);
  expect(named()).toBe('1_<img src=x>.wav');
  expect(page.activeElement).toBe(marks[1]);
  expect(played).toHaveLength(1);

  const key = (name: string) =>
    page.activeElement?.dispatchEvent(new view.KeyboardEvent('keydown', { key: name, bubbles: true }));
  key('ArrowLeft');
  expect(named()).toBe('0_<img src=x>.wav');
  key('ArrowUp');
  expect(named()).toBe('2_<img src=x>.wav');
  expect([page.activeElement, marks.filter((m) => m.getAttribute('tabindex') === '0')]).toEqual([
    marks[2],
    [marks[2]],
  ]);
  key('Enter');
  expect(played).toHaveLength(2);
  expect(played[1]).not.toBe(played[0]);
  const context = new OfflineAudioContext(1, 8000, 8000);
  for (const src of played) {
    const wav = Uint8Array.from(atob(src.replace('data:audio/wav;base64,', '')), (c) => c.charCodeAt(0));
    expect((await context.decodeAudioData(wav.buffer)).duration).toBeCloseTo(0.1, 3);
  }

  const choose = (value: string) => page.querySelector<HTMLInputElement>(`input[value=${value}]`)?.click();
  const before = marks[0].style.transform;
  choose('tsne');
  choose('speaker');
  expect(marks[0].style.transform).not.toBe(before);
  expect([...page.querySelectorAll('#key li')].map((e) => e.textContent)).toEqual(['"bob"', 'ann']);
  const fetched = view.performance.getEntriesByType('resource').map(({ name }) => name);
  expect(fetched.filter((name) => !name.startsWith('data:'))).toEqual([]);
  frame.remove();
});

// Charts and maps, read again by an XML parser: every mark is there, in its colour, at a finite place in the picture.
import { DOMParser, type Element } from '@xmldom/xmldom';
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { DataError, ShapeError } from '../../src/engine/errors.ts';
import { Random } from '../../src/engine/random.ts';
import { classColours, splitColours } from '../../src/plot/colours.ts';
import { extentOf, latentMap } from '../../src/plot/latentMap.ts';
import { lossChart, type MetricsRow } from '../../src/plot/lossChart.ts';
import { toPng, toRaster } from '../../src/plot/raster.ts';

/** The SVG's elements by tag; fails unless it is whole XML with finite numbers and without ids. */
function open(svg: string) {
  const parser = new DOMParser({
    onError: (level, message) => {
      throw new Error(`${level}: ${message}`);
    },
  });
  const root = parser.parseFromString(svg, 'image/svg+xml').documentElement as Element;
  const all = (tag: string) => Array.from(root.getElementsByTagName(tag));
  for (const element of all('*')) {
    for (const { name, value } of Array.from(element.attributes)) {
      expect(value, name).not.toMatch(/NaN|Infinity|undefined|null/);
      expect(name).not.toBe('id');
    }
  }
  return { root, all, texts: all('text').map((e) => e.textContent ?? '') };
}

const number = (element: Element, name: string) => Number(element.getAttribute(name));

const epoch = (e: number, held: boolean): MetricsRow => {
  const recon = 100 + 2900 / e ** 2;
  const figures = { recon: recon + 5, kl: 20 - 10 / e, negElbo: recon + 25 - 10 / e };
  const train = { loss: recon + 20 - 9 / e, recon, kl: 20 - 9 / e };
  return held ? { epoch: e, train, valid: figures, test: figures } : { epoch: e, train };
};

describe('lossChart', () => {
  test('three panels, a curve and a mark for each epoch in each split', () => {
    const rows = [{ step: 1, loss: 5 } as MetricsRow, ...[1, 2, 3, 4].map((e) => epoch(e, true))];
    const { all, texts } = open(lossChart(rows, { title: 'run <1> & "2"' }));
    expect(texts).toEqual(
      expect.arrayContaining(['run <1> & "2"', 'Total', 'Reconstruction', 'KL divergence']),
    );
    expect(texts).toEqual(expect.arrayContaining(['train', 'valid', 'test', 'epoch', 'nats per item']));
    expect(texts).toContain('nats per item, log scale');
    for (const [split, colour] of Object.entries(splitColours)) {
      const paths = all('path').filter((e) => e.getAttribute('data-split') === split);
      expect(paths.map((e) => e.getAttribute('stroke'))).toEqual([colour, colour, colour]);
      for (const path of paths) expect(path.getAttribute('d')?.match(/[ML]/g)?.length).toBe(4);
      const dots = all('circle').filter((e) => e.getAttribute('data-split') === split);
      expect(dots.length).toBe(12);
      for (const dot of dots) {
        expect(number(dot, 'cx')).toBeGreaterThan(50);
        expect(number(dot, 'cx')).toBeLessThan(930);
        expect(number(dot, 'cy')).toBeGreaterThan(70);
        expect(number(dot, 'cy')).toBeLessThan(275);
      }
    }
    // Falling loss goes down, rising KL up.
    const dots = all('circle').filter((e) => e.getAttribute('data-split') === 'train');
    for (const [panel, sign] of [1, 1, -1].entries()) {
      const down = number(dots[4 * panel + 3], 'cy') - number(dots[4 * panel], 'cy');
      expect(sign * down).toBeGreaterThan(50);
    }
  });

  test('stacked, the same panels below each other in a third of the width', () => {
    const rows = [1, 2, 3].map((e) => epoch(e, true));
    const wide = open(lossChart(rows));
    const { all, texts } = open(lossChart(rows, { stacked: true }));
    const paper = all('rect')[0];
    expect([number(paper, 'width'), number(paper, 'height')]).toEqual([336, 896]);
    expect([...texts].sort()).toEqual([...wide.texts].sort());
    const groups = all('g');
    expect(groups).toHaveLength(3);
    for (const [i, group] of groups.entries()) {
      expect(group.getAttribute('transform')).toBe(`translate(0 ${24 + 276 * i})`);
      for (const path of [...group.getElementsByTagName('path')])
        for (const [, x, y] of path.getAttribute('d')!.matchAll(/[ML]([\d.]+),([\d.]+)/g)) {
          expect(Number(x)).toBeLessThan(336);
          expect(Number(y) + 24 + 276 * i).toBeLessThan(896);
        }
    }
  });

  test('one epoch, no test split, values that are missing or not finite, negative ones', () => {
    const one = open(lossChart([epoch(1, false)]));
    expect(one.all('path').length).toBe(0);
    expect(one.all('circle').length).toBe(3);
    expect(one.texts).not.toContain('test');
    const holes = [1, 2, 3].map((e) => epoch(e, true));
    holes[1].test = { negElbo: null, recon: Number.NaN, kl: Number.POSITIVE_INFINITY };
    holes[2].train = { loss: -5000, recon: -5020, kl: 20 };
    const { all } = open(lossChart(holes));
    const dots = (split: string) =>
      all('circle').filter((e) => e.getAttribute('data-split') === split).length;
    expect([dots('train'), dots('valid'), dots('test')]).toEqual([9, 9, 6]);
    expect(open(lossChart([{ epoch: 1, train: {} }])).texts).toContain('no finite value');
    expect(() => lossChart([{ train: { loss: 1 } }])).toThrow(DataError);
  });

  test('many epochs, without a mark for each', () => {
    const { all } = open(lossChart(Array.from({ length: 200 }, (_, i) => epoch(i + 1, false))));
    expect(all('circle').length).toBe(3);
    expect(all('path')[0].getAttribute('d')?.match(/[ML]/g)?.length).toBe(200);
  });
});

describe('latentMap', () => {
  const n = 60;
  const points = new Random(2, 'map').normal(0, 2 * n).map((v, k) => (k % 2 ? v : 5 * v));
  const classes = Int32Array.from({ length: n }, (_, i) => i % 10);
  const names = [...'0123456789'];
  /** Marks of the map itself, not those of the legend. */
  const marksOf = (svg: string, tag = 'circle') =>
    open(svg)
      .all(tag)
      .filter((e) => e.getAttribute('fill-opacity') !== null);

  test('a mark per point in its class colour, one unit for both axes', () => {
    const svg = latentMap(points, classes, names, {
      title: 'Map',
      legendTitle: 'digit',
      axes: ['PC 1', 'PC 2'],
    });
    const marks = marksOf(svg);
    expect(marks.length).toBe(n);
    for (const colour of classColours) {
      expect(marks.filter((e) => e.getAttribute('fill') === colour).length).toBe(6);
    }
    const range = (name: string) => {
      const values = marks.map((e) => number(e, name));
      return Math.max(...values) - Math.min(...values);
    };
    const { x, y } = extentOf(points);
    expect(range('cx') / (x[1] - x[0])).toBeCloseTo(range('cy') / (y[1] - y[0]), 1);
    expect(range('cx')).toBeCloseTo(0.92 * 480, 0);
    const { texts, root } = open(svg);
    expect(texts).toEqual(expect.arrayContaining(['Map', 'digit', 'PC 1', 'PC 2', ...names]));
    // The point furthest right is where its class says, and up is up.
    const right = points.findIndex((v, k) => k % 2 === 0 && v === x[1]) / 2;
    const top = points.findIndex((v, k) => k % 2 === 1 && v === y[1]);
    const at = (pick: (a: Element, b: Element) => Element) => marks.reduce(pick).getAttribute('fill');
    expect(at((a, b) => (number(a, 'cx') > number(b, 'cx') ? a : b))).toBe(classColours[right % 10]);
    expect(at((a, b) => (number(a, 'cy') < number(b, 'cy') ? a : b))).toBe(
      classColours[((top - 1) / 2) % 10],
    );
    expect(number(root, 'width')).toBeGreaterThan(520);
  });

  test('other marks beyond ten classes, grey beyond thirty and without a class', () => {
    const many = Int32Array.from({ length: n }, (_, i) => (i < 36 ? i : i < 50 ? 35 : -1));
    const svg = latentMap(
      points,
      many,
      Array.from({ length: 36 }, (_, i) => `s${i}`),
    );
    expect(marksOf(svg, 'polygon').length).toBe(10);
    expect(marksOf(svg, 'rect').length).toBe(10 + 14);
    expect(marksOf(svg).filter((e) => e.getAttribute('fill') === '#b4b9bf').length).toBe(6 + 10);
    expect(open(svg).texts).toEqual(expect.arrayContaining(['s0', 's35', '6 others', 'no label']));
    expect(open(svg).texts).not.toContain('s34');
    expect(open(latentMap(points, classes, names, { legend: false })).texts).toEqual([]);
    expect(marksOf(latentMap([3, 4], [-1], [])).length).toBe(1);
  });

  test('a shared extent puts a point at the same place in every frame', () => {
    const extent = extentOf(points, [20, 20]);
    const place = (set: ArrayLike<number>) => {
      const [mark] = marksOf(latentMap(set, [0], ['a'], { extent }));
      return [number(mark, 'cx'), number(mark, 'cy')];
    };
    expect(place([1, 2])).toEqual(place([1, 2]));
    expect(place([20, 20])[0] - place([1, 2])[0]).toBeCloseTo(place([1, 2])[1] - place([2, 21])[1], 1);
  });

  test('what does not fit is said', () => {
    expect(() => latentMap([1, 2], [0, 1], ['a', 'b'])).toThrow(ShapeError);
    expect(() => latentMap([1, 2], [1], ['a'])).toThrow('class 1 has no name');
    expect(() => latentMap([1, Number.NaN], [0], ['a'])).toThrow('point 0 is at 1, NaN');
    expect(() => latentMap([], [], [])).toThrow(ShapeError);
    expect(() => latentMap([1, 2], [0], ['a'], { size: 0 })).toThrow('size is 0');
  });
});

describe('toPng', () => {
  const picture = (content: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">${content}</svg>`;

  test('pixels of a rectangle, at its own size and twice that', async () => {
    const svg = picture('<rect width="20" height="20" fill="#3f90da"/>');
    for (const width of [undefined, 80]) {
      const { data, width: w, height: h, channels } = decode(await toPng(svg, { width }));
      expect([w, h, channels]).toEqual([width ?? 40, (width ?? 40) / 2, 4]);
      const at = (x: number, y: number) => [...data.slice(4 * (y * w + x), 4 * (y * w + x) + 4)];
      expect(at(w / 4, h / 2)).toEqual([0x3f, 0x90, 0xda, 255]);
      expect(at((3 * w) / 4, h / 2)[3]).toBe(0);
    }
  });

  test('half-transparent paint comes out half on white', async () => {
    const { data } = await toRaster(
      picture('<rect width="40" height="20" fill="#ff0000" fill-opacity="0.5"/>'),
    );
    expect(data[0]).toBe(255);
    expect(Math.abs(data[1] - 127)).toBeLessThanOrEqual(1);
  });

  test('text is drawn without any font of the machine, Latin and Cyrillic, not as boxes', async () => {
    const write = (content: string) =>
      toRaster(
        picture(`<text x="2" y="15" font-size="14" font-family="system-ui, sans-serif">${content}</text>`),
      );
    const ink = async (content: string) => (await write(content)).data.filter((v) => v < 128).length;
    for (const content of ['nats', 'Žľ', 'цифра', '−5'])
      expect(await ink(content), content).toBeGreaterThan(20);
    // Missing glyphs are all the same box.
    for (const [a, b] of ['ab', 'Žľ', 'цф']) expect(await write(a)).not.toEqual(await write(b));
  });

  test('no SVG, no width', async () => {
    await expect(toPng('no picture')).rejects.toThrow(ShapeError);
    await expect(toPng(picture(''), { width: 0 })).rejects.toThrow('width is 0');
  });
});

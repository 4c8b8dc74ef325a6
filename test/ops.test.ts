// Every operation against its definition in float64, and its gradient against finite differences of that definition: on
// size 1, primes, exact tiles and one more; by the kernels the adapter picks, by the plain ones (no subgroups), with
// grids folded as above 65,535 workgroups, and by the kernels for real GPUs, their first guess and their last candidate.
// The first three make docs/operations.md (vitest -u rewrites it).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adoptDevice } from '../src/engine/device.ts';
import { backwardFrom, type Engine, openEngine, Random, type Tensor } from '../src/node.ts';
import { closeTo, type Tolerance } from './close.ts';
import { sharedDevice } from './device.ts';
import { readCase } from './golden/case.ts';
import type { Arr } from './ops/array.ts';
import { binaryRows, unaryRows } from './ops/elementwise.ts';
import { layerRows } from './ops/layers.ts';
import { reductionRows } from './ops/reductions.ts';
import { type Case, fillWith, hasGradient, type OpRow } from './ops/row.ts';
import { shapeRows } from './ops/shapes.ts';
import { OpTable } from './ops/table.ts';
import { transformRows } from './ops/transforms.ts';

const families: Record<string, Record<string, OpRow>> = {
  'Elementwise, one tensor': unaryRows,
  'Elementwise, broadcast': binaryRows,
  'Products, convolutions, pooling': layerRows,
  'Reductions, softmax, losses, normalisation': reductionRows,
  'Shapes and indices': shapeRows,
  'Fourier transforms, resampling': transformRows,
};
const rows = Object.values(families).flatMap((family) => Object.entries(family));

const forward: Tolerance = { relative: 1e-4, ofRms: 1e-5 };
const gradient: Tolerance = { relative: 1e-3, ofRms: 1e-4 };

/** Elements of an input whose gradient is checked, at most. */
const probes = 12;
const table = new OpTable(families, { forward, gradient });

/**
 * SwiftShader takes 0.2 s for a tiled kernel and 1-4 s for one with workgroup memory. So there the GPU's kernels run on
 * a few cases, and the tiled ones, of which every shape is another text, are folded in every third: what folds is the
 * head that all kernels share.
 */
const slow = /swiftshader/i.test(adoptDevice(await sharedDevice()).adapter.name);
const tiled = ['matmul', 'linear', 'conv1d', 'convTranspose1d'];
const ofTiled =
  (chosen: (i: number) => boolean) =>
  ([name, row]: [string, OpRow]): [string, OpRow] => [
    name,
    tiled.includes(name) ? { ...row, cases: row.cases.filter((_, i) => chosen(i)) } : row,
  ];
const gpuRows = slow
  ? rows.filter(([name]) => tiled.includes(name)).map(ofTiled((i) => i > 0 && i < 4))
  : rows;
const foldedRows = slow ? rows.map(ofTiled((i) => i % 3 === 1)) : rows;

describe.each([
  { name: 'auto', options: {}, tried: rows },
  { name: 'plain', options: { variant: 'plain' }, tried: rows },
  { name: 'folded', options: { maxGroups: 1 }, tried: foldedRows },
  { name: 'gpu', options: { variant: 'gpu' }, tried: gpuRows },
  { name: 'gpu, last candidates,', options: { variant: 'gpu' }, tried: gpuRows },
] as const)('$name kernels', ({ name: variant, options, tried }) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openEngine({ ...options, device: await sharedDevice() });
    if (!variant.startsWith('gpu')) table.watch(engine);
    if (variant.includes('last')) engine.plan.choose = (_, variants) => variants.at(-1) as string;
  });
  afterAll(() => engine.close());

  describe.each(tried)('%s', (name, row) => {
    const cases = row.cases.map(
      (c) => [`${JSON.stringify(c.shapes)} ${JSON.stringify(c.attrs ?? {})}`, c] as const,
    );
    test.each(cases)('%s', async (text, c) => {
      table.start(name);
      await checkCase(engine, expectedOf(`${name} ${text}`, row, c), row, c, `${variant} ${name}`);
    });
  });
});

test('the table of operations in the docs is the one that these tests make', async () => {
  const golden = readdirSync(join(import.meta.dirname, 'golden')).filter((f) => f.endsWith('.safetensors'));
  const counts = new Map<string, number>();
  for (const file of golden) {
    const { op } = readCase(file, readFileSync(join(import.meta.dirname, 'golden', file)));
    counts.set(op, (counts.get(op) ?? 0) + 1);
  }
  await expect(table.markdown(counts)).toMatchFileSnapshot('../docs/operations.md');
});

/** What a case should give: made once, for all variants. */
interface Expected {
  host: Record<string, Float32Array>;
  y: Record<string, Arr>;
  /** The gradient given for each result. */
  dy: Record<string, Float32Array>;
  /** Some elements of each input, and the slope of sum(y dy) there. */
  slopes: Record<string, { places: number[]; values: number[] }>;
}

const known = new Map<string, Expected>();

function expectedOf(key: string, row: OpRow, c: Case): Expected {
  const found = known.get(key);
  if (found) return found;
  const random = new Random(11, key);
  const inputs = Object.entries(row.inputs).filter(([name]) => c.shapes[name]);
  const host = Object.fromEntries(
    inputs.map(([name, fill], i) => [name, fillWith(fill, c.shapes[name], c.shapes, random, i)]),
  );
  const arrays = Object.fromEntries(
    inputs.map(([name]): [string, Arr] => [
      name,
      { shape: c.shapes[name], data: Float64Array.from(host[name]) },
    ]),
  );
  const reference = () => asRecord(row.reference(arrays, c.attrs ?? {}));
  const y = reference();
  const dy = Object.fromEntries(
    Object.entries(y).map(([name, { data }], i) => [name, random.normal(100 + i, data.length)]),
  );
  const objective = () => {
    let sum = 0;
    for (const [name, { data }] of Object.entries(reference()))
      data.forEach((v, i) => {
        sum += v * dy[name][i];
      });
    return sum;
  };
  const slopes: Expected['slopes'] = {};
  for (const [i, [name, fill]] of inputs.entries()) {
    if (row.noGradient || !hasGradient(fill)) continue;
    const { data } = arrays[name];
    const places =
      data.length <= probes
        ? [...data.keys()]
        : [...random.permutation(50 + i, data.length).subarray(0, probes)];
    slopes[name] = { places, values: places.map((place) => slopeAt(data, place, objective)) };
  }
  const expected = { host, y, dy, slopes };
  known.set(key, expected);
  return expected;
}

/** Slope of a function of `data` along one element, by a central difference. */
function slopeAt(data: Float64Array, place: number, objective: () => number): number {
  const here = data[place];
  const h = 1e-6 * Math.max(1, Math.abs(here));
  data[place] = here + h;
  const above = objective();
  data[place] = here - h;
  const below = objective();
  data[place] = here;
  return (above - below) / (2 * h);
}

async function checkCase(engine: Engine, want: Expected, row: OpRow, c: Case, where: string): Promise<void> {
  const x: Record<string, Tensor> = {};
  for (const [name, data] of Object.entries(want.host)) {
    x[name] = engine.tensor(data, c.shapes[name]);
    x[name].requiresGrad = name in want.slopes;
  }
  const got = asRecord(row.run(x, c.attrs ?? {}));
  expect(Object.keys(got).sort()).toEqual(Object.keys(want.y).sort());
  for (const [name, y] of Object.entries(want.y)) {
    expect(got[name].shape, `shape of ${name}`).toEqual(y.shape);
    closeTo(await got[name].read(), y.data, row.tolerance?.forward ?? forward, `${where} ${name}`);
  }
  const wanted = Object.keys(want.slopes);
  for (const y of Object.values(got)) expect(y.requiresGrad).toBe(wanted.length > 0);
  if (wanted.length === 0) return;
  const grads = backwardFrom(
    Object.entries(got).map(([name, y]) => [y, engine.tensor(want.dy[name], y.shape)] as const),
    wanted.map((name) => x[name]),
  );
  const read = await engine.read(grads);
  wanted.forEach((name, w) => {
    expect(grads[w].shape).toEqual(c.shapes[name]);
    const { places, values } = want.slopes[name];
    const found = places.map((i) => read[w][i]);
    closeTo(found, values, row.tolerance?.gradient ?? gradient, `${where} gradient of ${name}`);
  });
}

/** Results by name; a single one is called y. */
function asRecord<T extends Tensor | Arr>(y: T | Record<string, T>): Record<string, T> {
  return Array.isArray(y.shape) ? { y: y as T } : (y as Record<string, T>);
}

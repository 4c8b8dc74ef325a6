// Operations that move values: shapes, indices, padding.

import { concat, detach, embedding, gather, pad, reshape, slice, transpose } from '../../src/node.ts';
import { type Arr, at, build } from './array.ts';
import type { Case, OpRow } from './row.ts';

/** The place that a padded axis of L elements reads at q, or null for a constant. */
const sources: Record<string, (q: number, L: number) => number | null> = {
  constant: () => null,
  reflect: (q, L) => (q < 0 ? -q : 2 * (L - 1) - q),
  replicate: (q, L) => Math.min(Math.max(q, 0), L - 1),
  circular: (q, L) => (q + L) % L,
};

const padCases: Case[] = Object.keys(sources).flatMap((mode) => [
  { shapes: { x: [2, 3, 7] }, attrs: { padding: [4, 6], mode } },
  { shapes: { x: [4, 5] }, attrs: { padding: [0, 1, 3, 2], mode, value: 0.5 } },
  { shapes: { x: [1] }, attrs: { padding: mode === 'reflect' ? [0, 0] : [1, 1], mode } },
]);

export const shapeRows: Record<string, OpRow> = {
  reshape: {
    about: 'the same values in another shape (a view)',
    inputs: { x: 'normal' },
    run: ({ x }, { shape }) => reshape(x, shape),
    reference: ({ x }, { to }) => ({ shape: to, data: x.data }),
    cases: [
      { shapes: { x: [1] }, attrs: { shape: [1, 1], to: [1, 1] } },
      { shapes: { x: [3, 8] }, attrs: { shape: [2, -1, 3], to: [2, 4, 3] } },
    ],
  },
  detach: {
    about: 'the same values without a gradient (a view)',
    inputs: { x: 'normal' },
    run: ({ x }) => detach(x),
    reference: ({ x }) => x,
    cases: [{ shapes: { x: [3, 5] } }],
    noGradient: true,
  },
  transpose: {
    about: 'axes reordered',
    inputs: { x: 'normal' },
    run: ({ x }, { perm }) => transpose(x, perm),
    reference: ({ x }, { perm }) =>
      build(
        perm.map((p: number) => x.shape[p]),
        (...index) => at(x, ...x.shape.map((_, d) => index[perm.indexOf(d)])),
      ),
    cases: [
      { shapes: { x: [1] }, attrs: { perm: [0] } },
      { shapes: { x: [65, 17] }, attrs: { perm: [1, 0] } },
      { shapes: { x: [2, 3, 5, 7] }, attrs: { perm: [2, 0, 3, 1] } },
      { shapes: { x: [3, 5, 8] }, attrs: { perm: [1, 0, 2] } },
    ],
  },
  slice: {
    about: 'a range along an axis',
    inputs: { x: 'normal' },
    run: ({ x }, { axis, start, end }) => slice(x, axis, start, end),
    reference: ({ x }, { axis, start, end }) => {
      const a = axis < 0 ? axis + x.shape.length : axis;
      const shape = x.shape.map((n, d) => (d === a ? end - start : n));
      return build(shape, (...index) => at(x, ...index.map((i, d) => (d === a ? i + start : i))));
    },
    cases: [
      { shapes: { x: [1] }, attrs: { axis: 0, start: 0, end: 1 } },
      { shapes: { x: [7, 13] }, attrs: { axis: 0, start: 2, end: 7 } },
      { shapes: { x: [3, 64, 5] }, attrs: { axis: 1, start: 63, end: 64 } },
      { shapes: { x: [3, 4, 65] }, attrs: { axis: -1, start: 1, end: 64 } },
      { shapes: { x: [3, 2, 16] }, attrs: { axis: -1, start: 4, end: 12 } },
    ],
  },
  concat: {
    about: 'tensors joined along an axis',
    inputs: { a: 'normal', b: 'normal', c: 'normal' },
    run: (x, { axis }) => concat(Object.values(x), axis),
    reference: (x, { axis }) => {
      const parts = Object.values(x);
      const a = axis < 0 ? axis + parts[0].shape.length : axis;
      const from = parts.flatMap((part) =>
        Array.from({ length: part.shape[a] }, (_, i) => [part, i] as [Arr, number]),
      );
      const shape = parts[0].shape.map((n, d) => (d === a ? from.length : n));
      return build(shape, (...index) =>
        at(from[index[a]][0], ...index.map((i, d) => (d === a ? from[i][1] : i))),
      );
    },
    cases: [
      { shapes: { a: [1], b: [1], c: [1] }, attrs: { axis: 0 } },
      { shapes: { a: [3, 5], b: [3, 2], c: [3, 64] }, attrs: { axis: 1 } },
      { shapes: { a: [3, 8], b: [3, 4], c: [3, 64] }, attrs: { axis: 1 } },
      { shapes: { a: [2, 3, 7], b: [2, 1, 7], c: [2, 17, 7] }, attrs: { axis: -2 } },
    ],
  },
  gather: {
    about: 'elements chosen by index along an axis',
    inputs: {
      x: 'normal',
      index: { indexBelow: ({ x, index }) => x[x.findIndex((n, d) => n !== index[d] && d < 9)] ?? x[0] },
    },
    run: ({ x, index }, { axis }) => gather(x, axis, index),
    reference: ({ x, index }, { axis }) =>
      build(index.shape, (...i) => at(x, ...i.map((v, d) => (d === axis ? at(index, ...i) : v)))),
    cases: [
      { shapes: { x: [1], index: [3] }, attrs: { axis: 0 } },
      { shapes: { x: [5, 10], index: [5, 3] }, attrs: { axis: 1 } },
      { shapes: { x: [7, 3, 11], index: [17, 3, 11] }, attrs: { axis: 0 } },
    ],
  },
  embedding: {
    about: 'rows of a table by index',
    inputs: { index: { indexBelow: ({ w }) => w[0] }, w: 'normal' },
    run: ({ index, w }) => embedding(index, w),
    reference: ({ index, w }) =>
      build([...index.shape, w.shape[1]], (...i) => at(w, at(index, ...i.slice(0, -1)), i[i.length - 1])),
    cases: [
      { shapes: { index: [1], w: [1, 1] } },
      { shapes: { index: [3, 17], w: [10, 7] } },
      { shapes: { index: [65], w: [5, 64] } },
    ],
  },
  pad: {
    about: 'padding: constant, reflect, replicate, circular',
    inputs: { x: 'normal' },
    run: ({ x }, { padding, mode, value }) => pad(x, padding, { mode, value }),
    reference: ({ x }, { padding, mode, value = 0 }) => {
      let y = x;
      for (let i = 0; i < padding.length; i += 2) {
        const axis = x.shape.length - 1 - i / 2;
        const before = y;
        const L = before.shape[axis];
        const shape = before.shape.map((n, d) => (d === axis ? n + padding[i] + padding[i + 1] : n));
        y = build(shape, (...index) => {
          const q = index[axis] - padding[i];
          const from = q >= 0 && q < L ? q : sources[mode](q, L);
          return from === null ? value : at(before, ...index.map((v, d) => (d === axis ? from : v)));
        });
      }
      return y;
    },
    cases: padCases,
  },
};

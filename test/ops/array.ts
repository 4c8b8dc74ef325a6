// Arrays in float64 for the references: an index at a time, slow and plain.

export interface Arr {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Calls back with every index of a shape, last dimension fastest. */
export function eachIndex(shape: readonly number[], visit: (index: number[], flat: number) => void): void {
  const index = shape.map(() => 0);
  for (let flat = 0; flat < sizeOf(shape); flat++) {
    visit(index, flat);
    for (let d = shape.length - 1; d >= 0 && ++index[d] === shape[d]; d--) index[d] = 0;
  }
}

/** The array whose element at an index is f(index). */
export function build(shape: readonly number[], f: (...index: number[]) => number): Arr {
  const data = new Float64Array(sizeOf(shape));
  eachIndex(shape, (index, flat) => {
    data[flat] = f(...index);
  });
  return { shape: [...shape], data };
}

/** Element at an index; an index along a dimension of size 1 is taken as 0, missing leading dimensions are skipped. */
export function at(a: Arr, ...index: number[]): number {
  const skip = index.length - a.shape.length;
  let flat = 0;
  for (let d = 0; d < a.shape.length; d++)
    flat = flat * a.shape[d] + (a.shape[d] === 1 ? 0 : index[d + skip]);
  return a.data[flat];
}

export const map = (a: Arr, f: (x: number) => number): Arr => ({ shape: a.shape, data: a.data.map(f) });

/** f over broadcast arrays. */
export function zip(f: (...values: number[]) => number, ...arrays: Arr[]): Arr {
  const rank = Math.max(...arrays.map((a) => a.shape.length));
  const shape = Array.from({ length: rank }, (_, d) =>
    Math.max(...arrays.map((a) => a.shape[d - rank + a.shape.length] ?? 1)),
  );
  return build(shape, (...index) => f(...arrays.map((a) => at(a, ...index))));
}

/** f over the elements along some axes (null: all). */
export function fold(
  a: Arr,
  axes: readonly number[] | null,
  keepDims: boolean,
  f: (values: number[]) => number,
): Arr {
  const rank = a.shape.length;
  const picked = new Set((axes ?? a.shape.map((_, d) => d)).map((d) => (d + rank) % rank));
  const kept = a.shape.map((n, d) => (picked.has(d) ? 1 : n));
  const groups: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
  eachIndex(a.shape, (index, flat) => {
    groups[index.reduce((place, i, d) => place * kept[d] + (picked.has(d) ? 0 : i), 0)].push(a.data[flat]);
  });
  const left = a.shape.filter((_, d) => !picked.has(d));
  const shape = keepDims ? kept : left.length ? left : [1];
  return { shape, data: Float64Array.from(groups, f) };
}

export const total = (values: Iterable<number>): number => {
  let sum = 0;
  for (const v of values) sum += v;
  return sum;
};

/** Sum of f(i) for 0 <= i < n. */
export const sumUpTo = (n: number, f: (i: number) => number): number => {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f(i);
  return sum;
};

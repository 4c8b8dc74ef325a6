// Pooling over time, x (B, C, T) to y (B, C, Tout).
// Max: padding counts as minus infinity. The forward kernel notes for each output which input won (the first of
// equals); an input's gradient is the sum over the outputs that cover it and that it won, so nothing is scattered.
// `relu` may be applied to the result: relu(max(x)) = max(relu(x)), at a fraction of the positions, and its gradient
// costs nothing here. Average: an input's gradient is the sum over the outputs that cover it, each over its own count.

import { ShapeError } from '../engine/errors.ts';
import type { Bindings } from '../engine/kernel.ts';
import { type Gradients, record } from '../engine/op.ts';
import { perItem } from '../engine/run.ts';
import type { Tensor } from '../engine/tensor.ts';
import { isNan, isNanScalar, over } from './functions.ts';
import { axis, each } from './tile.ts';

const vectorIsNan = over(isNan, 'vec4f');

/** What both poolings take. */
export interface PoolOptions {
  /** Default: the kernel size. */
  stride?: number;
  /** At most half the kernel size. */
  padding?: number;
}

/** As torch.nn.functional.max_pool1d, and an activation applied to the maxima. */
export interface MaxPoolOptions extends PoolOptions {
  activation?: 'none' | 'relu';
}

/**
 * Maximum over windows, as torch.nn.functional.max_pool1d.
 * @param x (B, C, T)
 * @param kernel window length
 * @returns (B, C, floor((T + 2 padding - kernel) / stride) + 1)
 * @throws ShapeError if the window does not fit.
 */
export function maxPool1d(x: Tensor, kernel: number, options: MaxPoolOptions = {}): Tensor {
  const { stride = kernel, padding = 0, activation = 'none' } = options;
  const { engine } = x;
  if (activation !== 'none' && activation !== 'relu')
    throw new ShapeError(`maxPool1d: activation ${activation}; choose none or relu, or apply it afterwards`);
  const Tout = pooledLength('maxPool1d', x, kernel, stride, padding);
  const [B, C, T] = x.shape;
  const y = engine.empty([B, C, Tout]);
  if (Tout * kernel === T && stride === kernel && kernel <= longestWindow && y.size % 4 === 0)
    return maxPoolWindows(x, y, kernel, activation === 'relu');
  /** Index of the winner in its row, -1 where relu cut it off. */
  const winner = engine.empty([B, C, Tout]);
  perItem(y.size, {
    name: 'maxPool1d',
    declarations: isNanScalar,
    reads: { x },
    writes: { y, winner: ['i32', winner] },
    sizes: { T, Tout },
    body: `let row = i / u.Tout * u.T;
let start = i32(i % u.Tout * ${stride}u) - ${padding};
let first = max(start, 0);
var best = x[row + u32(first)];
var place = first;
for (var t = first + 1; t < min(start + ${kernel}, i32(u.T)); t++) {
  let v = x[row + u32(t)];
  if (v > best || isNanScalar(v)) { best = v; place = t; }
}
${activation === 'relu' ? 'if (best <= 0.0) { best = 0.0; place = -1; }' : ''}
y[i] = best;
winner[i] = place;`,
  });
  const won = `if (winner[row + o] == t) { sum += dy[row + o]; }`;
  return record('maxPool1d', [x], [y], (g) =>
    fromOutputs('maxPool1d', g, x, y, kernel, stride, padding, won, ['i32', winner]),
  );
}

/** Longer windows go to the general kernels, which have a loop. */
const longestWindow = 8;

/**
 * Windows side by side, which are the whole of x: no rows, no bounds. An invocation takes four of them, as many vec4s of
 * x as a window is long; the gradient writes as many. `winner` is the place in the window, -1 where relu cut it off.
 */
function maxPoolWindows(x: Tensor, y: Tensor, kernel: number, relu: boolean): Tensor {
  const winner = x.engine.empty(y.shape);
  const part = (name: string, e: number) => `${name}${Math.floor(e / 4)}.${axis[e % 4]}`;
  const candidates = each(kernel, (j) => {
    const v = `vec4f(${each(4, (o) => part('x', o * kernel + j)).join(', ')})`;
    if (j === 0) return `var best = ${v}; var place = vec4f();`;
    return `{ let v = ${v}; let wins = (v > best) | isNan(v);
    best = select(best, v, wins); place = select(place, vec4f(${j}), wins); }`;
  });
  const cut = `let off = best <= vec4f(); best = select(best, vec4f(), off); place = select(place, vec4f(-1), off);`;
  const loads = each(kernel, (v) => `let x${v} = x[i * ${kernel}u + ${v}u];`);
  perItem(y.size / 4, {
    name: 'maxPool1d',
    declarations: vectorIsNan,
    reads: { x: ['vec4f', x] },
    writes: { y: ['vec4f', y], winner: ['vec4f', winner] },
    body: [...loads, ...candidates, relu ? cut : '', 'y[i] = best; winner[i] = place;'].join('\n'),
  });
  return record('maxPool1d', [x], [y], (g) => {
    const values = each(kernel, (j) => `let d${j} = select(vec4f(), dy[i], winner[i] == vec4f(${j}));`);
    const stores = each(kernel, (v) => {
      const parts = each(4, (e) => `d${(4 * v + e) % kernel}.${axis[Math.floor((4 * v + e) / kernel)]}`);
      return `dx[i * ${kernel}u + ${v}u] = vec4f(${parts.join(', ')});`;
    });
    perItem(y.size / 4, {
      name: 'maxPool1d.dx',
      reads: { dy: ['vec4f', g.out()], winner: ['vec4f', winner] },
      writes: { dx: ['vec4f', g.into(0)] },
      body: [...values, ...stores].join('\n'),
    });
  });
}

/** An input's gradient: `add` adds to `sum` what output `row + o` of those that cover position t gives. */
function fromOutputs(
  name: string,
  g: Gradients,
  x: Tensor,
  y: Tensor,
  kernel: number,
  stride: number,
  padding: number,
  add: string,
  winner?: Bindings[string],
): void {
  const [, , T] = x.shape;
  perItem(x.size, {
    name: `${name}.dx`,
    reads: { dy: g.out(), winner },
    writes: { dx: g.into(0) },
    sizes: { T, Tout: y.shape[2] },
    body: `let t = i32(i % u.T);
let row = i / u.T * u.Tout;
let first = u32(max(t + ${padding} - ${kernel} + ${stride}, 0) / ${stride});
let last = min(u32(t + ${padding}) / ${stride}u + 1u, u.Tout);
var sum = 0.0;
for (var o = first; o < last; o++) { ${add} }
dx[i] = sum;`,
  });
}

/** As torch.nn.functional.avg_pool1d. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether a window's padding counts as elements of it. Default true. */
  countIncludePad?: boolean;
}

/** WGSL of the elements that the window starting at `start` is divided by. */
const divisor = (kernel: number, padding: number, counted: boolean): string =>
  counted
    ? `f32(min(start + ${kernel}, i32(u.T) + ${padding}) - start)`
    : `f32(min(start + ${kernel}, i32(u.T)) - max(start, 0))`;

/**
 * Mean over windows, as torch.nn.functional.avg_pool1d.
 * @param x (B, C, T)
 * @param kernel window length
 * @returns (B, C, floor((T + 2 padding - kernel) / stride) + 1)
 * @throws ShapeError if the window does not fit.
 */
export function avgPool1d(x: Tensor, kernel: number, options: AvgPoolOptions = {}): Tensor {
  const { stride = kernel, padding = 0, countIncludePad = true } = options;
  const { engine } = x;
  const Tout = pooledLength('avgPool1d', x, kernel, stride, padding);
  const [B, C, T] = x.shape;
  const y = engine.empty([B, C, Tout]);
  const count = divisor(kernel, padding, countIncludePad);
  const start = (o: string) => `let start = i32(${o} * ${stride}u) - ${padding};`;
  perItem(y.size, {
    name: 'avgPool1d',
    reads: { x },
    writes: { y },
    sizes: { T, Tout },
    body: `let row = i / u.Tout * u.T;
${start('(i % u.Tout)')}
var sum = 0.0;
for (var t = max(start, 0); t < min(start + ${kernel}, i32(u.T)); t++) { sum += x[row + u32(t)]; }
y[i] = sum / ${count};`,
  });
  const share = `${start('o')} sum += dy[row + o] / ${count};`;
  return record('avgPool1d', [x], [y], (g) =>
    fromOutputs('avgPool1d', g, x, y, kernel, stride, padding, share),
  );
}

function pooledLength(op: string, x: Tensor, kernel: number, stride: number, padding: number): number {
  if (x.rank !== 3) throw new ShapeError(`${op}: x ${x}; it must be (B, C, T)`);
  const whole = [kernel, stride, padding].every(Number.isInteger);
  if (!whole || kernel < 1 || stride < 1 || padding < 0 || 2 * padding > kernel)
    throw new ShapeError(
      `${op}: kernel ${kernel}, stride ${stride}, padding ${padding}; whole numbers, padding at most half the kernel`,
    );
  const length = Math.floor((x.shape[2] + 2 * padding - kernel) / stride) + 1;
  if (length < 1)
    throw new ShapeError(`${op}: a window of ${kernel} is longer than x of ${x.shape[2]}; pool less`);
  return length;
}

// conv1d and convTranspose1d with all of PyTorch's options: shapes, errors and gradients. The three kernels behind
// them are in conv/: a sliding sum (forward of one is the input gradient of the other) and a correlation.

import { ShapeError } from '../engine/errors.ts';
import { record } from '../engine/op.ts';
import type { Tensor } from '../engine/tensor.ts';
import { type Activation, activationGradient, checkActivation } from './activation.ts';
import { correlate } from './conv/correlate.ts';
import { type ConvOptions, forwardPhases, transposedPhases } from './conv/geometry.ts';
import { slide } from './conv/slide.ts';

/** As torch.nn.functional.conv1d. */
export interface Conv1dOptions extends ConvOptions {
  /** Applied to the result before it is stored. */
  activation?: Activation;
}

/** As torch.nn.functional.conv_transpose1d. */
export interface ConvTranspose1dOptions extends Conv1dOptions {
  /** Extra positions at the end of the output, below stride or dilation. */
  outputPadding?: number;
}

type Complete = Required<ConvOptions>;

function complete(op: string, o: ConvOptions): Complete {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = o;
  for (const [name, value, least] of [
    ['stride', stride, 1],
    ['padding', padding, 0],
    ['dilation', dilation, 1],
    ['groups', groups, 1],
  ] as const)
    if (!Number.isInteger(value) || value < least)
      throw new ShapeError(`${op}: ${name} ${value}; it must be a whole number of at least ${least}`);
  return { stride, padding, dilation, groups };
}

function checkRanks(op: string, x: Tensor, w: Tensor, b: Tensor | null, Cout: number): void {
  if (x.rank !== 3 || w.rank !== 3)
    throw new ShapeError(`${op}: x ${x} and w ${w}; both need three dimensions`);
  if (b && (b.rank !== 1 || b.size !== Cout))
    throw new ShapeError(`${op}: b ${b} for ${Cout} output channels; it must be (${Cout})`);
}

/**
 * One-dimensional convolution, as torch.nn.functional.conv1d (a cross-correlation).
 * @param x (B, Cin, T)
 * @param w (Cout, Cin / groups, K)
 * @param b (Cout) or null
 * @returns (B, Cout, floor((T + 2 padding - dilation (K - 1) - 1) / stride) + 1)
 * @throws ShapeError if shapes or options do not fit.
 */
export function conv1d(x: Tensor, w: Tensor, b: Tensor | null = null, options: Conv1dOptions = {}): Tensor {
  const o = complete('conv1d', options);
  checkActivation('conv1d', options.activation ?? 'none');
  checkRanks('conv1d', x, w, b, w.shape[0]);
  const [, channels, T] = x.shape;
  const [outputs, Cin, K] = w.shape;
  if (channels !== Cin * o.groups || outputs % o.groups !== 0)
    throw new ShapeError(
      `conv1d: x ${x}, w ${w}, groups ${o.groups}; w must be (Cout, ` +
        `${channels} / groups, K) with Cout a multiple of groups`,
    );
  const Lout = Math.floor((T + 2 * o.padding - o.dilation * (K - 1) - 1) / o.stride) + 1;
  if (Lout < 1)
    throw new ShapeError(
      `conv1d: a kernel of ${K} taps (dilation ${o.dilation}) is longer than x of ${T} plus padding ${o.padding} at ` +
        'both ends; pad more, or use a shorter kernel',
    );
  return convolve('conv1d', x, w, b, o, options.activation, false, [Cin, outputs / o.groups], Lout);
}

/** Either convolution, from checked shapes; `channels` are those in and out of a group. */
function convolve(
  op: string,
  x: Tensor,
  w: Tensor,
  b: Tensor | null,
  o: Complete,
  activation: Activation = 'none',
  isTransposed: boolean,
  [Cin, Cout]: readonly [number, number],
  Lout: number,
): Tensor {
  const { engine } = x;
  const { groups, stride } = o;
  const [B, , T] = x.shape;
  const K = w.shape[2];
  const y = engine.empty([B, Cout * groups, Lout]);
  const plain = { inputStride: stride, phases: forwardPhases(K, o), weightByInput: false };
  const transposed = { inputStride: 1, phases: transposedPhases(K, o), weightByInput: true };
  const [ahead, back] = isTransposed ? [transposed, plain] : [plain, transposed];
  const sizes = { B, groups, K };
  const forward = { ...sizes, Cin, Cout, Lin: T, Lout, ...ahead };
  slide(engine, { ...forward, name: op, bias: b, activation }, x, w, y);
  return record(op, b ? [x, w, b] : [x, w], [y], (g) => {
    const dz = activationGradient(activation, g.out(), y);
    if (g.needs(0)) {
      const { tensor, add } = g.accumulate(0);
      const reverse = { ...sizes, Cin: Cout, Cout: Cin, Lin: Lout, Lout: T, ...back };
      slide(engine, { ...reverse, name: `${op}.dx`, add }, dz, w, tensor);
    }
    const bias = b !== null && g.needs(2) ? g.into(2) : null;
    if (!g.needs(1) && !bias) return;
    const { tensor, add } = g.needs(1) ? g.accumulate(1) : { tensor: engine.empty(w.shape), add: false };
    const offsets = plain.phases[0].map((t) => t.d);
    const job = { B, groups, name: `${op}.dw`, offsets, inputStride: stride, add };
    if (isTransposed) {
      const signals = { Cv: Cin, Cz: Cout, Lv: T, Lz: Lout, bias: bias && ('z' as const) };
      correlate(engine, { ...job, ...signals }, x, dz, tensor, bias);
    } else {
      const signals = { Cv: Cout, Cz: Cin, Lv: Lout, Lz: T, bias: bias && ('v' as const) };
      correlate(engine, { ...job, ...signals }, dz, x, tensor, bias);
    }
  });
}

/**
 * One-dimensional transposed convolution, as torch.nn.functional.conv_transpose1d.
 * @param x (B, Cin, T)
 * @param w (Cin, Cout / groups, K)
 * @param b (Cout) or null
 * @returns (B, Cout, (T - 1) stride - 2 padding + dilation (K - 1) + outputPadding + 1)
 * @throws ShapeError if shapes or options do not fit.
 */
export function convTranspose1d(
  x: Tensor,
  w: Tensor,
  b: Tensor | null = null,
  options: ConvTranspose1dOptions = {},
): Tensor {
  const o = complete('convTranspose1d', options);
  checkActivation('convTranspose1d', options.activation ?? 'none');
  const { outputPadding = 0 } = options;
  if (
    !Number.isInteger(outputPadding) ||
    outputPadding < 0 ||
    outputPadding >= Math.max(o.stride, o.dilation)
  )
    throw new ShapeError(
      `convTranspose1d: outputPadding ${outputPadding} with stride ${o.stride} and dilation ${o.dilation}; it must ` +
        'be a whole number below one of them',
    );
  checkRanks('convTranspose1d', x, w, b, (w.shape[1] ?? 0) * o.groups);
  const [, channels, T] = x.shape;
  const [inputs, Cout, K] = w.shape;
  if (channels !== inputs || inputs % o.groups !== 0)
    throw new ShapeError(
      `convTranspose1d: x ${x}, w ${w}, groups ${o.groups}; w must be ` +
        `(${channels}, Cout / groups, K) and ${channels} a multiple of groups`,
    );
  const Lout = (T - 1) * o.stride - 2 * o.padding + o.dilation * (K - 1) + outputPadding + 1;
  if (Lout < 1)
    throw new ShapeError(
      `convTranspose1d: x of ${T} with padding ${o.padding} leaves ${Lout} outputs; pad less`,
    );
  const channelsOf = [inputs / o.groups, Cout] as const;
  return convolve('convTranspose1d', x, w, b, o, options.activation, true, channelsOf, Lout);
}

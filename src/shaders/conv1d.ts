// conv1d and convTranspose1d with all of PyTorch's options: shapes, errors and gradients. The three kernels behind
// them are in conv/: a sliding sum (forward of one is the input gradient of the other) and a correlation.

import { ShapeError } from '../engine/errors.ts';
import { type Gradients, record } from '../engine/op.ts';
import { shapeText, type Tensor } from '../engine/tensor.ts';
import { type Activation, activationGradient, checkActivation } from './activation.ts';
import { type CorrelateJob, correlate } from './conv/correlate.ts';
import { type ConvOptions, forwardPhases, transposedPhases } from './conv/geometry.ts';
import { slide } from './conv/slide.ts';

export interface Conv1dOptions extends ConvOptions {
  /** Applied to the result before it is stored. */
  activation?: Activation;
}

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
    throw new ShapeError(
      `${op}: x ${shapeText(x.shape)} and w ${shapeText(w.shape)}; both need three dimensions`,
    );
  if (b && (b.rank !== 1 || b.size !== Cout))
    throw new ShapeError(`${op}: b ${shapeText(b.shape)} for ${Cout} output channels; it must be (${Cout})`);
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
  const [B, channels, T] = x.shape;
  const [outputs, Cin, K] = w.shape;
  if (channels !== Cin * o.groups || outputs % o.groups !== 0)
    throw new ShapeError(
      `conv1d: x ${shapeText(x.shape)}, w ${shapeText(w.shape)}, groups ${o.groups}; w must be (Cout, ` +
        `${channels} / groups, K) with Cout a multiple of groups`,
    );
  const Lout = Math.floor((T + 2 * o.padding - o.dilation * (K - 1) - 1) / o.stride) + 1;
  if (Lout < 1)
    throw new ShapeError(
      `conv1d: a kernel of ${K} taps (dilation ${o.dilation}) is longer than x of ${T} plus padding ${o.padding} at ` +
        'both ends; pad more, or use a shorter kernel',
    );
  const { engine } = x;
  const { activation = 'none' } = options;
  const Cout = outputs / o.groups;
  const y = engine.empty([B, outputs, Lout]);
  const sizes = { B, groups: o.groups, K };
  const forward = { ...sizes, Cin, Cout, Lin: T, Lout, inputStride: o.stride, weightByInput: false };
  slide(engine, { ...forward, name: 'conv1d', phases: forwardPhases(K, o), bias: b, activation }, x, w, y);
  return record('conv1d', b ? [x, w, b] : [x, w], [y], (g) => {
    const dz = activationGradient(activation, g.out(), y);
    if (g.needs(0)) {
      const { tensor, add } = g.accumulate(0);
      const back = {
        ...sizes,
        Cin: Cout,
        Cout: Cin,
        Lin: Lout,
        Lout: T,
        inputStride: 1,
        weightByInput: true,
      };
      slide(engine, { ...back, name: 'conv1d.dx', phases: transposedPhases(K, o), add }, dz, w, tensor);
    }
    const job = { B, groups: o.groups, Cv: Cout, Cz: Cin, Lv: Lout, Lz: T, inputStride: o.stride };
    weightGradient(
      g,
      { ...job, name: 'conv1d.dw', offsets: forwardPhases(K, o)[0].map((t) => t.d), bias: 'v' },
      dz,
      x,
      w,
      b,
    );
  });
}

/** dw and db of either convolution from its correlation, each only if wanted. */
function weightGradient(
  g: Gradients,
  job: Omit<CorrelateJob, 'add'>,
  v: Tensor,
  z: Tensor,
  w: Tensor,
  b: Tensor | null,
): void {
  const wantsBias = b !== null && g.needs(2);
  if (!g.needs(1) && !wantsBias) return;
  const { tensor, add } = g.needs(1) ? g.accumulate(1) : { tensor: w.engine.empty(w.shape), add: false };
  correlate(
    w.engine,
    { ...job, add, bias: wantsBias ? job.bias : null },
    v,
    z,
    tensor,
    wantsBias ? g.into(2) : null,
  );
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
  const { outputPadding = 0, activation = 'none' } = options;
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
  const [B, channels, T] = x.shape;
  const [inputs, Cout, K] = w.shape;
  if (channels !== inputs || inputs % o.groups !== 0)
    throw new ShapeError(
      `convTranspose1d: x ${shapeText(x.shape)}, w ${shapeText(w.shape)}, groups ${o.groups}; w must be ` +
        `(${channels}, Cout / groups, K) and ${channels} a multiple of groups`,
    );
  const Lout = (T - 1) * o.stride - 2 * o.padding + o.dilation * (K - 1) + outputPadding + 1;
  if (Lout < 1)
    throw new ShapeError(
      `convTranspose1d: x of ${T} with padding ${o.padding} leaves ${Lout} outputs; pad less`,
    );
  const { engine } = x;
  const Cin = inputs / o.groups;
  const y = engine.empty([B, Cout * o.groups, Lout]);
  const sizes = { B, groups: o.groups, K };
  const forward = { ...sizes, Cin, Cout, Lin: T, Lout, inputStride: 1, weightByInput: true };
  slide(
    engine,
    { ...forward, name: 'convTranspose1d', phases: transposedPhases(K, o), bias: b, activation },
    x,
    w,
    y,
  );
  return record('convTranspose1d', b ? [x, w, b] : [x, w], [y], (g) => {
    const dz = activationGradient(activation, g.out(), y);
    if (g.needs(0)) {
      const { tensor, add } = g.accumulate(0);
      const back = {
        ...sizes,
        Cin: Cout,
        Cout: Cin,
        Lin: Lout,
        Lout: T,
        inputStride: o.stride,
        weightByInput: false,
      };
      slide(engine, { ...back, name: 'convTranspose1d.dx', phases: forwardPhases(K, o), add }, dz, w, tensor);
    }
    const job = { B, groups: o.groups, Cv: Cin, Cz: Cout, Lv: T, Lz: Lout, inputStride: o.stride };
    const offsets = forwardPhases(K, o)[0].map((t) => t.d);
    weightGradient(g, { ...job, name: 'convTranspose1d.dw', offsets, bias: 'z' }, x, dz, w, b);
  });
}

// The tape. An operation runs its kernel and records {inputs, outputs, backward}; `backward(loss)` visits every
// recorded operation once in reverse order of recording (which is a topological order), with the gradients of its
// outputs summed. A backward function asks `into(i)` where to put the gradient of input i: for a parameter that is
// its slice of the flat gradient buffer, so that no copy follows; `accumulate(i)` tells kernels that can add.

import { DeviceError, ShapeError } from './errors.ts';
import { addInto, fill } from './primitives.ts';
import { sameShape, type Tensor } from './tensor.ts';

export interface Node {
  readonly name: string;
  readonly order: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly backward: (grads: Gradients) => void;
}

/** What a backward function sees of the tape. */
export interface Gradients {
  /** Whether input i wants a gradient. */
  needs(i: number): boolean;
  /** The gradient of output i; zeros when nothing depended on that output. */
  out(i?: number): Tensor;
  /** The tensor to write the whole gradient of input i to; it is added to what is there afterwards. */
  into(i: number): Tensor;
  /**
   * For kernels that can add to what is there: the tensor, and whether to add (true) or to overwrite (false).
   */
  accumulate(i: number): { tensor: Tensor; add: boolean };
  /** Takes an existing tensor as the gradient of input i, without a copy. */
  pass(i: number, gradient: Tensor): void;
}

let order = 0;

/**
 * Puts an operation on the tape if gradients are on and an input wants one.
 * @returns `outputs[0]`, for the many operations with a single result.
 */
export function record(
  name: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  backward: (grads: Gradients) => void,
): Tensor {
  const engine = outputs[0].engine;
  if (engine.gradMode && inputs.some((t) => t.requiresGrad)) {
    const node: Node = { name, order: order++, inputs, outputs, backward };
    for (const t of outputs) {
      t.node = node;
      t.requiresGrad = true;
    }
  }
  return outputs[0];
}

/** A gradient on its way: `own` ones were made for this purpose and may be added to in place. */
interface Pending {
  tensor: Tensor;
  own: boolean;
}

/**
 * Writes the gradient of `loss`, a tensor of one element, to `grad` of every parameter it depends on. The first
 * backward after an optimiser step (or zeroGrad) overwrites the gradients, later ones add to them.
 * @param wanted tensors whose gradients are returned, in order; for a parameter that is its `grad`, with what earlier
 * backwards left there.
 * @throws ShapeError if the loss has more than one element or depends on no parameter.
 */
export function backward(loss: Tensor, wanted: readonly Tensor[] = []): Tensor[] {
  return backwardFrom([[loss, ones(loss)]], wanted);
}

function ones(loss: Tensor): Tensor {
  if (loss.size !== 1)
    throw new ShapeError(
      `backward: the loss has shape ${loss}; reduce it to one element, for example with mean()`,
    );
  return loss.engine.constant(`ones ${loss}`, () => ({
    data: Float32Array.of(1),
    shape: loss.shape,
  }));
}

/** `backward` from several outputs with a given gradient each; those of an output given twice are summed. */
export function backwardFrom(
  seeds: readonly (readonly [Tensor, Tensor])[],
  wanted: readonly Tensor[] = [],
): Tensor[] {
  const pending = new Map<Tensor, Pending>();
  for (const [tensor, gradient] of seeds) {
    if (!tensor.requiresGrad)
      throw new ShapeError('backward: the loss depends on no tensor that requires a gradient');
    if (!sameShape(tensor.shape, gradient.shape))
      throw new ShapeError(`backward: gradient ${gradient} for a tensor of shape ${tensor}`);
  }
  for (const [tensor, gradient] of seeds) sum(tensor, { tensor: gradient, own: false }, pending);
  for (const node of reachable(seeds.map(([t]) => t))) visit(node, pending);
  return wanted.map((t) => {
    const found = t.grad && !t.gradStale ? t.grad : pending.get(t)?.tensor;
    if (found) return found;
    const zero = t.engine.empty(t.shape);
    fill(zero, 0);
    return zero;
  });
}

/** Every node that the tensors depend on, latest first. */
function reachable(from: readonly Tensor[]): Node[] {
  const seen = new Set<Node>();
  const stack = from.map((t) => t.node);
  while (stack.length) {
    const node = stack.pop();
    if (!node || seen.has(node)) continue;
    seen.add(node);
    for (const t of node.inputs) stack.push(t.node);
  }
  return [...seen].sort((a, b) => b.order - a.order);
}

function visit(node: Node, pending: Map<Tensor, Pending>): void {
  if (!node.outputs.some((t) => pending.has(t))) return;
  /** Gradients this node writes itself, to be summed once its kernels are recorded. */
  const written: [Tensor, Tensor][] = [];
  const gradients: Gradients = {
    needs: (i) => node.inputs[i].requiresGrad,
    out: (i = 0) => {
      const output = node.outputs[i];
      const found = pending.get(output);
      if (found) return found.tensor;
      const zero = output.engine.empty(output.shape);
      fill(zero, 0);
      return zero;
    },
    into: (i) => {
      const input = node.inputs[i];
      const direct = claim(input, pending);
      if (direct) return direct;
      const made = input.engine.empty(input.shape);
      written.push([input, made]);
      return made;
    },
    accumulate: (i) => {
      const input = node.inputs[i];
      const started = input.grad ? startedGradient(input) : ownGradient(input, pending);
      return started ? { tensor: started, add: true } : { tensor: gradients.into(i), add: false };
    },
    pass: (i, gradient) => {
      const input = node.inputs[i];
      if (!sameShape(gradient.shape, input.shape))
        throw new ShapeError(`${node.name}: gradient of shape ${gradient} for input ${i} of shape ${input}`);
      if (input.requiresGrad) sum(input, { tensor: gradient, own: false }, pending);
    },
  };
  node.backward(gradients);
  for (const [input, gradient] of written) sum(input, { tensor: gradient, own: true }, pending);
}

function ownGradient(input: Tensor, pending: Map<Tensor, Pending>): Tensor | null {
  const found = pending.get(input);
  return found?.own ? found.tensor : null;
}

/** A parameter's gradient if a backward has begun it already, to be added to. */
function startedGradient(input: Tensor): Tensor | null {
  if (input.gradStale) return null;
  const { notes } = input.engine;
  if (notes && !notes.began(input))
    throw new DeviceError(
      'backward: a captured step would add, at every replay, to a gradient that was there before the capture (or ' +
        'that a capture left there); call zeroGrad() of the parameters first',
    );
  return input.grad;
}

/** Where a first contribution may be written at once: a parameter's stale gradient, or a new tensor. */
function claim(input: Tensor, pending: Map<Tensor, Pending>): Tensor | null {
  if (input.grad) {
    if (startedGradient(input)) return null;
    input.gradStale = false;
    return input.grad;
  }
  if (pending.has(input)) return null;
  const made = input.engine.empty(input.shape);
  pending.set(input, { tensor: made, own: true });
  return made;
}

function sum(input: Tensor, gradient: Pending, pending: Map<Tensor, Pending>): void {
  if (input.grad) {
    const direct = claim(input, pending);
    if (direct) fill(direct, 0);
    addInto(input.grad, gradient.tensor);
    return;
  }
  const there = pending.get(input);
  if (!there) pending.set(input, gradient);
  else if (there.own) addInto(there.tensor, gradient.tensor);
  else if (gradient.own) {
    addInto(gradient.tensor, there.tensor);
    pending.set(input, gradient);
  } else {
    const made = input.engine.empty(input.shape);
    fill(made, 0);
    addInto(made, there.tensor);
    addInto(made, gradient.tensor);
    pending.set(input, { tensor: made, own: true });
  }
}

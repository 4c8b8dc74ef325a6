// The kernel under every elementwise operation of several inputs: y = expression, with NumPy's broadcasting. Where
// all inputs have the result's shape (or one element) an invocation moves a vec4; else a vec4 of a line or, where lines
// are no multiple of four, one element, found by strides that are 0 along the dimensions an input repeats over.

import { ShapeError } from '../engine/errors.ts';
import { type Formula, inputsOf, pointwise } from '../engine/primitives.ts';
import { perItem } from '../engine/run.ts';
import { type Shape, sameShape, shapeText, type Tensor } from '../engine/tensor.ts';

const scalars = 'alias V = f32; alias U = u32; alias M = bool;';
const vectors = 'alias V = vec4f; alias U = vec4u; alias M = vec4<bool>;';

/** NumPy's rule. @throws ShapeError where two dimensions differ and neither is 1. */
export function broadcastShape(where: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1)
      throw new ShapeError(
        `${where}: shapes ${shapeText(a)} and ${shapeText(b)} do not broadcast; ${p} and ${q} differ and neither is 1`,
      );
    return Math.max(p, q);
  });
}

/** A new tensor of `shape`, which every input broadcasts to: a WGSL expression over their names, `V` its type. */
export function zip(
  name: string,
  shape: Shape,
  inputs: Record<string, Tensor>,
  expression: string,
  formula: Formula = {},
): Tensor {
  const y = Object.values(inputs)[0].engine.empty(shape);
  zipInto(name, y, inputs, expression, formula);
  return y;
}

/** As `zip`, into an existing tensor. */
export function zipInto(
  name: string,
  y: Tensor,
  inputs: Record<string, Tensor>,
  expression: string,
  formula: Formula = {},
): void {
  const used = inputsOf(expression, inputs);
  const whole = used.every((k) => sameShape(inputs[k].shape, y.shape) || inputs[k].size === 1);
  if (whole) pointwise(name, y, inputs, expression, formula);
  else zipStrided(name, y, used, inputs, expression, formula);
}

function zipStrided(
  name: string,
  y: Tensor,
  used: string[],
  inputs: Record<string, Tensor>,
  expression: string,
  { params = {}, functions = '' }: Formula,
): void {
  const { shape, rank } = y;
  const unit = shape[rank - 1] % 4 === 0 ? 4 : 1;
  const element = unit === 4 ? 'vec4f' : 'f32';
  /** What an input is read as: one that repeats along the line gives one number. */
  const elementOf = (k: string) => (inputs[k].shape.at(-1) === shape[rank - 1] ? element : 'f32');
  const sizes: Record<string, number> = {};
  const index: string[] = ['var r = i;'];
  for (let d = rank - 1; d >= 0; d--) {
    sizes[`d${d}`] = d === rank - 1 ? shape[d] / unit : shape[d];
    index.push(`let i${d} = r % u.d${d}; r /= u.d${d};`);
  }
  const loads = used.map((k) => {
    const own = inputs[k].shape;
    const terms: string[] = [];
    const width = elementOf(k) === 'vec4f' ? 4 : 1;
    let stride = 1;
    for (let d = rank - 1; d >= 0; d--) {
      const size = own[d - rank + own.length] ?? 1;
      sizes[`${k}${d}`] = size === 1 ? 0 : stride;
      stride *= d === rank - 1 ? size / width : size;
      terms.push(`i${d} * u.${k}${d}`);
    }
    return `let ${k} = V(${k}Data[${terms.join(' + ')}]);`;
  });
  perItem(y.size / unit, {
    name,
    reads: Object.fromEntries(used.map((k) => [`${k}Data`, [elementOf(k), inputs[k]] as const])),
    writes: { result: [element, y] },
    sizes,
    floats: params,
    declarations: `${unit === 4 ? vectors : scalars}\n${functions}`,
    body: `${index.join(' ')} ${loads.join(' ')} result[i] = V(${expression});`,
  });
}

// Transforms of any length as convolutions (Bluestein 1970). With 2 k t = k^2 + t^2 - (k - t)^2 and the chirp
// c[t] = e^(sign pi i t^2 / n),
//   X[k] = sum over t of x[t] e^(sign 2 pi i k t / n) = c[k] * sum over t of (x[t] c[t]) conj(c[k - t]),
// a convolution, done by Stockham transforms of a power of two L >= inputs + outputs - 1. All products ride on passes
// that run anyway: the first one reads x c with zeros beyond the inputs, the one in the middle multiplies by the
// transform of conj(c), the last one by c. Chirp and transform are made in float64, with t^2 taken modulo 2 n.

import type { Engine } from '../../engine/engine.ts';
import type { Tensor } from '../../engine/tensor.ts';
import { type Columns, columnTensor, extended } from './columns.ts';
import { type Sign, singleLine } from './passes.ts';
import { complexColumns, type LineReader, type LineWriter, type Source, type Target } from './ports.ts';

export interface ChirpTransform {
  name: string;
  columns: Columns;
  n: number;
  sign: Sign;
  /** Elements 0 .. inputs - 1 are read, the others count as zero; 0 .. outputs - 1 are written; at most n each. */
  inputs: number;
  outputs: number;
}

/** Angle of c[t] for sign 1; t^2 is exact in a double up to t = 9e7. */
const chirpAngle = (t: number, n: number): number => (Math.PI * ((t * t) % (2 * n))) / n;

/** (n, 2): c. */
function chirpTable(engine: Engine, n: number, sign: Sign): Tensor {
  return engine.constant(`chirp ${n} ${sign}`, () => {
    const data = new Float32Array(2 * n);
    for (let t = 0; t < n; t++) {
      const angle = chirpAngle(t, n);
      data[2 * t] = Math.cos(angle);
      data[2 * t + 1] = sign * Math.sin(angle);
    }
    return { data, shape: [n, 2] };
  });
}

/** (L, 2): the transform of conj(c) over the distances k - t that occur, wrapped round L, divided by L. */
function chirpSpectrum(engine: Engine, p: ChirpTransform, L: number): Tensor {
  const { n, sign, inputs, outputs } = p;
  return engine.constant(`chirp spectrum ${n} ${sign} ${inputs} ${outputs}`, () => {
    const re = new Float64Array(L);
    const im = new Float64Array(L);
    for (let d = 1 - inputs; d < outputs; d++) {
      const angle = chirpAngle(d, n);
      re[(d + L) % L] = Math.cos(angle) / L;
      im[(d + L) % L] = (-sign * Math.sin(angle)) / L;
    }
    transform64(re, im);
    const data = new Float32Array(2 * L);
    for (let k = 0; k < L; k++) {
      data[2 * k] = re[k];
      data[2 * k + 1] = im[k];
    }
    return { data, shape: [L, 2] };
  });
}

/** Forward transform in place, in float64, of a power of two: decimation in frequency, then bit reversal. */
export function transform64(re: Float64Array, im: Float64Array): void {
  const L = re.length;
  const cos = Float64Array.from({ length: L / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / L));
  const sin = Float64Array.from({ length: L / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / L));
  for (let half = L / 2; half >= 1; half /= 2)
    for (let start = 0; start < L; start += 2 * half)
      for (let i = 0; i < half; i++) {
        const a = start + i;
        const b = a + half;
        const [dr, di] = [re[a] - re[b], im[a] - im[b]];
        const [c, s] = [cos[(i * L) / (2 * half)], sin[(i * L) / (2 * half)]];
        re[a] += re[b];
        im[a] += im[b];
        re[b] = dr * c + di * s;
        im[b] = di * c - dr * s;
      }
  for (let i = 1, j = 0; i < L; i++) {
    let bit = L / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
}

/**
 * Whether butterfly element r of R, which stands at r L / R or later, is one of the first `count` elements; by whole
 * quarters of L, so that neighbouring lengths share their shaders.
 */
const wanted = (r: number, R: number, count: number, L: number): boolean =>
  (4 * r) / R < Math.ceil((4 * count) / L);

/** Source element e of a complex source times c[e], zero from `inputs` on. */
function chirpReader(source: Source, chirp: Tensor, inputs: number, L: number): LineReader {
  return extended<LineReader>(source, {
    reads: { chirp: ['vec2f', chirp] },
    sizes: { inputs },
    load: (x, e, r, R) => {
      if (!wanted(r, R, inputs, L)) return `let ${x}r = V(); let ${x}i = V();`;
      return `let ${x}e = min(${e}, u.inputs - 1u); let ${x}c = select(vec2f(), chirp[${x}e], ${e} < u.inputs);
${source.load(`${x}_`, `${x}e`)}
let ${x}r = ${x}_r * ${x}c.x - ${x}_i * ${x}c.y; let ${x}i = ${x}_r * ${x}c.y + ${x}_i * ${x}c.x;`;
    },
  });
}

/** Values times a table's, into a target: the elements below `outputs` only. */
function chirpWriter(target: Target, name: string, table: Tensor, outputs: number, L: number): LineWriter {
  return extended<LineWriter>(target, {
    reads: { [name]: ['vec2f', table] },
    sizes: { outputs },
    store: (e, re, im, r, R) => {
      if (!wanted(r, R, outputs, L)) return '';
      const product = `let c = ${name}[${e}]; let yr = ${re} * c.x - ${im} * c.y; let yi = ${re} * c.y + ${im} * c.x;`;
      return `if (${e} < u.outputs) { ${product} ${target.store(e, 'yr', 'yi')} }`;
    },
  });
}

/** Elements 0 .. outputs - 1 of a transform of length n >= 2, not normalised. */
export function chirpTransform(engine: Engine, p: ChirpTransform, source: Source, target: Target): void {
  const { columns, n, sign, inputs, outputs } = p;
  const L = 2 ** Math.ceil(Math.log2(inputs + outputs - 1));
  const chirp = chirpTable(engine, n, sign);
  const spectrum = chirpSpectrum(engine, p, L);
  const name = `${p.name}.chirp`;
  engine.scope(() => {
    const product = complexColumns('product', columnTensor(engine, columns, L, 2), columns, L);
    const reader = chirpReader(source, chirp, inputs, L);
    const middle = chirpWriter(product.target, 'chirpSpectrum', spectrum, L, L);
    singleLine(engine, { name, columns, n: L, sign: -1 }, reader, middle);
    const writer = chirpWriter(target, 'chirp', chirp, outputs, L);
    singleLine(engine, { name, columns, n: L, sign: 1 }, product.source, writer);
  });
}

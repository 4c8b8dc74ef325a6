// Discrete Fourier transforms of a power-of-two length in named registers: this file writes straight-line WGSL.
//   complex    X[k] = sum of x[t] e^(sign 2 pi i k t / N)
//   real       the same with sign -1 for real x: only k = 0 .. N/2, the rest is conjugate
//   hermitian  x[t] = sum over all k of X[k] e^(2 pi i k t / N) from k = 0 .. N/2, real and not normalised
// Each is the radix-2 recursion over even and odd elements, unrolled; rotations by a multiple of an eighth turn are
// written without the multiplications they do not need. Constants are literals rounded from float64.

/** The names of two WGSL values. */
export interface Complex {
  re: string;
  im: string;
}

/** Lines of WGSL under construction, with fresh names for their values. */
export class Code {
  readonly lines: string[] = [];
  #count = 0;

  let(expression: string): string {
    const name = `t${this.#count++}`;
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }

  complex(re: string, im: string): Complex {
    return { re: this.let(re), im: this.let(im) };
  }
}

/** x (c + sign i s), with c and s as WGSL scalars. */
export function rotate(code: Code, x: Complex, c: string, s: string, sign: 1 | -1): Complex {
  const [minus, plus] = sign > 0 ? ['-', '+'] : ['+', '-'];
  return code.complex(`${x.re} * ${c} ${minus} ${x.im} * ${s}`, `${x.im} * ${c} ${plus} ${x.re} * ${s}`);
}

/** x e^(sign 2 pi i k / N) for 0 <= k < N / 2. */
function turn(code: Code, x: Complex, k: number, N: number, sign: 1 | -1): Complex {
  if (k === 0) return x;
  const up = sign > 0;
  const eighth = (8 * k) / N;
  const half = `${Math.SQRT1_2}`;
  if (eighth === 2) return code.complex(up ? `-${x.im}` : x.im, up ? x.re : `-${x.re}`);
  const sum = () => `(${x.re} + ${x.im})`;
  const difference = () => `(${x.im} - ${x.re})`;
  if (eighth === 1)
    return up
      ? code.complex(`-${half} * ${difference()}`, `${half} * ${sum()}`)
      : code.complex(`${half} * ${sum()}`, `${half} * ${difference()}`);
  if (eighth === 3)
    return up
      ? code.complex(`-${half} * ${sum()}`, `-${half} * ${difference()}`)
      : code.complex(`${half} * ${difference()}`, `-${half} * ${sum()}`);
  const angle = (2 * Math.PI * k) / N;
  return rotate(code, x, literal(Math.cos(angle)), literal(Math.sin(angle)), sign);
}

function literal(value: number): string {
  return value < 0 ? `(${value})` : `${value}`;
}

const evens = <T>(x: readonly T[]) => x.filter((_, i) => i % 2 === 0);
const odds = <T>(x: readonly T[]) => x.filter((_, i) => i % 2 === 1);

/** Transform of N complex values, natural order in and out. */
export function complexDft(code: Code, x: readonly Complex[], sign: 1 | -1): Complex[] {
  const N = x.length;
  if (N === 1) return [...x];
  const even = complexDft(code, evens(x), sign);
  const odd = complexDft(code, odds(x), sign).map((o, k) => turn(code, o, k, N, sign));
  const low = even.map((e, k) => code.complex(`${e.re} + ${odd[k].re}`, `${e.im} + ${odd[k].im}`));
  const high = even.map((e, k) => code.complex(`${e.re} - ${odd[k].re}`, `${e.im} - ${odd[k].im}`));
  return [...low, ...high];
}

/** Transform of N real values: bins 0 .. N/2, the imaginary parts of the first and last being `zero`. */
export function realDft(code: Code, x: readonly string[], zero: string): Complex[] {
  const N = x.length;
  if (N === 1) return [{ re: x[0], im: zero }];
  const even = realDft(code, evens(x), zero);
  const odd = realDft(code, odds(x), zero);
  const X: Complex[] = Array(N / 2 + 1);
  X[0] = { re: code.let(`${even[0].re} + ${odd[0].re}`), im: zero };
  X[N / 2] = { re: code.let(`${even[0].re} - ${odd[0].re}`), im: zero };
  for (let k = 1; k < N / 4; k++) {
    const e = even[k];
    const o = turn(code, odd[k], k, N, -1);
    X[k] = code.complex(`${e.re} + ${o.re}`, `${e.im} + ${o.im}`);
    X[N / 2 - k] = code.complex(`${e.re} - ${o.re}`, `${o.im} - ${e.im}`);
  }
  if (N >= 4) X[N / 4] = { re: even[N / 4].re, im: code.let(`-${odd[N / 4].re}`) };
  return X;
}

/** N real values from bins 0 .. N/2; the imaginary parts of the first and last bin are taken as zero. */
export function hermitianDft(code: Code, X: readonly Complex[]): string[] {
  const h = X.length - 1;
  if (h === 0) return [X[0].re];
  const first = [code.let(`${X[0].re} + ${X[h].re}`), code.let(`${X[0].re} - ${X[h].re}`)];
  if (h === 1) return first;
  const even: Complex[] = Array(h / 2 + 1);
  const odd: Complex[] = Array(h / 2 + 1);
  even[0] = { re: first[0], im: '' };
  odd[0] = { re: first[1], im: '' };
  for (let k = 1; k < h / 2; k++) {
    const [a, b] = [X[k], X[h - k]];
    even[k] = code.complex(`${a.re} + ${b.re}`, `${a.im} - ${b.im}`);
    odd[k] = turn(code, code.complex(`${a.re} - ${b.re}`, `${a.im} + ${b.im}`), k, 2 * h, 1);
  }
  even[h / 2] = { re: code.let(`2.0 * ${X[h / 2].re}`), im: '' };
  odd[h / 2] = { re: code.let(`-2.0 * ${X[h / 2].im}`), im: '' };
  const [e, o] = [hermitianDft(code, even), hermitianDft(code, odd)];
  return Array.from({ length: 2 * h }, (_, t) => (t % 2 === 0 ? e : o)[t >> 1]);
}

// Functions of one element that WGSL lacks, or that an adapter computes too roughly, over the element type `V` (f32
// or a vector). Sources: sine and cosine by Cody and Waite's reduction to +-pi/4 with Cephes' polynomials (SwiftShader's
// own err by 2e-4); the normal distribution by erfc of Numerical Recipes 6.2.2 (relative error 1.2e-7, tails too);
// log1p of a small number by its series, where 1 + x would lose it.

/** Smallest normal float32: the floor under logarithms and divisions. */
export const tiny = '1.1754944e-38';

/** fn isNan(x), by its bits: WGSL lets a compiler assume that comparisons never meet one. */
export const isNan = `fn isNan(x: V) -> M { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }`;

// Bounds are written as select(x, bound, x < bound): max and min may drop a NaN, and a NaN has to reach the loss.

/** max(x, 0). */
export const rectified = (x: string, T = 'V'): string => `select(${x}, ${T}(), ${x} < ${T}())`;

/** 1 / (1 + e^-x); exp(87) is still finite, and WGSL does not promise what comes after an overflow. */
export const logistic = '(1.0 / (1.0 + exp(select(-x, V(87.0), x < V(-87.0)))))';

// SwiftShader's exp and log make a number of a NaN.
/** fn sigmoid(x). */
export const sigmoid = `${isNan}
fn sigmoid(x: V) -> V { return select(${logistic}, x, isNan(x)); }`;
/** fn exponential(x): e^x. */
export const exponential = `${isNan}
fn exponential(x: V) -> V { return select(exp(x), x, isNan(x)); }`;
/** fn logarithm(x): log x, of the smallest normal float32 for any x below it. */
export const logarithm = `${isNan}
fn logarithm(x: V) -> V { return select(log(select(x, V(${tiny}), x < V(${tiny}))), x, isNan(x)); }`;

/** Functions over `V`, over f32 or vec4f instead. */
export const over = (functions: string, T: 'f32' | 'vec4f'): string =>
  functions
    .replace(/\bV\b/g, T)
    .replace(/\bU\b/g, T === 'f32' ? 'u32' : 'vec4u')
    .replace(/\bM\b/g, T === 'f32' ? 'bool' : 'vec4<bool>');

/** tanh: a series near 0, where lavapipe's own loses all digits; clamped, for exp overflows where tanh is 1. */
export const hyperbolicTangent = `fn hyperbolicTangent(x: V) -> V {
  let z = x * x;
  let near = x * (1.0 - z * (0.33333334 - z * (0.13333334 - z * 0.053968254)));
  let held = select(select(x, V(10.0), x > V(10.0)), V(-10.0), x < V(-10.0));
  return select(tanh(held), near, z < V(0.04));
}`;

/** The same for one number, whatever `V` is. */
export const isNanScalar =
  'fn isNanScalar(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }';

/** fn larger1(a, b): the larger number, or the NaN, which max() may drop. */
export const larger1 = `${isNanScalar}
fn larger1(a: f32, b: f32) -> f32 { return select(a, b, (b > a) | isNanScalar(b)); }`;

/** fn wave(x, quarter): sin(x + quarter pi / 2), to 1e-6 for |x| up to some thousands. */
export const wave = `fn wave(x: V, quarter: f32) -> V {
  let k = floor(x * 0.6366197723675814 + 0.5);
  let r = ((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.549789954891882e-8;
  let z = r * r;
  let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
  let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
  let q = k + quarter;
  let half = floor(q * 0.5);
  let value = select(s, c, q - 2.0 * half > V(0.5));
  return select(value, -value, half - 2.0 * floor(half * 0.5) > V(0.5));
}`;

/** fn normalCdf(x): the share of a standard normal distribution below x. */
export const normalCdf = `fn normalCdf(x: V) -> V {
  let z = abs(x) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.5 * z);
  let series = t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
    + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let tail = 0.5 * t * exp(max(series - 1.26551223 - z * z, V(-87.0)));
  return select(1.0 - tail, tail, x < V());
}`;

/** fn log1p(x): log(1 + x) for x >= 0. */
export const log1p = `fn log1p(x: V) -> V {
  return select(log(1.0 + x), x * (1.0 - x * (0.5 - x * (0.33333334 - 0.25 * x))), x < V(0.02));
}`;

/** fn power(x, p): x^p by logarithms, as C's pow: 0^p, negative x with whole p; u.nan for other negative x. */
export const power = `${isNan}
fn power(x: V, p: V) -> V {
  let size = select(exp2(p * log2(max(abs(x), V(${tiny})))), select(V(), V(u.inf), p < V()), x == V());
  let odd = abs(p - 2.0 * floor(p * 0.5)) == V(1.0);
  let signed = select(size, -size, odd);
  let below = select(V(u.nan), signed, (p == floor(p)) | (abs(x) == V(u.inf)));
  let value = select(select(size, below, x < V()), V(1.0), p == V());
  return select(value, x, isNan(x) & (p != V()));
}`;
/** The parameters `power` needs: WGSL has no literals for them. */
export const powerParams = { inf: Number.POSITIVE_INFINITY, nan: Number.NaN };

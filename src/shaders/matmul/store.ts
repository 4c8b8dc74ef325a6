// How a lane of a product stores four neighbouring columns of one row: bias, activation, addition, tails. The kernel
// provides `n`, the first column (a multiple of four, below N), and `cBase`, where C begins.

import { activate } from '../activation.ts';
import { axis } from '../tile.ts';
import type { Product } from './product.ts';

/** Whether rows of C (and bias) are whole vec4s. */
export const storesVectors = (p: Product): boolean => p.N % 4 === 0;

/** The statement that loads the bias of the four columns, if there is one. */
export function loadBias(p: Product): string {
  if (!p.bias) return '';
  if (storesVectors(p)) return 'let bias4 = bias[n / 4u];';
  return 'let bias4 = vec4f(bias[n], bias[min(n + 1u, u.N - 1u)], bias[min(n + 2u, u.N - 1u)], bias[min(n + 3u, u.N - 1u)]);';
}

/** Stores the accumulator `sum` (default: `s` and the row) of row `first + row`, if M has that row. */
export function storeRow(p: Product, first: string, row: number, sum = `s${row}`): string {
  const index = `cBase + (${first} + ${row}u) * u.N + n`;
  const withBias = p.bias ? `${sum} + bias4` : sum;
  const result = activate(p.activation ?? 'none', withBias, 'vec4f');
  const op = p.add ? '+=' : '=';
  const store = storesVectors(p)
    ? `c[(${index}) / 4u] ${op} ${result};`
    : `let r = ${result}; ${[0, 1, 2, 3].map((e) => `if (n + ${e}u < u.N) { c[${index} + ${e}u] ${op} r.${axis[e]}; }`).join(' ')}`;
  return `if (${first} + ${row}u < u.M) { ${store} }`;
}

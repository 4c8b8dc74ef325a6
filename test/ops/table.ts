// What the tests of operations saw, as the table in docs/operations.md: each operation with its gradients, the kernels
// that its cases really ran, in which variants, and the tolerances they were held to.

import type { Engine } from '../../src/node.ts';
import type { Tolerance } from '../close.ts';
import { hasGradient, type OpRow } from './row.ts';

/** Kernels that serve all operations. */
const shared = new Set(['fill', 'addInto', 'copyInto']);

const power = (x: number) =>
  x
    .toExponential(0)
    .replace('e-', '·10⁻')
    .replace(/^1·/, '')
    .replace(/\d+$/, (d) => superscript(d));
const superscript = (digits: string) => [...digits].map((d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(d)]).join('');
const text = ({ relative, ofRms }: Tolerance) => `${power(relative)} + ${power(ofRms)} rms`;

export class OpTable {
  readonly #families: Record<string, Record<string, OpRow>>;
  readonly #defaults: { forward: Tolerance; gradient: Tolerance };
  /** By operation: kernel name to its variants. */
  readonly #seen = new Map<string, Map<string, Set<string>>>();
  #current = '';

  constructor(
    families: Record<string, Record<string, OpRow>>,
    defaults: { forward: Tolerance; gradient: Tolerance },
  ) {
    this.#families = families;
    this.#defaults = defaults;
  }

  start(op: string): void {
    this.#current = op;
  }

  /** Notes every kernel the engine runs from now on. */
  watch(engine: Engine): void {
    const { pipelines } = engine;
    const get = pipelines.get.bind(pipelines);
    pipelines.get = (kernel, bound, ...rest) => {
      const kernels = this.#seen.get(this.#current) ?? new Map<string, Set<string>>();
      this.#seen.set(this.#current, kernels);
      const variant = [
        ...(kernel.subgroups ? ['subgroups'] : []),
        bound.some((b) => b.element === 'vec4f') ? 'vec4' : 'scalar',
      ].join(' ');
      if (!shared.has(kernel.name))
        kernels.set(kernel.name, (kernels.get(kernel.name) ?? new Set()).add(variant));
      return get(kernel, bound, ...rest);
    };
  }

  markdown(golden: ReadonlyMap<string, number>): string {
    const lines = [
      '# Operations',
      '',
      'Made by `test/ops.test.ts` from what it ran; `npx vitest run test/ops.test.ts -u` writes it anew. Every case is compared',
      'with a definition in float64, its gradient with finite differences of that definition, by the kernels an adapter with',
      'subgroups picks, by those without, and with every grid folded in two; by the kernels for real GPUs in full on lavapipe,',
      'on a few cases on SwiftShader. "Golden" counts files of vectors made by PyTorch and torchaudio in float64',
      "(`test/golden`), held to the same tolerances. A tolerance is relative, plus a share of the result's root mean square.",
      '',
    ];
    for (const [family, rows] of Object.entries(this.#families)) {
      lines.push(`## ${family}`, '');
      lines.push(
        '| operation | computes | gradient by | cases | golden | tolerance: result; gradient |',
        '|---|---|---|---|---|---|',
      );
      for (const [name, row] of Object.entries(rows)) {
        const inputs = Object.entries(row.inputs).filter(([, fill]) => !row.noGradient && hasGradient(fill));
        const { forward = this.#defaults.forward, gradient = this.#defaults.gradient } = row.tolerance ?? {};
        const cells = [
          `\`${name}\``,
          row.about.replaceAll('|', '\\|'),
          inputs.map(([k]) => k).join(', ') || 'none',
          `${row.cases.length}`,
          `${golden.get(row.golden ?? name) ?? '-'}`,
          `${text(forward)}${inputs.length ? `; ${text(gradient)}` : ''}`,
        ];
        lines.push(`| ${cells.join(' | ')} |`);
      }
      lines.push('');
      for (const [name, row] of Object.entries(rows))
        if (row.tolerance) lines.push(`\`${name}\`: ${row.tolerance.cause}`, '');
    }
    lines.push('## Kernels that ran, and their variants', '', '| operation | kernels |', '|---|---|');
    for (const rows of Object.values(this.#families))
      for (const name of Object.keys(rows)) {
        const kernels = [...(this.#seen.get(name) ?? [])].map(
          ([kernel, variants]) => `${kernel} (${[...variants].sort().join(', ')})`,
        );
        lines.push(`| \`${name}\` | ${kernels.join('; ') || 'none: a view'} |`);
      }
    return `${lines.join('\n')}\n`;
  }
}

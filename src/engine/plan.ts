// Which variant of a kernel runs. An operation with several asks `plan.choose` with a key that names the operation and
// its sizes; the plan answers with the variant decided for that key, or the first one, which is the operation's own
// guess for this adapter. While it listens, the plan keeps the questions: each can be tried on scratch tensors
// (tuner.ts). Variants compute the same function; their sums run in different orders, so bits differ between plans.

import type { Tensor } from './tensor.ts';

/** How to try one variant: the elements of the tensors it needs, and the call. */
export interface Trial {
  sizes: Record<string, number>;
  run: (variant: string, tensors: Record<string, Tensor>) => void;
}

export interface Question extends Trial {
  variants: readonly string[];
}

/** Variant by key. */
export type Choices = Record<string, string>;

export class Plan {
  readonly #choices = new Map<string, string>();
  #questions: Map<string, Question> | null = null;

  /** The variant for a key; the first where none was decided. */
  choose(key: string, variants: readonly string[], trial: () => Trial): string {
    if (this.#questions && variants.length > 1 && !this.#questions.has(key))
      this.#questions.set(key, { variants, ...trial() });
    const decided = this.#choices.get(key);
    return decided !== undefined && variants.includes(decided) ? decided : variants[0];
  }

  /** What was decided; keys without an entry take the operation's own guess. */
  get choices(): Choices {
    return Object.fromEntries(this.#choices);
  }

  /** Replaces what was decided. */
  set choices(choices: Choices) {
    this.#choices.clear();
    for (const [key, variant] of Object.entries(choices)) this.#choices.set(key, variant);
  }

  decide(key: string, variant: string): void {
    this.#choices.set(key, variant);
  }

  /** Runs a function and returns the questions asked meanwhile that are not decided yet. */
  listen(body: () => void): Map<string, Question> {
    const questions = new Map<string, Question>();
    this.#questions = questions;
    try {
      body();
    } finally {
      this.#questions = null;
    }
    for (const key of this.#choices.keys()) questions.delete(key);
    return questions;
  }
}

// Which variant of a kernel runs. An operation with several calls `plan.run` with a key that names the operation and
// its sizes; the plan answers with the variant decided for that key, or the first one, which is the operation's own
// guess for this adapter. While it listens, the plan keeps the questions: each can be tried on scratch tensors
// (tuner.ts). Variants compute the same function; their sums run in different orders, so bits differ between plans.

import type { Tensor } from './tensor.ts';

/** How to try the variants: the elements of the tensors they need, and the call. */
export interface Question {
  variants: readonly string[];
  sizes: Record<string, number>;
  run: (variant: string, tensors: Record<string, Tensor>) => void;
}

/** Variant by key. */
export type Choices = Record<string, string>;

export class Plan {
  readonly #choices = new Map<string, string>();
  #questions: Map<string, Question> | null = null;

  /** The variant for a key; the first where none was decided. */
  choose(key: string, variants: readonly string[]): string {
    const decided = this.#choices.get(key);
    return decided !== undefined && variants.includes(decided) ? decided : variants[0];
  }

  /** Runs `play` with the variant for a key and the tensors, all that it reads and writes; absent ones may be null. */
  run<T extends Record<string, Tensor | null | undefined>, R>(
    key: string,
    variants: readonly string[],
    tensors: T,
    play: (variant: string, tensors: T) => R,
  ): R {
    if (this.#questions && variants.length > 1 && !this.#questions.has(key)) {
      const sizes: Record<string, number> = {};
      for (const [name, t] of Object.entries(tensors)) if (t) sizes[name] = t.size;
      this.#questions.set(key, { variants, sizes, run: (variant, t) => void play(variant, t as T) });
    }
    return play(this.choose(key, variants), tensors);
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

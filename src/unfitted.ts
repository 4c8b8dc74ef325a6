// A model whose settings ask for a fitted prior has none before its training has ended; whoever draws from it is told.

import { say } from './command.ts';
import type { ModelFile } from './model/checkpoint.ts';

/** Says it of a model where the standard normal stands in for a prior that is to be fitted. */
export function sayIfUnfitted({ config, prior }: ModelFile): void {
  if (config.mixture > 0 && !prior)
    say(
      'its prior is not fitted yet, and the standard normal stands in for it; train --resume ends the training and fits it',
    );
}

// The script of the plain page: trains with the single-file library and tells the page around it.

import * as formant from '../../src/index.ts';
import { tinyTraining } from './tiny.ts';

/** Whether the page may make code from text. */
function evaluates(): boolean {
  try {
    return new Function('return true')();
  } catch {
    return false;
  }
}

const told = await tinyTraining(formant).then(
  (losses) => ({ losses, evaluates: evaluates() }),
  (error: Error) => ({ error: error.message }),
);
parent.postMessage(told, '*');

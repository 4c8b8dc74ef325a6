#!/usr/bin/env node
// The bin `formant`: `formant VERB ...` is `node dist/VERB.js ...`.

import { Command } from 'commander';
import { adapt } from './adapt.ts';
import { execute } from './command.ts';
import { doctor } from './doctor.ts';
import { evaluate } from './evaluate.ts';
import { generate } from './generate.ts';
import { interpolate } from './interpolate.ts';
import { plot } from './plot.ts';
import { preprocess } from './preprocess.ts';
import { reconstruct } from './reconstruct.ts';
import { report } from './report.ts';
import { score } from './score.ts';
import { studio } from './studio.ts';
import { train } from './train.ts';

const program = new Command('formant')
  .description('Audio VAEs on a hand-written WebGPU engine: train, generate, listen.')
  .exitOverride()
  .showHelpAfterError('(--help lists the verbs)');
const verbs = [
  train,
  adapt,
  preprocess,
  generate,
  reconstruct,
  interpolate,
  evaluate,
  score,
  plot,
  report,
  doctor,
  studio,
];
for (const verb of verbs) program.addCommand(verb());

process.exitCode = await execute(program, process.argv.slice(2));

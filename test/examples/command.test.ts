// The classifier's command as a person runs it, on two digits. Needs `npm run build` first (npm test does it).

import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeWav } from '../../src/audio/wav.ts';
import { commandsIn, root } from '../launch.ts';

let dir: string;
const { run, spawned } = commandsIn(() => dir);
const classifier = (...args: string[]) => run('examples/classifier', ...args);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'formant-classifier-'));
  const digits = join(root, 'data', 'digits');
  mkdirSync(join(dir, 'real'));
  for (const name of readdirSync(digits))
    if (/^[05]_(gbf1|usm6|usm1|rpm8|usf5)_/.test(name)) cpSync(join(digits, name), join(dir, 'real', name));
  writeFileSync(join(dir, 'real', 'split.json'), '{"testSpeakers": ["gbf1", "usm6"]}');
  mkdirSync(join(dir, 'clips'));
  for (const label of ['0', '5'])
    for (const index of [0, 1])
      cpSync(join(digits, `${label}_gbm2_${index}.wav`), join(dir, 'clips', `${label}_my-run_${index}.wav`));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('trains, judges clips, and says what is wrong', async () => {
  const first = ['train', '--data', 'real', '--out', 'ear', '--epochs', '8', '--json'];
  const trained = await spawned('examples/classifier', ...first);
  expect(trained.code, trained.stderr).toBe(0);
  const result = JSON.parse(trained.stdout);
  expect(result).toMatchObject({ seed: 1, epochs: 8, train: 12, test: 8 });
  expect(result.accuracy).toBeGreaterThanOrEqual(0.75);
  const again = await classifier('train', '--data', 'real', '--out', 'ear');
  expect(again).toMatchObject({ code: 1 });
  expect(again.stderr).toMatch(/nothing is overwritten/);

  const listen = (...args: string[]) =>
    classifier('listen', '--model', result.model, '--real', 'real', 'clips', ...args);
  const short = await listen();
  expect(short.code).toBe(1);
  expect(short.stderr).toMatch(/clips: 2 clips of label 0, 100 of every label are compared/);
  writeFileSync(join(dir, 'clips', '5_my-run_1.wav'), encodeWav(new Float32Array(4000), 8000));
  const judged = await listen('--count', '2', '--json');
  expect(judged.code, judged.stderr).toBe(0);
  const { clips, realTrain, realTest } = JSON.parse(judged.stdout);
  expect(clips).toMatchObject({ clips: 4, audible: 3, pairwise: null });
  expect(clips.rightByLabel['5']).toBeLessThanOrEqual(0.5);
  expect(clips.frechet).toBeGreaterThan(0);
  expect(realTrain).toMatchObject({ clips: 4, audible: 4 });
  expect(realTrain.pairwise).toBeGreaterThan(0);
  expect(realTest).toMatchObject({ clips: 8, right: result.accuracy, frechet: null });
});

test('wrong usage', async () => {
  expect((await classifier('listen', 'clips')).code).toBe(2);
  const missing = await classifier('listen', '--model', 'none', '--real', 'real', 'clips');
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/error: none: does not exist; give the classifier.safetensors/);
  const unlabelled = await classifier('train', '--data', 'nothing', '--out', 'x');
  expect(unlabelled.stderr).toMatch(/error: nothing: does not exist/);
});

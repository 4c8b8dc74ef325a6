// Models that know speakers: patterns of two labels, said at a level that is the speaker's own.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { conditionsOf, relabelled } from '../../src/model/dataset.ts';
import { checkConfig } from '../../src/model/presets.ts';
import { Trainer } from '../../src/model/trainer.ts';
import {
  Adaptation,
  buildModel,
  type Dataset,
  decodeModel,
  type Engine,
  encodeModel,
  evaluate,
  type ModelFile,
  openEngine,
  Random,
  type Split,
  samplePrior,
} from '../../src/node.ts';
import { data, frames, mels, small } from './small.ts';

const size = mels * frames;
const levels = { ann: 0.2, bob: 0.6, eve: 0.05 };
type Name = keyof typeof levels;

function said(names: readonly Name[], count: number, stream: string): Split {
  const speakers = Array.from({ length: count }, (_, i) => names[Math.floor(i / 2) % names.length]);
  const label = Int32Array.from({ length: count }, (_, i) => i % 2);
  const noise = new Random(9, stream);
  return {
    ...{ count, label, speakers, names: speakers.map((name, i) => `${name} ${i}`) },
    read: (i, into, at) => {
      noise.uniform(i, size).forEach((v, k) => {
        const struck = Math.floor(k / frames) % 2 === label[i];
        into[at + k] = levels[speakers[i]] + (struck ? 0.3 : 0) + 0.02 * v;
      });
    },
  };
}

const speakers = ['ann', 'bob'];
const known: Dataset = {
  ...{ ...data, speakers, valid: null, test: null },
  train: said(['ann', 'bob'], 40, 'train'),
};
const features = {
  ...{ sampleRate: 8000, length: 1920, pad: 64, nFft: 128, hopLength: 128, nMels: mels },
  ...{ fMin: 0, fMax: 4000, dynamicRange: 80, maxDb: 0 },
};

let engine: Engine;
let file: ModelFile;
beforeAll(async () => {
  engine = await openEngine();
  const config = { ...small, speakerDim: 2, weight: 50, lr: 1e-2, epochs: 40 };
  const trainer = new Trainer(engine, config, known);
  for await (const _ of trainer.train());
  const { params } = await trainer.state();
  trainer.dispose();
  const made = encodeModel({ config, features, labels: [...data.labels], speakers, params });
  file = decodeModel(made, 'model');
});
afterAll(() => engine.close());

/** Mean value of what the model says at the middle of the prior. */
async function levelOf(of: ModelFile, speaker?: number): Promise<number> {
  const model = buildModel(engine, of, 'test');
  const made = samplePrior(engine, model, { label: 1, speaker, indices: [0], temperature: 0, seed: 1 });
  const values = await made.read();
  made.dispose();
  model.params.dispose();
  return values.reduce((a, b) => a + b, 0) / values.length;
}

test('conditions: the label, then the speaker, or all of them alike where none is known', () => {
  const { data: rows, shape } = conditionsOf({ classes: 2, speakers: 4 }, [1, 0], [2, -1]);
  expect(shape).toEqual([2, 6]);
  expect([...rows]).toEqual([0, 1, 0, 0, 1, 0, 1, 0, 0.25, 0.25, 0.25, 0.25]);
  expect([...conditionsOf({ classes: 2 }, [1], [7]).data]).toEqual([0, 1]);
  expect(() => conditionsOf({ classes: 2, speakers: 4 }, [1], [4])).toThrow(/speaker 4: this model knows 4/);
  expect(() => checkConfig({ ...small, model: 'vae', speakerDim: 2 })).toThrow(
    /speakerDim 2: of a cvae alone/,
  );
  const nobody: Dataset = { ...known, speakers: [] };
  expect(() => new Trainer(engine, { ...small, speakerDim: 2 }, nobody)).toThrow(/do not say who speaks/);
});

test('a speaker is heard in the given voice, and the mean of all lies between them', async () => {
  expect(file.speakers).toEqual(speakers);
  const [ann, bob, mean] = [await levelOf(file, 0), await levelOf(file, 1), await levelOf(file)];
  expect(ann).toBeGreaterThan(0.25);
  expect(ann).toBeLessThan(0.48);
  expect(bob).toBeGreaterThan(0.62);
  expect(mean).toBeGreaterThan(ann + 0.05);
  expect(mean).toBeLessThan(bob - 0.05);
});

test('who speaks is told to the model by name: told wrong, the error is larger', async () => {
  const model = buildModel(engine, file, 'test');
  const of = async (names: (i: string | null) => string) => {
    const train = { ...known.train, speakers: known.train.speakers?.map(names) };
    const set = relabelled({ ...known, train }, file);
    return (await evaluate(engine, model, set, set.train, file.config, 1)).mse;
  };
  const right = await of((name) => name as string);
  expect(await of((name) => (name === 'ann' ? 'bob' : 'ann'))).toBeGreaterThan(1.5 * right);
  model.params.dispose();
});

test('a new voice is a new embedding: it alone moves, the others keep their bits', async () => {
  const adaptation = new Adaptation(engine, file, known.train, {
    ...{ train: 'speaker', voice: 'eve', steps: 40, lr: 0.1, batch: 8 },
  });
  const eve = said(['eve'], 8, 'eve');
  for (let i = 0; i < eve.count; i++) {
    const x = new Float32Array(size);
    eve.read(i, x, 0);
    adaptation.add({ x, label: eve.label[i] }, i >= 6);
  }
  const before = await adaptation.measure();
  while (!adaptation.done) await adaptation.takeStep();
  const after = await adaptation.measure();
  expect(after.fresh?.mse).toBeLessThan(0.9 * (before.fresh?.mse as number));
  expect(after.old).toEqual(before.old);
  const made = await adaptation.file();
  expect(made.speakers).toEqual(['ann', 'bob', 'eve']);
  for (const [name, { data: values }] of Object.entries(made.params)) {
    const old = file.params[name].data;
    expect(values.slice(0, old.length), name).toEqual(old);
  }
  const [a, b] = [file.params['speaker.weight'].data, made.params['speaker.weight'].data];
  expect(b.slice(4)).not.toEqual(Float32Array.of((a[0] + a[2]) / 2, (a[1] + a[3]) / 2));
  adaptation.dispose();
  const plain = { ...file, speakers: undefined, config: { ...file.config, speakerDim: 0 } };
  expect(() => new Adaptation(engine, plain, null, { train: 'speaker' })).toThrow(/knows no speakers/);
});

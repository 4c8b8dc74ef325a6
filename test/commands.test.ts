// The commands as a person runs them, good and bad arguments; what is about processes (kills, Ctrl-C, exit codes, what the
// built files hold) in processes. Needs `npm run build` first (npm test does it).

import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeWav, encodeWav } from '../src/audio/wav.ts';
import { readSafetensors, writeSafetensors } from '../src/model/safetensors.ts';
import { commandsIn, root } from './launch.ts';

let dir: string;
let data: string;

const { launch, run, spawned } = commandsIn(() => dir);

const tiny = ['--set', 'channels=8,8,8', 'hidden=16', 'latent=4', '--batch', '7'];
const train = (out: string, ...args: string[]) => [
  '--preset',
  'demo',
  '--data',
  data,
  ...tiny,
  '--out',
  out,
  ...args,
];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'formant-test-'));
  data = join(dir, 'clips');
  mkdirSync(data);
  const digits = join(root, 'data', 'digits');
  for (const name of readdirSync(digits))
    if (/^[0-3]_(gbf1|usm1|rpm8|lancf4)_/.test(name)) cpSync(join(digits, name), join(data, name));
  writeFileSync(join(data, 'split.json'), '{"testSpeakers": ["gbf1"]}');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('train and generate', () => {
  test('a run leaves a complete folder, and sounds of it', async () => {
    const out = join(dir, 'run_a');
    const trained = await spawned('train', ...train(out, '--epochs', '2', '--json'));
    expect(trained.code, trained.stderr).toBe(0);
    const result = JSON.parse(trained.stdout);
    expect(result).toMatchObject({ run: out, epoch: 2, finished: true });
    // 4 digits x 3 voices x 2 takes = 24 clips in batches of 7.
    expect(result.step).toBe(8);
    expect(result.dispatches).toBeLessThanOrEqual(60);
    const rows = readFileSync(join(out, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l));
    expect(rows.filter((r) => r.step).map((r) => r.step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const epochs = rows.filter((r) => r.epoch);
    expect(epochs.map((r) => r.epoch)).toEqual([1, 2]);
    expect(epochs[1].test.dbRmse).toBe(result.test.dbRmse);
    const steps = rows.filter((r) => r.step > 4);
    const weights = [7, 7, 7, 3];
    const mean = steps.reduce((sum, r, i) => sum + r.loss * weights[i], 0) / 24;
    expect(epochs[1].train.loss).toBeCloseTo(mean, 6);
    expect(steps[0].loss).toBeCloseTo(steps[0].recon + steps[0].kl, 2);
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).config.channels).toEqual([8, 8, 8]);
    const model = readSafetensors(readFileSync(join(out, 'model.safetensors')), 'model');
    expect(model.tensors.get('conv.0.weight')?.shape).toEqual([8, 64, 5]);
    expect(JSON.parse(model.metadata.labels)).toEqual(['0', '1', '2', '3']);

    const sounds = join(dir, 'sounds');
    const made = await spawned(
      'generate',
      '--run',
      out,
      '--label',
      '2',
      '--count',
      '3',
      '--out',
      sounds,
      '--json',
    );
    expect(made.code, made.stderr).toBe(0);
    expect(readdirSync(sounds).sort()).toEqual([
      '2_run-a_0.wav',
      '2_run-a_1.wav',
      '2_run-a_2.wav',
      'spectrograms.png',
    ]);
    const clips = [0, 1, 2].map((i) => readFileSync(join(sounds, `2_run-a_${i}.wav`)));
    for (const clip of clips) {
      const { sampleRate, channels } = decodeWav(clip, 'clip');
      expect([sampleRate, channels.length, channels[0].length]).toEqual([8000, 1, 8192]);
      expect(channels[0].some((v) => v !== 0)).toBe(true);
    }
    expect(clips[0].equals(clips[1])).toBe(false);

    const again = await run(
      'generate',
      '--run',
      out,
      '--label',
      '2',
      '--count',
      '1',
      '--out',
      join(dir, 'again'),
    );
    expect(again.code).toBe(0);
    expect(readFileSync(join(dir, 'again', '2_run-a_0.wav')).equals(clips[0])).toBe(true);
    const over = await run('generate', '--run', out, '--label', '2', '--out', sounds);
    expect([over.code, over.stderr]).toEqual([1, expect.stringMatching(/exists; nothing is overwritten/)]);
  });

  test('the speech preset: a CVAE with a prior of its own, by which it speaks', async () => {
    const out = join(dir, 'speech');
    const args = ['--preset', 'speech', '--data', data, ...tiny, '--epochs', '2', '--set', 'warmup=1'];
    const trained = await run('train', ...args, '--out', out);
    expect(trained.code, trained.stderr).toBe(0);
    const bytes = readFileSync(join(out, 'model.safetensors'));
    const { tensors, metadata } = readSafetensors(bytes, 'model');
    expect(JSON.parse(metadata.config)).toMatchObject({ model: 'cvae', mixture: 16, stretch: 0.1 });
    expect(tensors.get('prior.mean')?.shape).toEqual([4, 16, 4]);
    const spoken = (to: string) =>
      run('generate', '--run', out, '--label', '2', '--count', '2', '--out', join(dir, to));
    expect((await spoken('speech-a')).code).toBe(0);
    // Without the prior the same noise says something else.
    const own = [...tensors].filter(([name]) => !name.startsWith('prior.'));
    writeFileSync(join(out, 'model.safetensors'), writeSafetensors(Object.fromEntries(own), metadata));
    const without = await spoken('speech-b');
    expect([without.code, without.stderr]).toEqual([
      0,
      expect.stringMatching(/not fitted yet.*train --resume/),
    ]);
    const [a, b] = ['a', 'b'].map((k) => readFileSync(join(dir, `speech-${k}`, '2_speech_0.wav')));
    expect(a.equals(b)).toBe(false);
  });

  test('killed at a random step and resumed, it ends with the same bits', async () => {
    const whole = join(dir, 'whole');
    const killed = join(dir, 'killed');
    const args = ['--epochs', '12', '--checkpoint-every', '5', '--seed', '3'];
    const first = await run('train', ...train(whole, ...args));
    expect(first.code, first.stderr).toBe(0);
    const { child, ended } = launch('train', ...train(killed, ...args));
    const target = 6 + Math.floor(Math.random() * 35);
    const checkpoints = join(killed, 'checkpoints', 'last');
    const logged = () =>
      existsSync(checkpoints)
        ? readFileSync(join(killed, 'metrics.jsonl'), 'utf8').split('"step"').length - 1
        : 0;
    const watch = setInterval(() => {
      if (logged() >= target) child.kill('SIGKILL');
    }, 2);
    const { code } = await ended;
    clearInterval(watch);
    expect(code, 'killed before it was done').toBe(null);
    writeFileSync(join(killed, 'metrics.jsonl'), '{"step":99,"lo', { flag: 'a' });
    const resumed = await spawned('train', '--resume', killed);
    expect(resumed.code, resumed.stderr).toBe(0);
    const bytes = (run: string) => readFileSync(join(run, 'model.safetensors'));
    expect(bytes(killed).equals(bytes(whole)), `killed after step ${target}`).toBe(true);
    const losses = (run: string) =>
      readFileSync(join(run, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((l) => ({ ...JSON.parse(l), seconds: 0 }));
    expect(losses(killed)).toEqual(losses(whole));
  });

  test('Ctrl-C saves and exits with 0, and more epochs can follow', async () => {
    const out = join(dir, 'interrupted');
    const { child, ended } = launch('train', ...train(out, '--epochs', '500'));
    const watch = setInterval(() => {
      if (!existsSync(join(out, 'metrics.jsonl'))) return;
      clearInterval(watch);
      child.kill('SIGINT');
    }, 5);
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/stopped at step \d+; go on with: .*--resume/);
    const step = Number(/step (\d+)/.exec(stdout)?.[1]);
    const epochs = `${Math.floor(step / 4) + 2}`;
    const resumed = await run('train', '--resume', out, '--epochs', epochs, '--json');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(JSON.parse(resumed.stdout).step).toBe(4 * Number(epochs));
  });
});

/** Replaces parts of the metadata of a file of ours. */
function change(
  name: string,
  to: (metadata: { config: object; features: object; position: object }) => Record<string, object>,
) {
  const { tensors, metadata } = readSafetensors(readFileSync(name), name);
  const { config = '{}', features = '{}', position = '{}' } = metadata;
  const [c, f, p] = [config, features, position].map((text) => JSON.parse(text));
  const changed = Object.entries(to({ config: c, features: f, position: p }));
  const entries = changed.map(([key, value]) => [key, JSON.stringify(value)]);
  writeFileSync(name, writeSafetensors(tensors, { ...metadata, ...Object.fromEntries(entries) }));
}

test('--resume with epochs that the warm-up fills is refused before config.json is touched', async () => {
  const out = join(dir, 'warm');
  cpSync(join(dir, 'run_a'), out, { recursive: true });
  const warm = { epochs: 4, warmup: 3 };
  const last = readFileSync(join(out, 'checkpoints', 'last'), 'utf8').trim();
  change(join(out, 'checkpoints', last, 'state.safetensors'), ({ config, position }) => ({
    config: { ...config, ...warm },
    position: { ...position, step: 4 },
  }));
  const stored = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  const before = JSON.stringify({ ...stored, config: { ...stored.config, ...warm } });
  writeFileSync(join(out, 'config.json'), before);
  const { code, stderr } = await run('train', '--resume', out, '--epochs', '3');
  expect([code, stderr]).toEqual([2, expect.stringMatching(/warmup 3: all of the 3 epochs/)]);
  expect(readFileSync(join(out, 'config.json'), 'utf8')).toBe(before);
});

describe('bad input: one clear line, the right code, nothing overwritten', () => {
  const cases: [string, () => [string, ...string[]], number, RegExp][] = [
    ['an unknown flag', () => ['train', '--speed', '9'], 2, /unknown option '--speed'/],
    ['an unknown preset', () => ['train', '--preset', 'x'], 2, /'x' is invalid.*demo/],
    ['a batch of 0', () => ['train', '--batch', '0'], 2, /'0' is invalid.*at least 1/],
    ['an unknown setting', () => ['train', '--set', 'colour=red'], 2, /--set colour=red.*latent/],
    [
      'a weight that the likelihood does not take',
      () => ['train', '--likelihood', 'bernoulli', '--weight', '3'],
      2,
      /--weight 3: of the fixed likelihood alone/,
    ],
    [
      'a latent that the weights of the file are not of',
      () => ['generate', '--run', tampered('latent', { latent: 1e7 }, {})],
      1,
      /model\.safetensors: .*this device binds.*fc1\.weight \(16, 10000004\)\); the file is damaged, restore it/,
    ],
    ...(
      [
        [{ hopLength: 0 }, /features\.hopLength is 0, not a whole number from 1/],
        [{ length: 1e15 }, /features\.length is 1000000000000000, not a whole number/],
        [{ nFft: 2 ** 40 }, /features\.nFft is 1099511627776/],
        [{ sampleRate: 0.5 }, /features\.sampleRate is 0\.5/],
        [{ fMax: 4001 }, /features\.fMin 0 and features\.fMax 4001 are no range/],
      ] as const
    ).map(([features, message]): (typeof cases)[number] => [
      `features of ${JSON.stringify(features)}`,
      () => ['generate', '--run', tampered(Object.keys(features)[0], {}, features)],
      1,
      new RegExp(`model\\.safetensors: ${message.source}.*restore it`),
    ]),
    ['an unknown adapter', () => ['doctor', '--adapter', 'warp'], 2, /warp.*swiftshader/],
    ['a folder that is not there', () => ['train', '--data', 'nowhere'], 1, /nowhere: does not exist/],
    [
      'a folder without sound',
      () => ['train', '--data', join(root, 'test', 'golden')],
      1,
      /no \.wav or \.mp3 file.*\.safetensors/,
    ],
    [
      'a file that is no WAV',
      () => ['train', '--data', folder('broken', 'a.wav', 'RIFFnothing')],
      1,
      /a\.wav/,
    ],
    [
      'no labels for a cvae',
      () => ['train', '--model', 'cvae', '--preset', 'demo', '--data', plain()],
      1,
      /have no labels.*train a vae/,
    ],
    [
      'an --out that holds something',
      () => ['train', '--data', data, '--out', folder('full', 'note.txt', 'mine')],
      1,
      /note\.txt.*nothing is overwritten/,
    ],
    [
      'an --out where no folder can be made',
      () => ['train', ...train('/proc/formant/run')],
      1,
      /\/proc\/formant\/run.*: \/proc\/formant: .*give/,
    ],
    [
      'generate into such a place',
      () => ['generate', '--run', trained(), '--out', '/proc/formant'],
      1,
      /\/proc\/formant: no folder can be made there/,
    ],
    [
      'an --out below a file',
      () => [
        'generate',
        '--run',
        trained(),
        '--out',
        join(folder('full', 'note.txt', 'mine'), 'note.txt', 'x'),
      ],
      1,
      /note\.txt is a file; give a folder/,
    ],
    ['--resume with other settings', () => ['train', '--resume', dir, '--lr', '1'], 2, /leave out --lr/],
    ['--resume of no run', () => ['train', '--resume', data], 1, /not a run folder/],
    [
      '--epochs below what is done',
      () => ['train', '--resume', trained(), '--epochs', '1'],
      2,
      /has 2 epochs already/,
    ],
    [
      '--resume on other recordings',
      () => ['train', '--resume', changed()],
      1,
      /not the recordings this run began with/,
    ],
    [
      'a folder that another process trains in',
      () => ['train', '--resume', locked()],
      1,
      /process \d+ is training/,
    ],
    [
      'a model with too many levels',
      () => ['train', ...train(join(dir, 'deep'), '--set', 'channels=4,4,4,4,4,4,4')],
      1,
      /at most 6/,
    ],
    [
      'silence only',
      () => ['train', '--preset', 'demo', '--model', 'vae', '--data', silent()],
      1,
      /is silent/,
    ],
    ['a label that leads elsewhere', () => ['generate', '--run', hostile(), '--label', '9'], 2, /knows/],
    [
      'a run that is not there',
      () => ['generate', '--run', 'nowhere'],
      1,
      /nowhere: there is no such folder/,
    ],
    ['generate without a run', () => ['generate'], 2, /required option '--run/],
    ['a damaged model', () => ['generate', '--run', damaged()], 1, /model\.safetensors/],
    [
      'a label it does not know',
      () => ['generate', '--run', trained(), '--label', '7'],
      2,
      /--label 7: this model knows 0, 1, 2, 3/,
    ],
    [
      'a negative temperature',
      () => ['generate', '--run', trained(), '--temperature', '-1'],
      2,
      /'-1' is invalid/,
    ],
  ];
  const trained = () => join(dir, 'run_a');
  const folder = (name: string, file: string, content: string) => {
    const path = join(dir, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, file), content);
    return path;
  };
  const plain = () => {
    const path = join(dir, 'plain');
    mkdirSync(path, { recursive: true });
    for (const [i, name] of readdirSync(data)
      .filter((f) => f.endsWith('.wav'))
      .entries())
      cpSync(join(data, name), join(path, `take ${i}.wav`));
    return path;
  };
  const changed = () => {
    const path = join(dir, 'changed');
    cpSync(trained(), path, { recursive: true });
    const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config, data: plain() }));
    return path;
  };
  const locked = () => {
    const path = join(dir, 'locked');
    cpSync(trained(), path, { recursive: true });
    writeFileSync(join(path, '.lock'), `${process.ppid}`);
    return path;
  };
  const silent = () => {
    const path = join(dir, 'silent');
    mkdirSync(path, { recursive: true });
    for (let i = 0; i < 3; i++)
      writeFileSync(join(path, `${i}.wav`), encodeWav(new Float32Array(4000), 8000));
    return path;
  };
  const hostile = () => {
    const path = join(dir, 'hostile');
    cpSync(trained(), path, { recursive: true });
    const name = join(path, 'model.safetensors');
    const { tensors, metadata } = readSafetensors(readFileSync(name), name);
    const labels = JSON.stringify(['../../escaped', '1', '2', '3']);
    writeFileSync(name, writeSafetensors(tensors, { ...metadata, labels }));
    return path;
  };
  const tampered = (name: string, config: object, features: object) => {
    const path = join(dir, `tampered-${name}`);
    cpSync(trained(), path, { recursive: true });
    change(join(path, 'model.safetensors'), (metadata) => ({
      config: { ...metadata.config, ...config },
      features: { ...metadata.features, ...features },
    }));
    return path;
  };
  const damaged = () => {
    const path = folder('damaged', 'config.json', '{}');
    writeFileSync(
      join(path, 'model.safetensors'),
      readFileSync(join(trained(), 'model.safetensors')).subarray(0, 5000),
    );
    return path;
  };

  test.each(cases)('%s', async (_, args, code, message) => {
    const [verb, ...rest] = args();
    const before = new Set(readdirSync(dir));
    const ended = await run(verb, ...rest);
    expect(ended.stderr).toMatch(message);
    expect(ended.code, ended.stderr).toBe(code);
    expect(ended.stdout).toBe('');
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    expect(readdirSync(dir).filter((name) => !before.has(name))).toEqual([]);
  });

  test.each([
    [2, ['train', '--speed', '9']],
    [1, ['train', '--data', 'nowhere']],
    [0, ['train', '--help']],
  ] as const)(
    'a process ends with %i, and says what the command here says: %j',
    async (code, [verb, ...rest]) => {
      const ended = await spawned(verb, ...rest);
      expect(ended).toEqual({ ...(await run(verb, ...rest)), code });
    },
  );

  test('a label that leads elsewhere stays inside the folder', async () => {
    const out = join(dir, 'inside', 'deeper');
    const made = await run(
      'generate',
      '--run',
      join(dir, 'hostile'),
      '--label',
      '../../escaped',
      '--count',
      '1',
      '--out',
      out,
    );
    expect(made.code, made.stderr).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['-..-escaped_hostile_0.wav', 'spectrograms.png']);
  });

  test('what was in the way is still there', () => {
    expect(readFileSync(join(dir, 'full', 'note.txt'), 'utf8')).toBe('mine');
  });
});

test('every verb explains itself, and the bin knows them all', async () => {
  const help = await spawned('cli', '--help');
  expect(help.code).toBe(0);
  for (const verb of [
    'train',
    'preprocess',
    'generate',
    'reconstruct',
    'interpolate',
    'plot',
    'report',
    'doctor',
  ]) {
    expect(help.stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    const own = await spawned(verb, '--help');
    expect([own.code, own.stderr]).toEqual([0, '']);
    expect(own.stdout).toMatch(/--json/);
  }
  const doctor = await spawned('cli', 'doctor', '--json');
  expect(doctor.code, doctor.stderr).toBe(0);
  expect(JSON.parse(doctor.stdout).gflops).toBeGreaterThan(0);
});

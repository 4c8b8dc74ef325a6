// node dist/manyVoices.js --from RELEASE --out DIR [--hours 20] [--speakers 200]: a large release in Common Voice's layout
// out of a small one. Each clip is frames of two clips of one speaker, from random places on, joined; no two are alike.
// What its first frames borrow from frames that are not there is silence, as in any stream that was cut.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readRelease } from '../src/audio/commonVoice.ts';
import { readHeader, readMp3 } from '../src/audio/mp3Frames.ts';
import { Random } from '../src/node.ts';

const { values } = parseArgs({
  options: {
    from: { type: 'string' },
    out: { type: 'string' },
    hours: { type: 'string', default: '20' },
    speakers: { type: 'string', default: '200' },
  },
});
if (!values.from || !values.out) throw new Error('usage: node dist/manyVoices.js --from RELEASE --out DIR');
const { clips } = await readRelease(values.from, { tables: ['validated'] });

/** The frames of each clip, by the speaker it is of. */
const bySpeaker = new Map<string, Uint8Array[][]>();
let seconds = 0;
for (const { path, speaker } of clips) {
  const bytes = readFileSync(path);
  const stream = readMp3(bytes, path);
  seconds = stream.samplesPerFrame / stream.sampleRate;
  const frames = stream.starts.map((at) => bytes.subarray(at, at + (readHeader(bytes, at)?.bytes ?? 0)));
  bySpeaker.set(speaker, [...(bySpeaker.get(speaker) ?? []), frames]);
}
const voices = [...bySpeaker.values()];

const columns = [
  ...['client_id', 'path', 'sentence_id', 'sentence', 'sentence_domain', 'up_votes', 'down_votes', 'age'],
  ...['gender', 'accents', 'variant', 'locale', 'segment'],
];
const count = Number(values.speakers);
const ids = Array.from({ length: count }, (_, i) =>
  createHash('sha512').update(`speaker ${i}`).digest('hex'),
);
const splitOf = (speaker: number) => ['test', 'dev'][speaker % 20] ?? 'train';
const tables: Record<string, string[]> = { train: [], dev: [], test: [], validated: [] };
const dir = join(values.out, 'en', 'clips');
mkdirSync(dir, { recursive: true });
let hours = 0;
for (let n = 0; hours < Number(values.hours); n++) {
  const random = new Random(1, 'voices').uniform(n, 5);
  const speaker = Math.floor(random[0] * count);
  const own = voices[speaker % voices.length];
  const parts = [1, 2].flatMap((k) => {
    const frames = own[Math.floor(random[k] * own.length)];
    return frames.slice(Math.floor((random[k + 2] * frames.length) / 4));
  });
  const name = `common_voice_en_${50_000_000 + n}.mp3`;
  writeFileSync(join(dir, name), Buffer.concat(parts));
  const votes = 2 + (n % 4);
  const gender = ['male_masculine', 'female_feminine', ''][speaker % 3];
  const row = [
    ids[speaker],
    name,
    '',
    `Made "clip" ${n}.`,
    '',
    votes,
    0,
    'twenties',
    gender,
    '',
    '',
    'en',
    '',
  ];
  for (const table of [splitOf(speaker), 'validated']) tables[table].push(row.join('\t'));
  hours += (parts.length * seconds) / 3600;
}
for (const [name, rows] of Object.entries(tables))
  writeFileSync(join(values.out, 'en', `${name}.tsv`), `${[columns.join('\t'), ...rows].join('\n')}\n`);
process.stdout.write(`${tables.validated.length} clips, ${hours.toFixed(2)} h, in ${values.out}\n`);

// Makes the spoken-digit data set: 22 voices x 10 digits x 2 takes as 8 kHz, mono, 16-bit WAV, and split.json.
// Needs Node 20 and eSpeak NG 1.51 (Debian: apt-get install espeak-ng); another version gives other bytes.
// Usage: node scripts/make-digits.mjs [OUT_DIR]   (default: data/digits)

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WORDS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const TAKES = 2;
const OUT_RATE = 8000;
const MAX_SECONDS = 0.95;
const KEEP_SECONDS = 0.015;
const FADE_SECONDS = 0.005;
const TRIM_DB = -42;

// British English is 'en': eSpeak 1.51 ignores the variant in 'en-gb+VARIANT'.
// name, eSpeak voice + variant, pitch (0-99), speed (words per minute), peak level (dBFS)
export const TRAIN_VOICES = [
  ['carbelinda', 'en-029+belinda', 45, 150, -5],
  ['carm5', 'en-029+m5', 62, 142, -5.5],
  ['gblinda', 'en+linda', 35, 168, -5],
  ['gbm2', 'en+m2', 55, 170, -4],
  ['gbrobert', 'en+robert', 36, 152, -6],
  ['lancf4', 'en-gb-x-gbclan+f4', 32, 180, -4.5],
  ['lancm7', 'en-gb-x-gbclan+m7', 40, 158, -6.5],
  ['nycf2', 'en-us-nyc+f2', 50, 178, -5.5],
  ['nycm4', 'en-us-nyc+m4', 57, 166, -4.5],
  ['rpm8', 'en-gb-x-rp+m8', 60, 148, -5],
  ['rpsteph', 'en-gb-x-rp+steph', 42, 148, -6],
  ['scotf2', 'en-gb-scotland+f2', 55, 168, -6.5],
  ['scotm3', 'en-gb-scotland+m3', 45, 135, -5.5],
  ['usandy', 'en-us+Andy', 55, 176, -6],
  ['usannie', 'en-us+Annie', 45, 154, -5],
  ['usf5', 'en-us+f5', 30, 182, -4],
  ['usm1', 'en-us+m1', 48, 156, -4.5],
  ['usquincy', 'en-us+quincy', 45, 150, -6],
  ['wmdf3', 'en-gb-x-gbcwmd+f3', 36, 170, -5.5],
  ['wmdmax', 'en-gb-x-gbcwmd+max', 50, 144, -4],
];

export const TEST_VOICES = [
  ['gbf1', 'en+f1', 48, 172, -5],
  ['usm6', 'en-us+m6', 52, 160, -5],
];

// eSpeak streams, so the sizes in its header are placeholders: the data chunk runs to the end of the output.
function parseStreamedWav(buffer) {
  let offset = 12;
  let rate = 0;
  while (offset + 8 <= buffer.length) {
    const id = buffer.toString('latin1', offset, offset + 4);
    const size = buffer.readUInt32LE(offset + 4);
    const body = offset + 8;
    if (id === 'fmt ') {
      const [format, channels, bits] = [0, 2, 14].map((at) => buffer.readUInt16LE(body + at));
      if (format !== 1 || channels !== 1 || bits !== 16) throw new Error('expected mono 16-bit PCM');
      rate = buffer.readUInt32LE(body + 4);
    } else if (id === 'data') {
      const count = Math.floor(Math.min(size, buffer.length - body) / 2);
      const samples = Float64Array.from(
        { length: count },
        (_, i) => buffer.readInt16LE(body + 2 * i) / 32768,
      );
      return { rate, samples };
    }
    offset = body + size + (size & 1);
  }
  throw new Error('no data chunk in the output of espeak-ng');
}

function speak(voice, pitch, speed, text) {
  const args = ['--stdout', '-v', voice, '-p', String(pitch), '-s', String(speed), text];
  return parseStreamedWav(execFileSync('espeak-ng', args, { maxBuffer: 1 << 24 }));
}

const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));

// One windowed-sinc low-pass per output phase, so that the ratio is exact (22050 -> 8000 is 160 / 441).
function resample(samples, fromRate, toRate) {
  const g = gcd(fromRate, toRate);
  const up = toRate / g;
  const down = fromRate / g;
  const cutoff = 0.46 * Math.min(1, toRate / fromRate);
  const half = Math.ceil(32 / (2 * cutoff));
  const phases = Array.from({ length: up }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * half }, (_, k) => {
      const t = k - half + 1 - phase / up;
      const sinc = t === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * t) / (Math.PI * t);
      const w = (Math.PI * t) / half;
      return sinc * (0.42 + 0.5 * Math.cos(w) + 0.08 * Math.cos(2 * w));
    });
    const sum = taps.reduce((a, b) => a + b, 0);
    return taps.map((tap) => tap / sum);
  });
  const out = new Float64Array(Math.floor((samples.length * up) / down));
  for (let n = 0; n < out.length; n++) {
    const position = n * down;
    const first = Math.floor(position / up) - half + 1;
    const taps = phases[position % up];
    for (let k = 0; k < taps.length; k++) out[n] += taps[k] * (samples[first + k] ?? 0);
  }
  return out;
}

function trim(samples, rate) {
  const frame = Math.round(0.005 * rate);
  const levels = [];
  for (let start = 0; start < samples.length; start += frame) {
    const part = samples.subarray(start, start + frame);
    levels.push(Math.sqrt(part.reduce((sum, x) => sum + x * x, 0) / part.length));
  }
  const threshold = Math.max(...levels) * 10 ** (TRIM_DB / 20);
  const loud = (level) => level >= threshold;
  const keep = Math.round(KEEP_SECONDS * rate);
  const start = levels.findIndex(loud) * frame - keep;
  const end = (levels.findLastIndex(loud) + 1) * frame + keep;
  return samples.slice(Math.max(0, start), Math.min(samples.length, end));
}

function finish(samples, rate, peakDb) {
  const fade = Math.round(FADE_SECONDS * rate);
  const faded = samples.map((x, i) => {
    const edge = Math.min(i, samples.length - 1 - i);
    return edge < fade ? x * (0.5 - 0.5 * Math.cos((Math.PI * edge) / fade)) : x;
  });
  const peak = faded.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const gain = (32767 * 10 ** (peakDb / 20)) / peak;
  return Int16Array.from(faded, (x) => Math.round(x * gain));
}

function encodeWav(samples, rate) {
  const buffer = Buffer.alloc(44 + 2 * samples.length);
  buffer.write('RIFF', 0, 'latin1');
  buffer.writeUInt32LE(36 + 2 * samples.length, 4);
  buffer.write('WAVEfmt ', 8, 'latin1');
  buffer.writeUInt32LE(16, 16);
  buffer.writeUInt16LE(1, 20);
  buffer.writeUInt16LE(1, 22);
  buffer.writeUInt32LE(rate, 24);
  buffer.writeUInt32LE(2 * rate, 28);
  buffer.writeUInt16LE(2, 32);
  buffer.writeUInt16LE(16, 34);
  buffer.write('data', 36, 'latin1');
  buffer.writeUInt32LE(2 * samples.length, 40);
  samples.forEach((x, i) => {
    buffer.writeInt16LE(x, 44 + 2 * i);
  });
  return buffer;
}

// A person never says a word twice the same way: fixed small offsets, different for each digit and take.
function wobble(digit, take, seed) {
  const x = Math.imul(digit * 31 + take * 17 + seed * 101 + 7, 2654435761) >>> 0;
  return ((x >>> 8) % 1001) / 500 - 1;
}

export function renderClip([name, voice, pitch, speed, peakDb], digit, take) {
  const seed = [...name].reduce((sum, c) => (sum * 33 + c.charCodeAt(0)) % 65521, 5381);
  const direction = take === 0 ? -1 : 1;
  const takePitch = Math.round(pitch + 2 * direction + 2 * wobble(digit, take, seed));
  let takeSpeed = Math.round(speed * (1 + 0.025 * direction + 0.025 * wobble(digit, take, seed + 1)));
  const level = peakDb + 0.5 * wobble(digit, take, seed + 2);
  for (;;) {
    const spoken = speak(voice, takePitch, takeSpeed, WORDS[digit]);
    const clip = trim(resample(spoken.samples, spoken.rate, OUT_RATE), OUT_RATE);
    if (clip.length <= MAX_SECONDS * OUT_RATE) return encodeWav(finish(clip, OUT_RATE, level), OUT_RATE);
    takeSpeed += 5;
  }
}

function main() {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const outDir = process.argv[2] ?? join(root, 'data', 'digits');
  mkdirSync(outDir, { recursive: true });
  // Clips of a voice that has left the table must not stay behind.
  for (const file of readdirSync(outDir)) {
    if (/^\d_[a-z0-9]+_\d+\.wav$/.test(file)) rmSync(join(outDir, file));
  }
  const voices = [...TRAIN_VOICES, ...TEST_VOICES];
  for (const voice of voices) {
    for (let digit = 0; digit < WORDS.length; digit++) {
      for (let take = 0; take < TAKES; take++) {
        writeFileSync(join(outDir, `${digit}_${voice[0]}_${take}.wav`), renderClip(voice, digit, take));
      }
    }
  }
  const split = { testSpeakers: TEST_VOICES.map(([name]) => name) };
  writeFileSync(join(outDir, 'split.json'), `${JSON.stringify(split)}\n`);
  console.log(`${voices.length * WORDS.length * TAKES} clips in ${outDir}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();

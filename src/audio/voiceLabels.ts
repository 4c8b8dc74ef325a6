// What a clip of Common Voice is labelled by: its speaker, the speaker's gender, or the word that is said. A word is a
// label only where it is the whole sentence, as in Common Voice's single-word segment (digits, yes, no, hey, Firefox):
// of "Two six zero" no label tells when each is said, and nothing here aligns words with sound.
import { DataError } from '../engine/errors.ts';
import type { VoiceClip } from './commonVoice.ts';
import { printable } from './names.ts';

export const voiceLabels = ['speaker', 'gender', 'word'] as const;
export type VoiceLabel = (typeof voiceLabels)[number];

/** The word of a sentence of one word, in lower case, without what is no letter or digit at its ends; else null. */
export function soleWord(sentence: string): string | null {
  const words = sentence.normalize('NFC').trim().split(/\s+/);
  const word = words.length === 1 ? words[0].replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '') : '';
  return word.toLowerCase() || null;
}

/** Beginnings of ids, as short as tells them apart, eight digits at least. */
function shortIds(ids: readonly string[]): Map<string, string> {
  const sorted = [...new Set(ids)].sort();
  const shared = (a: string, b: string | undefined) => {
    let n = 0;
    while (b !== undefined && n < a.length && a[n] === b[n]) n++;
    return b === undefined ? 0 : n;
  };
  return new Map(
    sorted.map((id, i) => {
      const needed = 1 + Math.max(shared(id, sorted[i - 1]), shared(id, sorted[i + 1]));
      return [id, id.slice(0, Math.max(8, needed))];
    }),
  );
}

/**
 * A label for each clip, null for one without: nothing known of the gender, several words.
 * @throws DataError if none has one.
 */
export function labelsOf(clips: readonly VoiceClip[], by: VoiceLabel): (string | null)[] {
  const ids = by === 'speaker' ? shortIds(clips.map(({ speaker }) => speaker)) : null;
  const labels = clips.map((clip) => {
    if (ids) return ids.get(clip.speaker) ?? null;
    return by === 'gender' ? clip.gender : soleWord(clip.sentence);
  });
  if (clips.length > 0 && labels.every((label) => label === null)) {
    const why =
      by === 'word'
        ? `no sentence is a single word (the first is "${printable(clips[0].sentence)}")`
        : 'no clip says its gender';
    throw new DataError(`Common Voice: cannot label by ${by}, ${why}; label by speaker, or leave labels out`);
  }
  return labels;
}

// File names: their order, how they are shown, and what a failed call to the file system means. A name may hold
// anything but '/' and NUL, also line breaks and what steers a terminal.

/** Orders names as a person would: runs of digits by their value, the rest by code units, `a2` before `a10`. */
export function compareNames(a: string, b: string): number {
  const partsA = a.split(/(\d+)/);
  const partsB = b.split(/(\d+)/);
  for (let i = 0; i < partsA.length && i < partsB.length; i++) {
    let [x, y] = [partsA[i], partsB[i]];
    if (i % 2) {
      x = x.replace(/^0+(?=\d)/, '');
      y = y.replace(/^0+(?=\d)/, '');
      if (x.length !== y.length) return x.length - y.length;
    }
    if (x !== y) return x < y ? -1 : 1;
  }
  return partsA.length - partsB.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** What a window of a file is called: the file's name and where it begins. */
export const windowName = (name: string, start: number, sampleRate: number) =>
  `${name}@${Math.round((1000 * start) / sampleRate)}ms`;

/** The name of the file that a clip is of. */
export const fileOfClip = (name: string): string => name.replace(/@\d+ms$/, '');

/** Control characters, halves of surrogate pairs, line separators, and what turns the direction of writing. */
const unprintable = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A name on one line of a terminal: what would break the line or the terminal becomes \n, \x1b, \u{202e}. */
export function printable(name: string): string {
  return name.replace(unprintable, (c) => {
    const code = c.codePointAt(0) as number;
    return (
      short[c] ?? (code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`)
    );
  });
}

/** Each name as part of a file name, in letters, digits, space and ._- alone; no two alike, whatever their case. */
export function fileStems(names: readonly string[], fallback: string): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const clean = name.replace(/[^\p{L}\p{N} ._-]/gu, '-').replace(/^\.+/, '');
    // File systems take names of 255 bytes; a character may have four.
    const stem = [...(clean || fallback)].slice(0, 50).join('');
    for (let i = 1; ; i++) {
      const found = `${stem}${i > 1 ? `-${i}` : ''}`;
      const key = found.normalize('NFC').toLowerCase();
      if (taken.has(key)) continue;
      taken.add(key);
      return found;
    }
  });
}

const faults: Record<string, string> = {
  ENOENT: 'does not exist; check the path',
  ENOTDIR: 'is not a folder; give the folder that holds the WAV files',
  EISDIR: 'is a folder; give WAV files',
  EACCES: 'may not be read by this user; change its permissions',
  EPERM: 'may not be read by this user; change its permissions',
  ELOOP: 'is a link that leads back to itself; remove it',
};

/** What a failed call to the file system said about a path, in words. */
export function fileFault(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' && path.includes('\uFFFD')) return 'has a name that is not valid UTF-8; rename it';
  return faults[code ?? ''] ?? `cannot be read (${message}); check the disk and the permissions`;
}

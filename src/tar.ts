// Files of a tar archive that may come from anywhere, in memory. An archive that is cut short, whose header does not add
// up, or that names a place outside of the folder it is unpacked in (absolute, or with `..`) is refused as a whole, and so
// is a link among the files wanted. (nanotar cleans such names in silence, and turns for ever around a negative size.)
// Long names come from pax (x) and GNU (L) headers.

import { printable } from './audio/names.ts';
import { DataError } from './engine/errors.ts';

export interface TarFile {
  /** Its path, `/` between folders. */
  name: string;
  /** A view of the archive. */
  data: Uint8Array;
}

const block = 512;
const kinds: Record<string, string> = {
  1: 'hard link',
  2: 'link',
  3: 'device',
  4: 'device',
  5: 'folder',
  6: 'pipe',
};
const text = (bytes: Uint8Array) => {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};

/** An octal field, which ends with a space or NUL; NaN for anything else. */
function octal(field: Uint8Array): number {
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** The sum of a header's bytes with its own field as spaces. */
function headerSum(header: Uint8Array): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}

/** `path` of a pax header: records `LENGTH KEY=VALUE\n`, the length counting all of its record. */
function paxPath(data: Uint8Array): string | null {
  let path: string | null = null;
  for (let at = 0; at < data.length; ) {
    const length = Number.parseInt(new TextDecoder().decode(data.subarray(at, at + 12)), 10);
    if (!(length > 0)) return path;
    const record = new TextDecoder().decode(data.subarray(at, at + length - 1));
    const match = /^\d+ path=([\s\S]*)$/.exec(record);
    if (match) path = match[1];
    at += length;
  }
  return path;
}

/** @throws DataError for a name that leads out of the folder. */
function inside(name: string, where: string): string {
  if (/^[/\\]|^[a-z]:|(^|[/\\])\.\.([/\\]|$)/i.test(name))
    throw new DataError(
      `${where}: holds a file named ${printable(name)}, which leads out of the folder; do not use this archive`,
    );
  return name.replace(/^(\.\/)+/, '');
}

/** The path of an entry from its own header. */
function headerName(header: Uint8Array): string {
  const name = text(header.subarray(0, 100));
  // GNU's own form of the header has other things where ustar has the first part of a path.
  const prefix = text(header.subarray(257, 263)) === 'ustar' ? text(header.subarray(345, 500)) : '';
  return prefix ? `${prefix}/${name}` : name;
}

/**
 * Reads files of an archive, in its order.
 * @param tar the unpacked archive
 * @param name how errors call it
 * @param wanted which paths to read
 * @throws DataError for a damaged archive, one with a name that leads elsewhere, and a wanted path that is no file.
 */
export function readTar(tar: Uint8Array, name: string, wanted: (path: string) => boolean): TarFile[] {
  const where = printable(name);
  const damaged = (what: string) =>
    new DataError(`${where}: ${what}, so the archive is damaged; download it again`);
  const files: TarFile[] = [];
  let longName: string | null = null;
  for (let at = 0; ; ) {
    if (at + block > tar.length) throw damaged('ends without an end mark');
    const header = tar.subarray(at, at + block);
    if (header[0] === 0 && header.every((byte) => byte === 0)) return files;
    const size = octal(header.subarray(124, 136));
    if (octal(header.subarray(148, 156)) !== headerSum(header) || Number.isNaN(size))
      throw damaged(`the header at byte ${at} does not add up`);
    const data = tar.subarray(at + block, at + block + size);
    if (data.length < size) throw damaged(`ends within ${printable(headerName(header))}`);
    at += block + Math.ceil(size / block) * block;
    const type = String.fromCharCode(header[156] || 48);
    if (type === 'L') longName = text(data);
    else if (type === 'x') longName = paxPath(data) ?? longName;
    else if (type !== 'g' && type !== 'K') {
      const path = inside(longName ?? headerName(header), where);
      longName = null;
      if (!wanted(path)) continue;
      if (type !== '0' && type !== '7')
        throw new DataError(
          `${where}: ${printable(path)} is no file but a ${kinds[type] ?? `thing of type ${printable(type)}`}; do not use this archive`,
        );
      files.push({ name: path, data });
    }
  }
}

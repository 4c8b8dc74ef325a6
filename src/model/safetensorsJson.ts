// The JSON of a safetensors header, read as if an enemy wrote it: JSON.parse keeps the last of two members of one
// name in silence, and builds an object of fifty bytes for every bracket of a header of a hundred million. So brackets
// are counted before it runs and names after it. A name like __proto__ becomes a member as any other.
import { CheckpointError } from '../engine/errors.ts';

const MAX_DEPTH = 3; // the header, a tensor, its shape

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as it stands in an error: JSON, cut short. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** An error about file `name`; every fault of a file ends here. */
export function damaged(name: string, what: string): CheckpointError {
  return new CheckpointError(`${name}: ${what}; the file is damaged or no safetensors: fetch it again`);
}

/** Whether brackets nest beyond what a header can have: JSON.parse would build an object for every one of millions. */
function isTooDeep(json: string): boolean {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '"') {
      for (i++; i < json.length && json[i] !== '"'; i++) if (json[i] === '\\') i++;
    } else if (c === '{' || c === '[') {
      if (++depth > MAX_DEPTH) return true;
    } else if (c === '}' || c === ']') {
      depth--;
    }
  }
  return false;
}

/** A name that one object of this JSON text (already known to be valid) has twice; JSON.parse keeps the last in silence. */
function findRepeatedKey(json: string): string | null {
  const open: (Set<string> | null)[] = []; // null until a name comes
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '{' || c === '[') open.push(null);
    else if (c === '}' || c === ']') open.pop();
    else if (c === '"') {
      let end = i + 1;
      while (json[end] !== '"') end += json[end] === '\\' ? 2 : 1;
      let after = end + 1;
      while (' \n\r\t'.includes(json[after])) after++;
      if (json[after] === ':') {
        const key = JSON.parse(json.slice(i, end + 1)) as string;
        open[open.length - 1] ??= new Set();
        const names = open[open.length - 1]!;
        if (names.has(key)) return key;
        names.add(key);
      }
      i = end;
    }
  }
  return null;
}

/** The header's JSON; an object in which every name stands once. Throws CheckpointError for anything else. */
export function parseHeader(bytes: Uint8Array, name: string): Record<string, unknown> {
  const noJson = (cause: unknown) =>
    damaged(name, `has a header that is not JSON in UTF-8 (${(cause as Error).message})`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw noJson(cause);
  }
  if (isTooDeep(text)) {
    throw damaged(name, `has a header that nests deeper than the ${MAX_DEPTH} brackets of a tensor's shape`);
  }
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw noJson(cause);
  }
  if (!isObject(header)) throw damaged(name, `has a header that is no JSON object but ${show(header)}`);
  const repeated = findRepeatedKey(text);
  if (repeated !== null) throw damaged(name, `names ${show(repeated)} twice in one object of its header`);
  return header;
}

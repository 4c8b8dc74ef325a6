// The safetensors format, read and written as huggingface/safetensors does:
//   u64 little-endian N | N bytes of JSON, padded with spaces | data
// with {"__metadata__": {text: text}, NAME: {"dtype", "shape", "data_offsets": [begin, end]}, ...} as JSON,
// offsets counted from the end of the header. Tensors must fill the data without gap or overlap. A file is
// checked in full before a tensor is allocated, so a damaged one is refused whole, and beyond the header's text
// and its parsed form no more is allocated than what is returned. Numbers are little-endian
// in the file and taken to be so in memory, which holds wherever WebGPU runs.
import { CheckpointError, ShapeError } from '../engine/errors.ts';
import { narrowHalf, widenHalf } from './half.ts';
import { damaged, isObject, parseHeader, show } from './safetensorsJson.ts';

type Floats = Float32Array | Float64Array;
type Integers = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
export type TensorData = Floats | Integers | BigInt64Array | BigUint64Array;

/** A tensor of a file: `dtype` is what the file holds; F16 and BF16 come as Float32Array, BOOL as Uint8Array. */
export interface StoredTensor {
  dtype: string;
  shape: number[];
  data: TensorData;
}

/** A tensor to write: as many values as `shape` holds, row-major. */
export interface TensorToStore {
  shape: readonly number[];
  data: TensorData;
}

interface Entry {
  tensor: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

interface Dtype {
  array: new (buffer: ArrayBuffer) => TensorData;
  width: number;
  /** Numbers JavaScript has no array for, to ones it has; a dtype with this is read and never written. */
  widen?: (raw: TensorData) => TensorData;
}

// In the order of the reference implementation, which writes the later ones first: wide before narrow.
const DTYPES: Record<string, Dtype> = {
  BOOL: { array: Uint8Array, width: 1, widen: (raw) => raw },
  U8: { array: Uint8Array, width: 1 },
  I8: { array: Int8Array, width: 1 },
  I16: { array: Int16Array, width: 2 },
  U16: { array: Uint16Array, width: 2 },
  F16: { array: Uint16Array, width: 2, widen: (raw) => widenHalf(raw as Uint16Array) },
  BF16: { array: Uint16Array, width: 2, widen: (raw) => widenBf16(raw as Uint16Array) },
  I32: { array: Int32Array, width: 4 },
  U32: { array: Uint32Array, width: 4 },
  F32: { array: Float32Array, width: 4 },
  F64: { array: Float64Array, width: 8 },
  I64: { array: BigInt64Array, width: 8 },
  U64: { array: BigUint64Array, width: 8 },
};
const DTYPE_ORDER = Object.keys(DTYPES);
const METADATA = '__metadata__';
const MAX_HEADER = 100_000_000; // the reference implementation's limit

/** What floats are written as: F16 rounds to the nearest half and takes half the bytes. */
export type StoredFloats = 'F32' | 'F16';

/** A bfloat16 is the upper half of a float32. */
function widenBf16(raw: Uint16Array): Float32Array {
  const out = new Uint32Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw[i] << 16;
  return new Float32Array(out.buffer);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/**
 * Where a file's tensors start, as its first 8 bytes say.
 * @param size bytes of the file @param name the file as errors should call it
 * @throws CheckpointError for a file that is too short for it.
 */
export function safetensorsStart(bytes: Uint8Array, size: number, name: string): number {
  if (bytes.length < 8) throw damaged(name, `has ${bytes.length} bytes, fewer than the 8 of a header length`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const announced = view.getBigUint64(0, true);
  const most = Math.min(MAX_HEADER, size - 8);
  if (announced > most)
    throw damaged(name, `announces a header of ${announced} bytes, but ${most} at most follow`);
  return 8 + Number(announced);
}

function checkMetadata(value: unknown, name: string): Record<string, string> {
  if (!isObject(value)) throw damaged(name, `has a ${METADATA} that is no object but ${show(value)}`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw damaged(name, `metadata ${show(key)} is no text but ${show(text)}`);
  }
  return value as Record<string, string>;
}

/** One tensor's line of the header, its parts checked against each other. */
function checkEntry(tensor: string, value: unknown, name: string): Entry {
  const where = `tensor ${show(tensor)}`;
  if (!isObject(value)) throw damaged(name, `${where} is no object but ${show(value)}`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string') throw damaged(name, `${where} has the dtype ${show(dtype)}`);
  if (!Object.hasOwn(DTYPES, dtype)) {
    throw new CheckpointError(
      `${name}: ${where} has the dtype ${show(dtype)}, which is not read here; convert it to one of ${DTYPE_ORDER.join(', ')}`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isSize)) throw damaged(name, `${where} has shape ${show(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1]) {
    throw damaged(name, `${where} has the data_offsets ${show(offsets)}`);
  }
  let size = DTYPES[dtype].width;
  for (const length of shape) {
    size *= length;
    if (!isSize(size)) throw damaged(name, `${where} has the shape ${show(shape)}, more than 2^53 bytes`);
  }
  const [begin, end] = offsets;
  if (size !== end - begin) {
    const takes = `${dtype} ${show(shape)} takes ${size} bytes`;
    throw damaged(name, `${where}: ${takes}, but its data_offsets ${show(offsets)} span ${end - begin}`);
  }
  return { tensor, dtype, shape, begin, end };
}

/** Throws unless the tensors, given in order of place, fill `available` bytes exactly. */
function checkPlaces(entries: Entry[], available: number, name: string): void {
  let filled = 0;
  let before = 'the start of the data';
  for (const { tensor, begin, end } of entries) {
    const fault = begin < filled ? 'overlaps' : begin > filled ? 'leaves a gap after' : null;
    if (fault) {
      const place = `tensor ${show(tensor)} at [${begin}, ${end}]`;
      throw damaged(name, `${place} ${fault} ${before}, which ends at ${filled}`);
    }
    filled = end;
    before = `tensor ${show(tensor)}`;
  }
  if (filled > available) {
    throw damaged(name, `is cut off: its tensors take ${filled} bytes, but ${available} follow the header`);
  }
  if (filled < available) {
    throw damaged(name, `holds ${available} bytes after its header, but its tensors take ${filled}`);
  }
}

/** What a file holds, and where: its tensors in order, their places in bytes from the end of the header. */
export interface SafetensorsHead {
  metadata: Record<string, string>;
  tensors: Entry[];
}

/**
 * Reads the beginning of a safetensors file, up to `safetensorsStart`.
 * @param size bytes of the file
 * @throws CheckpointError as `readSafetensors`.
 */
export function readSafetensorsHead(head: Uint8Array, size: number, name: string): SafetensorsHead {
  const start = safetensorsStart(head, size, name);
  const header = parseHeader(head.subarray(8, start), name);
  const metadata = Object.hasOwn(header, METADATA) ? checkMetadata(header[METADATA], name) : {};
  const tensors: Entry[] = [];
  for (const [tensor, value] of Object.entries(header))
    if (tensor !== METADATA) tensors.push(checkEntry(tensor, value, name));
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkPlaces(tensors, size - start, name);
  return { metadata, tensors };
}

/**
 * Reads a safetensors file held in memory. Tensors come as copies, in the order of their data.
 * `name` is the file as errors should call it. F16 and BF16 are widened to Float32Array, BOOL is Uint8Array of
 * 0 and 1, I64 and U64 are BigInt arrays; F8 and other dtypes are refused.
 * Throws CheckpointError for every fault, naming the file, the tensor and the values.
 * Source: https://github.com/huggingface/safetensors (format), checked as its `SafeTensors::deserialize` does.
 */
export function readSafetensors(
  bytes: Uint8Array,
  name: string,
): { tensors: Map<string, StoredTensor>; metadata: Record<string, string> } {
  const { metadata, tensors: entries } = readSafetensorsHead(bytes, bytes.length, name);
  const dataStart = safetensorsStart(bytes, bytes.length, name);
  const tensors = new Map<string, StoredTensor>();
  for (const { tensor, dtype, shape, begin, end } of entries) {
    const own = new Uint8Array(end - begin); // aligned for any dtype, as a view into the file need not be
    own.set(bytes.subarray(dataStart + begin, dataStart + end));
    const { array, widen } = DTYPES[dtype];
    const wrong = dtype === 'BOOL' ? own.findIndex((value) => value > 1) : -1;
    if (wrong >= 0) {
      throw damaged(name, `tensor ${show(tensor)} is BOOL, but its value ${wrong} is ${own[wrong]}`);
    }
    const raw = new array(own.buffer);
    tensors.set(tensor, { dtype, shape, data: widen ? widen(raw) : raw });
  }
  return { tensors, metadata };
}

/** The dtype that a typed array is written as. */
function dtypeOf(data: TensorData): string | undefined {
  return DTYPE_ORDER.find((d) => !DTYPES[d].widen && DTYPES[d].array.name === data[Symbol.toStringTag]);
}

/** Order of two texts by code points, as UTF-8 bytes sort; `<` on strings compares UTF-16 units. */
function compareText(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const difference = a.codePointAt(i)! - b.codePointAt(i)!;
    if (difference) return difference;
  }
  return a.length - b.length;
}

function checkTensor(name: string, shape: readonly number[], data: TensorData): string {
  const dtype = dtypeOf(data);
  if (dtype === undefined || name === METADATA) {
    const why = dtype ? 'a name that the format keeps for itself' : 'data that is no typed array of numbers';
    throw new ShapeError(`writeSafetensors: tensor ${show(name)} has ${why}; rename or convert it`);
  }
  const size = shape.reduce((product, length) => product * length, 1);
  if (!shape.every(isSize) || size !== data.length) {
    const what = `tensor ${show(name)} has the shape ${show(shape)} but ${data.length} values`;
    throw new ShapeError(`writeSafetensors: ${what}; give as many values as the shape holds`);
  }
  return dtype;
}

/**
 * Writes tensors to safetensors bytes. The dtype follows from the array (Float32Array: F32, Uint8Array: U8 ...);
 * a `dtype` that a tensor carries from reading is not looked at, so what was read as F16 is written as F32, unless
 * `floats` is F16: then every Float32Array is rounded to halves.
 * The same tensors and metadata give the same bytes whatever the order they come in: wide dtypes first, then by
 * name, as the reference implementation sorts; the data start at a multiple of 8 bytes.
 * Throws ShapeError where a shape and its data disagree, and for a float beyond the largest half.
 */
export function writeSafetensors(
  tensors: Map<string, TensorToStore> | Record<string, TensorToStore>,
  metadata: Record<string, string> = {},
  floats: StoredFloats = 'F32',
): Uint8Array {
  const entries = [...(tensors instanceof Map ? tensors : Object.entries(tensors))]
    .map(([name, { shape, data }]) => {
      const dtype = checkTensor(name, shape, data);
      const halved = floats === 'F16' && data instanceof Float32Array;
      return {
        ...{ name, shape, data: halved ? narrowHalf(data, `writeSafetensors: tensor ${show(name)}`) : data },
        rank: DTYPE_ORDER.indexOf(halved ? 'F16' : dtype),
      };
    })
    .sort((a, b) => b.rank - a.rank || compareText(a.name, b.name));
  const quote = (text: string) => JSON.stringify(text);
  const fields: string[] = [];
  // Written by hand: an object would put names that look like numbers first, and lose one called __proto__.
  const texts = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  const pairs = texts.map(([key, text]) => `${quote(key)}:${quote(text)}`);
  if (pairs.length) fields.push(`"${METADATA}":{${pairs.join(',')}}`);
  let end = 0;
  for (const { name, shape, data, rank } of entries) {
    const begin = end;
    end += data.byteLength;
    const place = `"data_offsets":[${begin},${end}]`;
    fields.push(`${quote(name)}:{"dtype":"${DTYPE_ORDER[rank]}","shape":[${shape.join(',')}],${place}}`);
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + length + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.fill(0x20, 8, 8 + length);
  out.set(json, 8);
  let at = 8 + length;
  for (const { data } of entries) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}

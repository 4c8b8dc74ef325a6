// Why a file cannot be used.

import { DataError, ShapeError } from '../engine/errors.ts';
import { printable } from './names.ts';

/** Why a file is left out. */
export type FaultKind =
  | 'damaged'
  | 'unreadable'
  | 'empty'
  | 'silent'
  | 'constant'
  | 'scale'
  | 'rate'
  | 'size';

/** What makes a file unusable; the message names the file, `reason` is the rest. */
export class FileFault extends DataError {
  readonly kind: FaultKind;
  readonly reason: string;

  constructor(path: string, kind: FaultKind, reason: string) {
    super(`${printable(path)}: ${reason}`);
    this.kind = kind;
    this.reason = reason;
  }
}

/** The fault that an error of reading this file means; errors that are no file's fault are thrown on. */
export function faultOf(error: unknown, path: string): FileFault {
  if (error instanceof FileFault) return error;
  // So is a recording that no tensor holds.
  if (!(error instanceof DataError || error instanceof ShapeError)) throw error;
  return new FileFault(path, 'damaged', error.message.replace(`${printable(path)}: `, ''));
}

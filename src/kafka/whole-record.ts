import type { Message } from '../model/intake.ts';
import { copyBytes } from '../wire/copy.ts';
import { fieldType, readTag, skipValue } from '../wire/cursor.ts';

/**
 * Is it a sequence of whole fields? Requests one after the other are a request with the spans of all, which is how
 * protobuf merges them; but only where each ends where it says.
 */
export function isWhole(value: Uint8Array): boolean {
  try {
    let pos = 0;
    while (pos < value.length) {
      pos = readTag(value, pos, value.length);
      pos = skipValue(value, pos, value.length, fieldType);
    }
    return pos === value.length;
  } catch {
    return false;
  }
}

/** One request of several, each of which is whole. */
export function joined(values: readonly Uint8Array[]): Message {
  return {
    length: values.reduce((sum, { length }) => sum + length, 0),
    copyTo(to, at) {
      for (const value of values) {
        copyBytes(value, 0, value.length, to, at);
        at += value.length;
      }
    },
  };
}

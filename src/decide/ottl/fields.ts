import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from '../../wire/cursor.ts';
import { KeyValue } from '../../wire/otlp.ts';

/** Where the value ends that the last search found. */
export let foundEnd = 0;

/**
 * Where the value of field `field`, of wire type `type`, starts in the message buf[start, end), which is well-formed; of
 * several the last, as protobuf has it. -1 where there is none. Of messages and texts it is the body.
 */
export function findField(buf: Uint8Array, start: number, end: number, field: number, type: number): number {
  let found = -1;
  for (let pos = start; pos < end; ) {
    pos = readTag(buf, pos, end);
    const wanted = fieldNumber === field && fieldType === type;
    const from = type === 2 && wanted ? open(buf, pos, end) : pos;
    pos = wanted && type === 2 ? bodyEnd : skipValue(buf, pos, end, fieldType);
    if (wanted) {
      found = from;
      foundEnd = pos;
    }
  }
  return found;
}

/** The next message in field `field` from `pos` on, or -1: `foundEnd` is where to go on. */
export function nextMessage(buf: Uint8Array, pos: number, end: number, field: number): number {
  while (pos < end) {
    pos = readTag(buf, pos, end);
    if (fieldNumber === field && fieldType === 2) {
      const from = open(buf, pos, end);
      foundEnd = bodyEnd;
      return from;
    }
    pos = skipValue(buf, pos, end, fieldType);
  }
  return -1;
}

/** The AnyValue message of the first attribute `key` among the KeyValues in field `field`; -1 where there is none. */
export function findAttribute(buf: Uint8Array, start: number, end: number, field: number, key: Uint8Array): number {
  for (let at = nextMessage(buf, start, end, field); at >= 0; at = nextMessage(buf, foundEnd, end, field)) {
    const entryEnd = foundEnd;
    const keyAt = findField(buf, at, entryEnd, KeyValue.key, 2);
    if (isKey(buf, keyAt, keyAt < 0 ? keyAt : foundEnd, key)) {
      const valueAt = findField(buf, at, entryEnd, KeyValue.value, 2);
      if (valueAt >= 0) return valueAt;
      // A key without a value: an empty one.
      foundEnd = entryEnd;
      return entryEnd;
    }
    foundEnd = entryEnd;
  }
  return -1;
}

function isKey(buf: Uint8Array, start: number, end: number, key: Uint8Array): boolean {
  if (end - start !== key.length) return false;
  for (let i = 0; i < key.length; i++) if (buf[start + i] !== key[i]) return false;
  return true;
}

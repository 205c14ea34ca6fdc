import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue } from './cursor.ts';
import { KeyValue } from './otlp.ts';
import { isSame } from './same-bytes.ts';

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

/** The next message in field `field`, 15 at most, from `pos` on, or -1: `foundEnd` is where to go on. */
export function nextMessage(buf: Uint8Array, pos: number, end: number, field: number): number {
  const tag = field * 8 + 2;
  while (pos < end) {
    if (buf[pos] === tag) {
      const from = open(buf, pos + 1, end);
      foundEnd = bodyEnd;
      return from;
    }
    pos = readTag(buf, pos, end);
    pos = skipValue(buf, pos, end, fieldType);
  }
  return -1;
}

/** The AnyValue message of the first attribute `key` among the KeyValues in field `field`; -1 where there is none. */
export function findAttribute(buf: Uint8Array, start: number, end: number, field: number, key: Uint8Array): number {
  for (let at = nextMessage(buf, start, end, field); at >= 0; at = nextMessage(buf, foundEnd, end, field)) {
    const entryEnd = foundEnd;
    if (hasKey(buf, at, entryEnd, key)) {
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

const keyTag = KeyValue.key * 8 + 2;

/** Nearly all begin with a key of less than 128 bytes. */
function hasKey(buf: Uint8Array, at: number, end: number, key: Uint8Array): boolean {
  if (buf[at] === keyTag && buf[at + 1] < 0x80) return isSame(key, buf, at + 2, at + 2 + buf[at + 1]);
  const keyAt = findField(buf, at, end, KeyValue.key, 2);
  return keyAt < 0 ? key.length === 0 : isSame(key, buf, keyAt, foundEnd);
}

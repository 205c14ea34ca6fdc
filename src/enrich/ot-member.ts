import { maxMembers, maxValueChars } from './tracestate.ts';

/** Where the `ot` member begins, and its value, and where both end, in the tracestate that was looked through last. */
export const ot = { isThere: false, at: 0, valueAt: 0, end: 0 };

/** One may be added. */
const mostMembers = maxMembers - 1;
const keyBytes = 3;
const [o, t, equals, comma] = [0x6f, 0x74, 0x3d, 0x2c];

/**
 * Finds the `ot` member in the tracestate buf[start, end), or `end` where it has none. False where it is not of the usual
 * form: printable ASCII without blanks or empty members, one `ot` at most, with a value of usual length.
 */
export function findMember(buf: Uint8Array, start: number, end: number): boolean {
  ot.isThere = false;
  ot.at = ot.valueAt = ot.end = end;
  let pos = start;
  for (let members = 1; members <= mostMembers; members++) {
    const at = pos;
    pos = endOfMember(buf, at, end);
    if (pos <= at) return false;
    if (buf[at] === o && buf[at + 1] === t && buf[at + 2] === equals && at + keyBytes <= pos) {
      if (ot.isThere || pos - at > keyBytes + maxValueChars) return false;
      ot.isThere = true;
      ot.at = at;
      ot.valueAt = at + keyBytes;
      ot.end = pos;
    }
    if (pos === end) return true;
    pos++;
  }
  return false;
}

/** -1 where something in it is no printable ASCII, or a blank. */
function endOfMember(buf: Uint8Array, pos: number, end: number): number {
  for (; pos < end && buf[pos] !== comma; pos++) if (buf[pos] <= 0x20 || buf[pos] >= 0x7f) return -1;
  return pos;
}

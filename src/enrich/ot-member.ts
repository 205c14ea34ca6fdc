import { comma, isOtMember, otKeyBytes } from '../wire/tracestate.ts';
import { maxMembers, maxValueChars } from './tracestate.ts';

/**
 * Where the `ot` member begins, and its value, and where both end, in the tracestate that was looked through last; all at
 * its end where it has none.
 */
export const ot = { at: 0, valueAt: 0, end: 0 };

/** One may be added. */
const mostMembers = maxMembers - 1;

/**
 * Finds the `ot` member in the tracestate buf[start, end). False where it is not of the usual
 * form: printable ASCII without blanks or empty members, one `ot` at most, with a value of usual length.
 */
export function findMember(buf: Uint8Array, start: number, end: number): boolean {
  ot.at = ot.valueAt = ot.end = end;
  let pos = start;
  for (let members = 1; members <= mostMembers; members++) {
    const at = pos;
    pos = endOfMember(buf, at, end);
    if (pos <= at) return false;
    if (isOtMember(buf, at, pos)) {
      if (ot.at < end || pos - at > otKeyBytes + maxValueChars) return false;
      ot.at = at;
      ot.valueAt = at + otKeyBytes;
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

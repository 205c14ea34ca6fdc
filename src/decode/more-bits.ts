import type { MoreConditions } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue, varint32 } from '../wire/cursor.ts';
import { Event, Span, Status } from '../wire/otlp.ts';
import { attributeBits, NamedKeys } from './named-keys.ts';

/** Where the scan found the fields of a span that few rules ask for; −1 = it has none. */
interface FoundFields {
  start: number;
  end: number;
  nameAt: number;
  nameEnd: number;
  kindAt: number;
  kindEnd: number;
  flagsAt: number;
  stateAt: number;
  stateEnd: number;
  code: number;
  isRoot: boolean;
  durationNs: number;
}

export const nothingFound = (): FoundFields => ({
  start: 0,
  end: 0,
  nameAt: -1,
  nameEnd: -1,
  kindAt: -1,
  kindEnd: -1,
  flagsAt: -1,
  stateAt: -1,
  stateEnd: -1,
  code: 0,
  isRoot: false,
  durationNs: 0,
});

/** What few rules ask of a span. Its events and its status' text are looked for only where one of them asks. */
export class MoreBits {
  readonly #more: MoreConditions;
  readonly #eventKeys: NamedKeys;
  readonly #asksInside: boolean;

  constructor(more: MoreConditions) {
    this.#more = more;
    this.#eventKeys = new NamedKeys(more.eventAttributes);
    this.#asksInside = more.eventAttributes.length > 0 || !!more.eventName || !!more.statusMessage;
  }

  /** The bits of the first word; further ones are set in `wide`. */
  of(buf: Uint8Array, found: FoundFields, wide: Int32Array): number {
    const { status, kind, duration, root, sampled, name, tracestate } = this.#more;
    let bits = 0;
    if (status !== undefined) bits |= status(found.code, wide);
    if (kind !== undefined) bits |= kind(found.kindAt < 0 ? 0 : varint32(buf, found.kindAt, found.kindEnd), wide);
    if (duration !== undefined) bits |= duration(found.durationNs, wide);
    if (root !== undefined) bits |= root(found.isRoot ? 1 : 0, wide);
    if (sampled !== undefined) bits |= sampled(found.flagsAt < 0 ? 0 : buf[found.flagsAt] & 1, wide);
    // A text that is left out is an empty one.
    if (name !== undefined) bits |= name(buf, Math.max(0, found.nameAt), Math.max(0, found.nameEnd), wide);
    if (tracestate !== undefined && found.stateAt >= 0) bits |= tracestate(buf, found.stateAt, found.stateEnd, wide);
    return this.#asksInside ? bits | this.#inside(buf, found, wide) : bits;
  }

  #inside(buf: Uint8Array, { start, end }: FoundFields, wide: Int32Array): number {
    let bits = 0;
    let messageAt = 0;
    let messageEnd = 0;
    for (let pos = start; pos < end; ) {
      pos = readTag(buf, pos, end);
      const [number, type] = [fieldNumber, fieldType];
      const at = type === 2 ? open(buf, pos, end) : pos;
      const to = type === 2 ? bodyEnd : skipValue(buf, pos, end, type);
      if (number === Span.events) bits |= this.#event(buf, at, to, wide);
      else if (number === Span.status && textOf(buf, at, to, Status.message))
        [messageAt, messageEnd] = [textAt, textEnd];
      pos = to;
    }
    return this.#more.statusMessage === undefined
      ? bits
      : bits | this.#more.statusMessage(buf, messageAt, messageEnd, wide);
  }

  #event(buf: Uint8Array, start: number, end: number, wide: Int32Array): number {
    let bits = 0;
    for (let pos = start; pos < end; ) {
      pos = readTag(buf, pos, end);
      const [number, type] = [fieldNumber, fieldType];
      const at = type === 2 ? open(buf, pos, end) : pos;
      const to = type === 2 ? bodyEnd : skipValue(buf, pos, end, type);
      if (number === Event.attributes) bits |= attributeBits(this.#eventKeys, buf, at, to, 0, wide);
      pos = to;
    }
    if (this.#more.eventName === undefined) return bits;
    const isNamed = textOf(buf, start, end, Event.name);
    return bits | this.#more.eventName(buf, isNamed ? textAt : 0, isNamed ? textEnd : 0, wide);
  }
}

let textAt = 0;
let textEnd = 0;

/** Where the text of field `wanted` lies in the message at buf[start, end); false where it has none. */
function textOf(buf: Uint8Array, start: number, end: number, wanted: number): boolean {
  let isThere = false;
  for (let pos = start; pos < end; ) {
    pos = readTag(buf, pos, end);
    const [number, type] = [fieldNumber, fieldType];
    const at = type === 2 ? open(buf, pos, end) : pos;
    const to = type === 2 ? bodyEnd : skipValue(buf, pos, end, type);
    if (number === wanted && type === 2) {
      [textAt, textEnd] = [at, to];
      isThere = true;
    }
    pos = to;
  }
  return isThere;
}

import type { MoreConditions } from '../model/conditions.ts';
import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue, varint32 } from '../wire/cursor.ts';
import { Event, Span, Status } from '../wire/otlp.ts';
import { attributeBits, NamedKeys } from './named-keys.ts';

/** What the scan knows of a span when it has read it. */
interface ScannedSpan {
  start: number;
  end: number;
  code: number;
  isRoot: boolean;
  durationNs: number;
}

export const nothingScanned = (): ScannedSpan => ({ start: 0, end: 0, code: 0, isRoot: false, durationNs: 0 });

/**
 * What few rules ask of a span. Its fields are looked through once more where one of them does: the scan itself, which
 * all pay for, stays as short as it is.
 */
export class MoreBits {
  readonly #more: MoreConditions;
  readonly #eventKeys: NamedKeys;
  readonly #asksFields: boolean;

  constructor(more: MoreConditions) {
    const { kind, sampled, name, tracestate, eventAttributes, eventName, statusMessage } = more;
    this.#more = more;
    this.#eventKeys = new NamedKeys(more.eventAttributes);
    this.#asksFields =
      eventAttributes.length > 0 || !!(kind || sampled || name || tracestate || eventName || statusMessage);
  }

  /** The bits of the first word; further ones are set in `wide`. */
  of(buf: Uint8Array, span: ScannedSpan, wide: Int32Array): number {
    const { status, duration, root } = this.#more;
    let bits = 0;
    if (status !== undefined) bits |= status(span.code, wide);
    if (duration !== undefined) bits |= duration(span.durationNs, wide);
    if (root !== undefined) bits |= root(span.isRoot ? 1 : 0, wide);
    return this.#asksFields ? bits | this.#fields(buf, span, wide) : bits;
  }

  /** Of a field that stands there several times the last one counts; a text that is left out is an empty one. */
  #fields(buf: Uint8Array, { start, end }: ScannedSpan, wide: Int32Array): number {
    const { kind, sampled, name, tracestate, statusMessage } = this.#more;
    let [bits, kindIs, flags] = [0, 0, 0];
    let [nameAt, nameEnd, stateAt, stateEnd, messageAt, messageEnd] = [0, 0, 0, 0, 0, 0];
    for (let pos = start; pos < end; ) {
      pos = readTag(buf, pos, end);
      const [number, type] = [fieldNumber, fieldType];
      const at = type === 2 ? open(buf, pos, end) : pos;
      const to = type === 2 ? bodyEnd : skipValue(buf, pos, end, type);
      if (number === Span.name) [nameAt, nameEnd] = [at, to];
      else if (number === Span.kind) kindIs = varint32(buf, at, to);
      else if (number === Span.traceState) [stateAt, stateEnd] = [at, to];
      else if (number === Span.flags) flags = buf[at];
      else if (number === Span.events) bits |= this.#event(buf, at, to, wide);
      else if (number === Span.status && textOf(buf, at, to, Status.message))
        [messageAt, messageEnd] = [textAt, textEnd];
      pos = to;
    }
    if (kind !== undefined) bits |= kind(kindIs, wide);
    if (sampled !== undefined) bits |= sampled(flags & 1, wide);
    if (name !== undefined) bits |= name(buf, nameAt, nameEnd, wide);
    if (tracestate !== undefined) bits |= tracestate(buf, stateAt, stateEnd, wide);
    return statusMessage === undefined ? bits : bits | statusMessage(buf, messageAt, messageEnd, wide);
  }

  #event(buf: Uint8Array, start: number, end: number, wide: Int32Array): number {
    if (this.#more.eventName === undefined && this.#more.eventAttributes.length === 0) return 0;
    let bits = 0;
    this.#eventKeys.begin();
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

import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue, slackBytes } from './cursor.ts';
import { AnyValue, Event, KeyValue, Link, ListValue, Resource, Scope, Span, Status } from './otlp.ts';
import { Writer } from './writer.ts';

/** Which fields of a message are text, and which are messages with text in them. */
type Texts = readonly ('text' | Texts | undefined)[];

const texts = (fields: Readonly<Record<number, 'text' | Texts>>): Texts => {
  const list: ('text' | Texts | undefined)[] = [];
  for (const [field, what] of Object.entries(fields)) list[Number(field)] = what;
  return list;
};

const anyValue: ('text' | Texts | undefined)[] = [];
const keyValue = texts({ [KeyValue.key]: 'text', [KeyValue.value]: anyValue });
anyValue[AnyValue.string] = 'text';
anyValue[AnyValue.array] = texts({ [ListValue.values]: anyValue });
anyValue[AnyValue.kvlist] = texts({ [ListValue.values]: keyValue });

/** Schema URL and type, keys of ids and of descriptions. */
const entityRef = texts({ 1: 'text', 2: 'text', 3: 'text', 4: 'text' });

export const spanTexts = texts({
  [Span.traceState]: 'text',
  [Span.name]: 'text',
  [Span.attributes]: keyValue,
  [Span.events]: texts({ [Event.name]: 'text', [Event.attributes]: keyValue }),
  [Span.links]: texts({ [Link.traceState]: 'text', [Link.attributes]: keyValue }),
  [Span.status]: texts({ [Status.message]: 'text' }),
});
export const resourceTexts = texts({ [Resource.attributes]: keyValue, [Resource.entityRefs]: entityRef });
export const scopeTexts = texts({ [Scope.name]: 'text', [Scope.version]: 'text', [Scope.attributes]: keyValue });
/** What stands beside resources and scopes. */
export const schemaUrlTexts = texts({ 3: 'text' });

/**
 * The message buf[start, end) with U+FFFD for whatever in its texts is no UTF-8, in a writer of its own with
 * `slackBytes` behind it; undefined where all of them are UTF-8. The message must be well formed. Protobuf's C library,
 * and with it servers in Python, Ruby and PHP, refuse a whole request for one such text; SDKs send what the
 * instrumented program has. Asked of what is kept only: to look at every byte of every span costs a tenth of its scan.
 */
export function mendText(buf: Uint8Array, start: number, end: number, fields: Texts): Writer | undefined {
  if (isSound(buf, start, end, fields)) return undefined;
  const w = new Writer(end - start + 64);
  write(w, buf, start, end, fields);
  w.reserve(slackBytes);
  return w;
}

/** The same of bytes that are looked at once in a while. */
export function withMendedText(message: Uint8Array, fields: Texts): Uint8Array {
  return mendText(message, 0, message.length, fields)?.view() ?? message;
}

/** Whether all texts are UTF-8. What neighbours hold is looked at together, as long as it is ASCII: nearly always. */
function isSound(buf: Uint8Array, pos: number, end: number, fields: Texts): boolean {
  let from = pos;
  while (pos < end) {
    const at = pos;
    let textTo = at;
    const tag = buf[pos];
    // The tags of fields are single bytes, nearly always.
    if (tag < 0x80 && (tag & 7) === 2) {
      const body = open(buf, pos + 1, end);
      const what = fields[tag >>> 3];
      pos = bodyEnd;
      if (what !== undefined) textTo = what === keyValue ? endOfText(buf, body, pos) : pos;
    } else {
      pos = readTag(buf, pos, end);
      const isText = fieldType === 2 && fields[fieldNumber] !== undefined;
      pos = skipValue(buf, pos, end, fieldType);
      if (isText) textTo = pos;
    }
    if (textTo === pos) continue;
    const to = textTo === at ? at : pos;
    if (from < textTo && !isAscii(buf, from, textTo) && !areSound(buf, from, to, fields)) return false;
    from = pos;
  }
  return from >= end || isAscii(buf, from, end) || areSound(buf, from, end, fields);
}

/**
 * Where the value starts of an attribute as every SDK writes it: key, then value, each once and short; -1 where it is
 * any other.
 */
function usualValueAt(buf: Uint8Array, pos: number, end: number): number {
  const valueAt = pos + 4 + buf[pos + 1];
  const isUsual =
    valueAt < end &&
    buf[pos] === 0x0a &&
    buf[pos + 1] < 0x80 &&
    buf[valueAt - 2] === 0x12 &&
    buf[valueAt - 1] === end - valueAt;
  return isUsual ? valueAt : -1;
}

/**
 * Where the text of an attribute ends: of a usual one with a number, whose bytes may be any, it is before its value.
 */
function endOfText(buf: Uint8Array, pos: number, end: number): number {
  const valueAt = usualValueAt(buf, pos, end);
  if (valueAt < 0) return end;
  if (buf[valueAt] === 0x21) return valueAt + 9 === end ? valueAt : end;
  if (buf[valueAt] !== 0x18) return end;
  let last = valueAt + 1;
  while (last < end && buf[last] >= 0x80) last++;
  return last + 1 === end ? valueAt : end;
}

/** Each of the fields with text, one by one. */
function areSound(buf: Uint8Array, pos: number, end: number, fields: Texts): boolean {
  while (pos < end) {
    const tag = buf[pos];
    let what = fields[tag >>> 3];
    if (tag < 0x80) pos++;
    else {
      pos = readTag(buf, pos, end);
      what = fields[fieldNumber];
    }
    pos = open(buf, pos, end);
    const to = bodyEnd;
    if (!isFieldSound(buf, pos, to, what as 'text' | Texts)) return false;
    pos = to;
  }
  return true;
}

function isFieldSound(buf: Uint8Array, pos: number, end: number, what: 'text' | Texts): boolean {
  if (what === 'text') return isUtf8(buf, pos, end);
  if (what === keyValue) {
    // All bytes between the two texts of a usual attribute are ASCII, so the whole is UTF-8 when both are.
    const valueAt = usualValueAt(buf, pos, end);
    if (valueAt >= 0 && buf[valueAt] === 0x0a && valueAt + 2 + buf[valueAt + 1] === end) return isUtf8(buf, pos, end);
  }
  return isSound(buf, pos, end, what);
}

/** Memory as words, once made: a view for each look at it would cost more than the look. */
const wordsOf = new WeakMap<ArrayBufferLike, Int32Array>();

function wordsIn(memory: ArrayBufferLike): Int32Array {
  let words = wordsOf.get(memory);
  if (words === undefined) wordsOf.set(memory, (words = new Int32Array(memory, 0, memory.byteLength >> 2)));
  return words;
}

/** Below this, bytes one by one are as fast. */
const shortBytes = 32;

/**
 * Four bytes at a time, a quarter of what they cost one by one; Node's own isAscii is no faster, and wants a view each
 * time.
 */
function isAscii(buf: Uint8Array, pos: number, end: number): boolean {
  let all = 0;
  if (end - pos >= shortBytes) {
    const { byteOffset } = buf;
    const words = wordsIn(buf.buffer);
    for (; ((byteOffset + pos) & 3) !== 0; pos++) all |= buf[pos];
    let word = (byteOffset + pos) >> 2;
    for (; pos + 4 <= end; pos += 4) all |= words[word++];
  }
  for (; pos < end; pos++) all |= buf[pos];
  return (all & 0x80808080) === 0;
}

/** By the table of well-formed sequences (Unicode, table 3-7): no surrogates, nothing longer than it need be. */
function isUtf8(buf: Uint8Array, pos: number, end: number): boolean {
  while (pos < end) {
    const lead = buf[pos++];
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return false;
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (pos + more > end) return false;
    const second = buf[pos];
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let i = 1; i < more; i++) if ((buf[pos + i] & 0xc0) !== 0x80) return false;
    pos += more;
  }
  return true;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function write(w: Writer, buf: Uint8Array, pos: number, end: number, fields: Texts): void {
  while (pos < end) {
    const from = pos;
    pos = readTag(buf, pos, end);
    const number = fieldNumber;
    const what = fieldType === 2 ? fields[number] : undefined;
    const body = what === undefined ? pos : open(buf, pos, end);
    pos = what === undefined ? skipValue(buf, pos, end, fieldType) : bodyEnd;
    if (what === undefined || isAscii(buf, body, pos)) w.raw(buf, from, pos);
    else if (what === 'text') w.string(number, decoder.decode(buf.subarray(body, pos)));
    else {
      const mark = w.open(number);
      write(w, buf, body, pos, what);
      w.close(mark);
    }
  }
}

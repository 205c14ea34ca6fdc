import { bodyEnd, fieldNumber, fieldType, open, readTag, skipValue, slackBytes } from './cursor.ts';
import { AnyValue, Event, KeyValue, Link, ListValue, Resource, Scope, Span, Status } from './otlp.ts';
import { wordsIn } from './words.ts';
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
 * Where the tag of the last tracestate of the Span lies that `mendText` looked through last, in its answer where there
 * was one; -1 where there is none or the last one is empty.
 */
export let lastTraceStateAt = -1;

/** All that is no longer is mended in the same memory: with memory of its own, and its words, it takes three times as long. */
const usualBytes = 16 * 1024;
const usual = new Writer(4096);

/**
 * The message buf[start, end) with U+FFFD for whatever in its texts is no UTF-8, with `slackBytes` behind it, in a
 * writer that is lent until the next call; undefined where all of them are UTF-8. The message must be well formed.
 * Protobuf's C library, and with it servers in Python, Ruby and PHP, refuse a whole request for one such text; SDKs send
 * what the instrumented program has. Asked of what is kept only: to look at every byte of every span costs a tenth of
 * its scan.
 */
export function mendText(buf: Uint8Array, start: number, end: number, fields: Texts): Writer | undefined {
  if (isSound(buf, start, end, fields)) return undefined;
  const w = end - start <= usualBytes ? usual.reset() : new Writer(end - start + 64);
  write(w, buf, start, end, fields);
  w.reserve(slackBytes);
  isSound(w.buf, 0, w.pos, fields); // for `lastTraceStateAt`
  return w;
}

/** The same of bytes that are looked at once in a while, in memory of their own. */
export function withMendedText(message: Uint8Array, fields: Texts): Uint8Array {
  return mendText(message, 0, message.length, fields)?.finish() ?? message;
}

/**
 * Whether all texts are UTF-8. The next byte that is not ASCII is looked for ahead, past all that neighbours hold: most
 * spans have three or four such, in ids, times and numbers, and none in texts.
 */
function isSound(buf: Uint8Array, pos: number, end: number, fields: Texts): boolean {
  const words = wordsIn(buf.buffer);
  let beyondAscii = -1;
  let stateAt = -1;
  while (pos < end) {
    const at = pos;
    let number = buf[pos] >>> 3;
    let type = buf[pos] & 7;
    // The tags of fields are single bytes, nearly always.
    if (buf[pos] < 0x80) pos++;
    else {
      pos = readTag(buf, pos, end);
      number = fieldNumber;
      type = fieldType;
    }
    if (type !== 2) {
      pos = skipValue(buf, pos, end, type);
      continue;
    }
    const body = open(buf, pos, end);
    pos = bodyEnd;
    const what = fields[number];
    if (what === undefined) continue;
    if (number === Span.traceState) stateAt = body === pos ? -1 : at;
    if (beyondAscii < body) beyondAscii = nextBeyondAscii(buf, words, body, end);
    if (beyondAscii >= pos || (what === keyValue && beyondAscii >= endOfText(buf, body, pos))) continue;
    if (!isFieldSound(buf, body, pos, what)) return false;
  }
  lastTraceStateAt = stateAt;
  return true;
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

function isFieldSound(buf: Uint8Array, pos: number, end: number, what: 'text' | Texts): boolean {
  if (what === 'text') return isUtf8(buf, pos, end);
  if (what === keyValue) {
    // All bytes between the two texts of a usual attribute are ASCII, so the whole is UTF-8 when both are.
    const valueAt = usualValueAt(buf, pos, end);
    if (valueAt >= 0 && buf[valueAt] === 0x0a && valueAt + 2 + buf[valueAt + 1] === end) return isUtf8(buf, pos, end);
  }
  return isSound(buf, pos, end, what);
}

/**
 * Where the first byte of buf[pos, end) lies that is not ASCII; `end` where all are. `words` is `wordsIn(buf.buffer)`.
 * Sixteen bytes at a time; Node's own isAscii wants a view each time.
 */
function nextBeyondAscii(buf: Uint8Array, words: Int32Array, pos: number, end: number): number {
  const { byteOffset } = buf;
  for (; pos < end && ((byteOffset + pos) & 3) !== 0; pos++) if (buf[pos] >= 0x80) return pos;
  let word = (byteOffset + pos) >> 2;
  const last = (byteOffset + end) >> 2;
  while (word + 4 <= last && isAscii(words[word] | words[word + 1] | words[word + 2] | words[word + 3])) word += 4;
  while (word < last && isAscii(words[word])) word++;
  pos = Math.max(pos, (word << 2) - byteOffset);
  while (pos < end && buf[pos] < 0x80) pos++;
  return pos;
}

const isAscii = (word: number): boolean => (word & 0x80808080) === 0;

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
    if (what === undefined || nextBeyondAscii(buf, wordsIn(buf.buffer), body, pos) === pos) w.raw(buf, from, pos);
    else if (what === 'text') w.string(number, decoder.decode(buf.subarray(body, pos)));
    else {
      const mark = w.open(number);
      write(w, buf, body, pos, what);
      w.close(mark);
    }
  }
}

import { isAscii, isUtf8 } from 'node:buffer';
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
 * The message buf[start, end) with U+FFFD for whatever in its texts is no UTF-8, in a writer of its own with `slackBytes` behind it; undefined
 * where all of them are UTF-8. The message must be well formed. Protobuf's C library, and with it servers in Python, Ruby and PHP, refuse a
 * whole request for one such text; SDKs send what the instrumented program has. Asked of what is kept only: to look at every byte of every
 * span costs a tenth of its scan.
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

function isSound(buf: Uint8Array, pos: number, end: number, fields: Texts): boolean {
  // Neighbours with text are looked at together, as long as they are ASCII: nearly always.
  let from = pos;
  while (pos < end) {
    const at = pos;
    pos = readTag(buf, pos, end);
    const isText = fieldType === 2 && fields[fieldNumber] !== undefined;
    pos = skipValue(buf, pos, end, fieldType);
    if (isText) continue;
    if (from < at && !isPlain(buf, from, at) && !areSound(buf, from, at, fields)) return false;
    from = pos;
  }
  return from >= end || isPlain(buf, from, end) || areSound(buf, from, end, fields);
}

/** Each of the fields with text, one by one. */
function areSound(buf: Uint8Array, pos: number, end: number, fields: Texts): boolean {
  while (pos < end) {
    pos = open(buf, readTag(buf, pos, end), end);
    const to = bodyEnd;
    const what = fields[fieldNumber] as 'text' | Texts;
    const isFine =
      isPlain(buf, pos, to) || (what === 'text' ? isUtf8(buf.subarray(pos, to)) : isSound(buf, pos, to, what));
    if (!isFine) return false;
    pos = to;
  }
  return true;
}

/** Below this a loop is as cheap as a view and a call that leaves JavaScript. */
const shortBytes = 96;

function isPlain(buf: Uint8Array, pos: number, end: number): boolean {
  if (end - pos >= shortBytes) return isAscii(buf.subarray(pos, end));
  let all = 0;
  for (; pos < end; pos++) all |= buf[pos];
  return all < 0x80;
}

const decoder = new TextDecoder();

function write(w: Writer, buf: Uint8Array, pos: number, end: number, fields: Texts): void {
  while (pos < end) {
    const from = pos;
    pos = readTag(buf, pos, end);
    const number = fieldNumber;
    const what = fieldType === 2 ? fields[number] : undefined;
    const body = what === undefined ? pos : open(buf, pos, end);
    pos = what === undefined ? skipValue(buf, pos, end, fieldType) : bodyEnd;
    if (what === undefined || isPlain(buf, body, pos)) w.raw(buf, from, pos);
    else if (what === 'text') w.string(number, decoder.decode(buf.subarray(body, pos)));
    else {
      const mark = w.open(number);
      write(w, buf, body, pos, what);
      w.close(mark);
    }
  }
}

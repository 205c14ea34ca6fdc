import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';

/**
 * Every span of an export request as itself, in order: `traceId spanId hash`. The hash is of the span's bytes, its
 * scope's and its resource's, without what a gateway may add to a kept span: its tracestate and `tailgate.*`
 * attributes. Spans without valid ids, which a gateway rejects, are left out. Written without the product's own reader;
 * throws where the bytes are no protobuf, but for those inside a span where such spans are to be left out.
 */
export function spanIdentities(request: Uint8Array, brokenSpans: 'throw' | 'leave out' = 'throw'): string[] {
  const found: string[] = [];
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  for (const resourceSpans of messages(bytes, 1)) {
    const resource = messages(resourceSpans, 1);
    const scopes = messages(resourceSpans, 2);
    // SDKs of 2021 have their spans in field 1000, which counts where there is no field 2.
    for (const scopeSpans of scopes.length > 0 ? scopes : messages(resourceSpans, 1000)) {
      // A message that occurs twice is one, of all their fields: so protobuf has it.
      const around = [Buffer.concat(resource), Buffer.concat(messages(scopeSpans, 1))];
      for (const span of messages(scopeSpans, 2)) {
        const identity = brokenSpans === 'throw' ? spanIdentity(span, around) : identityOrNone(span, around);
        if (identity !== undefined) found.push(identity);
      }
    }
  }
  return found;
}

/**
 * Trace and span ids of the spans whose resource or scope has bytes that are no UTF-8: a gateway may have to mend their
 * text, after which the spans are no longer themselves. None where the request is no protobuf.
 */
export function idsInBrokenText(request: Uint8Array): string[] {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  try {
    return messages(bytes, 1).flatMap((resourceSpans) => {
      const resource = Buffer.concat(messages(resourceSpans, 1));
      return messages(resourceSpans, 2)
        .filter((scopeSpans) => !isUtf8(Buffer.concat([resource, ...messages(scopeSpans, 1)])))
        .flatMap((scopeSpans) => messages(scopeSpans, 2))
        .map((span) => idsOf(identityOrNone(span, []) ?? ''));
    });
  } catch {
    return [];
  }
}

/** The trace and span id of an identity. */
export const idsOf = (identity: string): string => identity.slice(0, identity.lastIndexOf(' '));

/** How often each is there. */
export class Multiset {
  readonly #counts = new Map<string, number>();
  size = 0;

  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.size++;
  }

  /** Takes one away; false when there is none. */
  take(key: string): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count === 0) return false;
    if (count === 1) this.#counts.delete(key);
    else this.#counts.set(key, count - 1);
    this.size--;
    return true;
  }

  keys(): string[] {
    return [...this.#counts.keys()];
  }
}

/** What is there too often, and what too seldom: both empty where the two are the same multiset. */
export function difference(got: Iterable<string>, wanted: Iterable<string>): { extra: string[]; missing: string[] } {
  const left = new Multiset();
  for (const key of wanted) left.add(key);
  const extra = [...got].filter((key) => !left.take(key));
  return { extra, missing: left.keys() };
}

function identityOrNone(span: Buffer, around: readonly Buffer[]): string | undefined {
  try {
    return spanIdentity(span, around);
  } catch {
    return undefined;
  }
}

function spanIdentity(span: Buffer, around: readonly Buffer[]): string | undefined {
  let traceId = '';
  let spanId = '';
  const own: Buffer[] = [];
  for (const field of fields(span)) {
    const value = span.subarray(field.from, field.to);
    if (field.number === 1) traceId = value.toString('hex');
    if (field.number === 2) spanId = value.toString('hex');
    const added = field.number === 3 || (field.number === 9 && isMark(value));
    if (!added) own.push(span.subarray(field.at, field.to));
  }
  if (!isId(traceId, 16) || !isId(spanId, 8)) return undefined;
  const separate = [...own, ...around.flatMap((part) => [Buffer.from(`|${part.length}|`), part])];
  return `${traceId} ${spanId} ${hash('sha1', Buffer.concat(separate))}`;
}

const isId = (hex: string, bytes: number): boolean => hex.length === bytes * 2 && !/^0*$/.test(hex);

const isMark = (attribute: Buffer): boolean =>
  messages(attribute, 1).some((key) => key.toString('latin1').startsWith('tailgate.'));

/** The length-delimited fields of one number. */
const messages = (bytes: Buffer, number: number): Buffer[] =>
  fields(bytes)
    .filter((field) => field.number === number && field.type === 2)
    .map(({ from, to }) => bytes.subarray(from, to));

interface Field {
  readonly number: number;
  readonly type: number;
  /** Where its tag begins, and its value. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

function fields(bytes: Buffer): Field[] {
  const all: Field[] = [];
  for (let at = 0; at < bytes.length; at = all[all.length - 1].to) {
    const tag = varint(bytes, at);
    const type = tag.value & 7;
    all.push({ number: Math.floor(tag.value / 8), type, at, ...extent(bytes, tag.end, type) });
  }
  return all;
}

function extent(bytes: Buffer, from: number, type: number): { from: number; to: number } {
  const value = type === 0 || type === 2 ? varint(bytes, from) : { value: 0, end: from };
  const to = { 0: value.end, 1: from + 8, 2: value.end + value.value, 5: from + 4 }[type] ?? Number.NaN;
  if (!(to <= bytes.length))
    throw new Error(`no protobuf: a field of type ${type} from ${from} to ${to} of ${bytes.length}`);
  return { from: type === 2 ? value.end : from, to };
}

function varint(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    value += (bytes[at + i] & 0x7f) * 2 ** (7 * i);
    if (bytes[at + i] < 0x80) return { value, end: at + i + 1 };
  }
  throw new Error(`no protobuf: a varint without end at ${at} of ${bytes.length}`);
}

import { createHash } from 'node:crypto';
import { Writer } from '../../src/wire/writer.ts';

/** A span as a story tells it; what is left out is ordinary. */
export interface Told {
  /** Any text; the same text is the same trace. A text of 32 hex digits is the id itself. */
  trace: string;
  /** Span id: any text. */
  id?: string;
  /** Parent's id; left out = root. */
  parent?: string;
  service?: string;
  /** Attributes of its resource beside the service; neighbours share the resource where this is the same object. */
  resource?: Record<string, string | number | boolean>;
  scope?: string;
  name?: string;
  /** SERVER where it is left out. */
  kind?: number;
  startMs?: number;
  durationMs?: number;
  status?: 'UNSET' | 'OK' | 'ERROR';
  attributes?: Record<string, string | number | boolean>;
  /** Attributes that stand behind the others, and those behind its resource's: some perhaps for the second time. */
  more?: Record<string, string | number | boolean>;
  moreOfResource?: Record<string, string | number | boolean>;
  traceState?: string;
  /** W3C trace flags and OTLP's own above them. */
  flags?: number;
  /** Bytes appended to the span message as they are. */
  unknown?: Uint8Array;
  /** Bytes of padding, as an attribute. */
  padding?: number;
  /** The same, of a text that cannot be compressed to less than three quarters, another one for each trace. */
  noise?: number;
}

/** Any text → bytes that look random and are always the same (FNV-1a, stretched). */
export function idOf(text: string, bytes: number): Uint8Array {
  if (text.length === bytes * 2 && /^[0-9a-f]*$/.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  const out = new Uint8Array(bytes);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes; i++) {
    for (const char of `${text}:${i}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    out[i] = (hash ^ (hash >>> 15)) & 0xff;
  }
  return out;
}
const noise = (text: string, bytes: number): string =>
  createHash('shake256', { outputLength: bytes }).update(text).digest('base64').slice(0, bytes);

export const traceIdHex = (text: string): string => Buffer.from(idOf(text, 16)).toString('hex');

let unnamed = 0;
const codes = { UNSET: 0, OK: 1, ERROR: 2 };

/** One Span message. */
export function spanBytes(told: Told): Uint8Array {
  const w = new Writer(256);
  const start = BigInt(Math.round((told.startMs ?? 1_790_000_000_000) * 1e6));
  w.bytes(1, idOf(told.trace, 16));
  w.bytes(2, idOf(told.id ?? `span-${unnamed++}`, 8));
  if (told.traceState !== undefined) w.string(3, told.traceState);
  if (told.parent !== undefined) w.bytes(4, idOf(told.parent, 8));
  if (told.name !== '') w.string(5, told.name ?? 'work');
  w.tag(6, 0);
  w.varint(told.kind ?? 2);
  w.tag(7, 1);
  w.fixed64(start);
  w.tag(8, 1);
  w.fixed64(start + BigInt(Math.round((told.durationMs ?? 1) * 1e6)));
  for (const more of [told.attributes, told.more])
    for (const [key, value] of Object.entries(more ?? {})) attributeField(w, 9, key, value);
  if (told.padding !== undefined) attributeField(w, 9, 'padding', 'x'.repeat(told.padding));
  if (told.noise !== undefined) attributeField(w, 9, 'noise', noise(told.trace, told.noise));
  if (told.status !== undefined) {
    const status = w.open(15);
    w.tag(3, 0);
    w.varint(codes[told.status]);
    w.close(status);
  }
  if (told.flags !== undefined) {
    w.tag(16, 5);
    w.fixed32(told.flags);
  }
  if (told.unknown !== undefined) w.raw(told.unknown);
  return w.finish();
}

export function attributeField(w: Writer, field: number, key: string, value: string | number | boolean): void {
  const attribute = w.open(field);
  w.string(1, key);
  const any = w.open(2);
  if (typeof value === 'string') w.string(1, value);
  else if (typeof value === 'boolean') {
    w.tag(2, 0);
    w.varint(value ? 1 : 0);
  } else if (Number.isInteger(value)) {
    w.tag(3, 0);
    w.int64(BigInt(value));
  } else {
    w.tag(4, 1);
    w.double(value);
  }
  w.close(any);
  w.close(attribute);
}

/** One ExportTraceServiceRequest; neighbours of one service and scope share their envelope. */
export function requestBytes(...spans: Told[]): Uint8Array {
  const w = new Writer(1024);
  for (let i = 0; i < spans.length; ) {
    const { service, scope, resource: attributes, moreOfResource } = spans[i];
    const resourceSpans = w.open(1);
    const resource = w.open(1);
    attributeField(w, 1, 'service.name', service ?? 'shop');
    for (const more of [attributes, moreOfResource])
      for (const [key, value] of Object.entries(more ?? {})) attributeField(w, 1, key, value);
    w.close(resource);
    const scopeSpans = w.open(2);
    const scopeMark = w.open(1);
    w.string(1, scope ?? 'tests');
    w.close(scopeMark);
    const isNeighbour = (span: Told) =>
      span.service === service &&
      span.scope === scope &&
      span.resource === attributes &&
      span.moreOfResource === moreOfResource;
    for (; i < spans.length && isNeighbour(spans[i]); i++) w.bytes(2, spanBytes(spans[i]));
    w.close(scopeSpans);
    w.string(3, 'https://opentelemetry.io/schemas/1.44.0');
    w.close(resourceSpans);
  }
  return w.finish();
}

import type { SpanPlace } from '../model/predicates.ts';
import { fnv1a } from '../tables/fnv.ts';
import { findAttribute, findField, foundEnd, nextMessage } from '../wire/fields.ts';
import { AnyValue, Resource, ResourceSpans, ScopeSpans, Span } from '../wire/otlp.ts';
import { Writer } from '../wire/writer.ts';
import type { Emitter } from './emit.ts';
import type { ShownWriter } from './past-trace.ts';

/** Number, lengths of name and service, then their bytes. */
const recordBytes = 128;
const namesAt = 8;
const mostNameBytes = 72;
const mostServiceBytes = recordBytes - namesAt - mostNameBytes;
/** Longer ones are nobody's names, and cost time to read. */
const longestRead = 1024;
const serviceName = new TextEncoder().encode('service.name');
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Two bytes of each decision that is remembered, and no more than 256 KiB. */
const decisionsARecord = recordBytes / 2;
const mostRecords = 2048;
/** What they take of memory for each decision remembered. */
export const witnessBytes = 2;

interface Witness {
  readonly name: string;
  readonly service: string;
}

/**
 * Names of spans that made policies keep their traces. Decisions are many and such names are few, so a decision holds
 * a number that stands for a name and its service, and the texts stand here, each in the place that its number gives it:
 * a new one is put over the one before. What is here was redacted.
 */
export class Witnesses {
  readonly #records: Uint8Array;
  readonly #numbers: Int32Array;
  readonly #emitter: Emitter;
  readonly #write: Pick<ShownWriter, 'shown' | 'resource'>;
  readonly #in = new Writer(256);
  readonly #out = new Writer(256);

  constructor(decisions: number, emitter: Emitter, write: Pick<ShownWriter, 'shown' | 'resource'>) {
    const wanted = Math.min(mostRecords, Math.max(1, decisions / decisionsARecord));
    this.#records = new Uint8Array(2 ** Math.floor(Math.log2(wanted)) * recordBytes);
    this.#numbers = new Int32Array(this.#records.buffer);
    this.#emitter = emitter;
    this.#write = write;
  }

  get bytes(): number {
    return this.#records.length;
  }

  /** The number that stands for the span there; 0 where its name is too long. */
  note({ buf, start, end, resourceSpansAt, scopeSpansAt }: SpanPlace): number {
    const { resource } = this.#emitter.envelopeAt(buf, resourceSpansAt, scopeSpansAt);
    this.#emitter.charge(end - start + resource.length);
    const nameAt = findField(buf, start, end, Span.name, 2);
    const nameEnd = nameAt < 0 ? -1 : foundEnd;
    const valueAt = findAttribute(resource, 0, resource.length, Resource.attributes, serviceName);
    const serviceAt = valueAt < 0 ? -1 : findField(resource, valueAt, foundEnd, AnyValue.string, 2);
    const serviceEnd = serviceAt < 0 ? -1 : foundEnd;
    if (nameEnd - nameAt > longestRead || serviceEnd - serviceAt > longestRead) return 0;
    const hash = fnv1a(resource, serviceAt, serviceEnd, fnv1a(buf, nameAt, nameEnd) ^ 0x2f);
    const number = hash ^ (hash >>> 15) || 1;
    const at = this.#at(number);
    if (this.#numbers[at >> 2] !== number) {
      this.#numbers[at >> 2] = number;
      this.#records[at + 4] = this.#put(at + namesAt, mostNameBytes, this.#shownName(buf, nameAt, nameEnd));
      const service = this.#shownService(resource, serviceAt, serviceEnd);
      this.#records[at + 5] = this.#put(at + namesAt + mostNameBytes, mostServiceBytes, service);
    }
    return number;
  }

  /** Whom a number stands for, if that is known still. */
  of(number: number): Witness | undefined {
    const at = this.#at(number);
    if (number === 0 || this.#numbers[at >> 2] !== number) return undefined;
    const text = (from: number, bytes: number): string => utf8.decode(this.#records.subarray(from, from + bytes));
    const [name, service] = [this.#records[at + 4], this.#records[at + 5]];
    return { name: text(at + namesAt, name), service: text(at + namesAt + mostNameBytes, service) };
  }

  #at(number: number): number {
    return ((number >>> 0) % (this.#records.length / recordBytes)) * recordBytes;
  }

  /** Puts a text there, cut where a character ends; its length. */
  #put(at: number, mostBytes: number, text: Uint8Array): number {
    let bytes = Math.min(text.length, mostBytes);
    while (bytes < text.length && bytes > 0 && (text[bytes] & 0xc0) === 0x80) bytes--;
    this.#records.set(text.subarray(0, bytes), at);
    return bytes;
  }

  #shownName(buf: Uint8Array, start: number, end: number): Uint8Array {
    const span = this.#in.reset();
    if (start >= 0) span.bytes(Span.name, buf, start, end);
    const out = this.#out.reset();
    this.#write.shown(out, span.buf, 0, span.pos);
    return this.#within(ScopeSpans.spans, (from, to) => findField(out.buf, from, to, Span.name, 2));
  }

  #shownService(buf: Uint8Array, start: number, end: number): Uint8Array {
    const resource = this.#in.reset();
    if (start >= 0) {
      const attribute = resource.open(Resource.attributes);
      resource.bytes(1, serviceName);
      const value = resource.open(2);
      resource.bytes(AnyValue.string, buf, start, end);
      resource.close(value);
      resource.close(attribute);
    }
    const out = this.#out.reset();
    this.#write.resource(out, resource.buf, 0, resource.pos);
    return this.#within(ResourceSpans.resource, (from, to) => {
      const at = findAttribute(out.buf, from, to, Resource.attributes, serviceName);
      return at < 0 ? -1 : findField(out.buf, at, foundEnd, AnyValue.string, 2);
    });
  }

  /** The text that `find` finds in the message that was written. */
  #within(field: number, find: (from: number, to: number) => number): Uint8Array {
    const { buf, pos } = this.#out;
    const from = nextMessage(buf, 0, pos, field);
    const at = from < 0 ? -1 : find(from, foundEnd);
    return at < 0 ? new Uint8Array(0) : buf.subarray(at, foundEnd);
  }
}

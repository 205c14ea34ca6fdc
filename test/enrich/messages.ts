import * as v from 'valibot';
import { Enricher, type EnrichOptions } from '../../src/enrich/enrich.ts';
import { redactOptions } from '../../src/enrich/options.ts';
import { emptyStamp, type Stamp } from '../../src/model/stamp.ts';
import { thresholdOf } from '../../src/model/threshold.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { type KeyValue, SpanType } from '../support/otlp.ts';

export const ScopeSpansType = SpanType.root.lookupType('opentelemetry.proto.trace.v1.ScopeSpans');
export const ResourceSpansType = SpanType.root.lookupType('opentelemetry.proto.trace.v1.ResourceSpans');
export const ResourceType = SpanType.root.lookupType('opentelemetry.proto.resource.v1.Resource');
export const ScopeType = SpanType.root.lookupType('opentelemetry.proto.common.v1.InstrumentationScope');

export const encodeSpan = (span: object): Uint8Array =>
  Uint8Array.from(SpanType.encode(SpanType.fromObject(span)).finish());

/** The text of a list as the boot file has it, through its own schema. */
export const rules = (...entries: unknown[]) => v.parse(redactOptions, entries);

export function enricher(options: Partial<EnrichOptions> = {}): Enricher {
  return new Enricher({ resource: {}, set: {}, redact: rules('default'), ...options });
}

export function stampOf(probability: number, rest: Partial<Stamp> = {}): Stamp {
  const { high, low } = thresholdOf(probability);
  return {
    ...emptyStamp(),
    thresholdHigh: high,
    thresholdLow: low,
    policy: 'baseline',
    revision: 'r1',
    incomplete: false,
    late: false,
    rescued: false,
    ...rest,
  };
}

/** The bytes of the Span message that leaves. It is enriched in the middle of a buffer, as in the gateway. */
export function enrichedBytes(by: Enricher, span: Uint8Array, stamp = stampOf(1), marked = false): Uint8Array {
  const segment = new Uint8Array(span.length + 40).fill(0x41);
  segment.set(span, 13);
  const out = new Writer(16);
  by.span(out, segment, 13, 13 + span.length, stamp, marked);
  const r = new Reader(out.finish());
  if (!r.next() || r.field !== 2) throw new Error('not a field 2');
  const bytes = r.bytes();
  if (r.next()) throw new Error('more than one field');
  return bytes;
}

export interface Leaving {
  readonly name?: string;
  readonly traceState?: string;
  readonly attributes?: KeyValue[];
  readonly events?: { name?: string; attributes?: KeyValue[] }[];
  readonly links?: { traceState?: string; attributes?: KeyValue[] }[];
  readonly status?: { message?: string; code?: number };
}

export function decodeSpan(bytes: Uint8Array): Leaving {
  return SpanType.toObject(SpanType.decode(bytes), { longs: String, bytes: String }) as Leaving;
}

export const enriched = (by: Enricher, span: object, stamp = stampOf(1), marked = false): Leaving =>
  decodeSpan(enrichedBytes(by, encodeSpan(span), stamp, marked));

export const text = (key: string, value: string): KeyValue => ({ key, value: { stringValue: value } });

/** Attributes as a plain object; values as they are named in the message. */
export const plain = (attributes: KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value ?? {})[0]]));

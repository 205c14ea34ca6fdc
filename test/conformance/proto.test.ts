import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/decode/json/members.ts';
import { exportRequest } from '../../src/decode/json/messages.ts';
import * as wire from '../../src/wire/otlp.ts';
import { typeOf } from '../receive/support/intake.ts';

const messages = {
  Request: 'collector.trace.v1.ExportTraceServiceRequest',
  ResourceSpans: 'trace.v1.ResourceSpans',
  Resource: 'resource.v1.Resource',
  ScopeSpans: 'trace.v1.ScopeSpans',
  Scope: 'common.v1.InstrumentationScope',
  Span: 'trace.v1.Span',
  Event: 'trace.v1.Span.Event',
  Link: 'trace.v1.Span.Link',
  Status: 'trace.v1.Status',
  KeyValue: 'common.v1.KeyValue',
} as const;

const numbersOf = { ...wire } as unknown as Record<string, object>;

describe('field numbers agree with proto/', () => {
  it.each(Object.entries(messages))('%s', (name, fullName) => {
    const { fields } = typeOf(`opentelemetry.proto.${fullName}`);
    const numbers = numbersOf[name];
    for (const [field, number] of Object.entries(numbers)) expect([field, fields[field]?.id]).toEqual([field, number]);
  });

  it('and JSON senders may use every field of a trace', () => {
    const seen = new Set<Message>();
    compare(exportRequest, `opentelemetry.proto.${messages.Request}`, seen);
    expect(seen.size).toBe(14);
  });
});

/** Profiles only: meaningless in a trace. */
const elsewhere = new Set(['keyStrindex', 'stringValueStrindex']);

function compare(message: Message, fullName: string, seen: Set<Message>): void {
  if (seen.has(message)) return;
  seen.add(message);
  for (const field of typeOf(fullName).fieldsArray) {
    if (elsewhere.has(field.name)) continue;
    const ours = message.members.find(({ name }) => name === field.name);
    expect([field.fullName, ours?.number, ours?.repeated]).toEqual([field.fullName, field.id, field.repeated]);
    const nested = ours?.message;
    const { resolvedType } = field.resolve();
    if (nested !== undefined) compare(nested, String(resolvedType?.fullName).slice(1), seen);
  }
}

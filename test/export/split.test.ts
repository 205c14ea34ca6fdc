import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { split } from '../../src/export/split.ts';
import type { ExportRequest } from '../../src/model/export-request.ts';
import { Request, Resource, ResourceSpans, ScopeSpans, Span } from '../../src/wire/otlp.ts';
import { MalformedError, Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { namesIn, requestOf, spansOf } from './fakes.ts';

/** Unknown to every version of OTLP so far. */
const unknownField = 1000;

interface Case {
  readonly resources: readonly { readonly scopes: readonly (readonly { trace: number; size: number }[])[] }[];
}

/**
 * Every envelope says which it is, in the schema URL, and carries an unknown field; so does every span, in its name.
 */
function build({ resources }: Case): ExportRequest {
  const writer = new Writer();
  let spans = 0;
  const traces = new Set<number>();
  resources.forEach(({ scopes }, r) => {
    const resource = writer.open(Request.resourceSpans);
    scopes.forEach((scopeSpans, s) => {
      const scope = writer.open(ResourceSpans.scopeSpans);
      for (const { trace, size } of scopeSpans) {
        const span = writer.open(ScopeSpans.spans);
        writer.string(Span.name, `span ${spans++}`.padEnd(size, '.'));
        writer.bytes(Span.traceId, new Uint8Array(16).fill(trace));
        writer.string(unknownField, 'in a span');
        writer.close(span);
        traces.add(trace);
      }
      writer.string(ScopeSpans.schemaUrl, `scope ${r}.${s}`);
      writer.string(unknownField, 'in a scope');
      writer.close(scope);
    });
    writer.close(writer.open(ResourceSpans.resource));
    writer.string(ResourceSpans.schemaUrl, `resource ${r}`);
    writer.string(unknownField, 'in a resource');
    writer.close(resource);
  });
  writer.string(unknownField, 'in a request');
  return { body: writer.finish(), spans, traces: traces.size };
}

/** Each span as one line: its envelopes' other fields and its own bytes; and its trace. */
function read(body: Uint8Array): { line: string; trace: string; size: number }[] {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const fields = (bytes: Uint8Array) => {
    const all: { field: number; bytes: Uint8Array }[] = [];
    for (const r = new Reader(bytes); r.next(); ) all.push({ field: r.field, bytes: r.bytes() });
    return all;
  };
  const children = (bytes: Uint8Array, field: number) => fields(bytes).filter((each) => each.field === field);
  const others = (bytes: Uint8Array, field: number) =>
    fields(bytes)
      .filter((each) => each.field !== field)
      .map((each) => `${each.field}:${hex(each.bytes)}`)
      .join(' ');
  return children(body, Request.resourceSpans).flatMap((resource) =>
    children(resource.bytes, ResourceSpans.scopeSpans).flatMap((scope) =>
      children(scope.bytes, ScopeSpans.spans).map((span) => ({
        line: [
          others(body, Request.resourceSpans),
          others(resource.bytes, ResourceSpans.scopeSpans),
          others(scope.bytes, ScopeSpans.spans),
          hex(span.bytes),
        ].join(' | '),
        trace: hex(children(span.bytes, Span.traceId)[0].bytes),
        size: span.bytes.length,
      })),
    ),
  );
}

/** What a span's field costs beyond its bytes, at most. */
const tagAndLength = 4;

const sizeOf = (spans: { size: number }[]) => spans.reduce((sum, { size }) => sum + size, 0);

describe('splitting a request', () => {
  const span = fc.record({ trace: fc.integer({ min: 1, max: 4 }), size: fc.integer({ min: 10, max: 200 }) });
  const scope = fc.array(span, { maxLength: 5 });
  const request = fc.record({
    resources: fc.array(fc.record({ scopes: fc.array(scope, { maxLength: 3 }) }), { maxLength: 4 }),
  });

  it('keeps every span with its envelopes, unknown fields and all, and keeps traces whole', () => {
    const holds = (input: Case) => {
      const whole = build(input);
      const halves = split(whole, 'traces');
      if (whole.spans < 2) {
        expect(halves).toBeNull();
        return;
      }
      const [first, second] = halves!.map(({ body }) => read(body));
      const lines = [...first, ...second].map(({ line }) => line).sort();
      expect(lines).toEqual(
        read(whole.body)
          .map(({ line }) => line)
          .sort(),
      );
      const [firstTraces, secondTraces] = [first, second].map((part) => new Set(part.map(({ trace }) => trace)));
      if (whole.traces > 1) expect([...firstTraces].filter((trace) => secondTraces.has(trace))).toEqual([]);
      expect(halves).toMatchObject([
        { spans: first.length, traces: firstTraces.size },
        { spans: second.length, traces: secondTraces.size },
      ]);
      expect(Math.min(first.length, second.length)).toBeGreaterThan(0);
    };
    fc.assert(fc.property(request, holds), { numRuns: 500 });
  });

  it('cuts within one unit of the middle', () => {
    const oneTraceASpan = (sizes: number[]) =>
      build({ resources: [{ scopes: [sizes.map((size, i) => ({ trace: i + 1, size }))] }] });
    const oneTrace = (sizes: number[]) =>
      build({ resources: [{ scopes: [sizes.map((size) => ({ trace: 1, size }))] }] });
    const sizes = fc.array(fc.integer({ min: 10, max: 300 }), { minLength: 2, maxLength: 40 });
    const shapes = [oneTraceASpan, oneTrace] as const;
    for (const [shape, between] of shapes.flatMap((s) => [[s, 'traces'] as const, [s, 'spans'] as const])) {
      const holds = (each: number[]) => {
        const parts = split(shape(each), between)!.map(({ body }) => read(body));
        const largest = Math.max(...parts.flat().map(({ size }) => size));
        expect(Math.abs(sizeOf(parts[0]) - sizeOf(parts[1]))).toBeLessThanOrEqual(2 * (largest + tagAndLength));
      };
      fc.assert(fc.property(sizes, holds), { numRuns: 200 });
    }
  });

  it('cuts between spans when there is one trace only', () => {
    const halves = split(requestOf(['a', 'b', 'c', 'd'].map((name) => ({ trace: 7, name }))), 'traces')!;
    expect(halves.map(({ spans, traces }) => [spans, traces])).toEqual([
      [2, 1],
      [2, 1],
    ]);
  });

  it('cuts between spans as they lie where that is asked for, whatever their traces', () => {
    const traces = [1, 2, 1, 2, 1, 2];
    const halves = split(requestOf(traces.map((trace, i) => ({ trace, name: `${i}` }))), 'spans')!;
    expect(halves.map(({ body }) => namesIn(body))).toEqual([
      ['0', '1', '2'],
      ['3', '4', '5'],
    ]);
    expect(halves.map(({ traces: count }) => count)).toEqual([2, 2]);
  });

  it('leaves out envelopes that would be empty', () => {
    const spans = (trace: number) => [{ trace, size: 20 }];
    const whole = build({ resources: [{ scopes: [spans(1)] }, { scopes: [] }, { scopes: [[], spans(2)] }] });
    for (const { body } of split(whole, 'traces')!) {
      const resources = new Reader(body);
      let count = 0;
      for (; resources.next(); resources.skip()) if (resources.field === Request.resourceSpans) count++;
      expect(count).toBe(1);
    }
  });

  it('has nothing to split in one span or none', () => {
    expect(split(spansOf(1), 'traces')).toBeNull();
    expect(split({ body: new Uint8Array(0), spans: 0, traces: 0 }, 'traces')).toBeNull();
  });

  it('refuses what is not protobuf', () => {
    const { body } = spansOf(2);
    expect(() => split({ body: body.subarray(0, -1), spans: 2, traces: 2 }, 'traces')).toThrow(MalformedError);
  });

  it('does not take a resource for spans', () => {
    const writer = new Writer();
    const mark = writer.open(Request.resourceSpans);
    const resource = writer.open(ResourceSpans.resource);
    writer.string(Resource.attributes, '');
    writer.close(resource);
    writer.close(mark);
    expect(split({ body: writer.finish(), spans: 0, traces: 0 }, 'traces')).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { Cutter } from '../../src/store/cut.ts';
import { addField, type Envelope } from '../../src/store/part-body.ts';
import { Writer } from '../../src/wire/writer.ts';
import { requestBytes, spanBytes } from '../support/spans.ts';

const noTags = { knows: () => true, note: () => {}, noteText: () => {}, noteKey: () => {} };

/** Fields that nobody knows, of two bytes each, in groups between what is known. */
function withJunk(fieldsEach: number): { request: Uint8Array; junk: Uint8Array } {
  const junk = new Uint8Array(2 * fieldsEach);
  for (let i = 0; i < junk.length; i += 2) junk.set([0x78, i & 0x7f], i);
  const w = new Writer();
  const resourceSpans = w.open(1);
  w.raw(junk);
  const scopeSpans = w.open(2);
  w.raw(junk);
  w.bytes(2, spanBytes({ trace: 't', id: 'a', unknown: junk }));
  w.raw(junk);
  w.close(scopeSpans);
  w.raw(junk);
  w.close(resourceSpans);
  return { request: w.finish(), junk };
}

describe('fields that nobody knows, beside spans', () => {
  it('are stored, in their order, with the spans they came with', () => {
    const { request, junk } = withJunk(50);
    const [part] = [...new Cutter(noTags).cut(request)].map(({ body }) => Buffer.from(body));
    expect(part.length).toBe(request.length);
    const places: number[] = [];
    for (let at = part.indexOf(junk); at >= 0; at = part.indexOf(junk, at + junk.length)) places.push(at);
    expect(places).toHaveLength(5);
  });

  it('are one run where they are neighbours, however many they are', () => {
    const envelope: Envelope = { fields: [], bytes: 0, terms: new Int32Array(0) };
    for (let at = 0; at < 2_000_000; at += 2) addField(envelope, at, at + 2);
    addField(envelope, 2_000_100, 2_000_102);
    expect(envelope.fields).toEqual([
      { start: 0, end: 2_000_000 },
      { start: 2_000_100, end: 2_000_102 },
    ]);
  });

  it('cost the memory of their bytes', () => {
    const { request } = withJunk(1_000_000);
    const cutter = new Cutter(noTags);
    for (const _ of cutter.cut(withJunk(1000).request));
    const before = process.memoryUsage().heapUsed;
    let peak = 0;
    for (const { body } of cutter.cut(request)) {
      expect(body.length).toBe(request.length);
      peak = process.memoryUsage().heapUsed;
    }
    // Four million objects of a field were more than 200 MB.
    expect(peak - before).toBeLessThan(20 * 1024 * 1024);
  });
});

it('spans that follow each other are stored as they are, however their lengths are written', () => {
  const spans = ['a', 'b', 'c', 'd'].map((id) => spanBytes({ trace: 't', id, padding: id === 'c' ? 200 : 5 }));
  const request = (write: (w: Writer, span: Uint8Array, i: number) => void): Uint8Array => {
    const w = new Writer();
    const [resourceSpans, scopeSpans] = [w.open(1), w.open(2)];
    for (const [i, span] of spans.entries()) write(w, span, i);
    w.close(scopeSpans);
    w.close(resourceSpans);
    return w.finish();
  };
  const canonical = request((w, span) => w.bytes(2, span));
  // One has a byte more than it need be.
  const sent = request((w, span, i) =>
    i === 1 ? w.raw(Buffer.of(0x12, span.length | 0x80, 0, ...span)) : w.bytes(2, span),
  );
  const [body] = Array.from(new Cutter(noTags).cut(sent), (part) => Buffer.from(part.body));
  expect(body).toEqual(Buffer.from(canonical));
});

it('a resource that many traces have is stored with each as long as there is room, and the smallest come first', () => {
  const large = { environment: 'x'.repeat(10_000) };
  const request = requestBytes(
    ...Array.from({ length: 50 }, (_, i) => ({ trace: `large${i}`, id: `${i}`, resource: large })),
    ...Array.from({ length: 20 }, (_, i) => ({ trace: `small${i}`, id: `${i}` })),
    { trace: 'two', id: '1' },
    { trace: 'two', id: '2', resource: large },
  );
  const cutter = new Cutter(noTags);
  const bytes = [...cutter.cut(request, 100_000)].map(({ body }) => body.length);
  expect(bytes.filter((each) => each < 1000)).toHaveLength(20);
  expect(bytes.length).toBe(29);
  expect(bytes.reduce((sum, each) => sum + each)).toBeLessThan(100_000);
  expect(cutter.refusedSpans).toBe(41 + 2);
  expect([...cutter.cut(request)]).toHaveLength(71);
  expect(cutter.refusedSpans).toBe(0);
});

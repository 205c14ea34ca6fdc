import { describe, expect, it } from 'vitest';
import { MalformedError, Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';

describe('what the writer wrote, the reader reads', () => {
  it('nests a message whose length needs two bytes into one that grew', () => {
    const w = new Writer(4);
    const outer = w.open(1);
    w.string(5, 'é'.repeat(150));
    w.tag(6, 0);
    w.int64(-1n);
    w.tag(7, 1);
    w.fixed64(1_753_000_000_123_456_789n);
    w.close(outer);

    const r = new Reader(w.finish());
    expect(r.next() && r.field).toBe(1);
    const inner = r.message();
    expect(inner.next() && inner.string()).toBe('é'.repeat(150));
    expect(inner.next() && inner.int64()).toBe(-1n);
    expect(inner.next() && inner.fixed64()).toBe(1_753_000_000_123_456_789n);
    expect(inner.next()).toBe(false);
    expect(r.next()).toBe(false);
  });

  it.each([
    ['a length beyond the end', [0x0a, 0x05, 1]],
    ['a length beyond 2^53', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['field number 0', [0x02, 0x00]],
    ['wire type 7', [0x0f]],
    ['a group that never ends', [0x0b, 0x08, 0x01]],
    ['a varint of 11 bytes', [0x08, ...new Array(10).fill(0x80), 0]],
  ])('refuses %s', (_, bytes) => {
    const r = new Reader(Uint8Array.from(bytes));
    expect(() => {
      while (r.next()) r.skip();
    }).toThrow(MalformedError);
  });
});

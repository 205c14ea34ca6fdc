import { describe, expect, it } from 'vitest';
import { partitionOf } from '../../src/kafka/partition.ts';
import { type Split, TooMuchError, TraceSplitter } from '../../src/kafka/split.ts';
import { fnv1a } from '../../src/tables/fnv.ts';
import { Writer } from '../../src/wire/writer.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { decodeRequest, spansIn } from '../support/otlp.ts';
import { random } from '../support/random.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';

const limits = { maxEnvelopeBytes: 1 << 18, maxSpanBytes: 1 << 22, maxRecordBytes: 1 << 20, maxBytes: 1 << 26 };

function splitWith(body: Uint8Array, more: Partial<typeof limits> = {}, atOnce = true): Split {
  const splitter = new TraceSplitter({ ...limits, ...more }, 1);
  if (atOnce) return splitter.split(body, 0, body.length);
  const work = splitter.inSteps(body, 0, body.length);
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

const many = (count: number): Told[] =>
  Array.from({ length: count }, (_, i) => ({
    trace: `t-${i % 9}`,
    id: `s-${i}`,
    service: `service-${i % 4}`,
    scope: `scope-${i % 3}`,
    padding: i % 50,
  }));

describe('a request cut by trace', () => {
  it.each([true, false])(
    'has every span once, under its own resource and scope, in records of one trace each',
    (atOnce) => {
      const body = requestBytes(...many(500));
      const { records, spans, invalid } = splitWith(body, {}, atOnce);
      expect([spans, invalid, records.length]).toEqual([500, 0, 9]);
      expect(
        difference(
          records.flatMap(({ value }) => spanIdentities(value)),
          spanIdentities(body),
        ),
      ).toEqual({
        extra: [],
        missing: [],
      });
      for (const { key, value } of records)
        expect(new Set(spansIn(decodeRequest(value)).map(({ traceId }) => traceId))).toEqual(new Set([String(key)]));
    },
  );

  it('keeps the order of a trace’s spans, and is a request that an independent reader takes', () => {
    const [{ key, value }] = splitWith(requestBytes(...many(27).filter(({ trace }) => trace === 't-0'))).records;
    expect(String(key)).toBe(traceIdHex('t-0'));
    const ids = spanIdentities(value).map((identity) => identity.split(' ')[1]);
    const told = spanIdentities(requestBytes(...many(27).filter(({ trace }) => trace === 't-0'))).map(
      (it) => it.split(' ')[1],
    );
    expect(ids).toEqual(told);
  });

  it('makes further records of a trace that is too large for one, and leaves out a span that is', () => {
    const spans = Array.from({ length: 30 }, (_, i) => ({
      trace: 'big',
      id: `${i}`,
      padding: i === 7 ? 40_000 : 3_000,
    }));
    const body = requestBytes(...spans);
    const { records, spans: taken, invalid, reason } = splitWith(body, { maxRecordBytes: 20_000 });
    expect([taken, invalid]).toEqual([29, 1]);
    expect(reason).toContain('kafka.max_record_bytes');
    expect(records.length).toBeGreaterThan(4);
    expect(Math.max(...records.map(({ value }) => value.length))).toBeLessThanOrEqual(20_000);
    expect(new Set(records.map(({ key }) => String(key)))).toEqual(new Set([traceIdHex('big')]));
    const { extra, missing } = difference(
      records.flatMap(({ value }) => spanIdentities(value)),
      spanIdentities(body),
    );
    expect([extra.length, missing.length]).toEqual([0, 1]);
  });

  it('has no record larger than it may be, whatever the envelopes of neighbours', () => {
    const next = random(7);
    const one = (n: number): number => Math.floor(next() * n);
    const resources = [{}, { pad: 'r'.repeat(120) }, { pad: 'r'.repeat(130) }];
    for (let round = 0; round < 8; round++) {
      const maxRecordBytes = 600 + one(400);
      const spans = Array.from({ length: 80 }, (_, i) => ({
        trace: `t-${one(3)}`,
        id: `${i}`,
        service: `service-${one(3)}`,
        scope: 's'.repeat(1 + one(140)),
        resource: resources[one(3)],
        padding: one(140),
      }));
      const body = requestBytes(...spans);
      const { records, invalid } = splitWith(body, { maxRecordBytes });
      expect(invalid).toBe(0);
      expect(Math.max(...records.map(({ value }) => value.length))).toBeLessThanOrEqual(maxRecordBytes);
      const left = records.flatMap(({ value }) => spanIdentities(value));
      expect(difference(left, spanIdentities(body))).toEqual({ extra: [], missing: [] });
    }
  });

  it('is refused when an envelope that every trace must bring makes it larger than may wait', () => {
    const resource = { blob: 'x'.repeat(50_000) };
    const body = requestBytes(...Array.from({ length: 400 }, (_, i) => ({ trace: `${i}`, id: `${i}`, resource })));
    expect(body.length).toBeLessThan(200_000);
    expect(() => splitWith(body, { maxBytes: 1 << 20 })).toThrow(TooMuchError);
  });

  it('is refused before it is all written, where the records of one trace each bring the envelope', () => {
    const resource = { blob: 'x'.repeat(15_000) };
    const body = requestBytes(...Array.from({ length: 9_000 }, (_, i) => ({ trace: 'one', id: `${i}`, resource })));
    expect(body.length).toBeLessThan(800_000);
    const before = process.memoryUsage().arrayBuffers;
    // A record has room for one span beside its resource: 135 MB of what is 0.7 MB.
    expect(() => splitWith(body, { maxRecordBytes: 16_000, maxBytes: 1 << 20 })).toThrow(TooMuchError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });

  it('looks at a resource once, however many scopes stand under it', () => {
    // What was read for each scope anew took 2 s of 10,000 and four times that of twice as many.
    const scopes = 20_000;
    const out = new Writer(1 << 20);
    const resource = out.open(1);
    for (let i = 1; i <= scopes; i++) {
      const scope = out.open(2);
      const span = out.open(2);
      const id = Buffer.alloc(16);
      id.writeUInt32BE(i, 12);
      out.bytes(1, id);
      out.bytes(2, id.subarray(8));
      out.close(span);
      out.close(scope);
    }
    out.close(resource);
    const startedAt = process.cpuUsage();
    const { records } = splitWith(out.finish());
    expect(records.length).toBe(scopes);
    expect(process.cpuUsage(startedAt).user / 1e3).toBeLessThan(2_000);
  });

  it('says how many spans are not valid, and of nothing makes nothing', () => {
    expect(splitWith(new Uint8Array(0)).records).toEqual([]);
    const bad = requestBytes({ trace: '0'.repeat(32), id: 'a' }, { trace: 'good', id: 'b' });
    const { spans, invalid, records } = splitWith(bad);
    expect([spans, invalid, records.length]).toEqual([1, 1, 1]);
  });

  it('has the partition that the Collector gives the key', () => {
    // Values of hash/fnv's New32a; the remainder of the signed number, made positive (franz-go's SaramaCompatHasher).
    const hash = (text: string): number => fnv1a(Buffer.from(text), 0, text.length);
    expect([hash(''), hash('a'), hash('foobar')]).toEqual([0x811c9dc5 | 0, 0xe40c292c | 0, 0xbf9cf968 | 0]);
    expect(partitionOf(hash('a'), 7)).toBe(Math.abs((0xe40c292c | 0) % 7));
    expect(partitionOf(-8, 4)).toBe(0);
    const [{ key, hash: ofKey }] = splitWith(requestBytes({ trace: 'x', id: 'y' })).records;
    expect(ofKey).toBe(fnv1a(key, 0, 32));
  });
});

import { describe, expect, it } from 'vitest';
import type { ExportRequest } from '../src/model/export-request.ts';
import { TraceRestorer } from '../src/restore-traces.ts';
import { oddTrace, traceId } from './cli/obsctl/archive/odd-trace.ts';
import { statsAfterTraffic } from './telemetry/sample.ts';

const limits = { maxEnvelopeBytes: 1 << 20, maxSpanBytes: 4 << 20 };
const [red, blue] = [
  { index: 0, name: 'red' },
  { index: 1, name: 'blue' },
];
const otherId = 'b'.repeat(32);

/** Destinations with room for so many requests. */
function destinations(room = Number.POSITIVE_INFINITY) {
  const emitted: ExportRequest[] = [];
  const emit = (request: ExportRequest) => void emitted.push(request);
  return { emitted, emit, hasRoomFor: () => emitted.length < room };
}

describe('a gateway that takes traces out of an archive', () => {
  it('hands them to its destinations byte for byte, whatever its rules say', () => {
    const to = destinations();
    const restorer = new TraceRestorer(to, { limits, hasWhen: [false, true, false], tenants: [red, blue] });
    const body = Buffer.concat([oddTrace(), oddTrace(otherId)]);
    expect(restorer.take(body, blue)).toEqual({ spans: 4, traces: 2 });
    expect(to.emitted).toHaveLength(1);
    expect(to.emitted[0]).toMatchObject({ spans: 4, traces: 2, tenant: 'blue', exporters: 0b101 });
    expect(Buffer.from(to.emitted[0].body).equals(body)).toBe(true);
    body.fill(0);
    expect(Buffer.from(to.emitted[0].body).includes(Buffer.from(traceId, 'hex'))).toBe(true);
  });

  it('has them in its books as received and kept, of their tenant', () => {
    const restorer = new TraceRestorer(destinations(), { limits, hasWhen: [false], tenants: [red, blue] });
    const stats = statsAfterTraffic();
    const tenants = [red, blue].map(({ name }) => ({ ...stats, name }));
    expect(restorer.inBooks({ ...stats, tenants })).toEqual({ ...stats, tenants });
    restorer.take(oddTrace(), blue);
    restorer.take(oddTrace(), blue);
    const after = restorer.inBooks({ ...stats, tenants });
    const counted = { outcome: 'kept', policy: 'keep:archive', spans: 4, traces: 2 };
    expect(after.received.restore).toEqual({ spans: 4, bytes: 2 * oddTrace().length, requests: 2 });
    expect(after.outcomes).toEqual([...stats.outcomes, counted]);
    expect(after.tenants[0]).toEqual(tenants[0]);
    expect(after.tenants[1].outcomes).toContainEqual(counted);
    expect(restorer.spans).toBe(4);
  });

  it.each([
    ['no protobuf', Buffer.from('{"resourceSpans":[]}'), /malformed|wire type|runs past/],
    ['nothing', Buffer.alloc(0), 'there is no span in it'],
    ['a span that others would refuse', oddTrace('00'), /spans are not valid: .*id/],
    ['a span that is too long', oddTrace(), /spans are not valid/, { maxEnvelopeBytes: 1 << 20, maxSpanBytes: 100 }],
  ])('takes nothing of %s', (_, body, why, other = limits) => {
    const to = destinations();
    const restorer = new TraceRestorer(to, { limits: other, hasWhen: [false], tenants: [red] });
    expect(() => restorer.take(body, red)).toThrow(why);
    expect([to.emitted.length, restorer.spans]).toEqual([0, 0]);
  });

  it('asks to wait where a destination is behind, and says where none would get it', () => {
    const to = destinations(1);
    const restorer = new TraceRestorer(to, { limits, hasWhen: [false], tenants: [red] });
    restorer.take(oddTrace(), red);
    expect(() => restorer.take(oddTrace(), red)).toThrow('a destination is behind');
    expect(restorer.spans).toBe(2);
    const nowhere = new TraceRestorer(to, { limits, hasWhen: [true], tenants: [red] });
    expect(() => nowhere.take(oddTrace(), red)).toThrow('every destination has a when');
  });
});

import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../src/decode/json.ts';
import { Refusal } from '../../src/errors.ts';
import type { Receipt } from '../../src/model/intake.ts';
import type { Refused } from '../../src/receive/receiver.ts';
import { RefusalLog } from '../../src/telemetry/refusal-log.ts';
import { sayable, sumRefusals } from '../../src/threads/refusals.ts';
import { toldOf } from '../../src/threads/shard-kafka.ts';

/** Shards whose ports refuse, and the one log that all of them are told in; time is turned by hand. */
function start(shards = 1) {
  let now = 0;
  let timers: { readonly at: number; readonly run: () => void }[] = [];
  const after = (ms: number) => (run: () => void) => void timers.push({ at: now + ms, run });
  const lines: Record<string, unknown>[] = [];
  const log = new RefusalLog({ warn: (event, fields, msg) => lines.push({ event, ...fields, msg }) }, after(10_000));
  const ports = Array.from({ length: shards }, () => sumRefusals((sum) => log.refused(sum), after(1_000)));
  let looks = 0;
  const refuse = (
    reason: Refused['reason'],
    more: Partial<Refused> & { shard?: number; address?: string; port?: 'grpc'; what?: 'connection' } = {},
  ) => {
    const { shard = 0, address = '10.0.0.7', ...rest } = more;
    const peer = {
      get address() {
        looks++;
        return address;
      },
    };
    ports[shard].put(reason, {
      reason,
      message: 'malformed protobuf: cut short (byte 3)',
      bytes: 0,
      spans: 0,
      tenant: '',
      peer,
      port: 'http',
      what: 'request',
      ...rest,
    });
  };
  const pass = (ms: number) => {
    for (const until = now + ms; now < until; ) {
      const next = Math.min(until, ...timers.map(({ at }) => at));
      now = Math.max(now, next);
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { run } of due) run();
    }
  };
  const end = () => {
    for (const each of ports) each.flush();
    log.flush();
  };
  const sum = (of: 'requests' | 'bytes' | 'spans') => lines.reduce((all, line) => all + Number(line[of] ?? 0), 0);
  const read = (answer: Receipt | Refusal) => toldOf(answer, 'spans', (it) => ports[0]!.put(it.reason, it));
  return { lines, refuse, read, pass, end, sum, looks: () => looks };
}

describe('what senders are refused for good', () => {
  it('is said at once, with an example and where it came from', () => {
    const { lines, refuse } = start();
    refuse('malformed', { bytes: 7 });
    const msg = 'malformed protobuf: cut short (byte 3)';
    const where = { port: 'http', address: '10.0.0.7' };
    expect(lines).toEqual([{ event: 'refused', reason: 'malformed', requests: 1, bytes: 7, ...where, msg }]);
  });

  it('is summed up every ten seconds while it goes on, by reason, whichever shard it came to', () => {
    const { lines, refuse, pass } = start(2);
    for (let second = 0; second < 15; second++) {
      for (let i = 0; i < 10; i++) refuse('malformed', { shard: i % 2, bytes: 3 });
      pass(1_000);
    }
    refuse('too_large', { shard: 1, bytes: 5_000_000, message: 'request of 5000000 bytes or more' });
    pass(20_000);
    expect(lines.map(({ reason, requests, bytes }) => [reason, requests, bytes])).toEqual([
      ['malformed', 1, 3],
      ['malformed', 89, 267],
      ['too_large', 1, 5_000_000],
      ['malformed', 60, 180],
    ]);
    refuse('malformed');
    expect(lines).toHaveLength(5);
  });

  it('costs a flood a line an interval and a look at one sender a second, and is said in full at the end', () => {
    const { lines, refuse, pass, end, sum, looks } = start(4);
    for (let tenth = 0; tenth < 255; tenth++) {
      for (let i = 0; i < 200; i++) refuse('malformed', { shard: i % 4, bytes: 1 });
      pass(100);
    }
    expect(lines).toHaveLength(3);
    expect(looks()).toBeLessThanOrEqual(4 * 27);
    end();
    expect(lines).toHaveLength(4);
    expect([sum('requests'), sum('bytes')]).toEqual([51_000, 51_000]);
    end();
    pass(60_000);
    expect(lines).toHaveLength(4);
  });

  it('names the spans that were left out of requests that were taken', () => {
    const { lines, refuse, pass } = start();
    const message = '2 spans are not valid OTLP and were not taken; the first: a trace id of 3 bytes';
    refuse('partial', { spans: 2, message, port: 'grpc', address: '' });
    refuse('partial', { spans: 5 });
    pass(10_000);
    expect(lines[0]).toEqual({
      event: 'refused',
      reason: 'partial',
      requests: 1,
      spans: 2,
      port: 'grpc',
      msg: message,
    });
    expect(lines[1]).toMatchObject({ requests: 1, spans: 5, port: 'http' });
  });

  it('names spans that are left out of what is read from a topic, of which nobody else hears', () => {
    const { lines, read } = start();
    read({ spans: 9, rejectedSpans: 0, message: '' });
    read(new Refusal('malformed', 'a record that is no request is set aside, and told as that'));
    expect(lines).toEqual([]);
    read({ spans: 9, rejectedSpans: 2, message: '2 spans are not valid OTLP' });
    const msg = 'topic spans: 2 spans are not valid OTLP';
    expect(lines).toEqual([{ event: 'refused', reason: 'partial', requests: 1, spans: 2, port: 'kafka', msg }]);
  });

  it('counts connections that came to nothing by themselves', () => {
    const { lines, refuse, pass } = start(2);
    const message = 'this port is for TLS: the client spoke without';
    for (let i = 0; i < 9; i++) refuse('plain_on_tls', { what: 'connection', shard: i % 2, message });
    refuse('tls_failed', { what: 'connection', message: 'no handshake' });
    pass(10_000);
    const event = 'connection_turned_away';
    const where = { port: 'http', address: '10.0.0.7' };
    expect(lines).toEqual([
      { event, reason: 'plain_on_tls', connections: 1, ...where, msg: message },
      { event, reason: 'tls_failed', connections: 1, ...where, msg: 'no handshake' },
      { event, reason: 'plain_on_tls', connections: 8, ...where, msg: message },
    ]);
  });

  it('names the first few tenants, however many there are', () => {
    const { lines, refuse, pass } = start(2);
    refuse('malformed', { tenant: 'cart' });
    for (let i = 0; i < 1_000; i++) refuse('malformed', { tenant: `tenant ${i}`, shard: i % 2 });
    pass(10_000);
    expect(lines.map(({ tenants }) => tenants)).toEqual([['cart'], expect.any(Array)]);
    expect(lines[1]!.tenants).toHaveLength(5);
  });
});

describe('an example in the log', () => {
  it('quotes nothing of a body, which may be any part of a secret', () => {
    expect(sayable('not JSON: expected a value at byte 9, found "hunter2\\"hunter3"')).toBe(
      'not JSON: expected a value at byte 9, found "…"',
    );
    expect(sayable('"hunter2')).toBe('"…"');
  });

  it.each(['4111111111111111.5', '41111111111111111111', '4111111111111111e9999', '4111111111111111e99'])(
    'quotes no number of a body either: %s',
    (written) => {
      const span = (value: object): string =>
        JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ attributes: [{ key: 'card', value }] }] }] }] });
      const text = span({ intValue: written });
      expect(() => decodeJson(Buffer.from(text))).toThrow(
        expect.toSatisfy(({ message }) => message.includes('intValue: ') && !sayable(message).includes('4111')),
      );
    },
  );

  it('shows no part of a secret that is longer than what is searched', () => {
    for (let before = 900; before < 4_100; before++) {
      const message = `content type "${'a'.repeat(before)}" ghp_abcdefghijklmnopqrstuvwxyz0123456789: use none`;
      expect(sayable(message)).not.toContain('gh');
    }
  });

  it.each([
    ['content type Bearer 0123456789abcdef01: use application/x-protobuf', '0123456789abcdef01'],
    ['nothing at /v1/traces/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig: traces go to /v1/traces', 'eyJ'],
    ['grpc-encoding https://admin:hunter2@example.test/: use identity', 'hunter2'],
    ['unknown method /a/b?api_key=hunter2', 'hunter2'],
    ['x-scope-orgid glc9f86d081884c7d659a2feaa0: not a tenant of this gateway', '9f86'],
    ['nothing at /v1/traces/9f86d081884c7d659a2feaa0: traces go to /v1/traces', '9f86'],
  ])('has no secrets that can be told by their looks: %s', (message, secret) => {
    expect(sayable(message)).not.toContain(secret);
    expect(sayable(message)).toContain('****');
  });

  it('says what the gateway says of itself', () => {
    const own = [
      'unknown method /opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
      'tailgate-7d9f8b6c5d-x2x4q owns some of these traces and did not take them: HTTP 400',
      '1 spans are not valid OTLP and were not taken; the first: a resource of 70000 bytes; at most 65536 (receive.max_envelope_bytes)',
      'content encoding br: use gzip, deflate, zstd or none',
      'x-scope-orgid shop: not a tenant of this gateway (receive.tenants.allow)',
      'startTimeUnixNano: "…" is out of range 0 … 18446744073709551615',
    ];
    for (const message of own) expect(sayable(message)).toBe(message);
    const { lines, refuse } = start();
    const message = 'credentials are needed: send authorization: Bearer TOKEN';
    refuse('unauthenticated', { message });
    expect(lines).toEqual([expect.objectContaining({ reason: 'unauthenticated', msg: message })]);
  });

  it('is bounded, in length and in time', () => {
    const started = performance.now();
    for (const piece of ['a', '"', '\\"', 'Bearer 1', 'eyJ', 'http://a:b@', 'a:b@', '%20', 'a1', '_']) {
      expect(sayable(piece.repeat(1_000_000)).length).toBeLessThanOrEqual(301);
    }
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

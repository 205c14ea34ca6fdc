import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/errors.ts';
import type { Protocol } from '../../../src/model/outcome.ts';
import type { Tenants } from '../../../src/model/tenant.ts';
import { Admission } from '../../../src/receive/admission.ts';
import { Inbound } from '../../../src/receive/inbound.ts';
import { ReceiveStats } from '../../../src/receive/stats.ts';
import { intakeFinder, tenantAccess } from '../../../src/receive/tenants/intakes.ts';
import { LimitedIntake } from '../../../src/receive/tenants/limited-intake.ts';
import { HandClock } from '../../support/hand-clock.ts';
import { call, frame, retryDelayOf } from '../support/grpc-wire.ts';
import { ParsingIntake } from '../support/intake.ts';
import { refusals, start } from '../support/receivers.ts';
import { requestOf } from '../support/requests.ts';

const tenants: Tenants = {
  header: 'x-scope-orgid',
  each: ['a', 'b'].map((name) => ({ name, share: 1, maxBytesPerSecond: 0 })),
};
const of = (defaultName?: string) => {
  const intakes = [new ParsingIntake(), new ParsingIntake()];
  const find = intakeFinder({ ...tenants, ...(defaultName && { defaultName }) }, intakes);
  return { intakes, find, access: tenantAccess('x-scope-orgid', find) };
};
/** Its checksum is another's; how long it becomes is right. */
const brokenAtTheEnd = (gzip: Buffer): Buffer => gzip.fill(0, gzip.length - 8, gzip.length - 4);
const reasonOf = (found: unknown) => (found instanceof Refusal ? found.reason : found);

describe('whose a request is', () => {
  it('says its header', () => {
    const { find, intakes } = of();
    expect([find('a'), find('b')]).toEqual(intakes);
  });

  it.each([
    [undefined, 'tenant_missing'],
    ['', 'tenant_malformed'],
    ['a, b', 'tenant_malformed'],
    ['a,a', 'tenant_malformed'],
    ['a|b', 'tenant_malformed'],
    [' a', 'tenant_malformed'],
    ['..', 'tenant_malformed'],
    ['ü', 'tenant_malformed'],
    ['x'.repeat(151), 'tenant_malformed'],
    ['A', 'tenant_unknown'],
    ['c', 'tenant_unknown'],
    ['__proto__', 'tenant_unknown'],
  ])('%j is refused as %s, and not to be sent again', (value, reason) => {
    const found = of().find(value);
    expect(reasonOf(found)).toBe(reason);
    expect((found as Refusal).retryAfterMs).toBe(0);
  });

  it('is the default where there is no header, and not where there is a wrong one', () => {
    const { find, intakes } = of('b');
    expect(find(undefined)).toBe(intakes[1]);
    expect(['', 'c'].map((value) => reasonOf(find(value)))).toEqual(['tenant_malformed', 'tenant_unknown']);
  });

  it("is its credentials' where they name one, and a header that says otherwise is refused", () => {
    const { find, intakes } = of('b');
    expect([find(undefined, 'a'), find('a', 'a')]).toEqual([intakes[0], intakes[0]]);
    expect([find('b', 'a'), find('', 'a')].map(reasonOf)).toEqual(['tenant_denied', 'tenant_denied']);
    expect(reasonOf(find(undefined, 'gone'))).toBe('tenant_unknown');
  });
});

describe.each(['http2', 'grpc-js'] as const)('%s', (kind) => {
  it('refuses a call without the header, with two of them and with an unknown name, before its message', async () => {
    const { access, intakes } = of();
    await using gateway = await start(kind, { access });
    const ask = (headers: Record<string, string | string[]>) => call(gateway.port, [frame(requestOf(2))], headers);
    expect(await ask({})).toMatchObject({ status: 3, message: expect.stringContaining('no x-scope-orgid') });
    expect(await ask({ 'x-scope-orgid': ['a', 'b'] })).toMatchObject({ status: 3 });
    expect(await ask({ 'x-scope-orgid': ['a', 'a'] })).toMatchObject({ status: 3 });
    expect(await ask({ 'x-scope-orgid': '' })).toMatchObject({ status: 3 });
    expect(await ask({ 'x-scope-orgid': 'c' })).toMatchObject({ status: 7 });
    expect(await ask({ 'x-scope-orgid': 'b' })).toMatchObject({ status: 0 });
    expect(refusals(gateway.stats)).toEqual({ tenant_missing: 1, tenant_malformed: 3, tenant_unknown: 1 });
    expect([intakes[0].took(requestOf(2)), intakes[1].took(requestOf(2))]).toEqual([false, true]);
  });
});

describe('a tenant with a limit', () => {
  const limited = (refusal?: Refusal) => {
    const clock = new HandClock();
    const inner = new ParsingIntake();
    inner.refuseMessage = refusal;
    return { clock, intake: new LimitedIntake(inner, 10_000, clock) };
  };
  const ports = () => ({
    ...{ access: of().access, stats: new ReceiveStats() },
    admission: new Admission({ maxRequestBytes: 1 << 20, maxInflightBytes: 1 << 20, maxConnectionBytes: 1 << 20 }),
  });
  const message = (length: number) => ({ length, copyTo: () => {} });
  /** No message that anybody could read: the intake behind refuses it. */
  const send = async ({ intake }: ReturnType<typeof limited>, length: number, protocol: Protocol = 'grpc') => {
    const inbound = new Inbound(ports(), protocol, { heldBytes: 0 }, intake);
    const answer = inbound.expect(length, true) ?? (await inbound.deliver(message(length)));
    if (answer instanceof Refusal) inbound.refused(answer, length);
    inbound.close();
    return answer;
  };

  it('is told when to try again, and not before', async () => {
    const it = limited();
    expect(it.intake.refuses(1)).toBe(undefined);
    await send(it, 25_000);
    const refusal = it.intake.refuses(1) as Refusal;
    expect(refusal).toMatchObject({ reason: 'tenant_limited', retryAfterMs: 1500 });
    it.clock.pass(1500);
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
    it.clock.pass(1);
    expect(it.intake.refuses(1)).toBe(undefined);
  });

  it('pays for what is malformed: it was read', async () => {
    const it = limited();
    for (let n = 0; n < 2; n++) expect(await send(it, 9_000)).toMatchObject({ reason: 'malformed' });
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
  });

  it('pays nothing for what is refused for now', async () => {
    const it = limited(new Refusal('buffer_full', 'full'));
    for (let n = 0; n < 10; n++) expect(await send(it, 9_000)).toMatchObject({ reason: 'buffer_full' });
    expect(it.intake.refuses(1)).toBe(undefined);
  });

  it.each([
    ['JSON by its text', 'application/json', Buffer.from(`{}${' '.repeat(9_000)}`), undefined, 200],
    ['broken JSON', 'application/json', Buffer.from(`[${'1,'.repeat(4_500)}`), undefined, 400],
    ['JSON as it is unpacked', 'application/json', gzipSync(`{}${' '.repeat(9_000)}`), 'gzip', 200],
    ['what is unpacked', 'application/x-protobuf', gzipSync(Buffer.alloc(9_000, 0xff)), 'gzip', 400],
    [
      'what breaks when it is unpacked',
      'application/x-protobuf',
      brokenAtTheEnd(gzipSync(Buffer.alloc(9_000, 0xff))),
      'gzip',
      400,
    ],
  ])('pays for %s', async (_, type, body, encoding, status) => {
    const { access } = of();
    const { intake } = limited();
    await using gateway = await start('http', { access: { ...access, admit: () => intake } });
    const post = async (): Promise<number> => {
      const headers = { 'content-type': type, ...(encoding && { 'content-encoding': encoding }) };
      const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/traces`, { method: 'POST', headers, body });
      await answer.arrayBuffer();
      return answer.status;
    };
    expect([await post(), await post(), await post()]).toEqual([status, status, 429]);
  });

  it('saves up a second at most', async () => {
    const it = limited();
    it.clock.pass(3_600_000);
    await send(it, 10_001);
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
  });

  it('gets a hint over gRPC', async () => {
    const { access } = of();
    const clock = new HandClock();
    const intake = new LimitedIntake(new ParsingIntake(), 1024, clock);
    await using gateway = await start('http2', { access: { ...access, admit: () => intake } });
    expect(await call(gateway.port, [frame(requestOf(40))])).toMatchObject({ status: 0 });
    const answer = await call(gateway.port, [frame(requestOf(1))]);
    expect(answer).toMatchObject({ status: 14, message: expect.stringContaining('max_bytes_per_second') });
    expect(retryDelayOf(answer.headers)).toBeGreaterThanOrEqual(0);
  });
});
